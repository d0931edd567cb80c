# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One plan for all hosts: what acme_plan does with its options. Pure, but for the sources that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._acme.errors import AcmeError
from .._acme.registered_domain import counted_by
from .._common.clock import Clock
from .._common.contracts import HostCertificate, plain
from .._common.identifiers import IdentifierError
from .._common.schema import Malformed
from .._common.statuses import Action
from .._common.times import parse_interval
from . import forecast, plan, rationing, renewal_windows, schedule, shared_certificates, unlisted
from .plan import Planned, Settings
from .plan_sources import PlanSources
from .rate_limits import Limits, limits_of_all
from .retries import Retries
from .routes import Cas
from .selection import Selection, counted


@dataclass(frozen=True)
class PlanRequest:
    """The certificates of all hosts, and what the user wants of the plan.

    elsewhere: certificates of hosts that nothing is planned for. directories: the URLs of the CAs, the first choice
    first. profiles: by URL, as in Cas. unlisted: names of certificates by host; remove_unlisted: the hosts that want
    theirs removed. settings: those that all orders have in common, without secrets. retry_failed: orders that failed do
    not wait. unanswered: the hosts of which nothing is known.
    """

    certificates: Sequence[HostCertificate]
    directories: Sequence[str]
    profiles: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Sequence[HostCertificate] = ()
    is_forced: bool = False
    selection: Selection | None = None
    interval: timedelta = timedelta(0)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    unlisted: Mapping[str, Iterable[str]] = field(default_factory=dict)
    remove_unlisted: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    retry_failed: bool = False
    unanswered: Sequence[str] = ()

    @classmethod
    def parse(cls, options: Mapping[str, Any], directories: Sequence[str], now: datetime) -> PlanRequest:
        """Parse the options of acme_plan. *now*: aware UTC. Raises AcmeError."""
        return cls(
            certificates=parse_certificates(options["certificates"]),
            directories=directories,
            profiles=options["profiles"],
            elsewhere=parse_certificates(options["elsewhere"]),
            is_forced=options["force"],
            selection=Selection.parse(options["replace"], _text, now),
            interval=parse_interval(options["run_interval"]),
            limits=limits_of_all(options["limits"], options["ca_limits"]),
            unlisted=options["unlisted"],
            remove_unlisted=options["remove_unlisted"],
            settings=options["settings"],
            retry_failed=options["retry_failed"],
            unanswered=options["unanswered"],
        )

    @property
    def since(self) -> str:
        """The time from which on a key was made to replace another, as manifests have it; empty if any may be old."""
        return self.selection.since() if self.selection else ""


#: Look at a plan, with its sources, and return warnings.
Watch = Callable[[Sequence[Planned], PlanSources], list[str]]


def make_plan(
    options: Mapping[str, Any],
    warn: Callable[[str], None],
    clock: Clock | None = None,
    watch: Watch = lambda _planned, _sources: [],
) -> dict[str, Any]:
    """Return the plan as acme_plan does. Raises AcmeError for bad options.

    *options*: of that module, with three for acme_directory, each by the URL of a directory: `ca_paths`, the ca_path of
    each CA, the first choice first; `profiles` and `ca_limits`, for CAs with their own.
    """
    clock = clock or Clock()
    ca_paths = options["ca_paths"]
    request = PlanRequest.parse(options, list(ca_paths), clock.now())
    with closing(PlanSources(options, ca_paths, clock)) as sources:
        planned, warnings = plan_certificates(request, sources)
        warnings += watch(planned, sources)
    warnings += filter(None, [sources.clock_warning(), sources.save()])
    removals, kept = unlisted.plan_removals(planned, request.unlisted, request.remove_unlisted)
    for text in [*warnings, *forecast.deferred(planned, sources.now()), *forecast.failing(planned), *kept]:
        warn(text)
    return {**result(request, [*planned, *removals]), "controller_ahead": sources.controller_ahead()}


