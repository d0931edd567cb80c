# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identifiers of the inventory that are proved by dns-persist-01, whose records name the account's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import (
    DNS_PERSIST_01,
    HTTP_01,
    IdentifierError,
    parse_identifiers,
)

from .ownership import listed


def names(hostvars: Mapping[str, Any]) -> list[str]:
    """Return the normalized identifiers of all hosts' acme_certificates with this challenge, sorted."""
    entries = (entry for host in hostvars for entry in listed(hostvars[host]) if isinstance(entry, Mapping))
    return sorted({name for entry in entries for name in _of(entry)})


def _of(entry: Mapping[str, Any]) -> Iterator[str]:
    given, challenge = entry.get("identifiers"), str(entry.get("challenge") or HTTP_01)
    try:
        found = parse_identifiers(given if isinstance(given, (list, tuple)) else (), challenge)
    except IdentifierError:  # it gets no certificate
        return
    yield from (item.name for item in found if item.challenge == DNS_PERSIST_01)
