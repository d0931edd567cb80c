# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of keys, certificates and requests. None names the certificate: whoever reports for many does."""

from __future__ import annotations

from .._common.errors import CollectionError


class KeyFileError(CollectionError):
    """A private key that cannot be used."""


class RequestError(CollectionError):
    """A certificate request that is damaged or does not fit."""


class CertificateError(CollectionError):
    """A certificate that the CA delivered and that must not be put in place."""


class MisfitError(CertificateError):
    """A certificate that is for another key or other names: a new order can mend that."""


class SealError(CollectionError):
    """A sealed private key that cannot be opened, or a key to seal to that is none."""
