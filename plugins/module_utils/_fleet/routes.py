# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CAs that each order of a plan may go to in this run. Pure, but for the directories that sources return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._common.statuses import Action
from .._common.times import to_minute
from .attempts import when
from .ca_choice import choose, passed_over
from .decision import Decision
from .deferral import is_near_end
from .plan import Planned, without_ca


class Directories(Protocol):
    """The directories of CAs, each read when it is asked for; None, and a problem, where that fails."""

    def directory(self, url: str) -> Directory | None:
        """Return the directory at *url*."""

    def problem(self, url: str) -> str:
        """Return why it could not be read; empty also if it was not asked for."""


@dataclass(frozen=True)
class Cas:
    """The CAs of a plan. directories: their URLs, the first choice first.

    profiles: by URL, what is asked for instead of a profile that the CA does not offer; empty for none. since: as in
    HostCertificate.journaled(), for certificates that are to be replaced. at_once: orders that failed before are made
    as if they had not, because the user wants so.
    """

    directories: Sequence[str]
    profiles: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    at_once: bool = False

    def route(self, item: Planned, sources: Directories, now: datetime) -> Planned:
        """Return an order with the CAs that may take it; postponed or refused where none can."""
        if item.decision.action != Action.ISSUE:
            return item
        certificate, wanted = item.certificate, item.certificate.wanted
        pending = certificate.journaled(self.directories, self.since if item.selected else None)
        home = pending.directory if pending else None
        # With other settings, an order may succeed that failed before.
        failed = [] if self.at_once else [order for order in certificate.failed if order.digest == item.digest]
        near_end = is_near_end(certificate.live, now)
        choice = choose(self.directories, failed, near_end, journaled=home)
        profile = wanted.profile if wanted else None
        able: list[str] = []
        down, unable = {}, {}
        asked = [url for url in choice.directories if url not in item.waits]
        for url in asked:
            # Without a profile the first CA that answers is enough, and no other is asked.
            directory = sources.directory(url) if profile or not able else None
            if sources.problem(url):
                down[url] = sources.problem(url)
                continue
            try:
                if directory:
                    directory.profile_for(profile, self.profiles.get(url))
                able.append(url)
            except AcmeError as error:
                unable[url] = str(error)
        if not able:
            why = "; ".join([*down.values(), *unable.values()])
            if item.waits:
                return _waiting(item, why, is_asked_again=bool(down))
            if down:
                return without_ca(item, why)
            return replace(item, decision=Decision(Action.REFUSE, item.decision.reason, why))
        waits = {url: f"orders there wait until {to_minute(at)}" for url, at in item.waits.items()}
        passed = {**waits, **choice.reasons, **unable, **down}
        item = replace(item, cas=tuple(able), passed=passed, journaled=pending)
        return self.ordered_from(item, able[0])

    def ordered_from(self, item: Planned, url: str) -> Planned:
        """Return an order that is sent to the CA with this *url* first, and never to those before it in its route."""
        usual = (item.journaled.directory if item.journaled else None) or self.directories[0]
        return replace(
            item,
            cas=item.cas[item.cas.index(url) :],
            directory=url if url != usual else None,
            not_first=passed_over(url, self.directories, item.passed),
        )


def _waiting(item: Planned, why: str, is_asked_again: bool) -> Planned:
    """Return an order that waits for its next attempt. *why*: why no CA that may be asked now can take it.

    *is_asked_again*: one of these is only down, and the next run asks it, however long the others are waited for.
    """
    until = None if is_asked_again else min(item.waits.values())
    again = when(until) if until else "the next run tries again"
    message = "; ".join(filter(None, (item.failing, why, again)))
    return replace(item, decision=item.decision.postponed(message, until), next_attempt=until)
