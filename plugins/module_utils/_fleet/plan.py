# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run: every certificate's decision, with the CA's renewal information where it bears on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.renewal_info import RenewalInfo
from .._common.contracts import HostCertificate, PlannedCertificate, SharedKey
from .._common.statuses import Action, Reason
from .._common.times import utc
from .decision import Decision, decide

LIVE, PENDING = "live", "pending"
#: Said of a certificate for which a host's answer cannot be used.
MALFORMED = "certificate_info returned malformed data for this certificate"
#: A certificate that a host has: host, name, and whether it is the live one or the pending one that awaits its switch.
Version = tuple[str, str, str]
#: Asks CAs about their certificates, ARI ids by directory: what is known of each that is answered for.
AskRenewal = Callable[[Mapping[str, list[str]]], Mapping[str, RenewalInfo]]


@dataclass(frozen=True)
class Planned:
    """A certificate of a host, as certificate_info found it, and what is to be done.

    share: from whom the host gets it; with a serial number, one that is there. info: what the CA said of its renewal.
    directory: the CA to be asked first, if that is not the first one. selected: it is to be replaced, with a new key.
    """

    host: str
    name: str
    found: HostCertificate
    decision: Decision
    replaces: str | None = None
    share: SharedKey | None = None
    info: RenewalInfo | None = None
    directory: str | None = None
    selected: bool = False

    def line(self) -> str:
        """One line for people."""
        why = ": ".join(text for text in (self.decision.reason, self.decision.message) if text)
        return f"{self.host}: certificate {self.name}: {self.decision.action} ({why})"

    @property
    def is_shared(self) -> bool:
        """True if several hosts are to have it."""
        return bool(self.found.wanted and self.found.wanted.shared)

    def decided(self) -> PlannedCertificate:
        """Return what the plan says of the certificate."""
        decision = self.decision
        return PlannedCertificate(
            name=self.name,
            action=decision.action,
            reason=decision.reason,
            message=decision.message,
            can_wait=decision.can_wait,
            replaces_cert_id=self.replaces,
            next=utc(decision.next_at) if decision.next_at else None,
            directory=self.directory,
            selected=self.selected,
            explanation_url=(self.info.explanation_url if self.info else None) or None,
        )


def make(
    found: Iterable[HostCertificate],
    directories: Collection[str],
    now: datetime,
    forced: bool,
    ask_renewal: AskRenewal,
    selected: Callable[[HostCertificate], bool] | None = None,
    interval: timedelta = timedelta(0),
    revoked: Mapping[Version, str] = MappingProxyType({}),
) -> list[Planned]:
    """Decide for all. A CA is asked only of its certificates for which its word makes a difference.

    *selected*: which certificates are to be replaced, with all forced if *forced*. *interval*: how often this is run,
    if that is known. *revoked*: of certificates that the CA has revoked what it says of them.
    """
    found = list(found)
    times = Counter((item.host, item.name) for item in found)
    planned = []
    for item in found:
        host = item.host or ""
        replacing = False
        try:
            if revoked.get((host, item.name, PENDING)):
                item = replace(item, pending=None)  # nobody switches to it
            replacing = bool(selected and selected(item))
            said = revoked.get((host, item.name, LIVE), "")
            decision = decide(item, directories, now, forced=forced or replacing, revoked=said)
        except ValueError:
            # As a version without dates: whatever one host has is no reason to stop for the others.
            item = replace(item, live=None, pending=None, issued=())
            decision = Decision(Action.REFUSE, message=MALFORMED)
        if times[item.host, item.name] > 1:
            decision = Decision(Action.REFUSE, message="acme_certificates has more than one certificate of this name")
        planned.append(Planned(host, item.name, item, decision, selected=replacing))
    asked: dict[str, set[str]] = {}
    for plan in planned:
        ari_id = _ari_id(plan)
        if ari_id and _depends(plan.decision) and plan.found.live and plan.found.live.directory:
            asked.setdefault(plan.found.live.directory, set()).add(ari_id)
    suggested = ask_renewal({url: sorted(ari_ids) for url, ari_ids in asked.items()}) if asked else {}
    return [_with_suggestion(plan, directories, now, suggested, interval) for plan in planned]


def verify_profile(plan: Planned, offering: Iterable[Directory]) -> Planned:
    """Refuse what would be ordered under a profile that none of the CAs offers."""
    if plan.decision.action != Action.ISSUE:
        return plan
    problem = ""
    for directory in offering:
        try:
            directory.verify_profile(plan.found.wanted.profile if plan.found.wanted else None)
        except AcmeError as error:
            problem = problem or str(error)
        else:
            return plan
    return replace(plan, decision=Decision(Action.REFUSE, plan.decision.reason, problem))


def without_ca(plan: Planned, why: str) -> Planned:
    """Without the CA, what can wait does; the rest is refused before its host is touched."""
    return replace(plan, decision=plan.decision.postponed(why)) if plan.decision.action == Action.ISSUE else plan


def ordered_from(plan: Planned, url: str, usual: str) -> Planned:
    """Ordered from another CA than the *usual* one, which does not answer."""
    return replace(plan, directory=url) if plan.decision.action == Action.ISSUE and url != usual else plan


def _with_suggestion(
    plan: Planned,
    directories: Collection[str],
    now: datetime,
    suggested: Mapping[str, RenewalInfo],
    interval: timedelta,
) -> Planned:
    ari_id = _ari_id(plan)
    decision, info = plan.decision, None
    if ari_id and ari_id in suggested and _depends(decision):
        info = suggested[ari_id]
        decision = decide(plan.found, directories, now, info.instant(ari_id, interval))
        if decision.reason == Reason.WINDOW and info.explanation_url:
            decision = replace(decision, message=f"see {info.explanation_url}")
    live = plan.found.live
    # RFC 9773 section 5: the same CA's certificate; acme_order sends it to that CA only.
    replaces = ari_id if decision.action == Action.ISSUE and live and live.directory in directories else None
    return replace(plan, decision=decision, replaces=replaces, info=info)


def _depends(decision: Decision) -> bool:
    """Whether renewal information bears on it: it is kept, or due by its lifetime and could wait."""
    return bool(decision.next_at) or (decision.reason == Reason.LIFETIME and decision.can_wait)


def _ari_id(plan: Planned) -> str | None:
    return plan.found.live.ari_id if plan.found.live else None
