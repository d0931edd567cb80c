# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of certificates are to be revoked, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def to_revoke(
    hosts: Iterable[str], hostvars: Mapping[str, Any], before: str = "", still: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """The certificates of *hosts* that are to be revoked, as acme_revoke takes them.

    The live ones; with *before* those that were live, have not ended yet, and whose key was made before that instant.
    *still*: hosts that may serve what they had when the play began; what is in use there or on any host is left.
    """
    looked = {host: _looked(hostvars, host) for host in hosts}
    if not _instant(before):
        return [_entry(host, item) for host, items in looked.items() for item in items if item["live"]]
    now = f"{datetime.now(timezone.utc):{_INSTANT}}"
    served = {item["serial"] for items in looked.values() for item in items if item["live"]}
    served |= {serial for host in set(still).difference(looked) for serial in _found(hostvars, host)}
    return [
        _entry(host, item)
        for host, items in looked.items()
        for item in items
        if item["serial"] not in served and str(item["created"]) < _instant(before) and str(item["not_after"]) > now
    ]


def not_revoked(
    looked: Mapping[str, Any], revoked: Mapping[str, Any], host: str, names: Iterable[str], before: str = ""
) -> list[str]:
    """A line for each certificate of *host* that is not there, that the CA did not revoke, or that is still live."""
    if not isinstance(looked.get("history"), list):
        return [f"certificate {name} is not revoked: {looked['msg']}" for name in names] if looked.get("msg") else []
    lines = []
    answers = [item for item in revoked.get("certificates", ()) if item["host"] == host]
    for name in names:
        live = [item for item in looked["history"] if item["name"] == name and item["live"]]
        problems = [item["problem"] for item in answers if item["name"] == name]
        if not live:
            problems.append("there is no live version of it on this host")
        elif _instant(before) and str(live[0]["created"]) < _instant(before):
            problems.append(f"it is still in use, with a key from {live[0]['created']}: replace it first")
        elif not problems and revoked.get("msg"):
            problems.append(revoked["msg"])  # it shares what stopped them all
        lines += [f"certificate {name} is not revoked: {problem}" for problem in filter(None, problems)]
    return lines


def _looked(hostvars: Mapping[str, Any], host: str) -> list[Mapping[str, Any]]:
    """What certificate_info said of the versions on a host."""
    registered = hostvars[host].get("acme_looked_at")
    history = registered.get("history") if isinstance(registered, Mapping) else None
    return [item for item in history or () if isinstance(item, Mapping)]


def _found(hostvars: Mapping[str, Any], host: str) -> list[Any]:
    """The serial numbers of what a host had when the role looked at it first, if it could."""
    found = hostvars[host].get("acme_found") if host in hostvars else None
    certificates = found.get("certificates") if isinstance(found, Mapping) else None
    return [(item.get("live") or {}).get("serial") for item in certificates or () if isinstance(item, Mapping)]


def _entry(host: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"host": host, "name": item["name"], "content": item["certificate"]}


def _instant(before: Any) -> str:
    """An instant as manifests have it, which compare as texts."""
    if not before:
        return ""
    try:
        instant = datetime.fromisoformat(str(before).strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise AnsibleFilterError(f"{before!r} is not an instant: give one such as 2026-01-31T12:00:00Z")
    return f"{instant.astimezone(timezone.utc):{_INSTANT}}"


class FilterModule:
    """The filters by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_revoke": to_revoke, "not_revoked": not_revoked}
