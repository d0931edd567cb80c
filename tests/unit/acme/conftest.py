# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of _acme: a CA in a thread, a client with an account."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import addresses, connection, issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import Client
from ansible_collections.certfleet.tls.plugins.module_utils._acme.concurrency import Connections
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.ca import CA
from tests.unit.acme.orders import CSR, wanted
from tests.unit.acme.server import tls_context
from tests.unit.acme.tls import make_tls_files
from tests.unit.acme.web import PRIVATE_HOST, PUBLIC_HOST, web_at


@pytest.fixture
def http(ca, time):
    """Yield a session whose time limit is long enough for a busy machine."""
    made = Http(time.clock, ca.url, timeout=20.0, connections=4)
    yield made
    made.close()


@pytest.fixture
def hasty(ca, time):
    """Yield a session with a short time limit, for servers that hang."""
    made = Http(time.clock, ca.url, timeout=0.1)
    yield made
    made.close()


@pytest.fixture
def open_client(ca, http, key):
    """Return open_client(...), which returns a client with directory and account, without any request."""

    def open_(with_key=key, session=http, connections=1, registered=True):
        directory = Directory.parse(f"{ca.url}/directory", ca.directory())
        client = Client(session, directory, with_key, Connections(connections, connections))
        client.account_uri = ca.register(with_key) if registered else None
        return client

    return open_


@pytest.fixture
def client(open_client):
    return open_client()


@pytest.fixture
def prepare(client):
    return lambda request=None: issuance.prepare(client, request or wanted())


@pytest.fixture
def complete(client, time):
    return lambda prepared, seconds=300: issuance.complete(client, prepared, CSR, Deadline(time.clock, seconds))


@pytest.fixture
def resume(ca, client, prepare):
    """Return resume(status, ...), which prepares an earlier run's order in that status, and returns its URL, too."""

    def resume_(status, *names, **more):
        url = ca.order(client.account_uri, names or ["a.example"], "pending" if status == "pending" else "ready")
        ca.orders[ca.path(url)]["status"] = status
        request = wanted(*names, order_uri=url, account_uri=client.account_uri)
        return url, prepare(replace(request, **more))

    return resume_


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_ca(tls_files):
    """Yield the CA with TLS."""
    made = CA(tls_context(tls_files.certificate, tls_files.key))
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture
def web():
    with web_at("127.0.0.1") as server:
        yield server


@pytest.fixture
def named(monkeypatch):
    """Return named(addresses by host), which returns a look-up that records hosts.

    127.0.0.2 counts as a public address, 127.0.0.5 as a private one.
    """
    known, others = addresses.address_class, {PUBLIC_HOST: "public", PRIVATE_HOST: "private"}
    for module in (addresses, connection):
        monkeypatch.setattr(module, "address_class", lambda address: others.get(str(address)) or known(address))

    def made(**hosts):
        asked = []

        def look_up(host, port):
            asked.append(host)
            found = hosts.get(host.replace(".", "_"), [host])
            return [(address, port, 0, 0) if ":" in address else (address, port) for address in found]

        look_up.asked = asked
        return look_up

    return made


@pytest.fixture
def connected(monkeypatch):
    """Return the list of addresses that are connected to. Connections to all but loopback fail."""
    seen = []

    class Recording(socket.socket):
        def connect(self, place):
            seen.append(place[0])
            if not place[0].startswith("127."):
                raise OSError("not in a test")
            super().connect(place)

    monkeypatch.setattr(connection.socket, "socket", Recording)
    return seen
