# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run: the decision for each certificate, with the CA's renewal information where it matters. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from .._acme.renewal_info import RenewalInfo
from .._common import contracts
from .._common.contracts import HostCertificate, PlannedCertificate, SharedKey
from .._common.statuses import Action, Reason
from .._common.times import utc
from .decision import Decision, Timing, decide
from .renewal_windows import is_credible

LIVE, PENDING = "live", "pending"
#: The message for a certificate for which a host's answer cannot be used.
MALFORMED = "certificate_info returned malformed data for this certificate"
#: A version that a host has of a certificate: host, name, and LIVE or PENDING (one that awaits its switch).
Version = tuple[str, str, str]
#: Ask CAs for renewal information: from ARI ids by directory URL to what is known, by ARI id.
AskRenewal = Callable[[Mapping[str, list[str]]], Mapping[str, RenewalInfo]]


@dataclass(frozen=True)
class Settings:
    """The settings that decisions depend on besides the certificates.

    directories: the URLs of the CAs that are wanted, any of them. now: aware UTC. is_forced: issue all. is_selected:
    True for a certificate that is to be replaced. interval: how often the job runs; zero if that is unknown.
    """

    directories: Collection[str]
    now: datetime
    is_forced: bool = False
    is_selected: Callable[[HostCertificate], bool] | None = None
    interval: timedelta = timedelta(0)


@dataclass(frozen=True)
class Planned:
    """A certificate of a host, as certificate_info returned it, and the decision for it.

    share: from whom the host gets it; with a serial number, one that exists. info: the CA's renewal information.
    cas: the URLs of the CAs to order from, in the order in which they are asked. passed: why a CA is not asked, or not
    in its turn of the list, by URL. journaled: the version whose order is resumed. directory, not_first: as in
    PlannedCertificate. selected: it is to be replaced with a new key. replaces_ari_id: the ARI id of the certificate
    that an order replaces. digest: of what its order is made with. ignored: renewal information that does not count.
    failing: since when, and how often, its orders have failed, for people. next_attempt: when, if not in this run.
    waits: until when CAs are not asked for it, by their URL.
    """

    host: str
    name: str
    certificate: HostCertificate
    decision: Decision
    replaces_ari_id: str | None = None
    share: SharedKey | None = None
    info: RenewalInfo | None = None
    cas: tuple[str, ...] = ()
    passed: Mapping[str, str] = field(default_factory=dict)
    journaled: contracts.Version | None = None
    directory: str | None = None
    not_first: str = ""
    selected: bool = False
    digest: str | None = None
    ignored: RenewalInfo | None = None
    failing: str = ""
    next_attempt: datetime | None = None
    waits: Mapping[str, datetime] = field(default_factory=dict)

    def line(self) -> str:
        """Return one line for people."""
        why = ": ".join(text for text in (self.decision.reason, self.decision.message) if text)
        at = f" at {self.directory}" if self.directory else ""
        return f"{self.host}: certificate {self.name}: {self.decision.action} ({why}){at}"

    @property
    def is_shared(self) -> bool:
        """True if several hosts are to have it."""
        return bool(self.certificate.wanted and self.certificate.wanted.shared)

    @property
    def names(self) -> list[str]:
        """The names and addresses that are wanted."""
        return self.certificate.wanted.names if self.certificate.wanted else []

    def decided(self) -> PlannedCertificate:
        """Return what the plan says of the certificate."""
        decision = self.decision
        return PlannedCertificate(
            name=self.name,
            action=decision.action,
            reason=decision.reason,
            message=decision.message,
            can_wait=decision.can_wait,
            replaces_ari_id=self.replaces_ari_id,
            next=utc(decision.next_at) if decision.next_at else None,
            directory=self.directory,
            other_directories=self.cas[1:] if self.passed or len(self.cas) > 1 else None,
            not_first=self.not_first or None,
            selected=self.selected,
            explanation_url=(self.info.explanation_url if self.info else None) or None,
            digest=self.digest,
        )


