# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificate_info would tell, written by hand: no host need be made to look so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from tests.integration.hosts import DAY

GOOD = {"missing": [], "damaged": [], "attributes": [], "reloaded": True}
WANTED = {"challenge": "http-01", "key_type": "ec256", "profile": None, "reload": []}


def utc(moment: datetime) -> str:
    """As a manifest has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def found(
    name: str,
    now: datetime | None = None,
    since: timedelta = timedelta(0),
    ari_id: str | None = None,
    live: Mapping[str, Any] | None = MappingProxyType({}),
    wanted: Mapping[str, Any] = MappingProxyType({}),
    directory: str = "",
    **more: Any,
) -> dict[str, Any]:
    """A certificate of 90 days, issued at now + since, with nothing to be done, but for what is given."""
    now = now or datetime.now(timezone.utc)
    names = [f"{name}.web1.lab.test"]
    described = {
        "identifiers": names,
        "key_type": "ec256",
        "profile": None,
        "directory": directory,
        "not_before": utc(now + since),
        "not_after": utc(now + since + 90 * DAY),
        "ari_id": ari_id,
        **GOOD,
    }
    return {
        "host": "web1",
        "name": name,
        "wanted": {"identifiers": names, **WANTED, **wanted},
        "live": None if live is None else {**described, **live},
        "problems": [],
        "invalid": [],
        **more,
    }
