# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for an acme-dns server, which no package registry has."""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lab import Lab

TXT = re.compile(r"[A-Za-z0-9_-]{43}")  # the value of a challenge, and nothing else


@dataclass
class Account:
    """Result of a registration, and the values that are served, the oldest first."""

    subdomain: str
    username: str
    password: str
    values: list[str] = field(default_factory=list)


class ScriptedAcmeDns:
    """acme-dns's HTTP API on the loopback of a lab with dns_zones, inside a with statement; its zone is auth.

    trouble: a status with which it answers every update from now on; None: as it should.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._server: ThreadingHTTPServer
        self.trouble: int | None = None
        self.updates: list[tuple[str, str]] = []  # subdomain and value of each one carried out

    @property
    def url(self) -> str:
        """Its API, for the controller."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedAcmeDns:
        outer = self

        class Handler(_Handler):
            server_of = outer

        self._server = self._lab.inside(lambda: ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self) -> Account:
        """Register an account, as POST /register does."""
        account = Account(*(str(uuid.uuid4()) for _unused in range(3)))
        with self._lock:
            self._accounts[account.subdomain] = account
        return account

    def full_name(self, account: Account) -> str:
        """Return the name to which a CNAME has to lead."""
        return f"{account.subdomain}.{self._lab.authorities.zone('auth')}"

    def provider(self, account: Account) -> dict[str, Any]:
        """Return the entry of acme_dns for the account's full name."""
        return {
            "provider": "acme_dns",
            "url": self.url,
            "username": account.username,
            "password": account.password,
            "subdomain": account.subdomain,
        }

    def answer(self, path: str, username: str, password: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Return status and document for a POST."""
        if path == "/register":
            account = self.register()
            document = {name: getattr(account, name) for name in ("subdomain", "username", "password")}
            return 201, {**document, "fulldomain": self.full_name(account), "allowfrom": []}
        if path != "/update":
            return 404, {"error": "not_found"}
        if self.trouble:
            return self.trouble, {"error": "in_trouble"}
        if not isinstance(body, dict):
            return 400, {"error": "malformed_json_payload"}
        found = self._accounts.get(str(body.get("subdomain")))
        if found is None or (username, password) != (found.username, found.password):
            return 401, {"error": "forbidden"}
        value = body.get("txt")
        if not isinstance(value, str) or not TXT.fullmatch(value):
            return 400, {"error": "bad_txt"}
        with self._lock:
            # The last two, so that an apex and its wildcard fit.
            before, found.values = found.values, [*found.values, value][-2:]
            authorities, name = self._lab.authorities, self.full_name(found)
            authorities.add(name, "TXT", value)
            for gone in set(before) - set(found.values):
                authorities.remove(name, "TXT", gone)
            self.updates.append((found.subdomain, value))
        return 200, {"txt": value}


class _Handler(BaseHTTPRequestHandler):
    server_of: ScriptedAcmeDns

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        user, key = self.headers.get("X-Api-User", ""), self.headers.get("X-Api-Key", "")
        status, document = self.server_of.answer(self.path, user, key, body)
        answer = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_unused: object) -> None:
        pass
