# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CRLs: verifying one, what it covers, and which certificates it lists (RFC 5280 sections 5 and 6.3)."""

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

_SKEW = timedelta(minutes=5)  # a CA's clock may be ahead of ours by this


def all_reasons() -> Reasons:
    """Return the reasons that CRLs have to cover before a certificate counts as good (RFC 5280 section 6.3.3)."""
    return frozenset(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}


class Crl:
    """A parsed CRL. Its signature is verified once for each issuer."""

    def __init__(self, data: bytes) -> None:
        """*data*: DER (RFC 5280 section 4.2.1.13), or PEM, as some servers send. Raises StatusError, as all methods."""
        load = x509.load_pem_x509_crl if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
        try:
            self._crl = load(data)
            self.next_update = aware(self._crl, "next_update")
            self._this_update = aware(self._crl, "last_update")
            self._extensions = self._crl.extensions
        except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise StatusError("the CRL is malformed") from None
        self._signed_by: dict[bytes, bool] = {}
        self._listed: dict[int, int] | None = None  # numbers of entries by serial number

    def verify(self, issuer: x509.Certificate, now: datetime) -> None:
        """Raise StatusError unless *issuer* signed it, it is complete and current, and has no unknown extension."""
        if self._crl.issuer != issuer.subject:
            raise StatusError(f"the CRL is from another issuer ({self._crl.issuer.rfc4514_string() or 'no name'})")
        # RFC 5280 section 6.3.3 (f)
        usage = extension(issuer, x509.KeyUsage)
        if usage and not usage.crl_sign:
            raise StatusError("the issuer's certificate does not allow signing CRLs")
        if not self._is_signed_by(issuer):
            raise StatusError("the CRL's signature is invalid")
        if self._this_update > now + _SKEW:
            raise StatusError(f"CRL thisUpdate ({utc(self._this_update)}) is in the future; check this machine's clock")
        if self.next_update is None:
            raise StatusError("the CRL has no nextUpdate")
        if self.next_update <= now:
            raise StatusError(f"the CRL has expired: its nextUpdate was {utc(self.next_update)}")
        for item in self._extensions:
            if isinstance(item.value, x509.DeltaCRLIndicator):
                raise StatusError("it is a delta CRL, which is not supported")
            if item.critical and not isinstance(item.value, x509.IssuingDistributionPoint):
                raise StatusError(f"the CRL has an unknown critical extension ({item.oid.dotted_string})")

    def covers(self, leaf: x509.Certificate, point: x509.DistributionPoint) -> Reasons:
        """Return the reasons that it covers for *leaf* at a distribution point. Raises StatusError."""
        reasons = all_reasons()
        if point.reasons:
            reasons &= point.reasons
        kind = x509.IssuingDistributionPoint
        scope = next((item.value for item in self._extensions if isinstance(item.value, kind)), None)
        if scope is None:
            return reasons
        # RFC 5280 section 6.3.3 (b)
        if scope.indirect_crl:
            raise StatusError("it is an indirect CRL, which is not supported")
        if scope.only_contains_attribute_certs:
            raise StatusError("the CRL is for attribute certificates only")
        basic = extension(leaf, x509.BasicConstraints)
        is_ca = basic is not None and basic.ca
        if scope.only_contains_user_certs and is_ca:
            raise StatusError("the CRL is for end-entity certificates only")
        if scope.only_contains_ca_certs and not is_ca:
            raise StatusError("the CRL is for CA certificates only")
        if scope.relative_name or (scope.full_name and not set(scope.full_name) & set(point.full_name or ())):
            raise StatusError("the CRL is for another distribution point")
        return reasons & scope.only_some_reasons if scope.only_some_reasons else reasons

    def entry(self, leaf: x509.Certificate) -> RevocationEntry | None:
        """Return the revocation of *leaf* if the CRL lists it. Raises StatusError."""
        try:
            # One pass over the list for all certificates: the library's look-up would make one for each.
            if self._listed is None:
                self._listed = {revoked.serial_number: index for index, revoked in enumerate(self._crl)}
            index = self._listed.get(leaf.serial_number)
            if index is None:
                return None
            found = self._crl[index]
            extensions, at = list(found.extensions), aware(found, "revocation_date")
        except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise StatusError("the CRL's entry for the certificate is malformed") from None
        reason = x509.ReasonFlags.unspecified
        for item in extensions:
            if isinstance(item.value, x509.CRLReason):
                reason = item.value.reason
            elif item.critical:
                # RFC 5280 section 5.3; with CertificateIssuer the entry is for another issuer's certificate.
                raise StatusError("the CRL's entry for the certificate has an unknown critical extension")
        # A hold that was lifted (RFC 5280 section 5.3.1)
        return None if reason == x509.ReasonFlags.remove_from_crl else RevocationEntry(reason.name, at)

    def _is_signed_by(self, issuer: x509.Certificate) -> bool:
        who = issuer.fingerprint(SHA256())
        if who not in self._signed_by:
            try:
                # TypeError for a key that cannot sign CRLs.
                self._signed_by[who] = self._crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            except Exception:
                self._signed_by[who] = False
        return self._signed_by[who]
