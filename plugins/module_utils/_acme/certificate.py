# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates at the CA: download with alternate chains, and revocation (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from .client import Client
from .errors import AcmeError, ProblemError, ProtocolError
from .http import Response
from .jws import encode

try:
    from requests.utils import parse_header_links
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_PEM = re.compile(_BEGIN + r"\s[A-Za-z0-9+/=\s]+?" + _END)

_MOST_ALTERNATES = 20  # several times what any known CA has

# RFC 5280 section 5.3.1, those that RFC 8555 section 7.6 lets a subscriber give
REASONS = {
    "unspecified": 0,
    "key_compromise": 1,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
}


@dataclass(frozen=True)
class Chain:
    """What the CA delivers: the certificate, its issuers (each PEM), and where other chains are."""

    certificate: str
    intermediates: tuple[str, ...]
    alternates: tuple[str, ...] = ()

    @property
    def chain(self) -> str:
        """The issuers, without the certificate itself."""
        return "".join(self.intermediates)


def download(client: Client, url: str) -> Chain:
    """The chain at *url*. Alternate chains are only named: whoever prefers one downloads it."""
    answer = client.post_as_get(url, "certificate")
    blocks = [block + "\n" for block in _PEM.findall(answer.body.decode("ascii", "replace"))]
    if not blocks:
        raise ProtocolError(f"{url} gave no PEM certificate")
    return Chain(certificate=blocks[0], intermediates=tuple(blocks[1:]), alternates=_alternates(answer))


def _alternates(answer: Response) -> tuple[str, ...]:
    links = parse_header_links(answer.headers.get("Link", ""))
    # Only names as yet, which must not fail what works without them: download() refuses what is not the CA's.
    return tuple(link["url"] for link in links if link.get("rel") == "alternate")[:_MOST_ALTERNATES]


def der_of(pem: str) -> bytes:
    """The first certificate of a PEM text, as DER. Raises AcmeError."""
    found = _PEM.search(pem)
    if not found:
        raise AcmeError("the text given holds no PEM certificate")
    try:
        # By the markers and not by lines: YAML may have folded them into one.
        body = found[0].removeprefix(_BEGIN).removesuffix(_END)
        return base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise AcmeError("the PEM certificate given is damaged") from None


def revoke(
    client: Client, certificate_der: bytes, reason: int | None = None, with_certificate_key: bool = False
) -> bool:
    """Revoke a certificate; False if it was revoked before.

    The client's key is the account's, or, *with_certificate_key*, the certificate's own.
    """
    payload: dict[str, object] = {"certificate": encode(certificate_der)}
    if reason is not None:
        payload["reason"] = reason
    if not client.directory.revoke_cert:
        raise ProtocolError(f"{client.directory.url} offers no revocation")
    try:
        client.post(client.directory.revoke_cert, payload, "revocation", with_jwk=with_certificate_key)
    except ProblemError as error:
        if error.problem.type == "alreadyRevoked":
            return False
        raise
    return True
