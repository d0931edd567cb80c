# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that each certificate of a chain is issued by the next (RFC 8555 section 9.1, RFC 5280 section 6.1).

Names, signatures, dates, basic constraints and key usage are verified; policies and name constraints are left to
clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .certificates import extension, verify_validity
from .errors import CertificateError
from .signatures import signed_by

try:
    from cryptography import x509
except ImportError:
    pass  # reported by availability.py, before anything here is called


def verify(certificate: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise CertificateError unless each certificate of *chain* issued the one before it, the first *certificate*.

    An empty chain is valid. *now*: aware UTC datetime.
    """
    below = certificate
    between = 0  # CAs that are not self-issued: only these count, RFC 5280 section 4.2.1.9
    for issuer in chain:
        what = f"the CA's chain is invalid: {_name(issuer.subject)}"
        if below.issuer != issuer.subject:
            raise CertificateError(f"{what} stands where the issuer {_name(below.issuer)} is expected")
        basic, usage = extension(issuer, x509.BasicConstraints), extension(issuer, x509.KeyUsage)
        # RFC 5280 section 6.1.4 (k) to (n)
        if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
            raise CertificateError(f"{what} is not a CA certificate")
        if basic.path_length is not None and between > basic.path_length:
            raise CertificateError(f"{what} allows {basic.path_length} CAs below it, and there are {between}")
        if not signed_by(below, issuer):
            raise CertificateError(f"{what} did not sign {_name(below.subject) or 'the certificate'}")
        verify_validity(issuer, f"{_name(issuer.subject)} in the CA's chain", now)
        between += issuer.subject != issuer.issuer
        below = issuer


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()
