# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run tells of those to come: when each certificate comes next, and how often the job has to run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from .plan import Planned

_SHOWN = 3  # explanations


def coming(planned: Iterable[Planned]) -> list[tuple[datetime, Planned]]:
    """When each certificate that is kept comes next, the soonest first."""
    known = [(plan.decision.next_at, plan) for plan in planned if plan.decision.next_at]
    return sorted(((at, plan) for at, plan in known if at), key=lambda entry: (entry[0], entry[1].host, entry[1].name))


def lines(entries: Iterable[tuple[datetime, Planned]]) -> list[str]:
    """One line for each certificate."""
    return [f"{plan.host}: certificate {plan.name}: next at {_utc(at)}" for at, plan in entries]


def failing(planned: Iterable[Planned]) -> list[str]:
    """Return one line for each certificate that is kept, and whose host could not get the next one as it is now."""
    return [
        f"certificate {plan.name} of {plan.host}: the renewal due {at:%Y-%m-%d} will fail: "
        f"{'; '.join(plan.found.problems)}"
        for at, plan in coming(planned)
        if plan.found.problems
    ]


def shortest_window(planned: Iterable[Planned]) -> tuple[timedelta, Planned] | None:
    """The shortest window in which a CA would have one of the certificates renewed, and whose it is."""
    windows = [(plan.info.end - plan.info.start, plan) for plan in planned if plan.info]
    return min(windows, key=lambda entry: entry[0], default=None)


def summary(planned: list[Planned], interval: timedelta) -> list[str]:
    """A few lines for people. *interval*: how often the job runs, if that is known."""
    told = []
    entries = coming(planned)
    if entries:
        at, plan = entries[0]
        told.append(f"next at {_utc(at)}: certificate {plan.name} of {plan.host}; {len(entries)} certificates wait")
    window = shortest_window(planned)
    if window and not timedelta(0) < interval <= window[0]:
        length, plan = window
        windows = f"the CA's windows are as short as {_length(length)} (certificate {plan.name} of {plan.host})"
        often = (
            f"every {_length(interval)} is too seldom"
            if interval
            else "say in acme_run_interval how often the job runs"
        )
        told.append(f"{windows}: {often}; within them, Let's Encrypt does not count renewals against its limits")
    urls = {plan.info.explanation_url: plan for plan in planned if plan.info and plan.info.explanation_url}
    for url, plan in sorted(urls.items())[:_SHOWN]:
        told.append(f"the CA explains when it would have certificate {plan.name} of {plan.host} renewed: {url}")
    return told


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _length(length: timedelta) -> str:
    minutes = int(length / timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes or not hours else ""]
    return " ".join(filter(None, parts))
