# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that decides about a due certificate that a run does not issue: deferred to a later run, or failed.

It does not matter why it was not issued: the CA, DNS, the preflight, the host. The live certificate decides, so that
trouble of a day fails no host that is served well for weeks. Only mistakes in options fail in any case, as they do in
the first step, if they are seen before anything is asked: an objection of a CA or a DNS provider may be their own
trouble, and is deferred. Pure, and standard library only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from .._common.contracts import Version
from .._common.statuses import Status
from .._common.text import listed
from .._common.times import to_minute
from .lifetime import emergency_point, validity


@dataclass(frozen=True)
class Grace:
    """The time for which a host can do without the certificate that is due.

    until: aware UTC; None if it cannot, and why: because of this, for people; empty if it has no certificate.
    """

    until: datetime | None = None
    why: str = ""

    def text(self, status: Status) -> str:
        """Return what *status*, which says if a certificate was deferred, means for its host; mostly empty."""
        if status == Status.DEFERRED and self.until:
            return f"the live certificate is still valid, and the host fails from {to_minute(self.until)} on"
        return self.why if status == Status.FAILED else ""


def grace(live: Version | None, names: Collection[str], now: datetime, is_revoked: bool = False) -> Grace:
    """Return the time for which a host can do without another certificate for *names* (normalized). *now*: aware UTC.

    Clients that check revocation refuse a revoked certificate, and all clients one without the name that they ask for.
    """
    if live is None:
        return Grace()
    if live.missing or live.damaged:
        return Grace(why="the live certificate is not complete")
    until, end = emergency_point(*validity(live)), validity(live)[1]
    lacking = sorted(set(names).difference(live.identifiers))
    if is_revoked:
        return Grace(why="the live certificate is revoked")
    if now >= until:
        return Grace(why=f"the live certificate {'ends' if now < end else 'ended'} at {to_minute(end)}")
    if lacking:
        return Grace(why=f"the live certificate is not for {listed(lacking)}")
    return Grace(until)


def status_of(can_wait: bool, is_mistake: bool = False) -> Status:
    """Return the end of an order that brought no certificate.

    *can_wait*: as grace() has it, by the plan. *is_mistake*: an option of the user is wrong, which no later run mends.
    """
    return Status.DEFERRED if can_wait and not is_mistake else Status.FAILED


def is_near_end(live: Version | None, now: datetime) -> bool:
    """Return True if there is no usable certificate, or it ends so soon that its successor cannot wait."""
    return not (live and live.not_before and live.not_after and grace(live, (), now).until)
