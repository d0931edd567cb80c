# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the code on hosts. Their messages do not name the certificate: the caller puts its name first."""

from __future__ import annotations

from collections.abc import Mapping

from .._common.errors import CollectionError


class DiskError(CollectionError):
    """A file or folder that cannot be read or written."""


class LockedError(CollectionError):
    """A lock that another run has held for too long."""


class StateError(CollectionError):
    """Files that are not what the step needs, or that this collection did not write."""


class FormatError(CollectionError):
    """A format that this host cannot write a certificate in."""


class ServiceError(CollectionError):
    """A service that could not be reloaded."""


class ListenError(CollectionError):
    """A port on which challenges cannot be answered."""


class ProbeError(CollectionError):
    """An endpoint that does not show which certificate it serves."""


def summary(failures: Mapping[str, str]) -> str:
    """Return one line that names each failed certificate and the reason."""
    return "; ".join(f"certificate {name}: {message}" for name, message in failures.items())
