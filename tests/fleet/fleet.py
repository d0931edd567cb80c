# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab, and the role run over it as a user runs it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.lab import Lab

CHECKOUT = Path(__file__).parents[2]
COLLECTIONS = str(CHECKOUT / "build" / "collections_dev")
HOME = "/etc/acme"
TIMEOUT = 300

_RECAP = re.compile(r"^(\S+) +: (ok=.*)$", re.MULTILINE)
_PLANNED = re.compile(r'"(web\d+: certificate \S+: (?:issue|repair|refuse) \([^"]*\))"')


@dataclass(frozen=True)
class Run:
    """What a run of the playbook came to."""

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

    def hosts_with(self, count: str) -> list[str]:
        """The hosts whose count of 'changed', 'failed' or 'unreachable' is not 0."""
        return sorted((host for host, counts in self.recap.items() if counts[count]), key=lambda host: int(host[3:]))

    def message(self, host: str) -> str:
        """What the failed host is told."""
        found = re.search(rf"^(?:fatal|failed): \[{host}[^\]]*\].*?=> (\{{.*?^?\}})$", self.text, re.MULTILINE | re.DOTALL)
        if found:
            return str(json.loads(found[1])["msg"])
        found = re.search(rf'^\[ERROR\]: .*?\n.*?fatal: \[{host}\].*?"msg": "(.*?)"', self.text, re.MULTILINE | re.DOTALL)
        assert found, self.text
        return found[1]


class Fleet:
    """The hosts of a lab and the variables that the role gets."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.variables: dict[str, Any] = {
            **json.loads((lab.state / "vars.json").read_text()),
            "acme_account_key_src": str(folder / "account-key.pem"),
            "acme_terms_agreed": True,
            "acme_certificates": [self.certificate("shop")],
        }

    @staticmethod
    def certificate(name: str, *identifiers: str, **options: Any) -> dict[str, Any]:
        """A wanted certificate; its names default to the host's own."""
        return {
            "name": name,
            "identifiers": list(identifiers) or ["{{ inventory_hostname }}.{{ lab_domain }}"],
            "challenge": "http-01",
            "webroot": "/var/www/html",
            "reload": ["nginx"],
            **options,
        }

    def command(self, *arguments: str, playbook: str = "certfleet.tls.site", **variables: Any) -> list[str]:
        """The command line of a run; keyword arguments are variables over the fleet's."""
        path = self.folder / "vars.json"
        path.write_text(json.dumps({"acme_hosts": "web", **self.variables, **variables}))
        return ["ansible-playbook", playbook, "-e", f"@{path}", *arguments]

    def site(self, *arguments: str, **variables: Any) -> Run:
        """Run the playbook over the fleet."""
        return self.run(self.command(*arguments, **variables))

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
        """Run a command on the controller."""
        done = self.lab.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, env=env
        )
        return Run(done.returncode, done.stdout)

    def reset(self) -> None:
        """Hosts as if the role had never run, and the lab's CA without accounts, orders and deviations."""
        for host in self.lab.hosts:
            self.lab.exec(host, ["rm", "-rf", HOME, "/var/www/html/.well-known"], check=True)
        (self.folder / "account-key.pem").unlink(missing_ok=True)
        self.lab.pebble.restart(env={})

    # -- What is on hosts and at the CA

    def live(self, host: str, name: str = "shop") -> x509.Certificate:
        """The live certificate. Raises FileNotFoundError."""
        return x509.load_pem_x509_certificate(self.file(host, name, "cert.pem").read_bytes())

    def file(self, host: str, name: str, file: str) -> Path:
        """A file of the live version, through the link as the host sees it."""
        version = self.lab.path(host, f"{HOME}/live/{name}").readlink().name
        return self.lab.path(host, f"{HOME}/versions/{name}/{version}/{file}")

    def serials(self, name: str = "shop") -> dict[str, int | None]:
        """The live serial of every host, None where there is none."""
        serials: dict[str, int | None] = {}
        for host in self.lab.hosts:
            try:
                serials[host] = self.live(host, name).serial_number
            except FileNotFoundError:
                serials[host] = None
        return serials

    def pair_matches(self, host: str, name: str = "shop") -> bool:
        """Whether the live key is the live certificate's."""
        key = serialization.load_pem_private_key(self.file(host, name, "privkey.pem").read_bytes(), None)
        public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public_key().public_bytes(*public) == self.live(host, name).public_key().public_bytes(*public)

    def served(self, host: str) -> x509.Certificate:
        """What the host's nginx serves, verified against the CA's root."""
        roots = self.lab.pebble.root_pem()
        return x509.load_der_x509_certificate(self.lab.served(host, self.lab.fqdn(host), roots))

    def signed_requests(self, mark: int) -> list[str]:
        """What was posted to the CA since a mark."""
        return [path for method, path in self.lab.pebble.requests(mark) if method == "POST"]

    def tree(self, host: str) -> dict[str, str]:
        """All there is under the home and the webroot: path and what identifies its content."""
        listed = self.lab.exec(
            host,
            ["find", HOME, "/var/www/html", "-printf", "%p %y %m %u %g %l %s %T@\\n"],
            capture_output=True,
            text=True,
        )
        return {line.split(" ", 1)[0]: line for line in listed.stdout.splitlines()}


def names(certificate: x509.Certificate) -> set[str]:
    """The DNS names of a certificate."""
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(san.get_values_for_type(x509.DNSName))
