# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that take the role as a project does: in a folder with group_vars, roles and inventories of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fleet.fleet import Fleet, Run

ROLE = "certfleet.tls.acme"
SHOP = {"name": "shop", "identifiers": ["{{ inventory_hostname }}.lab.test"], "webroot": "/var/www/html"}
CALLBACKS = Path(__file__).with_name("callbacks")


@dataclass(frozen=True)
class Recorded:
    """Result of one task on one host; kind "start": a worker was started for it."""

    kind: str
    host: str
    task: str
    result: Mapping[str, Any] | None


class Plays:
    """A folder of plays. Extra variables would win over all else, so the fleet's variables are in group_vars."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet = fleet
        self.folder = folder
        self._record = folder / "recorded.jsonl"

    def write(self, path: str, content: Any) -> None:
        """Write a file of the project; content that is not text is written as JSON, which is YAML as well."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))

    def run(
        self,
        play: dict[str, Any] | list[dict[str, Any]],
        *arguments: str,
        core: str = "",
        env: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Run:
        """Run plays over the hosts, with *variables* of the group all over the fleet's; None leaves a variable out."""
        return self.fleet.run(self.command(play, *arguments, core=core, **variables), self.environment(env))

    def command(
        self, play: dict[str, Any] | list[dict[str, Any]], *arguments: str, core: str = "", **variables: Any
    ) -> list[str]:
        """Return the command line of such a run."""
        given = {**self.fleet.variables, **variables}
        self.write("group_vars/all.yml", {name: value for name, value in given.items() if value is not None})
        plays = play if isinstance(play, list) else [play]
        common = {"hosts": "web", "gather_facts": False}
        self.write("play.yml", [each if "import_playbook" in each else {**common, **each} for each in plays])
        if (self.folder / "more.ini").exists():
            inventory = self.fleet.lab.state / "inventory.ini"
            arguments = ("-i", str(inventory), "-i", str(self.folder / "more.ini"), *arguments)
        command = self.fleet.command(*arguments, playbook=str(self.folder / "play.yml"), core=core)
        return [part for number, part in enumerate(command) if number not in (2, 3)]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what a run gets in its environment, so that recorded() knows of it."""
        self._record.unlink(missing_ok=True)
        record = {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), "FLEET_RECORD": str(self._record)}
        return {**record, **(env or {})}

    def recorded(self, kind: str = "") -> list[Recorded]:
        """Return what the callback plugin recorded of the last run; with *kind*, of that kind only."""
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        found = [Recorded(**json.loads(line)) for line in lines]
        return [each for each in found if kind in ("", each.kind)]

    def workers(self) -> Counter[str]:
        """Return by host how many workers Ansible started for it in the last run: it forks one for each task."""
        return Counter(each.host for each in self.recorded("start"))

    def served(self, name: str = "shop") -> list[str]:
        """Return the hosts that have a live certificate."""
        return [host for host in self.fleet.lab.hosts if self.fleet.has(host, name)]

    def untouched(self, host: str) -> bool:
        """Return True if the role has made nothing on a host."""
        return self.fleet.lab.exec(host, ["test", "-e", "/etc/acme"]).returncode == 1

    def orders(self, mark: int) -> int:
        """Return how many orders came to the CA since *mark*."""
        return self.fleet.lab.pebble.requests(mark).count(("POST", "/order-plz"))