def decide_all(
    certificates: Iterable[HostCertificate],
    settings: Settings,
    ask_renewal: AskRenewal,
    revoked: Mapping[Version, str] = MappingProxyType({}),
) -> list[Planned]:
    """Decide for all certificates. A CA is asked only for those whose decision depends on its answer.

    *revoked*: for each version that is revoked, what the CA says of it, in a line.
    """
    planned = _without_twins([_decided(item, settings, revoked) for item in certificates])
    questions = _questions(planned)
    answers = ask_renewal(questions) if questions else {}
    return [_with_renewal_info(item, settings, answers) for item in planned]


def _decided(certificate: HostCertificate, settings: Settings, revoked: Mapping[Version, str]) -> Planned:
    """Decide by the host's word and the clock alone."""
    host, name = certificate.host or "", certificate.name
    if revoked.get((host, name, PENDING)):
        certificate = replace(certificate, pending=None)  # nobody switches to it
    selected = False
    try:
        selected = bool(settings.is_selected and settings.is_selected(certificate))
        decision = decide(
            certificate,
            settings.directories,
            settings.now,
            Timing(interval=settings.interval),
            forced=settings.is_forced or selected,
            revoked=revoked.get((host, name, LIVE), ""),
        )
    except ValueError:
        # Such as a version without dates. The malformed answer of one host must not stop the others.
        certificate = replace(certificate, live=None, pending=None, issued=())
        decision = Decision(Action.REFUSE, message=MALFORMED)
    return Planned(host, name, certificate, decision, selected=selected)


def _without_twins(planned: Sequence[Planned]) -> list[Planned]:
    """Refuse certificates of which a host has several with one name."""
    times = Counter((item.host, item.name) for item in planned)
    refused = Decision(Action.REFUSE, message="acme_certificates has more than one certificate of this name")
    return [replace(item, decision=refused) if times[item.host, item.name] > 1 else item for item in planned]


def _questions(planned: Iterable[Planned]) -> dict[str, list[str]]:
    """Return the ARI ids to ask for, sorted, by the URL of the directory of their CA."""
    questions: dict[str, set[str]] = {}
    for item in planned:
        live = item.certificate.live
        if live and live.ari_id and live.directory and _needs_renewal_info(item.decision):
            questions.setdefault(live.directory, set()).add(live.ari_id)
    return {directory: sorted(ari_ids) for directory, ari_ids in questions.items()}


def without_ca(plan: Planned, why: str) -> Planned:
    """Postpone an order where no CA answers, or refuse it before its host is changed if it cannot wait."""
    return replace(plan, decision=plan.decision.postponed(why)) if plan.decision.action == Action.ISSUE else plan


def _with_renewal_info(plan: Planned, settings: Settings, answers: Mapping[str, RenewalInfo]) -> Planned:
    """Decide again with the CA's renewal information, if there is any."""
    live, decision, info = plan.certificate.live, plan.decision, None
    ari_id = live.ari_id if live else None
    if ari_id and ari_id in answers and _needs_renewal_info(decision):
        info = answers[ari_id]
        if not is_credible(info, plan.certificate):
            plan, info = replace(plan, ignored=info), None
    if ari_id and info:
        timing = Timing(info.instant(ari_id, settings.interval), settings.interval)
        decision = decide(plan.certificate, settings.directories, settings.now, timing)
        if decision.reason == Reason.WINDOW and info.explanation_url:
            decision = replace(decision, message=f"see {info.explanation_url}")
    replaces = ari_id if decision.action == Action.ISSUE and _can_be_replaced(plan, settings) else None
    return replace(plan, decision=decision, replaces_ari_id=replaces, info=info)


def _can_be_replaced(plan: Planned, settings: Settings) -> bool:
    """Return True if an order may say that it replaces the live certificate.

    RFC 9773 section 5: it is of the same CA (acme_order sends the id to that one only), and they share an identifier.
    """
    live, wanted = plan.certificate.live, plan.certificate.wanted
    return bool(
        live
        and wanted
        and live.directory in settings.directories
        and not set(live.identifiers).isdisjoint(wanted.names)
    )


def _needs_renewal_info(decision: Decision) -> bool:
    """Return True if renewal information may change a decision: it is kept, or due by its lifetime and could wait."""
    return bool(decision.next_at) or (decision.reason == Reason.LIFETIME and decision.can_wait)
