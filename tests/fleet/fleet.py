# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab, and the role run over it as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.lab import Lab, LabError, cores
from tests.lab.process import descendants, wait

CHECKOUT = Path(__file__).parents[2]
COLLECTIONS = str(CHECKOUT / "build" / "collections_dev")
HOME = "/etc/acme"
PLAY = """\
- hosts: web
  gather_facts: false
  {keywords}
  roles:
    - certfleet.tls.acme
"""
TIMEOUT = 300  # seconds, for a run
MOST_POLLS = 6  # of a certificate's order, on a busy machine: each pause is longer than the one before
PATIENCE = 20  # seconds, for what a server does in the background

# A host that vanishes under an open connection is distinguished from a slow one, as administrators configure it.
SSH_ARGS = "-o ServerAliveInterval=3 -o ServerAliveCountMax=3"

_RECAP = re.compile(r"^(\S+) +: (ok=.*)$", re.MULTILINE)
_PLANNED = re.compile(r'"(web\d+: certificate \S+: (?:issue|receive|repair|switch|refuse) \([^"]*\))"')


@dataclass(frozen=True)
class Run:
    """Result of a run of the playbook."""

    code: int
    text: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Ansible's own counts, by host."""
        return {
            host: {key: int(value) for key, value in (field.split("=") for field in fields.split())}
            for host, fields in _RECAP.findall(self.text)
        }

    @property
    def planned(self) -> list[str]:
        """The lines that say what is due."""
        return sorted(set(_PLANNED.findall(self.text)))

    @property
    def module_runs(self) -> dict[str, int]:
        """Return the number of SSH commands by address; the run has to be at -vvv."""
        return Counter(re.findall(r"^<(10\.\d+\.\d+\.\d+)> SSH: EXEC ", self.text, re.MULTILINE))

    def hosts_with(self, count: str) -> list[str]:
        """Return the hosts whose count of 'changed', 'failed' or 'unreachable' is not 0."""
        return sorted((host for host, counts in self.recap.items() if counts[count]), key=lambda host: int(host[3:]))

    def message(self, host: str) -> str:
        """Return the message of a failed host. Asserts that it is one line, and that there is no traceback."""
        found = re.search(rf"^fatal: \[{host}(?: -> [^\]]*)?\]: FAILED! => ", self.text, re.MULTILINE)
        assert found, self.text
        result = json.JSONDecoder().raw_decode(self.text, found.end())[0]
        assert "Traceback" not in self.text
        assert "\n" not in result["msg"]
        return str(result["msg"])


