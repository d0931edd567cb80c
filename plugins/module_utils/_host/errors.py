# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of a host. None names the certificate: whoever reports for many puts the name before it."""

from __future__ import annotations

from .._common.errors import CollectionError


class DiskError(CollectionError):
    """A file or folder that cannot be read or written."""


class LockedError(CollectionError):
    """Another run holds a certificate's lock for too long."""


class StateError(CollectionError):
    """What lies on the disk is not what the step needs, or is not ours."""


class FormatError(CollectionError):
    """A format that a certificate cannot be written in here."""


class ServiceError(CollectionError):
    """A service that could not be reloaded."""


class ListenError(CollectionError):
    """A port that challenges cannot be answered at."""


class ProbeError(CollectionError):
    """An endpoint that cannot be asked which certificate it serves."""
