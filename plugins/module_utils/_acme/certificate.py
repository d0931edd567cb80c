# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloading certificates with alternate chains, and revoking certificates (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

from dataclasses import dataclass

from .._common import pem_blocks
from .._common.base64url import encode
from .client import Client
from .errors import AcmeError, CutError, ProblemError, ProtocolError
from .http import Response

_MOST_ALTERNATES = 20  # known CAs have a few
_ATTEMPTS = 4  # at a download whose answer is no whole chain

# RFC 5280 section 5.3.1: the codes that public CAs accept from subscribers (RFC 8555 section 7.6)
REASONS = {
    "unspecified": 0,
    "key_compromise": 1,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
}


@dataclass(frozen=True)
class Chain:
    """A certificate with its issuers, each PEM, and the URLs of alternate chains."""

    certificate: str
    intermediates: tuple[str, ...]
    alternates: tuple[str, ...] = ()

    @property
    def chain(self) -> str:
        """Return the issuers, without the certificate itself."""
        return "".join(self.intermediates)


def download(client: Client, url: str) -> Chain:
    """Return the chain at *url*, with the URLs of alternate chains. An answer without a whole chain is asked for again.

    Raises AcmeError: CutError if the answer ends too early.
    """
    retry = client.retry(_ATTEMPTS)
    while True:
        answer = client.post_as_get(url, "certificate")
        try:
            return _parse(url, answer)
        except ProtocolError:
            # A proxy's page in its place, or a connection that ended within a body of unknown length.
            if not retry.wait():
                raise


def _parse(url: str, answer: Response) -> Chain:
    text = answer.body.decode("ascii", "replace")
    if pem_blocks.is_cut(text):
        raise CutError(f"{url} returned a chain that ends within a certificate")
    try:
        blocks = [block + "\n" for block in pem_blocks.split(text)]
    except ValueError:  # without it the chain would have a gap
        raise ProtocolError(f"{url} returned a damaged PEM certificate") from None
    if not blocks:
        raise ProtocolError(f"{url} returned no PEM certificate")
    # Not verified here: a bad URL must not fail an issuance that does not use it. The request for it verifies it.
    return Chain(blocks[0], tuple(blocks[1:]), answer.links("alternate")[:_MOST_ALTERNATES])


def der_of(pem: str) -> bytes:
    """Return the first certificate of a PEM text, as DER. Raises AcmeError."""
    blocks = pem_blocks.find(pem)
    if not blocks:
        raise AcmeError("the given text has no PEM certificate")
    try:
        return pem_blocks.decode(blocks[0])
    except ValueError:
        raise AcmeError("the given PEM certificate is damaged") from None


def revoke(
    client: Client, certificate_der: bytes, reason: int | None = None, with_certificate_key: bool = False
) -> bool:
    """Revoke a certificate, and return False if it was revoked before.

    *certificate_der*: DER bytes. The client has the account's key, or the certificate's own (*with_certificate_key*).
    """
    payload: dict[str, object] = {"certificate": encode(certificate_der)}
    if reason is not None:
        payload["reason"] = reason
    if not client.directory.revoke_cert:
        raise ProtocolError(f"{client.directory.url} does not offer revocation (it has no revokeCert)")
    try:
        client.post(client.directory.revoke_cert, payload, "revocation", with_jwk=with_certificate_key)
    except ProblemError as error:
        if error.problem.type == "alreadyRevoked":
            return False
        raise
    return True
