# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of keys, certificates and requests. Their messages do not name the certificate: the caller adds its name."""

from __future__ import annotations

from .._common.errors import CollectionError


class KeyFileError(CollectionError):
    """A private key that cannot be used."""


class RequestError(CollectionError):
    """A certificate request that is damaged or does not match its order."""


class CertificateError(CollectionError):
    """A certificate or chain that must not be installed."""


class MisfitError(CertificateError):
    """A certificate for another key or other names, which a new order can correct."""


class SealError(CollectionError):
    """A sealed private key that cannot be opened, or a receiving key that is invalid."""


class SignatureError(CollectionError):
    """A signature that is not by the key that it has to be by."""
