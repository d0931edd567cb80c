# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a certificate: its issuer, and the URLs of CRLs and OCSP responders."""

from __future__ import annotations

from collections.abc import Sequence

from .._common import pem_blocks
from .._x509.certificates import extension
from .._x509.signatures import signed_by
from .fetch import is_usable
from .revocation_status import StatusError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs7
    from cryptography.x509.oid import AuthorityInformationAccessOID
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called


def parse_chain(content: str) -> list[x509.Certificate]:
    """Parse a PEM text of one or more certificates. Raises StatusError."""
    try:
        # The issuer is found by its signature, so a damaged certificate after the first one does no harm.
        blocks = pem_blocks.find(content)
        if not blocks:
            raise StatusError("the given text has no PEM certificate")
        return [x509.load_der_x509_certificate(pem_blocks.decode(block)) for block in blocks]
    except ValueError:
        raise StatusError("the given PEM certificate is damaged") from None


def issuer_among(leaf: x509.Certificate, candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Return the certificate that issued *leaf*, by name and signature; None if it is not among *candidates*."""
    return next((one for one in candidates if one.subject == leaf.issuer and signed_by(leaf, one)), None)


def parse_issuers(data: bytes) -> list[x509.Certificate]:
    """Parse the data from an issuer's URL (RFC 5280 section 4.2.2.1): a certificate, or PKCS #7. Empty if malformed."""
    try:
        if data.lstrip().startswith(b"-----BEGIN CERTIFICATE"):
            return parse_chain(data.decode())
        try:
            return [x509.load_der_x509_certificate(data)]
        except ValueError:
            return pkcs7.load_der_pkcs7_certificates(data)
    except Exception:  # the library raises many for malformed data
        return []


def issuer_urls(leaf: x509.Certificate) -> list[str]:
    """Return the URLs of the issuer's certificate."""
    return _access(leaf, AuthorityInformationAccessOID.CA_ISSUERS)


def responder_urls(leaf: x509.Certificate) -> list[str]:
    """Return the URLs of the OCSP responders."""
    return _access(leaf, AuthorityInformationAccessOID.OCSP)


def distribution_points(leaf: x509.Certificate) -> list[x509.DistributionPoint]:
    """Return the distribution points of CRLs that the CA itself signs (RFC 5280 section 4.2.1.13)."""
    found = extension(leaf, x509.CRLDistributionPoints)
    return [point for point in found or () if not point.crl_issuer and urls(point)]


def urls(point: x509.DistributionPoint) -> list[str]:
    """Return the URLs of a distribution point's CRL, all for the same one."""
    return _uris(point.full_name or ())


def _access(leaf: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    found = extension(leaf, x509.AuthorityInformationAccess)
    return _uris([entry.access_location for entry in found or () if entry.access_method == method])


def _uris(names: Sequence[x509.GeneralName]) -> list[str]:
    values = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [value for value in dict.fromkeys(values) if is_usable(value)]
