# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources of a plan outside of its pure functions: CAs, the revocation status of certificates, the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .._acme import ca_clock
from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.http import Http
from .._acme.renewal_info import RenewalCache, RenewalInfo, ask_all
from .._common.clock import Clock
from .._common.contracts import HostCertificate
from .._common.deadline import Deadline
from . import issuance_history, plan, revoked_certificates

_CONNECTIONS = 8


class PlanSources:
    """The sources of a plan. Nothing is asked or read before it is needed, and nothing twice.

    warnings: a line for each source that gave no answer, in the order of the questions; directories have problem().
    """

    def __init__(self, options: Mapping[str, Any], ca_paths: Mapping[str, str | None], clock: Clock) -> None:
        """*options*: of acme_plan. *ca_paths*: a file of root certificates, or None, by the URL of a directory."""
        self._options = options
        self._clock = clock
        self._cache = RenewalCache(options["cache"])
        timeout = options["request_timeout"]
        self._sessions = {url: Http(clock, url, ca_path, timeout, _CONNECTIONS) for url, ca_path in ca_paths.items()}
        self._directories: dict[str, Directory | None] = {}
        self._problems: dict[str, str] = {}
        self._record: Sequence[issuance_history.RecordedCertificate] | None = None
        self.warnings: list[str] = []

    def now(self) -> datetime:
        """Return the time of day (aware UTC): that of a CA, if it has shown that this machine's clock is wrong."""
        return self._right_clock().now()

    def controller_ahead(self) -> int:
        """Return by how many seconds this machine's clock is ahead of now(); below zero if it is behind."""
        session = self._with_other_clock()
        return -round(session.clock_ahead.total_seconds()) if session else 0

    def clock_warning(self) -> str:
        """Return a line if this machine's clock is wrong; an empty text if not."""
        session = self._with_other_clock()
        return ca_clock.warning(session.directory_url, session.clock_ahead) if session else ""

    def _right_clock(self) -> Clock:
        session = self._with_other_clock()
        return session.clock if session else self._clock

    def _with_other_clock(self) -> Http | None:
        return next((session for session in self._sessions.values() if session.clock_ahead), None)

    def directory(self, url: str, seconds: float | None = None) -> Directory | None:
        """Return the directory at *url*, one of those of `ca_paths`; None if there is a problem().

        *seconds*: how long it may take; None for the usual attempts.
        """
        if url not in self._directories:
            self._directories[url] = None
            try:
                deadline = None if seconds is None else Deadline(self._clock, seconds)
                self._directories[url] = Directory.fetch(self._sessions[url], url, deadline)
            except AcmeError as error:
                self._problems[url] = str(error)
        return self._directories[url]

    def problem(self, url: str) -> str:
        """Return why the directory at *url* could not be read; empty also if it was not asked for."""
        return self._problems.get(url, "")

    def renewal_information(self, questions: Mapping[str, Sequence[str]]) -> dict[str, RenewalInfo]:
        """Return what CAs suggest, by ARI id. *questions*: ARI ids by the URL of a directory (plan.AskRenewal)."""
        answers: dict[str, RenewalInfo] = {}
        for url, ari_ids in questions.items() if self._options["renewal_information"] else ():
            session = self._sessions.get(url)
            directory = self.directory(url) if session else None
            if session and directory is None:
                # So that another CA can take over in time. The problem() of this one is said anyway.
                answers.update(self._cache.last_known(ari_ids))
            elif session and directory and directory.renewal_info:
                answered, problems = ask_all(session, directory.renewal_info, ari_ids, _CONNECTIONS, self._cache)
                answers.update(answered)
                self.warnings.extend(problems)
        return answers

    def revoked(self, certificates: Sequence[HostCertificate]) -> dict[plan.Version, str]:
        """Return for each version that is revoked a line about it; CAs are asked with `check_revocation` only."""
        marked = revoked_certificates.marked(certificates, self._revocations())
        if not self._options["check_revocation"]:
            return marked
        revoked, problems = revoked_certificates.revoked(certificates, self._ask_status, marked)
        self.warnings.extend(problems)
        return revoked

    def record(self) -> Sequence[issuance_history.RecordedCertificate]:
        """Return the controller's record, the oldest first; nothing where it cannot be read."""
        if self._record is None:
            path = self._options["history"]
            try:
                # Damaged lines are reported where the record matters most, in a revocation.
                self._record = issuance_history.read(path)[0] if path else []
            except AcmeError as error:
                self._warn_once(error)
                self._record = []
        return self._record

    def _revocations(self) -> Mapping[tuple[str, str], issuance_history.RecordedRevocation]:
        """Return the revocations in the controller's record; nothing where it cannot be read."""
        path = self._options["history"]
        try:
            return issuance_history.read_revocations(path) if path else {}
        except AcmeError as error:
            self._warn_once(error)
            return {}

    def _warn_once(self, error: AcmeError) -> None:
        if str(error) not in self.warnings:
            self.warnings.append(str(error))

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            session.close()

    def save(self) -> str:
        """Write what has to be kept for the next run, and return what went wrong, in a line."""
        return self._cache.save(self._clock.now())

    def _ask_status(self, contents: Sequence[str]) -> Sequence[Any]:
        from .._status import look_up

        options = self._options
        ca_path = next(iter(options["ca_paths"].values()))
        asked = look_up.LookUpOptions(options["cache"], ca_path, options["request_timeout"])
        statuses, problem = look_up.look_up(contents, self._right_clock(), asked)
        self.warnings.extend(filter(None, [problem]))
        return statuses
