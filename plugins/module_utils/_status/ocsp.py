# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OCSP: the request for one certificate, and verifying the answer (RFC 6960, in the profile of RFC 5019)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from .._common.times import utc
from .._x509.certificates import aware, extension, validity
from .._x509.signatures import signed_by, verify
from .revocation_status import GOOD, OCSP, REVOKED, RevocationStatus, StatusError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_SKEW = timedelta(minutes=5)  # clocks may differ by this


def build_request(leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """Return the OCSPRequest, DER, without a nonce, so that caches can answer (RFC 5019 section 4)."""
    return _request(leaf, issuer, hashes.SHA1()).public_bytes(Encoding.DER)  # noqa: S303 # nosec B303 # names, proves nothing


def parse_answer(data: bytes, leaf: x509.Certificate, issuer: x509.Certificate, now: datetime) -> RevocationStatus:
    """Parse and verify the answer about *leaf*, and return its status, without a URL. Raises StatusError."""
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise StatusError(f"the responder returned '{response.response_status.name.lower().replace('_', ' ')}'")
        _verify_signature(response, _signer(response, issuer, now))
        answers = list(response.responses)
        # RFC 6960 section 4.4. If there are several answers, which is rare, the library does not return theirs.
        own = response.single_extensions if len(answers) == 1 else ()
        if any(item.critical for item in (*response.extensions, *own)):
            raise StatusError("the OCSP answer has an unknown critical extension")
        return _of(_about(answers, leaf, issuer), now)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise StatusError("the OCSP answer is malformed") from None


def _about(
    answers: Iterable[ocsp.OCSPSingleResponse], leaf: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """Return the answer that is about *leaf* (RFC 6960 section 3.2)."""
    subject = attrgetter("issuer_name_hash", "issuer_key_hash", "serial_number")
    for answer in answers:
        if subject(answer) == subject(_request(leaf, issuer, answer.hash_algorithm)):
            return answer
    raise StatusError("the OCSP answer is about another certificate")


def _of(answer: ocsp.OCSPSingleResponse, now: datetime) -> RevocationStatus:
    this_update, next_update = aware(answer, "this_update"), aware(answer, "next_update")
    if this_update is None or this_update > now + _SKEW:
        raise StatusError("the OCSP answer's thisUpdate is in the future; check this machine's clock")
    # Optional in RFC 6960 section 4.2.2.1, but RFC 5019 section 2.2.4 requires it.
    if next_update is None:
        raise StatusError("the OCSP answer has no nextUpdate")
    if next_update < now - _SKEW:
        raise StatusError(f"the OCSP answer has expired: its nextUpdate was {utc(next_update)}")
    if answer.certificate_status == ocsp.OCSPCertStatus.GOOD:
        return RevocationStatus(GOOD, OCSP, next_update=next_update)
    if answer.certificate_status == ocsp.OCSPCertStatus.UNKNOWN:
        # Not a result, and not cached: the certificate may just be new.
        raise StatusError("the responder does not know the certificate")
    reason = answer.revocation_reason or x509.ReasonFlags.unspecified
    return RevocationStatus(REVOKED, OCSP, "", reason.name, aware(answer, "revocation_time"), next_update)


def _signer(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> x509.Certificate:
    """Return the signer's certificate: the issuer, or a responder that it authorized (RFC 6960 section 4.2.2.2)."""
    if _is_named(response, issuer):
        return issuer
    for delegate in filter(lambda certificate: _is_named(response, certificate), response.certificates):
        if not signed_by(delegate, issuer):
            raise StatusError("the responder's certificate was not issued by the certificate's issuer")
        purposes = extension(delegate, x509.ExtendedKeyUsage)
        if purposes is None or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
            raise StatusError("the responder's certificate does not allow signing OCSP answers")
        period = validity(delegate)
        if not period.not_before <= now <= period.not_after:
            raise StatusError("the responder's certificate is not valid now")
        return delegate
    raise StatusError("the responder is neither the certificate's issuer nor authorized by it")


def _is_named(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if response.responder_key_hash is not None:
        # RFC 6960 section 4.2.1: the hash of the key, the usual value of this extension.
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest == response.responder_key_hash
    return certificate.subject == response.responder_name


def _verify_signature(response: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    try:
        verify(response, response.tbs_response_bytes, signer)
    except Exception as error:  # a key of another kind than the signature has many
        what = "wrong" if isinstance(error, InvalidSignature) else "of a kind that is not supported"
        raise StatusError(f"the responder's answer has a signature that is {what}") from None


def _request(leaf: x509.Certificate, issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> ocsp.OCSPRequest:
    return ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, algorithm).build()
