# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The challenge responses that a host serves, from a folder of its web server or by a listener."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

from ..._common.errors import OptionError
from ..._common.identifiers import HTTP_01, TLS_ALPN_01, normalize
from ..._common.names import TOKEN
from ..wanted.listen_address import Listen
from .listener import ListenerResponse
from .webroot import WebrootResponse, verify_path

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]+")
_TLS_ALPN_01_LISTEN = "443"  # RFC 8737 section 3

#: The response to a challenge. Both classes have the same methods.
ChallengeResponse = Union[WebrootResponse, ListenerResponse]


def parse_challenges(
    challenges: Iterable[Mapping[str, Any]], present: bool, home: str, seconds: float = 600
) -> list[ChallengeResponse]:
    """Parse options into responses. Raises CollectionError if any option is invalid.

    *present*: the responses are to be served, not removed. *home*: the folder of a listener's state. *seconds*: how
    long a listener serves a response at most.
    """
    return list(dict.fromkeys(_parse(challenge, present, home, seconds) for challenge in challenges))


def find_conflicts(responses: Iterable[ChallengeResponse]) -> dict[str, str]:
    """Return a message for each certificate with a response that cannot be served together with an earlier one.

    If two orders have a name in common, each has a challenge for it, but a TLS handshake for a name shows one
    certificate only.
    """
    first: dict[tuple[Any, ...], ListenerResponse] = {}
    conflicts = {}
    for response in responses:
        if not isinstance(response, ListenerResponse) or response.kind != TLS_ALPN_01:
            continue
        earlier = first.setdefault((response.listen, response.identifier), response)
        if earlier.token != response.token:
            conflicts[response.name] = (
                f"tls-alpn-01 cannot prove {response.identifier} at the same time as for certificate "
                f"{earlier.name}. Run again, or put the names into one certificate"
            )
    return conflicts


def _parse(challenge: Mapping[str, Any], present: bool, home: str, seconds: float) -> ChallengeResponse:
    token, authorization = challenge["token"], challenge["key_authorization"] or ""
    if not TOKEN.fullmatch(token):
        raise OptionError(f"invalid challenge token {token[:80]!r}: RFC 8555 section 8.3 does not allow it")
    # RFC 8555 section 8.1: token, dot, the account key's thumbprint.
    if present and not (
        authorization.startswith(token + ".") and _THUMBPRINT.fullmatch(authorization[len(token) + 1 :])
    ):
        raise OptionError(f"invalid key authorization for token {token}: it does not begin with the token")
    kind, name = challenge.get("type") or HTTP_01, challenge.get("name") or ""
    folder, listen = challenge.get("webroot"), challenge.get("listen")
    if kind == HTTP_01 and folder is not None and (folder or not listen):
        verify_path(folder)
        return WebrootResponse(folder, token, authorization, name)
    identifier = challenge.get("identifier") or ""
    if kind == TLS_ALPN_01:
        listen = listen or _TLS_ALPN_01_LISTEN
        identifier = _parse_identifier(identifier, token) if present else identifier
    if not listen:
        raise OptionError(f"challenge {token} has neither webroot nor listen. Give one of them for http-01")
    return ListenerResponse(home, kind, Listen.of(listen), identifier, token, authorization, seconds, name)


def _parse_identifier(identifier: str, token: str) -> str:
    if not identifier:
        raise OptionError(f"challenge {token} has no identifier. Give the name that tls-alpn-01 is to prove")
    identifier = normalize(identifier)
    if identifier.startswith("*."):  # RFC 8737 section 3
        raise OptionError(f"identifier '{identifier}' is a wildcard, which tls-alpn-01 cannot prove. Use dns-01")
    return identifier
