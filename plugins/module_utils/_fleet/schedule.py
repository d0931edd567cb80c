# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schedule of the job, and certificates that may expire before a run renews them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .._common.contracts import HostCertificate
from .._common.times import parse_utc, to_length
from .lifetime import latest_start, validity

if TYPE_CHECKING:  # what it imports takes long to load, and a step for each host uses this file
    from .plan import Planned

# Certificates that live longer are renewed in time by a job that runs every week.
_SHORT = timedelta(days=10)


def seen_interval(certificate: HostCertificate) -> timedelta:
    """Return how often the job runs at least, by what the host was issued; zero if that is unknown.

    Each certificate came by a run. There may have been runs between, so this is too long rather than too short. The
    first of them may have been issued by hand, at any time before the next run of the job: it takes three.
    """
    instants = sorted(parse_utc(item.at) for item in certificate.issued)
    gaps = [later - earlier for earlier, later in zip(instants, instants[1:])]
    return max(gaps) if len(gaps) > 1 else timedelta(0)


def problem(not_before: datetime, not_after: datetime, interval: timedelta) -> str:
    """Return why a certificate with this validity may expire before a run renews it; empty if it will not.

    *interval*: how often the job runs; zero if that is unknown.
    """
    life = not_after - not_before
    advice = f"Run the job at least every {to_length(life / 4)}"
    if not interval:
        unknown = f"it is valid for {to_length(life)}, and how often the job runs is unknown. {advice}, and set"
        return f"may expire before it is renewed: {unknown} acme_run_interval" if life < _SHORT else ""
    if latest_start(not_before, not_after, interval):
        return ""
    return (
        f"cannot be renewed in time: it is valid for {to_length(life)}, and the job runs every {to_length(interval)}. "
        + advice
    )


def warnings(planned: Sequence[Planned], interval: timedelta) -> list[str]:
    """Return a line for each kind of certificates that may expire before a run renews them.

    *interval*: how often the job runs; zero if the user does not say so.
    """
    found: dict[str, list[Planned]] = {}
    for item in planned:
        live = item.certificate.live
        if live and live.not_before and live.not_after:
            text = problem(*validity(live), interval or seen_interval(item.certificate))
            if text:
                found.setdefault(text, []).append(item)
    return [
        f"certificate {items[0].name} of {items[0].host}{_more(len(items) - 1)} {text}" for text, items in found.items()
    ]


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""
