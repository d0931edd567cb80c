# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's CA: Pebble, at ports 14000 (ACME) and 15000 (management) of the controller's address."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import keys
from .errors import LabError
from .namespaces import in_network
from .process import Process, wait

if TYPE_CHECKING:
    from .lab import Lab

ACME, MANAGEMENT = 14000, 15000
BIN = Path(__file__).parents[2] / "build" / "bin"  # where tests/setup/system.sh puts it

# No waiting, and nothing by chance, but for one: it takes 0 for one in a hundred when it asks itself whether to use an
# account's valid authorization again (RFC 8555 section 7.1.4).
ENVIRONMENT = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
BLOCKED = "blocked.lab.test"  # a name that the CA refuses by policy

REQUEST = re.compile(r"^Pebble \S+ \S+ ([A-Z]+) (/\S*) -> calling handler\(\)$", re.MULTILINE)
ISSUED = re.compile(r"^Pebble \S+ \S+ Issued certificate serial ([0-9a-f]+) for order \S+$", re.MULTILINE)


class Pebble:
    """The CA, its log and its management interface."""

    def __init__(self, lab: Lab, name: str = "pebble", acme: int = ACME, management: int = MANAGEMENT) -> None:
        """*name* is that of its process and log; the ports are its own."""
        self._lab = lab
        self._name = name
        self.acme = acme
        self._management = management
        self._directory = lab.state / name
        self.log = lab.log(name)
        self.ca_path = self._directory / "ca.pem"  # PEM of the CA that signed Pebble's own web certificate
        self.directory_url = f"https://ca.{lab.domain}:{acme}/dir"
        self.eab: dict[str, str] | None = None  # kid and key (base64url, for HS256), when the CA wants one

    def start(self) -> None:
        """Make its own certificate and start it as the lab's options say; return when it answers."""
        self._directory.mkdir()
        keys.web_certificate(
            self._directory, [f"ca.{self._lab.domain}", "localhost"], ["127.0.0.1", self._lab.controller]
        )
        (self._directory / "eab.json").write_text(json.dumps(_new_eab() if self._lab.options.eab else None))
        self.load()
        self._start()

    def load(self) -> None:
        """Know what start() made."""
        self.eab = json.loads((self._directory / "eab.json").read_text())

    def restart(
        self, env: Mapping[str, str] | None = None, config: Mapping[str, Any] | None = None, resolver: str = ""
    ) -> None:
        """Restart it: it forgets accounts, orders, certificates and its own keys.

        env and config (keys of its JSON file's "pebble") take the place of those given so far; None leaves them.
        resolver: the address at which it looks names up until the next restart; empty: the lab's for it.
        """
        if env is not None:
            self._lab.options.pebble_env = dict(env)
        if config is not None:
            self._lab.options.pebble_config = dict(config)
        self._lab.save()
        self.stop()
        self._start(resolver)

    def stop(self) -> None:
        """End it."""
        process = Process.recorded(self._lab.state / f"{self._name}.pid")
        if process:
            process.kill()

    def mark(self) -> int:
        """Return a point in the log, for requests() and issued() to count from."""
        return self.log.stat().st_size

    def requests(self, since: int = 0) -> list[tuple[str, str]]:
        """Return method and path of each request that came in at the ACME port since a mark, in order.

        Of a path Pebble logs what all resources of a kind have in common: /my-order/, /authZ/, /chalZ/, ...
        """
        return REQUEST.findall(self._logged(since))

    def issued(self, since: int = 0) -> list[int]:
        """Return the serial numbers of the certificates issued since a mark, in order."""
        return [int(serial, 16) for serial in ISSUED.findall(self._logged(since))]

    def root_pem(self, number: int = 0) -> str:
        """Return the root under which it issues; others than 0 with PEBBLE_ALTERNATE_ROOTS."""
        return self._manage("GET", f"/roots/{number}")

    def intermediate_pem(self, number: int = 0) -> str:
        """Return the intermediate below that root."""
        return self._manage("GET", f"/intermediates/{number}")

    def intermediate_key_pem(self, number: int = 0) -> str:
        """Return the private key of that intermediate, where it is RSA."""
        return self._manage("GET", f"/intermediate-keys/{number}")

    def cert_status(self, serial: int) -> dict[str, Any]:
        """Return status ("Valid", "Revoked"), Serial, Certificate, Reason and RevokedAt."""
        status: dict[str, Any] = json.loads(self._manage("GET", f"/cert-status-by-serial/{serial:x}"))
        return status

    def set_renewal_info(self, cert_pem: str, window: tuple[datetime, datetime] | str) -> None:
        """From now on answer requests for a certificate's renewal information with this window (aware datetimes).

        A text is the whole answer.
        """
        if isinstance(window, str):
            answer = window
        else:
            start, end = (moment.astimezone(timezone.utc).isoformat() for moment in window)
            answer = json.dumps({"suggestedWindow": {"start": start, "end": end}})
        self._manage("POST", "/set-renewal-info/", json.dumps({"certificate": cert_pem, "ariResponse": answer}))

    def _start(self, resolver: str = "") -> None:
        options = self._lab.options
        config = {
            "listenAddress": f"0.0.0.0:{self.acme}",
            "managementListenAddress": f"0.0.0.0:{self._management}",
            "certificate": self._lab.seen(self._directory / "cert.pem"),
            "privateKey": self._lab.seen(self._directory / "key.pem"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.eab is not None,
            "externalAccountMACKeys": {self.eab["kid"]: self.eab["key"]} if self.eab else {},
            "domainBlocklist": [BLOCKED, "blocked-domain.example"],
            "retryAfter": {"authz": 0, "order": 0},
            "keyAlgorithm": "ecdsa",
            "profiles": {
                "default": {"description": "90 days", "validityPeriod": 90 * 86400},
                "shortlived": {"description": "six days", "validityPeriod": 6 * 86400},
            },
            **options.pebble_config,
        }
        path = self._directory / "config.json"
        path.write_text(json.dumps({"pebble": config}, indent=2))
        self._lab.spawn(
            self._name,
            [_program(), "-config", self._lab.seen(path), "-dnsserver", f"{resolver or self._lab.dns.for_ca}:53"],
            {**ENVIRONMENT, **options.pebble_env},
        )
        wait(self._answers, 20, f"Pebble does not answer: see {self.log}")

    def _answers(self) -> bool:
        try:
            # Not its directory: what comes in there is counted.
            self._manage("GET", "/roots/0")
        except OSError:
            if Process.recorded(self._lab.state / f"{self._name}.pid") is None:
                raise LabError(f"Pebble ended: see {self.log}") from None
            return False
        return True

    def _logged(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def _manage(self, method: str, path: str, body: str | None = None) -> str:
        context = ssl.create_default_context(cafile=str(self.ca_path))
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13

        def ask() -> str:
            connection = http.client.HTTPSConnection(
                self._lab.controller, self._management, timeout=10, context=context
            )
            try:
                # Without a User-Agent it answers some requests with an error, as RFC 8555 section 6.1 has it.
                connection.request(method, path, body, {"User-Agent": "lab"})
                response = connection.getresponse()
                text = response.read().decode()
            finally:
                connection.close()
            if response.status != 200:
                raise LabError(f"Pebble answers {method} {path} with {response.status}: {text.strip()}")
            return text

        answer: str = in_network(self._lab.init.pid, ask)
        return answer


def _program() -> str:
    for path in (str(BIN), None):
        program = shutil.which("pebble", path=path)
        # Debian's says its version is "dev"; dns-persist-01 came with 2.10, which the lab's configuration needs.
        if program and b"dns-persist-01" in Path(program).read_bytes():
            return program
    raise LabError(f"there is no pebble of 2.10 or later, neither in {BIN} nor on PATH: run make system")


def _new_eab() -> dict[str, str]:
    return {"kid": "lab", "key": base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")}
