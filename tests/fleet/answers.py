# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that break what a module promises, and a crowd of hosts that give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.fleet.fleet import Fleet, Run
from tests.lab import cores
from tests.lab.hostile import edited, make_honest, make_hostile

CONTROL = "\x1b]0;planted\x07\x1b[2J"


@dataclass(frozen=True)
class Answer:
    """A change of one host's answers of one module, and the words with which it fails, if it has to."""

    module: str
    kind: str
    rule: Mapping[str, Any]
    message: str = ""

    @property
    def plan(self) -> list[dict[str, Any]]:
        return [{"module": self.module, **self.rule}]

    def __str__(self) -> str:
        return f"{self.module}: {self.kind}"


def nested(depth: int = 400) -> Any:
    value: Any = "x"
    for _level in range(depth):
        value = [value]
    return value


def _bad(module: str, kind: str, message: str = "", **rule: Any) -> Answer:
    """Return an answer that is refused with a message that says where it is malformed."""
    return Answer(module, kind, _rule(rule), f" returned malformed data for {module}: {message}")


def _odd(module: str, kind: str, **rule: Any) -> Answer:
    """Return an answer that is only verified to have no effect on others."""
    return Answer(module, kind, _rule(rule))


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in rule.items()}


def _of_any(module: str) -> list[Answer]:
    """Keys that Ansible itself acts on, in the answer of any module."""
    return [
        _odd(module, "no JSON", text="garbage"),
        _odd(module, "not UTF-8", text='\udcff\udcfe{"changed": "\udcff"}'),
        _odd(module, "nothing", text=""),
        _odd(module, "a list", answer=["x"]),
        _odd(module, "unreachable", set_={"/unreachable": True, "/msg": CONTROL}),
        _odd(module, "skipped", set_={"/skipped": True}),
        _odd(module, "failed, with a message of the wrong type", set_={"/failed": True, "/msg": {"a": nested()}}),
        _odd(
            module, "words of wrong types", set_={"/warnings": 5, "/exception": {"a": 1}, "/diff": "x", "/changed": []}
        ),
        _odd(
            module, "deprecations of wrong types", set_={"/deprecations": ["x", {"msg": [1]}, 5], "/warnings": [[], {}]}
        ),
        _odd(
            module,
            "control characters",
            set_={
                "/msg": CONTROL,
                "/warnings": [CONTROL],
                "/deprecations": [{"msg": CONTROL, "version": CONTROL, "collection_name": CONTROL}],
                "/exception": CONTROL,
                "/diff": {"before": CONTROL, "after": CONTROL, "before_header": CONTROL},
            },
        ),
        _odd(module, "a lone surrogate", set_={"/msg": "\ud800", "/\ud800": "\ud800", "/warnings": ["\ud800"]}),
        _odd(module, "400 deep", set_={"/x": nested(), "/warnings": nested(), "/diff": nested()}),
    ]


_INFO, _REQUEST, _RESPONSE = "certificate_info", "certificate_request", "challenge_response"
_SHARE, _CERTIFICATE = "certificate_share", "certificate"

# Lone surrogates are refused by ansible-core itself, from 2.19 on.
BROKEN = {
    _INFO: [
        _bad(_INFO, "400 deep in a fact", set_={"/certificates/0/live": nested()}),
        _odd(_INFO, "a surrogate in a fact", set_={"/certificates/0/problems": ["\ud800"]}),
        _bad(_INFO, "no certificates", "certificates is missing", remove=["/certificates"]),
        _bad(_INFO, "another certificate", "certificates is not about", set_={"/certificates/0/name": "other"}),
        _bad(_INFO, "too many", "unlisted has 100000", set_={"/unlisted": [f"x{number}" for number in range(100_000)]}),
        _odd(_INFO, "NUL", set_={"/certificates/0/problems": ["a\0b"]}),
    ],
    _REQUEST: [
        _bad(_REQUEST, "no request", "requests[0].csr_content is missing", remove=["/requests/0/csr_content"]),
        _bad(_REQUEST, "a text as failures", "failures is not a mapping", set_={"/failures": "x"}),
        _bad(_REQUEST, "400 deep", set_={"/requests/0/csr_content": nested()}),
        _odd(_REQUEST, "a surrogate", set_={"/requests/0/csr_content": "\ud800"}),
        _bad(_REQUEST, "too many ready", "ready has 100000", set_={"/ready": ["shop"] * 100_000}),
        _bad(_REQUEST, "a request for another name", "requests[0].name", set_={"/requests/0/name": "other"}),
    ],
    # No failure is expected for these: the host's name may be validated elsewhere.
    _RESPONSE: [
        _odd(_RESPONSE, "a text as failures", set_={"/failures": "x"}),
        _odd(_RESPONSE, "failures 400 deep", set_={"/failures": {"x": nested()}}),
        _odd(_RESPONSE, "a surrogate", set_={"/failures": {"\ud800": "\ud800"}}),
        _odd(_RESPONSE, "failures as numbers", set_={"/failures": {"x": 5}}),
        _odd(_RESPONSE, "a text as paths", set_={"/paths": "x"}),
        _odd(_RESPONSE, "too many paths", set_={"/paths": ["/x"] * 100_000}),
    ],
    _CERTIFICATE: [
        _bad(_CERTIFICATE, "a number as notify", "notify is not a list", set_={"/notify": 5}),
        _bad(_CERTIFICATE, "notify 400 deep", set_={"/notify": nested()}),
        _bad(_CERTIFICATE, "a text as after_handlers", "after_handlers is not a list", set_={"/after_handlers": "x"}),
        _bad(_CERTIFICATE, "a text as failures", "failures is not a mapping", set_={"/failures": "x"}),
        _odd(_CERTIFICATE, "a surrogate", set_={"/certificates": [{"name": "\ud800"}]}),
        _bad(_CERTIFICATE, "too many", "reloaded has 100000", set_={"/reloaded": ["x"] * 100_000}),
    ],
    _SHARE: [
        _bad(_SHARE, "a text as shares", "shares is not a list", set_={"/shares": "x"}),
        _bad(_SHARE, "400 deep", set_={"/shares/0/sealed": nested()}),
        _odd(_SHARE, "a surrogate", set_={"/shares/0/certificate": "\ud800"}),
        _bad(_SHARE, "a text as failures", "failures is not a mapping", set_={"/failures": "x"}),
        _bad(_SHARE, "no key", "shares[0].sealed is missing", remove=["/shares/0/sealed"]),
    ],
}
OF_ANSIBLE = {module: _of_any(module) for module in BROKEN}
DAMAGED_KEYS = [
    _odd(_REQUEST, "a damaged receiving key", set_={"/receivers/club": "BLq2"}),
    _odd(_REQUEST, "a receiving key of the wrong kind", set_={"/receivers/club": ["x"]}),
    _odd(_REQUEST, "no receiving key", set_={"/receivers": {}}),
]


