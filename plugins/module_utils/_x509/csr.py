# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate requests (RFC 2986): names in the subjectAltName alone, empty subject, SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import keys, san
from .errors import RequestError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey


def build(key: PrivateKey, identifiers: Iterable[str]) -> bytes:
    """A request for *identifiers* (normalized), as PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    # Without a subject the names are critical (RFC 5280 section 4.2.1.6). CAs take no more from a request than these.
    builder = builder.add_extension(san.build(identifiers), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def der_of(csr_content: str | bytes, identifiers: Iterable[str]) -> bytes:
    """A PEM request as DER. Raises RequestError unless it is sound and its names are *identifiers* (normalized)."""
    return _checked(csr_content, identifiers).public_bytes(serialization.Encoding.DER)


def fits(csr_content: bytes, key: PrivateKey, identifiers: Iterable[str]) -> bool:
    """Whether a PEM request is sound, is for *identifiers* (normalized), and is of *key*."""
    try:
        request = _checked(csr_content, identifiers)
    except RequestError:
        return False
    return keys.public_der(request.public_key()) == keys.public_der(key.public_key())


def _checked(csr_content: str | bytes, identifiers: Iterable[str]) -> x509.CertificateSigningRequest:
    data = csr_content.encode() if isinstance(csr_content, str) else csr_content
    try:
        request = x509.load_pem_x509_csr(data)
        sound = request.is_signature_valid
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise RequestError("the certificate request has no subjectAltName") from None
    except Exception as error:  # the library's own, which differ between its versions
        raise RequestError(f"the certificate request cannot be read: {_line(error)}") from None
    if not sound:
        raise RequestError("the certificate request is not signed by its own key")
    found, wanted = san.texts(names), set(identifiers)
    if found != wanted:
        raise RequestError(
            f"the certificate request does not fit its order: it is for {_listed(found)}, not for {_listed(wanted)}"
        )
    return request


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
