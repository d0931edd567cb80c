# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last step of a run on a host: put all certificates in place, reload each service once, and prove what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..._common.errors import CollectionError
from ..._common.statuses import STOPPED, Status
from ..._x509.errors import MisfitError
from ..challenges.challenge_responses import ChallengeResponse
from ..store.versions import KEPT
from ..wanted.claim import DEFAULT_CLAIM, Claim
from ..wanted.reloads import NOTIFY
from ..wanted.wanted import WantedCertificate
from . import removal
from .deployment import Deployed, IssuedCertificate, confirm, deploy, reload_outstanding, repair, switch
from .key_transfer import Received, discard_key, receive
from .preparation import forget_order
from .proof import Probe, Proof, Services


@dataclass(frozen=True)
class CertificateHome:
    """The folder that a host keeps certificates in, and what counts for all of them.

    claim: the list that the certificates are in. keep: the number of versions of a certificate that stay, the live one
    among them. places: the format files of all listed certificates, due or not.
    """

    path: str
    claim: Claim = DEFAULT_CLAIM
    keep: int = KEPT
    places: Collection[str] = ()


class Rollout:
    """Carry out the results for all certificates of a host. One that fails stops no other.

    now: aware UTC. check: change nothing. reloaded: services, and commands. failures: reasons by certificate.
    notify: the handlers that are to be notified.
    after_handlers: the results that are to be taken when those have run.
    """

    def __init__(
        self,
        home: CertificateHome,
        wanted: Mapping[str, WantedCertificate],
        services: Services,
        probe: Probe,
        now: datetime,
        check: bool,
    ) -> None:
        self.home = home.path
        self.keep = home.keep
        self.places = home.places
        self.claim = home.claim
        self.wanted = wanted
        self.now = now
        self.check = check
        self.changed = False
        self.reloaded: list[str] = []
        self.deployed: dict[str, Deployed] = {}
        self.failures: dict[str, str] = {}
        self.warnings: list[str] = []
        self.notify: list[str] = []
        self.after_handlers: list[dict[str, str]] = []
        self._proof = Proof(home.path, wanted, services, probe, now)

    def remove(self, responses: Iterable[ChallengeResponse]) -> None:
        """Remove challenge responses. One that cannot be removed is a warning."""
        for response in responses:
            if not response.exists():
                continue
            self.changed = True
            try:
                if not self.check:
                    response.remove()
            except CollectionError as error:
                self.warnings.append(str(error))

    def take(self, result: Mapping[str, Any]) -> None:
        """Carry out one result (an element of the module's option `results`)."""
        name = result["name"]
        steps: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            Status.VALID: self._deploy,
            Status.REPAIR: self._repair,
            Status.SWITCH: self._switch,
            Status.REMOVE: self._remove,
            Status.NOTIFIED: self._take_handled,
            Status.DEFERRED: self._defer,
            Status.FAILED: self._take_failed,
            Status.KEEP: lambda result: None,
        }
        try:
            steps[result["status"]](result)
            if result["status"] in STOPPED and not self.check:
                discard_key(self.home, name)
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
        proved = self._proof.prove(new)
        for name, why in self._proof.failures.items():
            self._fail(name, why)
        handled = self._notify_handlers(proved)
        for name in proved:
            if name not in handled:
                self._confirm(name)
        self.reloaded = list(self._proof.reloaded)

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
            {
                "before_header": name,
                "after_header": name,
                "before": "",
                "after": f"version {deployed.version}: {deployed.reason}\n"
                f"serial {deployed.serial}\nuntil {deployed.not_after}\n",
            }
            for name, deployed in self.deployed.items()
            if deployed.changed
        ]

    def _deploy(self, result: Mapping[str, Any]) -> None:
        issued = IssuedCertificate(
            result["certificate"] or "", result["chain"] or "", result["account_uri"], result["order_uri"]
        )
        wanted = self.wanted[result["name"]]
        if result.get("sealed_key"):
            received = Received(issued, result["sealed_key"], result["directory"] or "", result.get("created") or "")
            self._note(wanted.name, receive(self.home, wanted, received, self.now, self.check))
            return
        try:
            deployed = deploy(self.home, wanted, issued, self.now, self.check)
        except MisfitError:
            # Else every later run would download the same one. Other errors, such as the chain or this host's clock,
            # keep the order: a new certificate in every run would not correct them.
            self._forget(result)
            raise
        self._note(result["name"], deployed)

    def _repair(self, result: Mapping[str, Any]) -> None:
        wanted = self.wanted[result["name"]]
        self._note(wanted.name, repair(self.home, wanted, self.now, self.check))

    def _switch(self, result: Mapping[str, Any]) -> None:
        wanted = self.wanted[result["name"]]
        self._note(wanted.name, switch(self.home, wanted, self.now, self.check))

    def _remove(self, result: Mapping[str, Any]) -> None:
        name = result["name"]
        self._note(name, removal.remove(self.home, name, self.claim, self.check, self.places))

    def _defer(self, result: Mapping[str, Any]) -> None:
        self.warnings.append(f"certificate {result['name']} is deferred to a later run: {result['problem']}")

    def _take_failed(self, result: Mapping[str, Any]) -> None:
        self.failures[result["name"]] = result["problem"]
        if not result["resumable"]:
            self._forget(result)

    def _forget(self, result: Mapping[str, Any]) -> None:
        self.changed |= forget_order(self.home, result["name"], result["order_uri"], self.claim, self.check)

    def _note(self, name: str, deployed: Deployed | None) -> None:
        if deployed is None:
            return
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
        self.after_handlers = [
            {"name": name, "status": Status.NOTIFIED.value, "version": self.deployed[name].version} for name in handled
        ]
        return set(handled)

    def _take_handled(self, result: Mapping[str, Any]) -> None:
        name, version = result["name"], result["version"] or ""
        if reload_outstanding(self.home, name, version):
            self.changed = True
            if not self.check:
                confirm(self.home, name, version, self.keep)

    def _confirm(self, name: str) -> None:
        try:
            confirm(self.home, name, self.deployed[name].version, self.keep)
        except CollectionError as error:
            self._fail(name, str(error))

    def _fail(self, name: str, why: str) -> None:
        """Add to an earlier failure, such as a file that could not be written."""
        self.failures[name] = "; ".join(filter(None, (self.failures.get(name), why)))