class Crowd:
    """Hosts of which some are hostile, each in its own way. The others are honest, and share "club".

    The second host owns "club", so that the first may be hostile. Where share is true, each hostile host but the last
    shares a certificate with the next, and owns it.
    """

    def __init__(self, fleet: Fleet, hostile: Sequence[str], core: str = "", share: bool = False) -> None:
        self.fleet = fleet
        self.lab = fleet.lab
        self.hostile = list(hostile)
        self.honest = [host for host in fleet.lab.hosts if host not in hostile]
        self.core = core
        self.share = share
        self.in_club = set(self.honest)

    def certificates(self, host: str) -> list[dict[str, Any]]:
        """Return the certificates that the inventory has for a host."""
        wanted = [self.fleet.certificate("shop", self.lab.fqdn(host))]
        if host in self.in_club:
            wanted.append(self.fleet.certificate("club", f"club.{self.lab.fqdn(self.honest[0])}", shared=True))
        if self.share:
            for owner, receiver in zip(self.hostile, self.hostile[1:]):
                if host in (owner, receiver):
                    wanted.append(self.fleet.certificate(f"pair-{owner}", f"pair.{self.lab.fqdn(owner)}", shared=True))
        return wanted

    def run(self, answers: Sequence[Answer], **variables: Any) -> Run:
        """Run the role while each hostile host gives one of the answers."""
        inventory = self.fleet.folder / "crowd.yml"
        hosts = {
            host: {"ansible_host": self.lab.address(host), "acme_certificates": self.certificates(host)}
            for host in self.lab.hosts
        }
        given = ("acme_directory", "acme_ca_path", "acme_account_key_src")
        group = {
            "ansible_python_interpreter": "/usr/bin/python3",
            **{name: self.fleet.variables[name] for name in given},
            "acme_terms_agreed": True,
            "acme_http_01_scope": "play",
            **variables,
        }
        inventory.write_text(yaml.safe_dump({"web": {"hosts": hosts, "vars": group}}, sort_keys=False))
        program = str(cores.program(self.core)) if self.core else "ansible-playbook"
        command = [program, "certfleet.tls.site", "-i", str(inventory), "-e", "acme_hosts=web"]
        for host, answer in zip(self.hostile, answers):
            make_hostile(self.lab, host, answer.plan)
        try:
            return self.fleet.run(command)
        finally:
            for host in self.hostile:
                make_honest(self.lab, host)

    def harm(self, run: Run, answers: Sequence[Answer]) -> list[str]:
        """Return a line for each harm to an honest host, and for each hostile one without the message it should get."""
        stopped = {*run.hosts_with("failed"), *run.hosts_with("unreachable")}
        harm = [f"{host} failed" for host in self.honest if host in stopped]
        for host in self.honest:
            harm += [f"{host} has no {name}" for name in ("shop", "club") if not self.fleet.has(host, name)]
        if "\x1b" in run.text or "\x07" in run.text:
            harm.append("control characters came out")
        for host, answer in zip(self.hostile, answers):
            if answer.module not in edited(self.lab, host):
                harm.append(f"{host} did not get to {answer}")
            if answer.message and f"host {host}{answer.message}" not in run.text:
                harm.append(f"{host} is not said to give {answer}")
        return harm
