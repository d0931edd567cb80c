# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last step of a run on a host: put all certificates in place, reload each service once, and prove what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..._common.errors import CollectionError
from ..._common.statuses import STOPPED, Action, FailureKind, Status
from ..._x509.errors import MisfitError, ValidityError
from ..challenges.challenge_responses import ChallengeResponse
from ..store import noting
from ..store.versions import KEPT
from ..wanted.claim import DEFAULT_CLAIM, Claim
from ..wanted.reloads import NOTIFY
from ..wanted.wanted import WantedCertificate
from . import clocks, removal
from .deployment import Deployed, IssuedCertificate, confirm, deploy, reload_outstanding, repair, switch
from .key_transfer import Received, discard_key, receive
from .preparation import forget_order, note_failure
from .proof import Probe, Proof, Services


@dataclass
class Rollout:
    """Carry out the results for all certificates of a host. One that fails stops no other.

    home: the folder that the host keeps certificates in. now: aware UTC. check: change nothing. claim: the list that
    the certificates are in. keep: the number of versions of a certificate that stay, the live one among them. places:
    the format files of all listed certificates, due or not. controller_time: aware UTC; None if it is unknown.

    reloaded: services, and commands. failures, deferred: reasons by certificate. notify: the handlers that are to be
    notified. after_handlers: the versions that are to be confirmed when those have run.
    """

    home: str
    wanted: Mapping[str, WantedCertificate]
    services: Services
    probe: Probe
    now: datetime
    check: bool
    claim: Claim = DEFAULT_CLAIM
    keep: int = KEPT
    places: Collection[str] = ()
    controller_time: datetime | None = None
    changed: bool = field(default=False, init=False)
    reloaded: list[str] = field(default_factory=list, init=False)
    deployed: dict[str, Deployed] = field(default_factory=dict, init=False)
    failures: dict[str, str] = field(default_factory=dict, init=False)
    deferred: dict[str, str] = field(default_factory=dict, init=False)
    warnings: list[str] = field(default_factory=list, init=False)
    notify: list[str] = field(default_factory=list, init=False)
    after_handlers: list[dict[str, str]] = field(default_factory=list, init=False)

    def remove(self, responses: Iterable[ChallengeResponse]) -> None:
        """Remove challenge responses. One that cannot be removed is a warning."""
        for response in responses:
            if not response.exists():
                continue
            try:
                if not self.check:
                    response.remove()
                self.changed = True
            except CollectionError as error:
                self.warnings.append(str(error))

    def settle_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Forget TXT records that were removed, and note those that stay (the module's option `txt_records`)."""
        now = self.controller_time or self.now
        try:
            self.changed |= noting.settle(self.home, self.claim.list_name, records, now, self.check)
        except CollectionError as error:
            self.warnings.append(f"cannot note which TXT records are left: {error}")

    def take(self, result: Mapping[str, Any]) -> None:
        """Carry out one result (an element of the module's option `results`): its action, or the end of its order."""
        name, action = result["name"], result["action"]
        by_status: Mapping[str, Callable[[], Deployed | None]] = {
            Status.VALID: lambda: self._deploy(result),
            Status.DEFERRED: lambda: self._defer(result),
            Status.FAILED: lambda: self._take_failed(result),
        }
        by_action: Mapping[str, Callable[[], Deployed | None]] = {
            Action.REPAIR: lambda: repair(self.home, self.wanted[name], self.now, self.check),
            Action.SWITCH: lambda: switch(self.home, self.wanted[name], self.now, self.check),
            Action.REMOVE: lambda: removal.remove(self.home, name, self.claim, self.check, self.places),
            Action.KEEP: lambda: None,
        }
        try:
            deployed = by_action[action]() if action else by_status[result["status"]]()
            if deployed is not None:
                self._note(name, deployed)
            if result["status"] in STOPPED and not self.check:
                discard_key(self.home, name)
        except ValidityError as error:
            self._fail(name, clocks.explain(error, self.now, self.controller_time))
        except CollectionError as error:
            self._fail(name, str(error))

    def take_handled(self, name: str, version: str) -> None:
        """Confirm a version whose handlers have run (an element of the module's option `after_handlers`)."""
        try:
            if reload_outstanding(self.home, name, version):
                if not self.check:
                    confirm(self.home, name, version, self.keep)
                self.changed = True
        except CollectionError as error:
            self._fail(name, str(error))

    def finish(self) -> None:
        """Have the services use what is new, and prove it; roll back what fails."""
        new = {name: deployed.version for name, deployed in self.deployed.items() if self._is_new(name, deployed)}
        entries = dict.fromkeys(entry for name in new for entry in self.wanted[name].reloads)
        self.changed |= bool(entries)
        if self.check:
            self._notify_handlers(new)
            self.reloaded = list(dict.fromkeys(str(entry) for entry in entries if entry.kind != NOTIFY))
            return
        proof = Proof(self.home, self.wanted, self.services, self.probe, self.now)
        proved = proof.prove(new)
        for name, why in proof.failures.items():
            self._fail(name, why)
        handled = self._notify_handlers(proved)
        for name in proved:
            if name not in handled:
                self._confirm(name)
        self.reloaded = list(proof.reloaded)

    def result(self) -> dict[str, Any]:
        """Return the result of the module."""
        return {
            "changed": self.changed,
            "diff": self.diff(),
            "certificates": self.certificates(),
            "reloaded": self.reloaded,
            "notify": self.notify,
            "after_handlers": self.after_handlers,
            "failures": self.failures,
            "deferred": self.deferred,
        }

    def certificates(self) -> list[dict[str, Any]]:
        """Return what became of each certificate."""
        fields = ("changed", "version", "serial", "not_after", "reason")
        return [
            {"name": name, **{field: getattr(deployed, field) for field in fields}}
            for name, deployed in self.deployed.items()
        ]

    def diff(self) -> list[dict[str, str]]:
        """Return what changed, as Ansible shows it."""
        return [
            {"before_header": name, "after_header": name, "before": "", "after": deployed.line()}
            for name, deployed in self.deployed.items()
            if deployed.changed
        ]

    def _deploy(self, result: Mapping[str, Any]) -> Deployed:
        issued = IssuedCertificate(
            result["certificate"] or "", result["chain"] or "", result["account_uri"], result["order_uri"]
        )
        wanted = self.wanted[result["name"]]
        if result.get("sealed_key"):
            received = Received(issued, result["sealed_key"], result["directory"] or "", result.get("created") or "")
            return receive(self.home, wanted, received, self.now, self.check)
        try:
            return deploy(self.home, wanted, issued, self.now, self.check)
        except MisfitError as error:
            # Else every later run would download the same one. Other errors, such as of the chain, keep the order: a
            # new certificate in every run would not correct them.
            self._forget(result)
            self._note_failure({**result, "problem": str(error)}, FailureKind.CERTIFICATE)
            raise
        except ValidityError:
            self.changed = True  # it is added to the pending version
            raise

    def _defer(self, result: Mapping[str, Any]) -> None:
        self.deferred[result["name"]] = _reason(result)
        self.warnings.append(f"certificate {result['name']} is deferred to a later run: {_reason(result)}")
        self._stop(result)

    def _take_failed(self, result: Mapping[str, Any]) -> None:
        self.failures[result["name"]] = _reason(result)
        self._stop(result)

    def _stop(self, result: Mapping[str, Any]) -> None:
        """Leave an order that failed to a later run, or give it up."""
        if not result["resumable"]:
            self._forget(result)
        if result["failure_kind"]:
            self._note_failure(result, FailureKind(result["failure_kind"]))

    def _note_failure(self, result: Mapping[str, Any], kind: FailureKind) -> None:
        """Record a failure. If that is not possible, later runs only try again without a pause."""
        if self.check:
            return
        try:
            note_failure(self.home, self.claim, result, kind, self.controller_time or self.now)
        except CollectionError as error:
            self.warnings.append(f"certificate {result['name']}: cannot record that its order failed: {error}")

    def _forget(self, result: Mapping[str, Any]) -> None:
        self.changed |= forget_order(self.home, result["name"], result["order_uri"], self.claim, self.check)

    def _note(self, name: str, deployed: Deployed) -> None:
        self.deployed[name] = deployed
        self.changed |= deployed.changed
        if deployed.warning:
            self.warnings.append(f"certificate {name}: {deployed.warning}")
        if deployed.problem:
            self.failures[name] = deployed.problem

    def _is_new(self, name: str, deployed: Deployed) -> bool:
        foreseen = self.check and (deployed.written or deployed.is_new)
        return foreseen or reload_outstanding(self.home, name, deployed.version)

    def _notify_handlers(self, names: Iterable[str]) -> set[str]:
        """Collect the handlers for new certificates. Return the names of the certificates that have any."""
        of_all = {name: [str(entry) for entry in self.wanted[name].reloads if entry.kind == NOTIFY] for name in names}
        handled = {name: entries for name, entries in of_all.items() if entries}
        self.notify = list(dict.fromkeys(entry for entries in handled.values() for entry in entries))
        self.after_handlers = [{"name": name, "version": self.deployed[name].version} for name in handled]
        return set(handled)

    def _confirm(self, name: str) -> None:
        try:
            confirm(self.home, name, self.deployed[name].version, self.keep)
        except CollectionError as error:
            self._fail(name, str(error))

    def _fail(self, name: str, why: str) -> None:
        """Add to an earlier failure, such as a file that could not be written."""
        self.failures[name] = "; ".join(filter(None, (self.failures.get(name), why)))


def _reason(result: Mapping[str, Any]) -> str:
    """Return why an order has failed, and what is next, for people."""
    return "; ".join(filter(None, (result["problem"], result["advice"])))
