# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put the certificates that a CA delivered in order: each issued the one before it (RFC 8555 section 9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .certificates import extension, name_of
from .errors import CertificateError
from .signatures import signed_by

try:
    from cryptography import x509
except ImportError:
    pass  # reported by availability.py, before anything here is called

# Chains of known CAs have up to five. Each may cost a signature to verify for each other one of the same name.
_MOST = 50


def in_order(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the end-entity certificate among *certificates* (at least one) with its issuers.

    Raises CertificateError as issuers_of() does.
    """
    leaf = leaf_of(certificates)
    return [leaf, *issuers_of(leaf, certificates)]


def leaf_of(certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the end-entity certificate among *certificates*, at least one; the first of them if all are CAs.

    RFC 8555 section 9.1 has it first. Some CAs deliver it elsewhere.
    """
    issuers = {item.issuer for item in certificates if item.issuer != item.subject}
    return next((item for item in certificates if not _is_ca(item) and item.subject not in issuers), certificates[0])


def issuers_of(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificates among *others* that lead from *leaf* up, in order.

    All else is left out: copies, the leaf itself, a second certificate of an issuer. Raises CertificateError if the
    chain has a gap, or if an issuer of the right name has another key.
    """
    left = [item for item in dict.fromkeys(others) if item != leaf]
    if len(left) > _MOST:
        raise CertificateError(f"the CA's chain has {len(left)} certificates, more than {_MOST}")
    path = [leaf]
    while not _is_root(path[-1]):
        named = [item for item in left if item.subject == path[-1].issuer]
        above = next((item for item in named if signed_by(path[-1], item)), None)
        if above is None:
            _refuse_gap(path, left, named)
            break
        path.append(above)
        left.remove(above)
    return path[1:]


def _refuse_gap(
    path: Sequence[x509.Certificate], left: Sequence[x509.Certificate], named: Sequence[x509.Certificate]
) -> None:
    """Raise CertificateError if *path* ends although its next issuer, or one above that, seems to be in *left*.

    *named*: certificates with the name of the next issuer, which did not sign the last of *path*. A CA that shares a
    name with the path, such as a second certificate of an issuer, only came with it.
    """
    if named:
        raise CertificateError(f"the CA's chain is invalid: {name_of(named[0])} did not sign {name_of(path[-1])}")
    known = {name for item in path for name in (item.subject, item.issuer)}
    apart = [item for item in left if _is_ca(item)]
    while akin := [item for item in apart if known & {item.subject, item.issuer}]:
        known.update(name for item in akin for name in (item.subject, item.issuer))
        apart = [item for item in apart if item not in akin]
    if apart:
        raise CertificateError(
            f"the CA's chain has a gap: it has {name_of(apart[0])}, but not the issuer of {name_of(path[-1])}, "
            f"{path[-1].issuer.rfc4514_string() or 'which has no name'}"
        )


def _is_ca(certificate: x509.Certificate) -> bool:
    basic = extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject and signed_by(certificate, certificate)
