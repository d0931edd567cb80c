# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerDNS with its HTTP API."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import LabError

if TYPE_CHECKING:
    from .lab import Lab

PORT = 8081
API_KEY = "the-key-to-the-lab-s-PowerDNS"
PROGRAM = "/usr/sbin/pdns_server"
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")

# Changes are visible at once, and it sends no request about its own version.
CONFIG = """\
launch=gsqlite3
gsqlite3-database={directory}/pdns.sqlite3
socket-dir={sockets}
local-address={address}, {address6}
disable-axfr=no
allow-axfr-ips=0.0.0.0/0,::/0
api=yes
api-key={key}
webserver=yes
webserver-address={address}
webserver-port={port}
webserver-allow-from=0.0.0.0/0
webserver-loglevel=normal
cache-ttl=0
negquery-cache-ttl=0
query-cache-ttl=0
zone-cache-refresh-interval=0
security-poll-suffix=
"""


def start(
    lab: Lab, directory: Path, addresses: tuple[str, str], zone: str, records: Sequence[tuple[str, int, str, str]]
) -> None:
    """Start it at an IPv4 and an IPv6 address with one zone and its records (full name, TTL, type, value)."""
    if not (SCHEMA.exists() and Path(PROGRAM).exists()):
        raise LabError("there is no PowerDNS: install Debian's pdns-server and pdns-backend-sqlite3 (make system does)")
    with closing(sqlite3.connect(directory / "pdns.sqlite3")) as database:
        database.executescript(SCHEMA.read_text())
        database.execute("INSERT INTO domains (id, name, type) VALUES (1, ?, 'NATIVE')", [zone])
        statement = "INSERT INTO records (domain_id, name, ttl, type, content) VALUES (1, ?, ?, ?, ?)"
        database.executemany(statement, records)
        database.commit()
    address, address6 = addresses
    config = CONFIG.format(
        directory=lab.seen(directory),
        sockets=lab.control,  # a socket's path has to be short
        address=address,
        address6=address6,
        key=API_KEY,
        port=PORT,
    )
    (directory / "pdns.conf").write_text(config)
    lab.spawn("pdns", [PROGRAM, f"--config-dir={lab.seen(directory)}", "--guardian=no", "--daemon=no"])


def call(lab: Lab, address: str, method: str, path: str, body: Any = None) -> Any:
    """Return the API's answer; path is below /api/v1/servers/localhost. Raises LabError if it refuses."""

    def ask() -> Any:
        connection = http.client.HTTPConnection(address, PORT, timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/servers/localhost{path}", text, {"X-API-Key": API_KEY})
            response = connection.getresponse()
            said = response.read().decode()
        finally:
            connection.close()
        if response.status >= 300:
            raise LabError(f"PowerDNS answers {method} {path} with {response.status}: {said.strip()}")
        return json.loads(said) if said else None

    return lab.inside(ask)