def plan_certificates(request: PlanRequest, sources: PlanSources) -> tuple[list[Planned], list[str]]:
    """Return the decision for each certificate of *request*, and warnings about *sources* and about what waits."""
    directories = request.directories
    if request.certificates:
        sources.directory(directories[0])
    revoked = sources.revoked([*request.certificates, *request.elsewhere])
    now = sources.now()
    settings = Settings(directories, now, request.is_forced, request.selection, request.interval)
    planned = plan.decide_all(request.certificates, settings, sources.renewal_information, revoked)
    others = plan.decide_all(request.elsewhere, Settings(directories, now), sources.renewal_information, revoked)
    planned = shared_certificates.share(planned, others, sources.record, request.since)
    retries = Retries(directories, now, request.settings, request.retry_failed, request.is_forced)
    planned = retries.apply(planned)
    planned, waiting = _with_cas(planned, request, sources, now)
    ignored = ((item.certificate, item.ignored) for item in planned if item.ignored)
    warnings = [*sources.warnings, *renewal_windows.warnings(ignored), *waiting]
    so_far = "; ".join(warnings)
    problems = filter(None, map(sources.problem, directories))
    warnings += [problem for problem in problems if problem not in so_far]
    warnings += schedule.warnings(planned, request.interval)
    return shared_certificates.postpone_receivers(planned), warnings


def parse_certificates(items: Sequence[Mapping[str, Any]]) -> list[HostCertificate]:
    """Return what hosts have of certificates. One for which this is malformed is refused later, and no other."""
    certificates = []
    for number, item in enumerate(items):
        try:
            certificate = HostCertificate.from_result(item, f"certificates[{number}]")
            if certificate.wanted and not certificate.invalid:  # which may come from anybody who uses the module
                certificate = replace(certificate, wanted=certificate.wanted.normalized())
            certificates.append(certificate)
        except (Malformed, IdentifierError) as error:
            host, name = (str(item.get(field) or "") for field in ("host", "name"))
            certificates.append(HostCertificate(name, host, invalid=(f"{plan.MALFORMED}: {error}",)))
    return certificates


def result(request: PlanRequest, planned: Sequence[Planned]) -> dict[str, Any]:
    """Return the plan as acme_plan does. *planned*: with what is to be removed."""
    due = [item for item in planned if item.decision.action != Action.KEEP]
    hosts: dict[str, list[dict[str, Any]]] = {}
    for item in planned:
        hosts.setdefault(item.host, []).append(item.decided().to_result())
    replacing = _replacing(planned, request)
    summary = forecast.summary(planned, request.interval) + forecast.elsewhere(planned, request.directories)
    if replacing:
        summary.insert(0, counted(replacing["selected"], replacing["now"], request.unanswered))
    return {
        "directory": request.directories[0],
        "directories": list(request.directories),
        "due": sorted({item.host for item in due}),
        "lines": [item.line() for item in due],
        "hosts": hosts,
        "shares": plain(shared_certificates.shares(planned)),
        "replacing": replacing,
        "summary": summary,
        "coming": forecast.lines(forecast.coming(planned)),
    }


def _with_cas(
    planned: list[Planned], request: PlanRequest, sources: PlanSources, now: datetime
) -> tuple[list[Planned], list[str]]:
    """Return the plan with orders that the CAs take now: those that answer, within their limits; and warnings."""
    cas = Cas(request.directories, request.profiles, request.since, request.retry_failed)
    routed = [cas.route(item, sources, now) for item in planned]
    is_due = any(item.decision.action == Action.ISSUE for item in planned)
    down = [sources.problem(url) for url in request.directories[: None if is_due else 1]]
    if request.certificates and all(down):
        return routed, [f"{'; '.join(down)}; nothing is issued in this run"]
    return rationing.keep_within(routed, request.limits, cas, now, counted_by, sources.record)


def _replacing(planned: Sequence[Planned], request: PlanRequest) -> dict[str, Any] | None:
    """Return how many certificates are to be replaced, now and later, and since when a key is a new one."""
    if not request.selection:
        return None
    selected = [item for item in planned if item.selected]
    now = sum(item.decision.action in (Action.ISSUE, Action.RECEIVE) for item in selected)
    return {"selected": len(selected), "now": now, "left": len(selected) - now, "before": request.since}


def _text(path: str) -> str:
    """Return the text of a file of the controller. Raises AcmeError."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AcmeError(f"{path} cannot be read: {error.strerror}") from None
