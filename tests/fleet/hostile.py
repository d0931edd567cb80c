# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile host in a play: the variables that it plants in its answers, and the harm that they did.

Variables come from an inventory, as a user's do: those that --extra-vars gives would win over facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from cryptography import x509

from tests.fleet.fleet import CHECKOUT, HOME, Fleet, Run, names
from tests.lab import cores
from tests.lab.hostile import edited, make_honest, make_hostile

MARK = "planted"  # in the name of all that only a hostile host asks for
ON_HOSTS = "/run/planted"  # made by commands that a hostile host wants to have run as root
PLACES = ("first", "middle", "last")
MODULES = (
    "certificate_info",
    "certificate_request",
    "challenge_response",
    "certificate_share",
    "certificate",
    "certificate_adopt",
    "certificate_revoke",
)
#: The entry points in which a module runs that the role itself does not.
ENTRIES = {"certificate_adopt": ["adopt", "main"], "certificate_revoke": ["main", "revoke"]}

PLAY = """\
- hosts: web
  gather_facts: {gather_facts}
  serial: {serial}
  pre_tasks: {pre_tasks}
  tasks:
    - ansible.builtin.include_role:
        name: certfleet.tls.acme
        tasks_from: "{{{{ entry }}}}"
      loop: {entries}
      loop_control:
        loop_var: entry
  handlers:
    - name: Planted handler
      ansible.builtin.command:
        cmd: touch {canaries}/handler
      delegate_to: localhost
    - name: Wanted handler
      ansible.builtin.command:
        cmd: touch /run/wanted
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ left | to_json }}}}"
        dest: {canaries}/left.json
      vars:
        left:
          hosts: "{{{{ groups.all }}}}"
          groups: "{{{{ groups.keys() | list }}}}"
          variables: "{{{{ dict(groups.web | zip(groups.web | map('extract', hostvars))) }}}}"
"""


_EMPTY = {"str": "", "path": "", "raw": "", "int": 0, "bool": False, "list": [], "dict": {}}


