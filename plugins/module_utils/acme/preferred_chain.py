# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the chains that a CA offers is taken (RFC 8555 section 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .certificate import Chain
from .errors import ChainError, ProtocolError
from .problem import one_line

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # said by ansible/libraries.py, before anything here is called

_KEY_ID = re.compile(r"[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){7,}")


@dataclass(frozen=True)
class Preference:
    """What is preferred: roots' common names or key identifiers, in order; and what if there is none of them.

    A key identifier is that of the root's key, hexadecimal with or without colons, as the topmost certificate of a
    chain names its issuer's.
    """

    roots: Sequence[str] = ()
    or_default: bool = False


def choose(preference: Preference, default: Chain, fetch: Callable[[str], Chain]) -> Chain:
    """The chain that leads to the root preferred most. Alternates are fetched only as far as they are needed.

    Raises ChainError, with what is offered, where none does and the default will not do.
    """
    if not preference.roots:
        return default
    offered: list[tuple[Chain, set[str]]] = []
    for root in preference.roots:
        for chain, names in _each(offered, default, fetch):
            if _matches(root, names):
                return chain
    if preference.or_default:
        return default
    listed = "; ".join(", ".join(sorted(names)) for _chain, names in offered)
    raise ChainError(
        f"the CA offers no chain to {' or '.join(preference.roots)} (offered: {listed}): the certificate is not taken; "
        "change preferred_chain (acme_preferred_chain), or set preferred_chain_missing to default"
    )


def _each(
    offered: list[tuple[Chain, set[str]]], default: Chain, fetch: Callable[[str], Chain]
) -> Iterator[tuple[Chain, set[str]]]:
    """The default and its alternates with their roots; *offered* remembers what has been fetched."""
    for number in range(1 + len(default.alternates)):
        if number == len(offered):
            chain = fetch(default.alternates[number - 1]) if number else default
            offered.append((chain, _root_names(chain)))
        yield offered[number]


def _root_names(chain: Chain) -> set[str]:
    """The root that a chain leads to, whether it is part of it or not: its common name and its key's identifier."""
    try:
        top = x509.load_pem_x509_certificate((chain.intermediates or (chain.certificate,))[-1].encode())
        names = {str(name.value) for name in top.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)}
        if top.issuer == top.subject:
            # RFC 5280 section 4.2.1.2, the first of its methods: what all do who leave it to be computed
            names.add(x509.SubjectKeyIdentifier.from_public_key(top.public_key()).digest.hex())
        for extension in top.extensions:
            if isinstance(extension.value, x509.AuthorityKeyIdentifier) and extension.value.key_identifier:
                names.add(extension.value.key_identifier.hex())
    except ValueError as error:
        raise ProtocolError(f"the CA's chain cannot be read: {one_line(error, 100)}") from None
    return names


def _matches(root: str, names: Iterable[str]) -> bool:
    if root in names:
        return True
    return bool(_KEY_ID.fullmatch(root)) and root.replace(":", "").lower() in names
