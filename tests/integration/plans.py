# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as certificate_info would return them, without a host in that state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from tests.integration.hosts import DAY
from tests.unit import contracts
from tests.unit.contracts import utc


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
    """Return a certificate of 90 days, issued at now + since, with nothing to be done, but for what is given."""
    now = now or datetime.now(timezone.utc)
    names = [f"{name}.web1.lab.test"]
    made = {"not_before": utc(now + since), "not_after": utc(now + since + 90 * DAY), "created": None}
    known = {"identifiers": names, "directory": directory, "ari_id": ari_id, **made}
    return contracts.found(
        {"identifiers": names, "reload": [], **wanted},
        None if live is None else {**known, **live},
        name=name,
        **more,
    ).to_result()
