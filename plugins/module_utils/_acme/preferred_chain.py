# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choosing one of the chains that a CA offers (RFC 8555 section 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from .._common.text import one_line
from .._x509 import chains
from .._x509.certificates import load_all
from .._x509.errors import CertificateError
from .certificate import Chain
from .errors import AcmeError, ChainError, ProtocolError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_KEY_ID = re.compile(r"[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){7,}")


@dataclass(frozen=True)
class Preference:
    """Preferred roots in order, by common name or key identifier. or_default: use the default chain if none is offered.

    A key identifier is that of the root's key, hexadecimal, with or without colons, as in the authority key identifier
    of the topmost certificate of a chain.
    """

    roots: Sequence[str] = ()
    or_default: bool = False


def choose(preference: Preference, default: Chain, fetch: Callable[[str], Chain]) -> Chain:
    """Return the chain with the most preferred root. Alternates are fetched only as far as they are needed.

    One that cannot be fetched or parsed is treated as not offered. Raises ChainError, which lists the offered roots and
    the errors, if no chain has such a root and the default is not allowed.
    """
    if not preference.roots:
        return default
    urls = ("", *default.alternates)
    offer_at = cache(lambda url: _offer(default, url, fetch))
    for root in preference.roots:
        for url in urls:
            if _matches(root, offer_at(url).names):
                return offer_at(url).chain
    if preference.or_default:
        return default
    offered = [offer_at(url) for url in urls]
    troubles = [offer.trouble for offer in offered if offer.trouble]
    listed = "; ".join(", ".join(sorted(offer.names)) for offer in offered if not offer.trouble) or "none"
    raise ChainError(
        f"the CA offers no chain to {' or '.join(preference.roots)} "
        f"({'; '.join([f'offered: {listed}', *map(str, troubles)])}): the certificate is not used; "
        "change preferred_chain (acme_preferred_chain), or set preferred_chain_missing to default",
        is_temporary=any(trouble.is_temporary for trouble in troubles),
        delivered=default.certificate + default.chain,
    )


@dataclass(frozen=True)
class _Offer:
    """A chain and the names of its root; trouble: why a chain cannot be fetched or parsed."""

    chain: Chain
    names: frozenset[str] = frozenset()
    trouble: AcmeError | None = None


def _offer(default: Chain, url: str, fetch: Callable[[str], Chain]) -> _Offer:
    """Return the chain at *url*, or the *default* for an empty one."""
    try:
        chain = fetch(url) if url else default
        return _Offer(chain, _root_names(chain, url or "the CA's own choice"))
    except AcmeError as error:
        # The certificate is issued: a bad alternate chain must not fail it.
        return _Offer(default, trouble=error)


def _root_names(chain: Chain, what: str) -> frozenset[str]:
    """Return the common name and the key identifier of a chain's root, which need not be part of the chain."""
    try:
        top = _top(load_all(chain.certificate + chain.chain, "it"))
        names = {str(name.value) for name in top.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)}
        if top.issuer == top.subject:
            with suppress(UnsupportedAlgorithm):  # an unknown type of key; the name is known
                # RFC 5280 section 4.2.1.2, the first method
                names.add(x509.SubjectKeyIdentifier.from_public_key(top.public_key()).digest.hex())
        for extension in top.extensions:
            if isinstance(extension.value, x509.AuthorityKeyIdentifier) and extension.value.key_identifier:
                names.add(extension.value.key_identifier.hex())
    except (CertificateError, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ProtocolError(f"{what} cannot be read: {one_line(error, 100)}") from None
    return frozenset(names)


def _top(delivered: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the last certificate of a chain, which is in no order at some CAs."""
    try:
        return chains.in_order(delivered)[-1]
    except CertificateError:  # refused where it is used
        return delivered[-1]


def _matches(root: str, names: Iterable[str]) -> bool:
    return root in names or (bool(_KEY_ID.fullmatch(root)) and root.replace(":", "").lower() in names)
