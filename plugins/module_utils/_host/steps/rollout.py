# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last step of a run on a host: all its certificates put in place, each service reloaded once, all proved, told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


class Rollout:
    """What is done for each of a host's certificates, and what came of it. One that fails stops no other.

    check: change nothing. now: aware UTC. keep: how many versions of a certificate stay, the live one among them.
    places: where formats of all listed certificates are, due or not. claim: the list that they are in.
    notify: the handlers that are to be notified.
    after_handlers: the results that are to be taken when those have run.
    """

    def __init__(
        self,
        home: str,
        wanted: Mapping[str, WantedCertificate],
        check: bool,
        services: Services,
        probe: Probe,
        now: datetime,
        keep: int = KEPT,
        places: Collection[str] = (),
        claim: Claim = DEFAULT_CLAIM,
    ) -> None:
        self.home = home
        self.wanted = wanted
        self.check = check
        self.now = now
        self.keep = keep
        self.places = places
        self.claim = claim
        self.changed = False
        self.deployed: dict[str, Deployed] = {}
        self.failures: dict[str, str] = {}
        self.warnings: list[str] = []
        self.notify: list[str] = []
        self.after_handlers: list[dict[str, str]] = []
        self._proof = Proof(home, wanted, services, probe, now)

    def remove(self, responses: Iterable[ChallengeResponse]) -> None:
        """Remove challenge responses. One that stays is no reason to leave a new certificate out."""
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
        """Do what follows from one result (the module certificate's option)."""
        name, status = result["name"], result["status"]
        try:
            if status == Status.VALID:
                self._deploy(result)
            elif status == Status.REPAIR:
                self._note(name, repair(self.home, self.wanted[name], self.now, self.check))
            elif status == Status.SWITCH:
                self._note(name, switch(self.home, self.wanted[name], self.now, self.check))
            elif status == Status.REMOVE:
                self._note(name, removal.remove(self.home, name, self.claim, self.check, self.places))
            elif status == Status.NOTIFIED:
                self._handled(name, result["version"] or "")
            elif status == Status.DEFERRED:
                self.warnings.append(f"certificate {name} is put off to a later run: {result['problem']}")
            elif status == Status.FAILED:
                self.failures[name] = result["problem"]
                if not result["resumable"]:
                    self._forget(result)
            if status in STOPPED and not self.check:
                discard_key(self.home, name)
        except CollectionError as error:
            self._fail(name, str(error))

    def settle(self) -> list[str]:
        """Have the services use what is new, and prove it; what does not hold goes back. Gives what was reloaded."""
        new = {name: deployed.version for name, deployed in self.deployed.items() if self._is_new(name, deployed)}
        entries = dict.fromkeys(entry for name in new for entry in self.wanted[name].reloads)
        self.changed |= bool(entries)
        if self.check:
            self._tell_handlers(new)
            return list(dict.fromkeys(str(entry) for entry in entries if entry.kind != NOTIFY))
        holding = self._proof.settle(new)
        for name, why in self._proof.failures.items():
            self._fail(name, why)
        handled = self._tell_handlers(holding)
        for name in holding:
            if name not in handled:
                self._confirm(name)
        return list(self._proof.reloaded)

    def certificates(self) -> list[dict[str, Any]]:
        """What became of each certificate, for the module's result."""
        fields = ("changed", "version", "serial", "not_after", "reason")
        return [
            {"name": name, **{field: getattr(deployed, field) for field in fields}}
            for name, deployed in self.deployed.items()
        ]

    def diff(self) -> list[dict[str, str]]:
        """What changed, as Ansible shows it."""
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
            # Or every later run would get the same one from it. What else is wrong, as the chain or this host's clock,
            # would cost a new certificate in every run and not be mended by it.
            self._forget(result)
            raise
        self._note(result["name"], deployed)

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

    def _tell_handlers(self, names: Iterable[str]) -> set[str]:
        """Note which handlers are for what is new. Gives the names of the certificates that are theirs to read."""
        told = {name: [str(entry) for entry in self.wanted[name].reloads if entry.kind == NOTIFY] for name in names}
        handled = {name: entries for name, entries in told.items() if entries}
        self.notify = list(dict.fromkeys(entry for entries in handled.values() for entry in entries))
        self.after_handlers = [
            {"name": name, "status": Status.NOTIFIED.value, "version": self.deployed[name].version} for name in handled
        ]
        return set(handled)

    def _handled(self, name: str, version: str) -> None:
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
        """Add to what went wrong before, as with a file that could not be written."""
        self.failures[name] = "; ".join(filter(None, (self.failures.get(name), why)))
