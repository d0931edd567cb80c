# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each provider with the server or program that it changes records at."""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.name
import dns.tsig

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.pace import Limits, Pauses
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from tests.unit.dns.scripted_providers import ZONE, AcmeDnsApi, PowerDnsApi, Program, UpdateServer

NAME, OTHER = f"_acme-challenge.www.{ZONE}", f"_acme-challenge.shop.{ZONE}"


A, B = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "-y3aJ7-_tBNgGoPdy0PPjGqKZT0PM4AaOJeoLzQNQDk"


RIGHT, WRONG = "cmlnaHQtc2VjcmV0LXJpZ2h0", "d3Jvbmctc2VjcmV0LXdyb25n"


@dataclass
class Case:
    """A kind, what it is scripted against, its options, and the same with wrong credentials, WRONG among them."""

    kind: str
    server: object
    options: dict
    wrong: dict
    name: str = NAME
    others: list = field(default_factory=lambda: [OTHER])

    def make(self, timeout=5.0, pauses=None, **more):
        """Return the provider with options of its own. Without *pauses* no request is repeated."""
        return by_name.create(self.kind, {**self.options, **more}, limits(timeout, pauses))

    @property
    def removes(self):
        return by_name.CLASSES[self.kind].removes


def rfc2136(_tmp_path):
    server = UpdateServer(dns.tsig.Key("acme.", RIGHT, "hmac-sha256"))
    key = {"tsig_name": "acme", "tsig_secret": RIGHT}
    return Case("rfc2136", server, {"server": "127.0.0.1", "port": server.port, **key}, {"tsig_secret": WRONG})


def lexicon(_tmp_path):
    server = PowerDnsApi(RIGHT)
    options = {"pdns_server": server.url, "auth_token": RIGHT}
    return Case(
        "lexicon", server, {"name": "powerdns", "options": options}, {"options": {**options, "auth_token": WRONG}}
    )


def acme_dns(_tmp_path):
    server = AcmeDnsApi("a-user-name", RIGHT, "d420c923-bbd7")
    login = {"username": "a-user-name", "password": RIGHT, "subdomain": "d420c923-bbd7"}
    # A registration is one name's.
    return Case("acme_dns", server, {"url": server.url, **login}, {"password": WRONG}, f"d420c923-bbd7.{ZONE}", [])


def exec_(tmp_path):
    server = Program(tmp_path, RIGHT)
    environment = {"FOLDER": str(tmp_path), "TOKEN": RIGHT}
    return Case(
        "exec",
        server,
        {"program": str(server.path), "environment": environment},
        {"environment": {**environment, "TOKEN": WRONG}},
    )


def limits(timeout=5.0, pauses=None):
    return Limits(timeout, pauses or Pauses(Clock(), 0))


def failed(provider, *records):
    """Return the provider's message for each record, all of which have to fail."""
    try:
        failures = provider.change(ZONE, list(records), True)
    except DnsError as error:
        return [str(error)]
    assert set(failures) == set(records)
    return list(failures.values())
