# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that decides about a certificate: keep, issue, repair the host, switch, or refuse.

Pure: it depends on what a host has, the terms, what the CA says and the time. Standard library only, as it runs in
every run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._common.contracts import CertificateEntry, HostCertificate, Version
from .._common.statuses import Action, Reason
from .._common.terms import Terms
from .deferral import grace
from .lifetime import emergency_point, latest_start, lifetime_point, validity


@dataclass(frozen=True)
class Decision:
    """The action for a certificate, and the reason for it.

    next_at: when one that is kept is due. can_wait: the live one can be used until a later run. repair: what to repair
    on the host if the order has to wait.
    """

    action: Action
    reason: Reason = Reason.NONE
    message: str = ""
    next_at: datetime | None = None
    can_wait: bool = False
    repair: Decision | None = None

    @property
    def is_postponed(self) -> bool:
        """True if the certificate is due, and the live one is kept until a later run."""
        return self.action == Action.KEEP and bool(self.reason)

    def postponed(self, why: str, until: datetime | None = None) -> Decision:
        """Return the decision where the order cannot be made now: wait *until* then if it can wait, else refuse."""
        if not self.can_wait:
            return replace(self, action=Action.REFUSE, message=why, repair=None)
        if self.repair:
            return replace(self.repair, message=f"{self.repair.message}; {why}".removeprefix("; "), next_at=until)
        return replace(self, action=Action.KEEP, message=why, next_at=until, repair=None)


@dataclass(frozen=True)
class Timing:
    """The conditions of a renewal's instant besides the certificate.

    suggested: the instant that follows from the CA's renewal information; None without any. interval: how often the job
    runs; zero if that is unknown.
    """

    suggested: datetime | None = None
    interval: timedelta = timedelta(0)


def decide(
    certificate: HostCertificate,
    directories: Collection[str],
    now: datetime,
    timing: Timing = Timing(),
    forced: bool = False,
    revoked: str = "",
) -> Decision:
    """Decide for one certificate.

    *certificate*: with `invalid`, its terms cannot be met; with `problems`, the host could not get a certificate.
    *directories*: the URLs of the CAs that are wanted, any of them. *revoked*: what the CA says of the live
    certificate, in a line, if it is revoked.
    """
    wanted, live = certificate.wanted, certificate.live
    if certificate.invalid:
        return Decision(Action.REFUSE, message="; ".join(certificate.invalid))
    if wanted is None:
        return Decision(
            Action.REFUSE, message="it has no entry of acme_certificates. Give certificate_info the option certificates"
        )
    terms = wanted.terms(directories)
    if not forced and _awaits_switch(certificate.pending, terms, now):
        # Also after a roll-back: the switch is tried again, and no other order is spent.
        return Decision(Action.SWITCH, Reason.SWITCH)
    reason, next_at = _reason(terms, live, forced, revoked), None
    if live and not reason:
        reason, next_at = _due(live, now, timing)
    if live is None or reason:
        can_wait = grace(live, wanted.names, now, bool(revoked)).until is not None
        if certificate.problems:
            return Decision(Action.ISSUE, reason, can_wait=can_wait).postponed("; ".join(certificate.problems))
        repair = _repair(wanted, live) if live and can_wait else None
        message = revoked if reason == Reason.REVOKED else ""
        return Decision(Action.ISSUE, reason, message, can_wait=can_wait, repair=repair)
    return replace(_repair(wanted, live) or Decision(Action.KEEP), next_at=next_at)


def _repair(wanted: CertificateEntry, live: Version) -> Decision | None:
    """Return what to repair on the host without another certificate; None if nothing."""
    if live.attributes:
        return Decision(Action.REPAIR, Reason.ATTRIBUTES, "; ".join(live.attributes))
    if live.formats:
        return Decision(Action.REPAIR, Reason.FORMATS, "; ".join(live.formats))
    if (wanted.reload or wanted.probe) and not live.reloaded:
        return Decision(Action.REPAIR, Reason.RELOAD)
    return None


def _reason(terms: Terms, live: Version | None, forced: bool, revoked: str) -> Reason:
    """Return why the certificate has to be issued whatever its dates are, the most serious reason first."""
    if live is None or live.missing:
        return Reason.MISSING
    if "privkey.pem" in live.damaged or "cert.pem" in live.damaged:
        return Reason.KEY_MISMATCH
    if live.damaged:
        return Reason.DAMAGED
    if revoked:
        return Reason.REVOKED
    for difference in terms.difference(live.terms):
        return difference
    return Reason.FORCED if forced else Reason.NONE


def _due(live: Version, now: datetime, timing: Timing) -> tuple[Reason, datetime | None]:
    """Return why the dates of the live certificate have it renewed now; if they do not, no reason, and from when on."""
    not_before, not_after = validity(live)
    # Renewal information moves the instant, but never beyond the point where waiting ends.
    suggested = timing.suggested
    next_at = min(suggested or lifetime_point(not_before, not_after), emergency_point(not_before, not_after))
    if timing.interval:
        next_at = min(next_at, latest_start(not_before, not_after, timing.interval) or next_at)
    if now < next_at:
        return Reason.NONE, next_at
    return Reason.WINDOW if suggested and now >= suggested else Reason.LIFETIME, None


def _awaits_switch(pending: Version | None, terms: Terms, now: datetime) -> bool:
    """Return True if the pending version has its certificate, which matches the terms and is not due itself."""
    if not pending or not pending.is_issued:
        return False
    return not terms.difference(pending.terms) and now < lifetime_point(*validity(pending))
