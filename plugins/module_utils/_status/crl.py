# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CRLs: whether one may be believed, what it covers, and whom it lists (RFC 5280 sections 5 and 6.3)."""

from __future__ import annotations

from datetime import datetime, timedelta

from .._common.times import utc
from .._x509.certificates import aware, extension
from .revocation_status import RevocationEntry, StatusError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

Reasons = frozenset["x509.ReasonFlags"]

_SKEW = timedelta(minutes=5)  # by which a CA's clock may be ahead of ours


def all_reasons() -> Reasons:
    """Those of which CRLs have to tell for one that lists nothing to mean anything (RFC 5280 section 6.3.3)."""
    return frozenset(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}


class Crl:
    """A CRL as it came. What of it holds for all certificates is checked once for each issuer."""

    def __init__(self, data: bytes) -> None:
        """DER (RFC 5280 section 4.2.1.13), or PEM, which some servers give. Raises StatusError, as all here."""
        load = x509.load_pem_x509_crl if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
        try:
            self._crl = load(data)
            self.next_update = aware(self._crl, "next_update")
            self._this_update = aware(self._crl, "last_update")
            self._extensions = self._crl.extensions
        except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise StatusError("it is no CRL that can be read") from None
        self._signed_by: dict[bytes, bool] = {}
        self._listed: dict[int, int] | None = None  # serial numbers, and which entry it is

    def verify(self, issuer: x509.Certificate, now: datetime) -> None:
        """Raise StatusError unless *issuer* made it, it is complete and of now, and all of it is understood."""
        if self._crl.issuer != issuer.subject:
            raise StatusError(f"it is a CRL of another issuer ({self._crl.issuer.rfc4514_string() or 'no name'})")
        # RFC 5280 section 6.3.3 (f)
        usage = extension(issuer, x509.KeyUsage)
        if usage and not usage.crl_sign:
            raise StatusError("its issuer's certificate is not for signing CRLs")
        if not self._is_signed_by(issuer):
            raise StatusError("it is a CRL whose signature is wrong")
        self._verify_times(now)
        for item in self._extensions:
            if isinstance(item.value, x509.DeltaCRLIndicator):
                raise StatusError("it is a delta CRL, which says nothing alone")
            if item.critical and not isinstance(item.value, x509.IssuingDistributionPoint):
                raise StatusError(f"it is a CRL with a critical extension that is not known ({item.oid.dotted_string})")

    def covers(self, leaf: x509.Certificate, point: x509.DistributionPoint) -> Reasons:
        """Of which reasons it tells for *leaf* at its distribution point. Raises StatusError if it is for others."""
        reasons = all_reasons()
        if point.reasons:
            reasons &= point.reasons
        scope = self._scope()
        if scope is None:
            return reasons
        # RFC 5280 section 6.3.3 (b)
        if scope.indirect_crl:
            raise StatusError("it is an indirect CRL, which is not supported")
        if scope.only_contains_attribute_certs:
            raise StatusError("it is a CRL of attribute certificates")
        is_ca = _is_ca(leaf)
        if scope.only_contains_user_certs and is_ca:
            raise StatusError("it is a CRL of certificates that are no CA's")
        if scope.only_contains_ca_certs and not is_ca:
            raise StatusError("it is a CRL of CAs' certificates only")
        if scope.relative_name or (scope.full_name and not set(scope.full_name) & set(point.full_name or ())):
            raise StatusError("it is the CRL of another distribution point than the certificate's")
        return reasons & scope.only_some_reasons if scope.only_some_reasons else reasons

    def entry(self, leaf: x509.Certificate) -> RevocationEntry | None:
        """That *leaf* is revoked, if the CRL lists it. Raises StatusError."""
        try:
            # Once over the list for all certificates: the library's look-up goes over it for each.
            if self._listed is None:
                self._listed = {revoked.serial_number: index for index, revoked in enumerate(self._crl)}
            index = self._listed.get(leaf.serial_number)
            if index is None:
                return None
            found = self._crl[index]
            extensions, at = list(found.extensions), aware(found, "revocation_date")
        except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise StatusError("it is a CRL whose entry for the certificate cannot be read") from None
        reason = x509.ReasonFlags.unspecified
        for item in extensions:
            if isinstance(item.value, x509.CRLReason):
                reason = item.value.reason
            elif item.critical:
                # RFC 5280 section 5.3; with CertificateIssuer it would be the entry of another issuer's certificate.
                raise StatusError("it is a CRL whose entry for the certificate has a critical extension not known")
        # Of a hold that was lifted (RFC 5280 section 5.3.1)
        return None if reason == x509.ReasonFlags.remove_from_crl else RevocationEntry(reason.name, at)

    def _scope(self) -> x509.IssuingDistributionPoint | None:
        for item in self._extensions:
            if isinstance(item.value, x509.IssuingDistributionPoint):
                return item.value
        return None

    def _is_signed_by(self, issuer: x509.Certificate) -> bool:
        who = issuer.fingerprint(SHA256())
        if who not in self._signed_by:
            try:
                # What can sign no CRL is a TypeError.
                self._signed_by[who] = self._crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            except Exception:
                self._signed_by[who] = False
        return self._signed_by[who]

    def _verify_times(self, now: datetime) -> None:
        if self._this_update > now + _SKEW:
            raise StatusError(f"it is a CRL of the future, {utc(self._this_update)}: is this machine's clock right?")
        if self.next_update is None:
            raise StatusError("it is a CRL that does not say until when it holds")
        if self.next_update <= now:
            raise StatusError(f"it is a CRL that should have been replaced by {utc(self.next_update)}")


def _is_ca(leaf: x509.Certificate) -> bool:
    basic = extension(leaf, x509.BasicConstraints)
    return basic is not None and basic.ca