def _defaults() -> dict[str, Any]:
    """Return the variables of all entry points of the role with a value that changes nothing."""
    specs = yaml.safe_load((CHECKOUT / "roles/acme/meta/argument_specs.yml").read_text())["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    return {name: option.get("default", _EMPTY[option["type"]]) for name, option in options.items()}


class Battlefield:
    """Four hosts, one of them hostile, with all that makes the role run every module on every one of them.

    Each host has a certificate of its own. "pair" is shared by the hostile host and another, "club" by two others.
    """

    def __init__(self, fleet: Fleet, hostile: str, core: str = "") -> None:
        self.fleet = fleet
        self.lab = fleet.lab
        self.hostile = hostile
        self.others = [host for host in fleet.lab.hosts if host != hostile]
        self.core = core  # "oldest" or "newest"; by default that of the tests
        self.canaries = fleet.folder / "canaries"
        self._mark = self.lab.pebble.mark()
        self._clean()

    @classmethod
    def at(cls, fleet: Fleet, place: str, core: str = "") -> Battlefield:
        """Return a battlefield whose hostile host is the first, a middle or the last one of the play."""
        hosts = fleet.lab.hosts
        return cls(fleet, {"first": hosts[0], "middle": hosts[1], "last": hosts[-1]}[place], core)

    # -- The inventory

    def variables(self) -> dict[str, Any]:
        """Return the variables of all hosts."""
        given = self.fleet.variables
        return {
            **{name: given[name] for name in ("acme_directory", "acme_ca_path", "acme_account_key_src")},
            "acme_terms_agreed": True,
            "acme_dns": self.lab.authorities.providers("dyn"),
            "acme_dns_timeout": 20,
            "acme_http_01_scope": "play",
            "acme_revoke": "shop",
            "site_setting": "ours",
        }

    def certificates(self, host: str) -> list[dict[str, Any]]:
        """Return the certificates that the inventory has for a host."""
        one, two, three = self.others
        certificate = self.fleet.certificate
        wanted = [certificate("shop", self.lab.fqdn(host), reload=["nginx", {"notify": "Wanted handler"}])]
        by_dns = {"challenge": "dns-01", "webroot": "", "reload": []}
        if host in (self.hostile, one):
            wanted.append(certificate("pair", "pair.dyn.lab.test", shared=True, **by_dns))
        if host in (one, two):
            wanted.append(certificate("club", "club.dyn.lab.test", shared=True, **by_dns))
        if host == three:
            wanted.append(certificate("zone", "theirs.dyn.lab.test", **by_dns))
        return wanted

    def planted(self, loud: bool = True) -> dict[str, Any]:
        """Return harmful values of all variables of the role, of another variable of the inventory, and of a new one.

        loud: also those that make the run fail for all, such as another CA; else these keep their values.
        """
        touch = {"command": ["/bin/touch", ON_HOSTS]}
        by_dns = {"challenge": "dns-01", "webroot": "", "reload": [touch]}
        certificate = self.fleet.certificate
        harmful = {
            "acme_certificates": [
                certificate("shop", self.lab.fqdn(self.hostile), reload=[touch], formats=[_format("shop")]),
                certificate("pair", "pair.dyn.lab.test", shared=True, **by_dns),
                certificate("club", "club.dyn.lab.test", shared=True, **by_dns, formats=[_format("club")]),
                certificate("zone", "theirs.dyn.lab.test", **by_dns),
            ],
            "acme_dns": {"dyn.lab.test": self._provider(), "*": self._provider()},
            "acme_keep_versions": 1,
            "acme_remove_unlisted": True,
            "site_setting": MARK,
            "brand_new": MARK,
        }
        own = {
            "acme_directory": f"http://{self.lab.fqdn(self.hostile)}/{MARK}",
            "acme_account_key_src": str(self.canaries / "account-key.pem"),
            "acme_cache": str(self.canaries / "cache"),
            "acme_ca_path": str(self.canaries / "ca.pem"),
            "acme_home": f"/srv/{MARK}",
        }
        return {**_defaults(), **self.variables(), **harmful, **(own if loud else {})}

    def _provider(self) -> dict[str, Any]:
        return {"provider": "exec", "program": "/bin/sh", "args": ["-c", f"cp {self._account_key} {self.canaries}/key"]}

    @property
    def _account_key(self) -> str:
        return str(self.fleet.variables["acme_account_key_src"])

    # -- Running it

    def run(self, *plan: dict[str, Any], **keywords: Any) -> Run:
        """Run the role over all hosts with the hostile host following a plan; see tests/lab/hostile.py."""
        self._mark = self.lab.pebble.mark()
        make_hostile(self.lab, self.hostile, plan)
        try:
            return self.run_honestly(**keywords)
        finally:
            make_honest(self.lab, self.hostile)

    def edited(self) -> set[str]:
        """Return the modules whose answers the hostile host edited."""
        return set(edited(self.lab, self.hostile))

    def run_honestly(
        self,
        limit: str = "web",
        gather_facts: bool = False,
        entries: Sequence[str] = ("main",),
        pre_tasks: Sequence[dict[str, Any]] = (),
        serial: str = "100%",
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run entry points of the role over some hosts; a host is hostile only by an earlier run."""
        inventory = self.fleet.folder / "hosts.yml"
        hosts = {
            host: {"ansible_host": self.lab.address(host), "acme_certificates": self.certificates(host)}
            for host in self.lab.hosts
        }
        group = {"ansible_python_interpreter": "/usr/bin/python3", **self.variables()}
        inventory.write_text(yaml.safe_dump({"web": {"hosts": hosts, "vars": group}}, sort_keys=False))
        playbook = self.fleet.folder / "hostile.yml"
        text = PLAY.format(
            gather_facts=gather_facts,
            serial=serial,
            pre_tasks=json.dumps(list(pre_tasks)),
            entries=list(entries),
            canaries=self.canaries,
        )
        playbook.write_text(text)
        program = str(cores.program(self.core)) if self.core else "ansible-playbook"
        command = [program, str(playbook), "-i", str(inventory), "-l", f"{limit},localhost"]
        return self.fleet.run(command, {"ANSIBLE_SHOW_CUSTOM_STATS": "1", **(env or {})})

    def _clean(self) -> None:
        self.canaries.mkdir(exist_ok=True)
        for path in self.canaries.iterdir():
            path.unlink()
        for host in self.lab.hosts:
            left = [ON_HOSTS, "/run/wanted", f"/srv/{MARK}", f"/root/{MARK}-*", "/var/log/nginx/access.log"]
            self.lab.exec(
                host, ["sh", "-c", f"rm -rf {' '.join(left)}; nginx -s reopen"], check=True, capture_output=True
            )

    # -- The results

    def harm(self, run: Run, own_facts: bool = False) -> list[str]:
        """Return a line for each harm that was done to anybody but the hostile host itself.

        own_facts: it has given facts by setup, which Ansible keeps as its variables.
        """
        return [
            *self._on_the_controller(run),
            *self._on_hosts(),
            *self._certificates(),
            *self._left_for_later(own_facts),
            *self._not_served(run),
        ]

    def _on_the_controller(self, run: Run) -> list[str]:
        found = sorted(path.name for path in self.canaries.iterdir() if path.name != "left.json")
        harm = [f"on the controller {name} was made" for name in found]
        log = self.lab.path(self.hostile, "/var/log/nginx/access.log")
        if log.exists() and f"/{MARK}" in log.read_text():
            harm.append("the controller asked the hostile host as its CA")
        stats = run.text.partition("CUSTOM STATS")[2]
        return [*harm, "statistics were planted"] if MARK in stats else harm

    def _on_hosts(self) -> list[str]:
        harm = []
        for host in self.lab.hosts:
            find = f"ls -d {ON_HOSTS} /srv/{MARK} /root/{MARK}-* 2>/dev/null"
            found = self.lab.exec(host, ["sh", "-c", find], capture_output=True, text=True).stdout.split()
            harm += [f"{host} has {path}" for path in found if host != self.hostile or path == ON_HOSTS]
            if host == self.hostile:
                harm += [f"{host} has {path}" for path in found if "club" in path]
        return harm

    def _certificates(self) -> list[str]:
        """Return certificates that should not exist, at the CA and on the hostile host."""
        harm = []
        expected = {f"{host}.lab.test" for host in self.lab.hosts}
        expected |= {"pair.dyn.lab.test", "club.dyn.lab.test", "theirs.dyn.lab.test"}
        issued: list[str] = []
        for serial in self.lab.pebble.issued(self._mark):
            pem = self.lab.pebble.cert_status(serial)["Certificate"]
            issued += names(x509.load_pem_x509_certificate(pem.encode()))
        harm += [f"a certificate for {name} was issued" for name in sorted(set(issued) - expected)]
        harm += [
            f"{name} was issued {issued.count(name)} times" for name in sorted(set(issued)) if issued.count(name) > 1
        ]
        for home in (HOME, f"/srv/{MARK}"):
            live = self.lab.path(self.hostile, f"{home}/live")
            found = {path.name for path in live.iterdir()} if live.is_dir() else set()
            harm += [f"{self.hostile} has the certificate {name}" for name in sorted(found - {"shop", "pair"})]
        return harm

    def _left_for_later(self, own_facts: bool) -> list[str]:
        path = self.canaries / "left.json"
        if not path.exists():
            return ["the later play did not run"]
        left = json.loads(path.read_text())
        harm = [f"there is a host {host}" for host in left["hosts"] if host not in self.lab.hosts]
        harm += [f"there is a group {group}" for group in left["groups"] if MARK in group]
        planted = self.planted()
        for host, found in left["variables"].items():
            if host == self.hostile and own_facts:
                continue
            mine = {**self.variables(), "acme_certificates": self.certificates(host)}
            harm += [f"{name} of {host} is planted" for name in sorted(planted) if found.get(name) != mine.get(name)]
        return harm

    def _not_served(self, run: Run) -> list[str]:
        stopped = {*run.hosts_with("failed"), *run.hosts_with("unreachable")} - {self.hostile}
        harm = [f"{host} failed" for host in sorted(stopped)]
        for host in self.others:
            for wanted in self.certificates(host):
                if not self.fleet.has(host, wanted["name"]):
                    harm.append(f"{host} has no certificate {wanted['name']}")
        return harm


def plant(modules: Iterable[str], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a plan in which these modules answer with facts, and with all else that Ansible might act on."""
    top = {
        "/ansible_facts": dict(facts),
        "/add_host": {"host_name": f"{MARK}-host", "groups": [f"{MARK}-group"], "host_vars": dict(facts)},
        "/add_group": f"{MARK}-group",
        "/ansible_stats": {"data": {MARK: MARK}, "per_host": False, "aggregate": True},
        "/_ansible_notify": ["Planted handler"],
        "/_ansible_no_log": False,
        "/_ansible_delegated_vars": {"ansible_host": "127.0.0.1"},
        "/include": "/etc/hostname",
        "/notify": ["Planted handler"],
        "/changed": True,
    }
    return [{"module": module, "set": top} for module in modules]


def plant_by_setup(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a plan in which setup gives facts."""
    return [{"module": "setup", "set": {f"/ansible_facts/{name}": value for name, value in facts.items()}}]


def certificates_only(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only variable with which a host can request certificates of others without failing the run."""
    return {"acme_certificates": facts["acme_certificates"]}


def _format(name: str) -> dict[str, Any]:
    return {"kind": "combined", "path": f"/root/{MARK}-{name}.pem"}
