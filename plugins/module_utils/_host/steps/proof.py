# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove a host's new versions: test, reload and probe its services, and roll back what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ..._common.errors import CollectionError
from ..wanted.endpoints import Endpoint
from ..wanted.reloads import NOTIFY, Reload
from ..wanted.wanted import WantedCertificate
from . import deployment

#: Returns for each endpoint and the certificate (PEM) that it has to serve a problem, or an empty text.
Probe = Callable[[Sequence[tuple[Endpoint, bytes]]], list[str]]


class Services(Protocol):
    """The host's services. Both methods raise CollectionError."""

    def test(self, entry: Reload) -> None:
        """Test the configuration, if the entry or its service has a test."""

    def reload(self, entry: Reload) -> None:
        """Have a service read its certificates again."""


class Proof:
    """Prove all new versions of a host at once.

    reloaded: what was reloaded. failures: for each certificate that failed, the reason, and the version that is live.
    now: aware UTC.
    """

    def __init__(
        self, home: str, wanted: Mapping[str, WantedCertificate], services: Services, probe: Probe, now: datetime
    ) -> None:
        self.reloaded: dict[str, None] = {}
        self.failures: dict[str, str] = {}
        self._home = home
        self._wanted = wanted
        self._services = services
        self._probe = probe
        self._now = now
        self._versions: Mapping[str, str] = {}
        self._returns: dict[str, deployment.Return] = {}

    def prove(self, versions: Mapping[str, str]) -> list[str]:
        """Test, reload and probe each service once for all. Return the names of the certificates that pass.

        One that fails a step is rolled back at once, so that no later step sees it. *versions*: numbers by name.
        """
        self._versions = versions
        passing = list(versions)
        for step in (self._test, self._reload, self._probe_all):
            failed = step(passing)
            for name, why in failed.items():
                self._go_back(name, why)
            passing = [name for name in passing if name not in failed]
        self._reload_what_went_back()
        return passing

    def _test(self, names: Sequence[str]) -> dict[str, str]:
        return self._by_name(names, self._tested(self._entries(names)))

    def _reload(self, names: Sequence[str]) -> dict[str, str]:
        entries = self._entries(names)
        failed = self._reload_each(entries)
        self.reloaded.update(dict.fromkeys(str(entry) for entry in entries if entry not in failed))
        return self._by_name(names, failed)

    def _probe_all(self, names: Sequence[str]) -> dict[str, str]:
        problems: dict[str, str] = {}
        jobs: list[tuple[str, Endpoint, bytes]] = []
        for name in names:
            probes = self._wanted[name].probes
            try:
                pem = deployment.certificate(self._home, name, self._versions[name]) if probes else b""
            except CollectionError as error:
                problems[name] = str(error)
            else:
                jobs.extend((name, endpoint, pem) for endpoint in probes)
        said = self._probe([(endpoint, pem) for _name, endpoint, pem in jobs])
        for (name, _endpoint, _pem), problem in zip(jobs, said):
            if problem:
                problems[name] = "; ".join(filter(None, (problems.get(name), problem)))
        return problems

    def _go_back(self, name: str, why: str) -> None:
        try:
            back = deployment.go_back(self._home, self._wanted[name], self._versions[name], self._now)
        except CollectionError as error:
            self.failures[name] = f"{why}; it stays live: {error}"
            return
        if back is not None:  # else another run's version is live, which that run proves
            self.failures[name] = why
            self._returns[name] = back

    def _reload_what_went_back(self) -> None:
        """Reload also what this run has not reloaded: a run that was killed may have done so before."""
        entries = self._entries(self._returns)
        trouble = self._tested(entries)
        trouble.update(self._reload_each([entry for entry in entries if entry not in trouble]))
        troubled = self._by_name(self._returns, trouble)
        for name, back in self._returns.items():
            ending = ", and its services are reloaded" if self._entries([name]) else ""
            if name in troubled:
                ending = f", but {troubled[name]}"
                try:
                    deployment.unconfirm(self._home, name, back.live)
                except CollectionError as error:
                    ending += f"; {error}"
            ending += f", but {back.trouble}" if back.trouble else ""
            self.failures[name] += (
                f"; version {back.left} (serial {back.left_serial}) is rolled back, version {back.live} "
                f"(serial {back.live_serial}) is live again{ending}; the next run tries version {back.left} again"
            )

    def _entries(self, names: Iterable[str]) -> list[Reload]:
        """Return the entries to reload, without handlers, which a task after the module notifies."""
        entries = dict.fromkeys(entry for name in names for entry in self._wanted[name].reloads)
        return [entry for entry in entries if entry.kind != NOTIFY]

    def _by_name(self, names: Iterable[str], failed: Mapping[Reload, str]) -> dict[str, str]:
        texts = {name: [failed[entry] for entry in self._wanted[name].reloads if entry in failed] for name in names}
        return {name: "; ".join(dict.fromkeys(problems)) for name, problems in texts.items() if problems}

    def _tested(self, entries: Sequence[Reload]) -> dict[Reload, str]:
        return _failed(entries, self._services.test, lambda entry: (*entry.target, entry.test))

    def _reload_each(self, entries: Sequence[Reload]) -> dict[Reload, str]:
        return _failed(entries, self._services.reload, lambda entry: entry.target)


def _failed(
    entries: Sequence[Reload], act: Callable[[Reload], None], what: Callable[[Reload], tuple[object, ...]]
) -> dict[Reload, str]:
    """Act once for all entries with the same target. Return the reason for each entry that it failed for."""
    said: dict[tuple[object, ...], str] = {}
    for entry in entries:
        if what(entry) not in said:
            said[what(entry)] = ""
            try:
                act(entry)
            except CollectionError as error:
                said[what(entry)] = str(error)
    return {entry: said[what(entry)] for entry in entries if said[what(entry)]}
