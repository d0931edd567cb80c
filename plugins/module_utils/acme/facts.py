# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host says of its certificates, held against what certificate_info says: somebody may have taken it over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .times import parse_utc

_TEXTS = (
    *("version", "key_type", "profile", "directory", "account_uri", "order_uri"),
    *("serial", "issuer", "ari_id", "not_before", "not_after", "created", "content"),
)
_LISTS = ("identifiers", "missing", "damaged", "unreadable", "attributes", "formats")
_ALWAYS = ("identifiers", "missing", "damaged", "attributes")  # of a live version
_TIMES = ("not_before", "not_after", "created")


def is_understood(item: Mapping[str, Any]) -> bool:
    """Whether the versions of an entry of certificate_info have fields of their types."""
    try:
        pending = item.get("pending")
        for version in (item.get("live"), pending, pending and pending.get("issued")):
            if version is not None:
                _check(version)
    except (AttributeError, ValueError):
        return False
    return not item.get("live") or all(field in item["live"] for field in _ALWAYS)


def _check(version: Mapping[str, Any]) -> None:
    for field in _TEXTS:
        if not isinstance(version.get(field), (str, type(None))):
            raise ValueError(field)
    for field in _LISTS:
        texts = version.get(field, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(field)
    for field in filter(version.get, _TIMES):
        parse_utc(version[field])
