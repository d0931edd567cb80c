# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloading certificates with alternate chains, and revoking certificates (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

from dataclasses import dataclass

from .._common import pem_blocks
from .client import Client
from .errors import AcmeError, UnreadableError
from .http import Response
from .urls import resolve

_MOST_ALTERNATES = 20  # known CAs have a few

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
    """A certificate with its issuers, each PEM, and the URLs of alternate chains.

    is_new: False if its order was finalized before.
    """

    certificate: str
    intermediates: tuple[str, ...]
    alternates: tuple[str, ...] = ()
    is_new: bool = True

    @property
    def chain(self) -> str:
        """Return the issuers, without the certificate itself."""
        return "".join(self.intermediates)


def download(client: Client, url: str) -> Chain:
    """Return the chain at *url*, with the URLs of alternate chains.

    An answer without a whole chain, such as a proxy's page or a part of a chain, is asked for again. Raises AcmeError.
    """
    return _parse(client.post_as_get(url, "certificate", verify=_parse))


def _parse(answer: Response) -> Chain:
    text = answer.body.decode("ascii", "replace")
    if pem_blocks.is_cut(text):  # an answer of unknown length may end anywhere
        raise UnreadableError(f"{answer.url} returned a chain that ends within a certificate")
    try:
        blocks = [block + "\n" for block in pem_blocks.split(text)]
    except ValueError:  # without it the chain would have a gap
        raise UnreadableError(f"{answer.url} returned a damaged PEM certificate") from None
    if not blocks:
        raise UnreadableError(f"{answer.url} returned no PEM certificate")
    # Not verified here: a bad URL must not fail an issuance that does not use it. The request for it verifies it.
    alternates = [resolve(url, answer.url) for url in answer.links("alternate")]
    return Chain(blocks[0], tuple(blocks[1:]), tuple(alternates[:_MOST_ALTERNATES]))


def der_of(pem: str) -> bytes:
    """Return the first certificate of a PEM text, as DER. Raises AcmeError."""
    blocks = pem_blocks.find(pem)
    if not blocks:
        raise AcmeError("the given text has no PEM certificate")
    try:
        return pem_blocks.decode(blocks[0])
    except ValueError:
        raise AcmeError("the given PEM certificate is damaged") from None
