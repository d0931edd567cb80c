# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the root of a chain among those that the host trusts, since CAs do not send it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..._common import paths
from ..._x509 import certificates
from ..._x509.signatures import signed_by
from ..errors import DiskError
from . import files

if TYPE_CHECKING:
    from cryptography import x509

#: The files in which distributions keep all trusted roots.
TRUSTED = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_MAX_SIZE = 1 << 24  # bytes of a file of roots


def find(top: x509.Certificate, places: Sequence[str], now: datetime) -> x509.Certificate | None:
    """Return the root of *top*, the last certificate of a chain; None if no file in *places* (PEM) has it.

    The root is *top* itself or signed it. Of several roots in one file, the one with the latest end is returned.
    A missing file has no roots. Raises DiskError for a file that cannot be read.
    """
    for place in places:
        if matching := [root for root in _load(place) if _is_root_of(top, root, now)]:
            return max(matching, key=lambda root: certificates.validity(root).not_after)
    return None


def _is_root_of(top: x509.Certificate, root: x509.Certificate, now: datetime) -> bool:
    if certificates.validity(root).not_after <= now:
        return False
    return root == top or (root.subject == top.issuer and signed_by(top, root))


def _load(place: str) -> list[x509.Certificate]:
    try:
        # Links are followed: some distributions have a link there.
        data = paths.read(place, _MAX_SIZE, follow=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DiskError(files.explain(error, f"cannot read {place}")) from None
    return certificates.load_readable(data.decode("utf-8", "replace"))