class Underway:
    """A run that start() started. Its output is read all the time: a pipe that is full would stop it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self._printed.extend(self.process.stdout or ())

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until the run reaches a point. Raises LabError if it ends before, or does not reach it."""

        def come() -> bool:
            if condition():
                return True
            if self.process.poll() is not None:
                raise LabError(f"the run ended before {what}: {self.end().text}")
            return False

        try:
            wait(come, TIMEOUT, f"the run does not come to {what}")
        except LabError:
            self.kill()
            print("".join(self._printed))
            raise

    def kill(self) -> None:
        """Kill all processes at once. Workers are in other process groups: they are found by their parents."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGSTOP)  # otherwise it would start others in the meantime
        for one in descendants(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)

    def end(self, timeout: int = TIMEOUT) -> Run:
        """Wait until it and all writers to its output have ended. Raises LabError after *timeout* seconds."""
        self._reader.join(timeout)
        if late := self._reader.is_alive():
            self.kill()
        code = self.process.wait()
        text = "".join(self._printed)
        print(text)  # pytest shows it when a test fails
        if late:
            raise LabError(f"the run does not end within {timeout} s")
        return Run(code, text)


class Fleet:
    """The hosts of a lab and the variables that the role gets."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self._commands = 0
        self.variables = self._defaults()

    def _defaults(self) -> dict[str, Any]:
        return {
            **json.loads((self.lab.state / "vars.json").read_text()),
            "acme_account_key_src": str(self.folder / "account-key.pem"),
            "acme_history": str(self.folder / "history.jsonl"),
            "acme_terms_agreed": True,
            "acme_certificates": [self.certificate("shop")],
        }

    @staticmethod
    def certificate(name: str, *identifiers: str, **options: Any) -> dict[str, Any]:
        """Return a wanted certificate; its names default to the host's own."""
        return {
            "name": name,
            "identifiers": list(identifiers) or ["{{ inventory_hostname }}.{{ lab_domain }}"],
            "challenge": "http-01",
            "webroot": "/var/www/html",
            "reload": ["nginx"],
            **options,
        }

    @classmethod
    def by_host(cls, **special: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the variables for a run in which some hosts want other certificates than the rest."""
        return {
            "acme_certificates": "{{ special[inventory_hostname] | default(standard) }}",
            "special": special,
            "standard": [cls.certificate("shop")],
        }

    def command(
        self, *arguments: str, playbook: str = "certfleet.tls.site", core: str = "", **variables: Any
    ) -> list[str]:
        """Return the command line of a run; keyword arguments are variables over the fleet's.

        *core*: "oldest" or "newest" (tests/lab/cores.py); "" is the ansible-core of the tests themselves.
        """
        self._commands += 1  # two runs at once have a file each
        path = self.folder / f"vars-{self._commands}.json"
        path.write_text(json.dumps({"acme_hosts": "web", **self.variables, **variables}))
        program = str(cores.program(core)) if core else "ansible-playbook"
        return [program, playbook, "-e", f"@{path}", *arguments]

    def site(self, *arguments: str, **variables: Any) -> Run:
        """Run the playbook over the fleet."""
        return self.run(self.command(*arguments, **variables))

    def play(self, keywords: str, *arguments: str, **variables: Any) -> Run:
        """Run the role in a play with these keywords."""
        path = self.folder / "play.yml"
        path.write_text(PLAY.format(keywords=keywords))
        return self.run(self.command(*arguments, playbook=str(path), **variables))

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None, timeout: int = TIMEOUT) -> Run:
        """Run a command on the controller, with *env* added to the environment. It has *timeout* seconds."""
        done = self.lab.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            env=self.environment(env),
        )
        print(done.stdout)  # pytest shows it when a test fails
        return Run(done.returncode, done.stdout)

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> Underway:
        """Start a command on the controller, as the leader of a process group of its own."""
        process = self.lab.popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=self.environment(env),
        )
        return Underway(process)

    @staticmethod
    def environment(env: Mapping[str, str] | None) -> dict[str, str]:
        """This process's environment with what the fleet's runs need, and *env* over it."""
        return {**os.environ, "ANSIBLE_SSH_COMMON_ARGS": SSH_ARGS, "ANSIBLE_TIMEOUT": "10", **(env or {})}

    def reset(self) -> None:
        """Hosts as if the role had never run, and the lab's CA without accounts, orders and deviations."""
        self.variables = self._defaults()
        for file in ("account-key.pem", "history.jsonl"):
            (self.folder / file).unlink(missing_ok=True)
        with ThreadPoolExecutor(max_workers=8) as pool:
            restarted = pool.submit(self.lab.pebble.restart, env={}, config={})
            list(pool.map(self._reset, self.lab.hosts))
            restarted.result()

    def _reset(self, host: str) -> None:
        if not self.lab.alive(host):
            self.lab.boot(host)
        self.lab.plug(host)
        clean = f"rm -rf {HOME} /var/www/html/.well-known; rm /etc/nginx/conf.d/* && service nginx reload || true"
        self.lab.exec(host, ["sh", "-c", clean], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # -- State on hosts and at the CA

    def live(self, host: str, name: str = "shop") -> x509.Certificate:
        """Return the live certificate. Raises FileNotFoundError."""
        return x509.load_pem_x509_certificate(self.file(host, name, "cert.pem").read_bytes())

    def file(self, host: str, name: str, file: str) -> Path:
        """Return a file of the live version, through the link as the host sees it."""
        version = self.lab.path(host, f"{HOME}/live/{name}").readlink().name
        return self.lab.path(host, f"{HOME}/versions/{name}/{version}/{file}")

    def serials(self, name: str = "shop") -> dict[str, int | None]:
        """Return the live serial of every host, None where there is none."""
        serials: dict[str, int | None] = {}
        for host in self.lab.hosts:
            try:
                serials[host] = self.live(host, name).serial_number
            except (FileNotFoundError, NotADirectoryError):
                serials[host] = None
        return serials

    def pair_matches(self, host: str, name: str = "shop") -> bool:
        """Return True if the live key is the live certificate's."""
        key = serialization.load_pem_private_key(self.file(host, name, "privkey.pem").read_bytes(), None)
        public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public_key().public_bytes(*public) == self.live(host, name).public_key().public_bytes(*public)

    def has(self, host: str, name: str = "shop") -> bool:
        """Return True if the host has a live certificate with its key."""
        try:
            return self.pair_matches(host, name)
        except (OSError, ValueError):
            return False

    def enable_tls(self, name: str = "shop") -> None:
        """Have every host's nginx serve the live certificate, as its administrator would."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda host: self.lab.enable_tls(host, name), self.lab.hosts))

    def served(self, host: str, server_name: str = "") -> x509.Certificate:
        """Return the certificate of the host's nginx, verified against the CA's root. Raises OSError."""
        roots = self.lab.pebble.root_pem()
        return x509.load_der_x509_certificate(self.lab.served(host, server_name or self.lab.fqdn(host), roots))

    def check_served(self, host: str, name: str = "shop") -> None:
        """Assert that the host serves its live certificate, verified, under its name.

        nginx reloads in the background, so what it serves is looked at until it is the live one, within bounds.
        """
        assert self.pair_matches(host, name)
        live = self.live(host, name)
        last: list[Any] = [None]

        def is_live() -> bool:
            try:
                last[0] = self.served(host)
            except OSError as error:
                last[0] = error
            return last[0] == live

        wait(is_live, PATIENCE, f"{host} does not serve its live certificate {live.serial_number:x}: {last}", 0.1)

    def signed_requests(self, mark: int) -> list[str]:
        """Return the paths of POST requests to the CA since a mark."""
        return [path for method, path in self.lab.pebble.requests(mark) if method == "POST"]

    def counted_requests(self, mark: int, certificates: int) -> int:
        """Requests since a mark, with two polls a certificate: more only say that the CA was slow on a busy machine.

        Asserts that even so it was not asked on and on.
        """
        requests = self.lab.pebble.requests(mark)
        polls = requests.count(("POST", "/my-order/"))
        assert polls <= MOST_POLLS * certificates
        return len(requests) - max(0, polls - 2 * certificates)

    def tree(self, host: str) -> dict[str, str]:
        """Return all paths under the home and the webroot, each with what identifies its content."""
        listed = self.lab.exec(
            host,
            ["find", HOME, "/var/www/html", "-printf", "%p %y %m %u %g %l %s %T@\\n"],
            capture_output=True,
            text=True,
        )
        return {line.split(" ", 1)[0]: line for line in listed.stdout.splitlines()}


def names(certificate: x509.Certificate) -> set[str]:
    """Return the DNS names of a certificate."""
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(san.get_values_for_type(x509.DNSName))
