# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that decides what becomes of a certificate: keep it, issue it, put the host right, switch, or refuse.

Pure: from what a host has, what is wanted, what the CA says and the time. Standard library only: it runs in every run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._common.contracts import CertificateEntry, HostCertificate, Version
from .._common.statuses import Action, Reason
from .._common.terms import Terms
from .._common.times import parse_utc


@dataclass(frozen=True)
class Decision:
    """What is to be done and why.

    next_at: when a kept one comes next. can_wait: a live one still serves. repair: what is to be put right on the host
    if it has to wait.
    """

    action: Action
    reason: Reason = Reason.NONE
    message: str = ""
    next_at: datetime | None = None
    can_wait: bool = False
    repair: Decision | None = None

    def postponed(self, why: str, until: datetime | None = None) -> Decision:
        """What becomes of an order that cannot be made now: what can wait does, the rest is refused."""
        if not self.can_wait:
            return replace(self, action=Action.REFUSE, message=why, repair=None)
        if self.repair:
            return replace(self.repair, message=f"{self.repair.message}; {why}".removeprefix("; "), next_at=until)
        return replace(self, action=Action.KEEP, message=why, next_at=until, repair=None)


def lifetime_point(not_before: datetime, not_after: datetime) -> datetime:
    """When to renew what the CA says nothing of: at 2/3 of its life, at 1/2 where that is below 10 days."""
    life = not_after - not_before
    return not_before + (life / 2 if life < timedelta(days=10) else life * 2 / 3)


def emergency_point(not_before: datetime, not_after: datetime) -> datetime:
    """From here on a certificate cannot wait any longer: the middle between the lifetime point and the end."""
    return not_after - (not_after - lifetime_point(not_before, not_after)) / 2


def decide(
    found: HostCertificate,
    directories: Collection[str],
    now: datetime,
    suggested: datetime | None = None,
    forced: bool = False,
    revoked: str = "",
) -> Decision:
    """Decide for one certificate.

    *found*: invalid speaks against what is wanted, problems would keep the host from getting a certificate.
    *directories* are the URLs of the CAs that are wanted, any of them.
    *suggested* is the instant that follows from the CA's renewal information, None if there is none. *revoked*: what
    the CA says of a live certificate that it has revoked, in a line.
    """
    wanted, live = found.wanted, found.live
    if found.invalid:
        return Decision(Action.REFUSE, message="; ".join(found.invalid))
    if wanted is None:
        return Decision(Action.REFUSE, message="what is wanted is not known: give certificate_info its certificates")
    terms = wanted.terms(directories)
    if not forced and _awaits_switch(found.pending, terms, now):
        # Also where the services did not take it: the order is not spent again, the switch is tried anew.
        return Decision(Action.SWITCH, Reason.SWITCH)
    reason, next_at = _reason(terms, live, now, suggested, forced, revoked)
    if live is None or reason:
        if found.problems:
            return Decision(Action.REFUSE, reason, "; ".join(found.problems))
        # Clients that look refuse what is revoked: it serves no more.
        can_wait = not revoked and _still_serves(live, now)
        repair = _repair(wanted, live) if live and can_wait else None
        message = revoked if reason == Reason.REVOKED else ""
        return Decision(Action.ISSUE, reason, message, can_wait=can_wait, repair=repair)
    return replace(_repair(wanted, live) or Decision(Action.KEEP), next_at=next_at)


def _repair(wanted: CertificateEntry, live: Version) -> Decision | None:
    """What is to be put right on the host, without another certificate."""
    if live.attributes:
        return Decision(Action.REPAIR, Reason.ATTRIBUTES, "; ".join(live.attributes))
    if live.formats:
        return Decision(Action.REPAIR, Reason.FORMATS, "; ".join(live.formats))
    if (wanted.reload or wanted.probe) and not live.reloaded:
        return Decision(Action.REPAIR, Reason.RELOAD)
    return None


def _reason(
    terms: Terms,
    live: Version | None,
    now: datetime,
    suggested: datetime | None,
    forced: bool,
    revoked: str,
) -> tuple[Reason, datetime | None]:
    """Return why the certificate has to be issued, the gravest reason first; none, and the next instant, if not."""
    if live is None or live.missing:
        return Reason.MISSING, None
    if "privkey.pem" in live.damaged or "cert.pem" in live.damaged:
        return Reason.KEY_MISMATCH, None
    if live.damaged:
        return Reason.DAMAGED, None
    if revoked:
        return Reason.REVOKED, None
    for difference in terms.difference(live.terms):
        return difference, None
    if forced:
        return Reason.FORCED, None
    not_before, not_after = validity(live)
    # Renewal information moves the instant, but never beyond the point where waiting ends.
    next_at = min(suggested or lifetime_point(not_before, not_after), emergency_point(not_before, not_after))
    if now >= next_at:
        return Reason.WINDOW if suggested and now >= suggested else Reason.LIFETIME, None
    return Reason.NONE, next_at


def _awaits_switch(pending: Version | None, terms: Terms, now: datetime) -> bool:
    """Return True if the pending version has its certificate, which is what is wanted and not due itself."""
    if not pending or not pending.is_issued:
        return False
    return not terms.difference(pending.terms) and now < lifetime_point(*validity(pending))


def _still_serves(live: Version | None, now: datetime) -> bool:
    """Whether the live certificate is whole and bridges a wait."""
    if live is None or live.missing or live.damaged:
        return False
    return now < emergency_point(*validity(live))


def validity(version: Version) -> tuple[datetime, datetime]:
    """From when until when a version with a certificate is valid. Raises ValueError for one without."""
    if not version.not_before or not version.not_after:
        raise ValueError(f"version {version.version} has no dates")
    return parse_utc(version.not_before), parse_utc(version.not_after)
