# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempts to get a certificate that failed before. Pure, and standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._common.contracts import CertificateEntry

# What may be the reason why an order fails. Deployment and reloads come after it.
_OF_ENTRY = (
    "challenge",
    "key_type",
    "webroot",
    "http_01_listen",
    "tls_alpn_01_listen",
    "profile",
    "not_before",
    "not_after",
)


def digest(entry: CertificateEntry, directories: Iterable[str], settings: Mapping[str, Any]) -> str:
    """Return the digest of what an order is made with; with another one, an attempt may succeed that failed before.

    *directories*: the URLs of the CAs. *settings*: options that all orders have in common, without secrets, since hosts
    keep the digest.
    """
    identifiers = sorted(json.dumps(item, sort_keys=True) for item in entry.identifiers)
    wanted = [identifiers, entry.options(_OF_ENTRY), sorted(directories), settings]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()[:32]
