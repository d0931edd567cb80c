# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Challenge responses that a host serves: by the folder of its web server, or by a listener of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..._common.errors import OptionError
from ..._common.identifiers import HTTP_01, TLS_ALPN_01, normalize
from ..._common.names import TOKEN
from ..wanted.listen_address import Listen
from . import listener, webroot

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]+")
_TLS_ALPN_01_LISTEN = "443"  # RFC 8737 section 3


class ChallengeResponse(Protocol):
    """A challenge's answer. All that fails is a CollectionError."""

    @property
    def name(self) -> str:
        """The certificate's, for messages; may be empty."""

    @property
    def token(self) -> str:
        """The challenge's token."""

    @property
    def path(self) -> str:
        """The file that is served, or that a listener reads, for results."""

    def in_place(self) -> bool:
        """Whether the response is served already."""

    def put(self) -> None:
        """Serve it; one that is in place is served on, for its whole time."""

    def exists(self) -> bool:
        """Whether there is anything to remove."""

    def remove(self) -> bool:
        """Serve it no more; False if it was not there."""


def checked(
    challenges: Iterable[Mapping[str, Any]], present: bool, home: str, seconds: float = 600
) -> list[ChallengeResponse]:
    """The responses that options name, all checked before the first is served. Raises CollectionError.

    home: where a listener keeps its state. seconds: for how long it serves a response at most.
    """
    made = [_checked(challenge, present, home, seconds) for challenge in challenges]
    return list(dict.fromkeys(made))


def rivals(responses: Iterable[ChallengeResponse]) -> dict[str, str]:
    """By certificate, what keeps a response from being served beside one that comes before it.

    Two orders with a name in common have a challenge each for it, but a handshake for a name has one certificate.
    """
    first: dict[tuple[Any, ...], listener.ListenerResponse] = {}
    found = {}
    for response in responses:
        if not isinstance(response, listener.ListenerResponse) or response.kind != TLS_ALPN_01:
            continue
        earlier = first.setdefault((response.listen, response.identifier), response)
        if earlier.token != response.token:
            found[response.name] = (
                f"tls-alpn-01 cannot prove {response.identifier} at the same time as for certificate "
                f"{earlier.name}: run again, or put the names into one certificate"
            )
    return found


def _checked(challenge: Mapping[str, Any], present: bool, home: str, seconds: float) -> ChallengeResponse:
    token, answer = challenge["token"], challenge["key_authorization"] or ""
    if not TOKEN.fullmatch(token):
        raise OptionError(f"the challenge token {token[:80]!r} is not one (RFC 8555 section 8.3): it is refused")
    # RFC 8555 section 8.1: token, dot, the account key's thumbprint.
    if present and not (answer.startswith(token + ".") and _THUMBPRINT.fullmatch(answer[len(token) + 1 :])):
        raise OptionError(f"the key authorization of token {token} does not begin with it: it is refused")
    kind, name = challenge.get("type") or HTTP_01, challenge.get("name") or ""
    folder, listen = challenge.get("webroot"), challenge.get("listen")
    if kind == HTTP_01 and folder is not None and (folder or not listen):
        webroot.check_path(folder)
        return webroot.WebrootResponse(folder, token, answer, name)
    identifier = challenge.get("identifier") or ""
    if kind == TLS_ALPN_01:
        listen = listen or _TLS_ALPN_01_LISTEN
        identifier = _provable(identifier, token) if present else identifier
    if not listen:
        raise OptionError(f"challenge {token} has neither webroot nor listen: http-01 needs one of them")
    return listener.ListenerResponse(home, kind, Listen.of(listen), identifier, token, answer, seconds, name)


def _provable(identifier: str, token: str) -> str:
    if not identifier:
        raise OptionError(f"challenge {token} has no identifier: tls-alpn-01 needs the name that is to be proved")
    identifier = normalize(identifier)
    if identifier.startswith("*."):  # RFC 8737 section 3
        raise OptionError(f"identifier '{identifier}' is a wildcard, which tls-alpn-01 cannot prove: it needs dns-01")
    return identifier
