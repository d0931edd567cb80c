# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of a run about later runs: when each certificate is due, and how often the job has to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from .._acme.known_cas import is_lets_encrypt, name_of
from .._common.statuses import Action, Status
from .._common.text import listed
from .._common.times import to_length, to_minute
from .deferral import grace
from .plan import Planned

_SHOWN = 3  # explanations
_MOST_FAILING = 20


def coming(planned: Iterable[Planned]) -> list[tuple[datetime, Planned]]:
    """Return when each certificate that is kept is due, the soonest first."""
    known = ((at, plan) for plan in planned if (at := plan.decision.next_at))
    return sorted(known, key=lambda entry: (entry[0], entry[1].host, entry[1].name))


def lines(entries: Iterable[tuple[datetime, Planned]]) -> list[str]:
    """Return one line for each certificate."""
    return [f"{plan.host}: certificate {plan.name}: next at {to_minute(at)}" for at, plan in entries]


def failing(planned: Iterable[Planned]) -> list[str]:
    """Return one line for each certificate that is kept and whose host could not get the next one now."""
    return [
        f"{_certificate(plan)}: the renewal due {at:%Y-%m-%d} will fail: {'; '.join(plan.certificate.problems)}"
        for at, plan in coming(planned)
        if plan.certificate.problems
    ]


def deferred(planned: Iterable[Planned], now: datetime) -> list[str]:
    """Return one line for each certificate that is due, and that its host can neither get now nor needs at once."""
    found = []
    for plan in planned:
        if plan.certificate.problems and plan.decision.is_postponed:
            lasts = grace(plan.certificate.live, plan.names, now).text(Status.DEFERRED)
            problem = "; ".join(filter(None, (plan.decision.message, lasts)))
            found.append(f"{_certificate(plan)} is deferred to a later run: {problem}")
    return found


def retried(planned: Iterable[Planned]) -> list[str]:
    """Return a line for each certificate whose orders have failed: since when, how often, when it is tried again."""
    found = []
    for item in planned:
        if item.failing:
            found.append(f"{_certificate(item)}: {item.failing}; {_again(item)}")
    more = len(found) - _MOST_FAILING
    return [*found[:_MOST_FAILING], f"and {more} more certificates whose orders fail"] if more > 0 else found


def _again(item: Planned) -> str:
    if item.decision.action == Action.ISSUE:
        return "it is tried again in this run"
    at = item.next_attempt or item.decision.next_at
    return f"the next attempt is at {to_minute(at)}" if at else "a later run tries again"


def shortest_window(planned: Iterable[Planned]) -> tuple[timedelta, Planned] | None:
    """Return the shortest window that a CA suggests for a renewal, and for which certificate."""
    windows = [(plan.info.end - plan.info.start, plan) for plan in planned if plan.info]
    return min(windows, key=lambda entry: entry[0], default=None)


def summary(planned: Sequence[Planned], interval: timedelta) -> list[str]:
    """Return a few lines for people. *interval*: how often the job runs; zero if that is unknown."""
    result = retried(planned)
    entries = coming(planned)
    if entries:
        at, plan = entries[0]
        result.append(f"next at {to_minute(at)}: {_certificate(plan)}; {len(entries)} certificates wait")
    window = shortest_window(planned)
    if window and not timedelta(0) < interval <= window[0]:
        length, plan = window
        url = _issuer(plan)
        windows = f"the windows of {name_of(url)} are as short as {to_length(length)} ({_certificate(plan)})"
        seldom = f"every {to_length(interval)} is too seldom"
        often = seldom if interval else "set acme_run_interval to how often the job runs"
        free = "; within them, it does not count renewals against its limits" if is_lets_encrypt(url) else ""
        result.append(f"{windows}: {often}{free}")
    urls = {plan.info.explanation_url: plan for plan in planned if plan.info and plan.info.explanation_url}
    for url, plan in sorted(urls.items())[:_SHOWN]:
        result.append(f"{name_of(_issuer(plan))} explains the renewal time of {_certificate(plan)}: {url}")
    return result


def elsewhere(planned: Iterable[Planned], directories: Sequence[str]) -> list[str]:
    """Return a line for each CA that has certificates in the place of the first one. *directories*: URLs of the CAs."""
    lines = []
    for url in directories[1:]:
        there = [plan for plan in planned if plan.decision.action == Action.KEEP and _issuer(plan) == url]
        if there:
            named = listed([f"{plan.name} of {plan.host}" for plan in there])
            what = "1 certificate is" if len(there) == 1 else f"{len(there)} certificates are"
            lines.append(f"{what} from {url} ({named}); the next renewal asks {directories[0]} first")
    return lines


def _certificate(plan: Planned) -> str:
    return f"certificate {plan.name} of {plan.host}"


def _issuer(plan: Planned) -> str:
    """Return the URL of the CA that the live certificate is from; empty if that is unknown."""
    live = plan.certificate.live
    return (live.directory if live else None) or ""
