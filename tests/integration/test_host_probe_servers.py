# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's beginnings in clear against the servers that speak them: Postfix, OpenLDAP, PostgreSQL.

Each is a process of its own in a folder of its own. Dovecot is in test_host_proof.py.
"""

from __future__ import annotations

import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.certfleet.tls.plugins.module_utils._host.services import probe
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.endpoints import Endpoint
from tests.unit.host import ca

NAME = "shop.lab.test"
OLD, NEW = 0xA001, 0xB002

POSTFIX_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = shop.lab.test
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
maillog_file = /dev/stdout
smtpd_tls_security_level = {level}
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
"""
# One smtpd: another would read the certificate when it begins.
POSTFIX_MASTER = """\
127.0.0.1:{port} inet n - n - 1 smtpd
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""
SLAPD = """\
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
pidfile {folder}/slapd.pid
"""


class Server:
    """A server that begins TLS on demand, with the certificate in its folder. user: who has to own what is there."""

    starttls = ""
    user = "root"

    def __init__(self, folder: Path, tls: bool = True) -> None:
        self.folder = folder
        self.tls = tls
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def put(self, certificate: tuple[bytes, bytes]) -> None:
        """Put a certificate and its key where the server reads them."""
        for name, data in zip(("cert.pem", "key.pem"), certificate, strict=True):
            path = self.folder / name
            path.write_bytes(data)
            path.chmod(0o600)
            shutil.chown(path, self.user)

    def command(self) -> list[str]:
        """Write the configuration, and give the command that runs the server in the foreground."""
        raise NotImplementedError

    def as_user(self) -> dict[str, Any]:
        """Return the options with which a process is the server's user's."""
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": [], "cwd": "/"}

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, **self.as_user())
        end = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is None:
            return
        self.end(self.process)
        self.process.wait(20)
        self.process = None

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Have the server end."""
        process.send_signal(signal.SIGINT)  # PostgreSQL waits for clients at SIGTERM

    def reload(self) -> None:
        """Have the server read its certificate again."""
        self.stop()
        self.start()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except ConnectionRefusedError:
            return False
        return True


class Postfix(Server):
    starttls = "smtp"

    def command(self) -> list[str]:
        for name in ("queue", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        shutil.chown(self.folder / "data", "postfix")
        level = "may" if self.tls else "none"
        (self.folder / "main.cf").write_text(POSTFIX_MAIN.format(folder=self.folder, level=level))
        (self.folder / "master.cf").write_text(POSTFIX_MASTER.format(port=self.port))
        return ["/usr/sbin/postfix", "-c", str(self.folder), "start-fg"]

    def reload(self) -> None:
        self._tell("reload")

    def end(self, process: subprocess.Popen[bytes]) -> None:
        # Its master is no child of the process that started it.
        self._tell("stop")

    def _tell(self, what: str) -> None:
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder, what], check=True, capture_output=True)


class Slapd(Server):
    """It reads its certificate at the start only."""

    starttls = "ldap"

    def command(self) -> list[str]:
        text = SLAPD if self.tls else SLAPD[SLAPD.index("pidfile") :]
        (self.folder / "slapd.conf").write_text(text.format(folder=self.folder))
        url = f"ldap://127.0.0.1:{self.port}"
        return ["/usr/sbin/slapd", "-h", url, "-f", str(self.folder / "slapd.conf"), "-d", "0"]


class Postgres(Server):
    starttls = "postgres"
    user = "postgres"

    def command(self) -> list[str]:
        (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        data = self.folder / "data"
        if not data.exists():
            data.mkdir(mode=0o700)
            shutil.chown(data, "postgres", "postgres")
            create = [programs / "initdb", "--no-sync", "--auth=reject", "--pgdata", data]
            subprocess.run(create, check=True, capture_output=True, **self.as_user())
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "ssl": "on" if self.tls else "off",
            "ssl_cert_file": self.folder / "cert.pem",
            "ssl_key_file": self.folder / "key.pem",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(data), *settings]

    def reload(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)


KINDS = (Postfix, Slapd, Postgres)
Run = Callable[..., Server]


@contextmanager
def running(kind: type[Server], tls: bool) -> Iterator[Server]:
    # Not below pytest's folder, which only its user may enter.
    with tempfile.TemporaryDirectory(prefix="probe-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = kind(folder, tls)
        server.put(pair(OLD))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def run() -> Iterator[Run]:
    """Run a server for as long as the test takes."""
    with ExitStack() as stack:
        yield lambda kind, tls=True: stack.enter_context(running(kind, tls))


def pair(serial: int) -> tuple[bytes, bytes]:
    """Return a certificate and its key, PEM."""
    key = ca.ec_key()
    leaf = ca.Authority.root().leaf(key.public_key(), [NAME], serial=serial)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca.pem(leaf).encode(), key.private_bytes(*form)


def prove(server: Server, timeout: int = 10) -> str:
    """Return the problem of the served certificate, compared with the one on disk; empty if there is none."""
    endpoint = Endpoint("127.0.0.1", server.port, NAME, server.starttls, timeout)
    (said,) = probe.prove_all([(endpoint, (server.folder / "cert.pem").read_bytes())])
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_probe_compares_served_certificate_with_disk(run: Run, kind: type[Server]) -> None:
    server = run(kind)
    assert prove(server) == ""
    server.put(pair(NEW))
    said = prove(server, timeout=1)
    assert said == (f"127.0.0.1:{server.port} ({NAME}) serves serial a001 instead of b002 (tried for 1 seconds)")
    server.reload()
    assert prove(server) == ""


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Postfix, "502 5.5.1 Error: command not implemented"), (Slapd, "LDAP result 2"), (Postgres, "ssl is off")],
)
def test_probe_server_without_tls_is_reported(run: Run, kind: type[Server], said: str) -> None:
    server = run(kind, tls=False)
    assert f"does not show its certificate: the server refused to start TLS: {said}" in prove(server, timeout=1)
