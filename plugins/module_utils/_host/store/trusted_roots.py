# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root that a chain leads to: the CA leaves it out, so it is looked for among those that the host trusts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..._common import paths
from ..._x509 import certificates
from ..._x509.signatures import signed_by
from ..errors import DiskError
from . import files

try:
    from cryptography import x509
except ImportError:
    pass  # reported by availability.py, before anything here is called

#: Where distributions keep the roots they trust, as one file.
TRUSTED = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_LARGEST = 1 << 24  # bytes, of a file of roots


def find(top: x509.Certificate, places: Sequence[str], now: datetime) -> x509.Certificate | None:
    """The root that *top*, the last of a chain, is or is signed by, of those in files of PEM that holds the longest.

    A file that is not there has none. Raises DiskError for one that cannot be read.
    """
    for place in places:
        fitting = [root for root in _load(place) if _fits(top, root, now)]
        if fitting:
            return max(fitting, key=lambda root: certificates.validity(root).not_after)
    return None


def _fits(top: x509.Certificate, root: x509.Certificate, now: datetime) -> bool:
    if certificates.validity(root).not_after <= now:
        return False
    return root == top or (root.subject == top.issuer and signed_by(top, root))


def _load(place: str) -> list[x509.Certificate]:
    try:
        # Through links, which some distributions have there.
        data = paths.read(place, _LARGEST, follow=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DiskError(files.explain(error, f"{place} cannot be read")) from None
    return certificates.load_readable(data.decode("utf-8", "replace"))
