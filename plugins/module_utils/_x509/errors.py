# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of keys, certificates and requests. Their messages do not name the certificate: the caller adds its name."""

from __future__ import annotations

from datetime import datetime

from .._common.errors import CollectionError


class KeyFileError(CollectionError):
    """A private key that cannot be used."""


class RequestError(CollectionError):
    """A certificate request that is damaged or does not match its order."""


class CertificateError(CollectionError):
    """A certificate or chain that must not be installed."""


class MisfitError(CertificateError):
    """A certificate for another key or other names, which a new order can correct."""


class ValidityError(CertificateError):
    """A certificate that is not valid now by this host's clock.

    what: the certificate, for messages. not_before, not_after: its validity, as aware UTC datetimes.
    """

    def __init__(self, message: str, what: str, not_before: datetime, not_after: datetime) -> None:
        super().__init__(message)
        self.what = what
        self.not_before = not_before
        self.not_after = not_after


class SealError(CollectionError):
    """A sealed private key that cannot be opened, or a receiving key that is invalid."""


class SignatureError(CollectionError):
    """A signature that is not by the key that it has to be by."""
