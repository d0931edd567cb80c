# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong on a host, as one family of exceptions whose text is one line for people.

None names the certificate: whoever reports for many puts the name before it.
"""

from __future__ import annotations

from .text import OneLineError


class HostError(OneLineError):
    """Anything that keeps a host's work on a certificate from being done. str() is one line meant for people."""


class OptionError(HostError):
    """A wanted certificate that is refused before anything is changed."""


class DiskError(HostError):
    """A file or folder that cannot be read or written."""


class LockedError(HostError):
    """Another run holds a certificate's lock for too long."""


class StateError(HostError):
    """What lies on the disk is not what the step needs, or is not ours."""


class KeyFileError(HostError):
    """A private key that cannot be used."""


class RequestError(HostError):
    """A certificate request that is damaged or does not fit."""


class CertificateError(HostError):
    """A certificate that the CA delivered and that must not be put in place."""


class MisfitError(CertificateError):
    """A certificate that is for another key or other names: a new order can mend that."""


class FormatError(HostError):
    """A format that a certificate cannot be written in here."""


class ServiceError(HostError):
    """A service that could not be reloaded."""


class ListenError(HostError):
    """A port that challenges cannot be answered at."""


class SealError(HostError):
    """A sealed private key that cannot be opened, or a key to seal to that is none."""


class ProbeError(HostError):
    """An endpoint that cannot be asked which certificate it serves."""
