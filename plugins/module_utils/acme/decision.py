# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that decides what becomes of a certificate: keep it, issue it, put the host right, switch, or refuse.

Pure: from what a host has, what is wanted, what the CA says and the time. Standard library only: it runs in every run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..pki.identifiers import IdentifierError, check, names
from .times import parse_utc

KEEP, ISSUE, REPAIR, SWITCH, REFUSE = "keep", "issue", "repair", "switch", "refuse"
RECEIVE = "receive"  # from another host that shares it; sharing.py makes it of what is decided for each


@dataclass(frozen=True)
class Decision:
    """What is to be done and why.

    next_at: when a kept one comes next. can_wait: a live one still serves. repair: what is to be put right on the host
    if it has to wait.
    """

    action: str
    reason: str = ""
    message: str = ""
    next_at: datetime | None = None
    can_wait: bool = False
    repair: Decision | None = None

    def postponed(self, why: str, until: datetime | None = None) -> Decision:
        """What becomes of an order that cannot be made now: what can wait does, the rest is refused."""
        if not self.can_wait:
            return replace(self, action=REFUSE, message=why, repair=None)
        if self.repair:
            return replace(self.repair, message=f"{self.repair.message}; {why}".removeprefix("; "), next_at=until)
        return replace(self, action=KEEP, message=why, next_at=until, repair=None)


def lifetime_point(not_before: datetime, not_after: datetime) -> datetime:
    """When to renew what the CA says nothing of: at 2/3 of its life, at 1/2 where that is below 10 days."""
    life = not_after - not_before
    return not_before + (life / 2 if life < timedelta(days=10) else life * 2 / 3)


def emergency_point(not_before: datetime, not_after: datetime) -> datetime:
    """From here on a certificate cannot wait any longer: the middle between the lifetime point and the end."""
    return not_after - (not_after - lifetime_point(not_before, not_after)) / 2


def decide(
    found: Mapping[str, Any],
    directories: Collection[str],
    now: datetime,
    suggested: datetime | None = None,
    forced: bool = False,
    revoked: str = "",
) -> Decision:
    """Decide for one certificate.

    *found* is an entry of certificate_info: wanted, live, invalid (speaks against what is wanted) and problems (would
    keep the host from getting a certificate). *directories* are the URLs of the CAs that are wanted, any of them.
    *suggested* is the instant that follows from the CA's renewal information, None if there is none. *revoked*: what
    the CA says of a live certificate that it has revoked, in a line.
    """
    wanted, live = found["wanted"], found.get("live")
    if found.get("invalid"):
        return Decision(REFUSE, message="; ".join(found["invalid"]))
    try:
        identifiers = names(check(wanted["identifiers"], wanted["challenge"]))
    except IdentifierError as error:
        return Decision(REFUSE, message=str(error))
    if not forced and _awaits_switch(found.get("pending"), wanted, identifiers, directories, now):
        # Also where the services did not take it: the order is not spent again, the switch is tried anew.
        return Decision(SWITCH, "switch outstanding")
    reason, next_at = _reason(wanted, identifiers, live, directories, now, suggested, forced, revoked)
    if live is None or reason:
        if found.get("problems"):
            return Decision(REFUSE, reason, "; ".join(found["problems"]))
        # Clients that look refuse what is revoked: it serves no more.
        can_wait = not revoked and _still_serves(live, now)
        repair = _repair(wanted, live) if live and can_wait else None
        return Decision(ISSUE, reason, revoked if reason == "revoked" else "", can_wait=can_wait, repair=repair)
    return replace(_repair(wanted, live) or Decision(KEEP), next_at=next_at)


def _repair(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> Decision | None:
    """What is to be put right on the host, without another certificate."""
    if live["attributes"]:
        return Decision(REPAIR, "attributes", "; ".join(live["attributes"]))
    if live.get("formats"):
        return Decision(REPAIR, "formats", "; ".join(live["formats"]))
    if (wanted["reload"] or wanted.get("probe")) and not live["reloaded"]:
        return Decision(REPAIR, "reload outstanding")
    return None


def _reason(
    wanted: Mapping[str, Any],
    identifiers: list[str],
    live: Mapping[str, Any] | None,
    directories: Collection[str],
    now: datetime,
    suggested: datetime | None,
    forced: bool,
    revoked: str,
) -> tuple[str, datetime | None]:
    """Why the certificate has to be issued, the gravest reason first; empty and the next instant if it has not."""
    if live is None or live["missing"]:
        return "missing", None
    if "privkey.pem" in live["damaged"] or "cert.pem" in live["damaged"]:
        return "key does not match", None
    if live["damaged"]:
        return "damaged", None
    if revoked:
        return "revoked", None
    if set(live["identifiers"]) != set(identifiers):
        return "identifiers changed", None
    if live["key_type"] != wanted["key_type"]:
        return "key changed", None
    if (live["profile"] or None) != (wanted["profile"] or None):
        return "profile changed", None
    if live["directory"] not in directories:
        return "issuer changed", None
    if forced:
        return "forced", None
    not_before, not_after = _validity(live)
    # Renewal information moves the instant, but never beyond the point where waiting ends.
    next_at = min(suggested or lifetime_point(not_before, not_after), emergency_point(not_before, not_after))
    if now >= next_at:
        return "window open" if suggested and now >= suggested else "lifetime", None
    return "", next_at


def _awaits_switch(
    pending: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    identifiers: list[str],
    directories: Collection[str],
    now: datetime,
) -> bool:
    """Whether the pending version has its certificate, which is what is wanted and not due itself."""
    if not pending or not pending.get("issued"):
        return False
    return (
        set(pending["identifiers"]) == set(identifiers)
        and pending["key_type"] == wanted["key_type"]
        and (pending["profile"] or None) == (wanted["profile"] or None)
        and pending["directory"] in directories
        and now < lifetime_point(*_validity(pending["issued"]))
    )


def _still_serves(live: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether the live certificate is whole and bridges a wait."""
    if live is None or live["missing"] or live["damaged"]:
        return False
    return now < emergency_point(*_validity(live))


def _validity(live: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return parse_utc(live["not_before"]), parse_utc(live["not_after"])
