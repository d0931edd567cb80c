# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate requests (RFC 2986). The ones made here have an empty subject, and all names in the subjectAltName."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._common.identifiers import canonical, is_address
from . import certificates, keys, san
from .errors import RequestError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey


def build(key: PrivateKey, identifiers: Iterable[str]) -> bytes:
    """Return a request for *identifiers* (normalized), as PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    # Without a subject the extension is critical (RFC 5280 section 4.2.1.6). CAs take nothing else from a request.
    builder = builder.add_extension(san.build(identifiers), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def to_der(csr_content: str | bytes, identifiers: Iterable[str]) -> bytes:
    """Return a PEM request as DER. Raises RequestError unless it is valid and for *identifiers* (normalized)."""
    return _load(csr_content, identifiers).public_bytes(serialization.Encoding.DER)


def matches(csr_content: bytes, key: PrivateKey, identifiers: Iterable[str]) -> bool:
    """Return True if a PEM request is valid, is for *identifiers* (normalized), and belongs to *key*."""
    try:
        request = _load(csr_content, identifiers)
    except RequestError:
        return False
    return keys.public_der(request.public_key()) == keys.public_der(key.public_key())


def is_answered_by(request_der: bytes, certificate: x509.Certificate) -> bool:
    """Return True if *certificate* is for the key of a request, the DER bytes that to_der() returned."""
    return certificates.is_for(certificate, x509.load_der_x509_csr(request_der).public_key())


def _load(csr_content: str | bytes, identifiers: Iterable[str]) -> x509.CertificateSigningRequest:
    data = csr_content.encode() if isinstance(csr_content, str) else csr_content
    try:
        request = x509.load_pem_x509_csr(data)
        is_signed = request.is_signature_valid
        actual = _names(request)
    except Exception as error:  # which errors the library raises differs between its releases
        raise RequestError(f"cannot read the certificate request: {_line(error)}") from None
    if not is_signed:
        raise RequestError("the certificate request is not signed by its own key")
    expected = set(identifiers)
    if actual != expected:
        raise RequestError(
            f"the certificate request does not match its order: it is for {_join(actual)}, not for {_join(expected)}"
        )
    return request


def _names(request: x509.CertificateSigningRequest) -> set[str]:
    """Return the names that a request is for: those of the subjectAltName, without it the common name.

    RFC 8555 section 7.4 has them in either. Requests of other tools may have a common name only.
    """
    try:
        return san.texts(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        common = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        texts = (canonical(str(attribute.value)) for attribute in common)
        # RFC 8738 section 4: addresses have to be in the subjectAltName.
        return {f"commonName {text}" if is_address(text) else text for text in texts}


def _join(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
