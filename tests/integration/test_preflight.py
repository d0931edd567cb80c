# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight over real networks: several addresses, silence, redirects to what only the controller reaches."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.integration.calls import COLLECTIONS
from tests.integration.hosts import msg_of
from tests.integration.orders import ALWAYS_VALID, fitting, local, order, serve
from tests.lab import Lab
from tests.parameters import hard_after

# On the controller; the hosts are in a private network.
SECRETS = ("127.0.0.1", "169.254.169.254", "100.64.0.1", "::1")
REDIRECT = """\
server {{
    listen 80;
    server_name .web1.lab.test;
    location / {{
        return 302 "{}";
    }}
}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    # The CA validates nothing: on this machine it would follow such redirects itself.
    with Lab(folder, hosts=2, collections_path=COLLECTIONS, pebble_env=ALWAYS_VALID) as lab:
        for address in SECRETS[1:3]:
            lab.ip("address", "add", f"{address}/32", "dev", "lo")
        yield lab


@pytest.fixture
def listeners(lab: Lab) -> Iterator[list[socket.socket]]:
    """Nobody gets to accept what they are sent: it waits there to be seen."""
    opened = [
        lab.inside(lambda address=address, port=port: listening(address, port))
        for address in SECRETS
        for port in (80, 443)
    ]
    yield opened
    for listener in opened:
        listener.close()


def listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    listener.settimeout(0)
    return listener


def visited(listeners: list[socket.socket]) -> list[str]:
    """Return the listeners that got a connection."""
    found = []
    for listener in listeners:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            continue
        found.append(str(listener.getsockname()))
    return found


def redirect(lab: Lab, target: str) -> None:
    """Have web1's nginx send challenges elsewhere."""
    lab.path("web1", "/etc/nginx/conf.d/redirect.conf").write_text(REDIRECT.format(target))
    lab.exec("web1", ["service", "nginx", "restart"], check=True)


@pytest.mark.parametrize(
    "target",
    hard_after(
        2,
        [
            "http://localhost/",
            "http://[::ffff:127.0.0.1]/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "http://2130706433/",
            "http://[::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://100.64.0.1/",
        ],
    ),
)
def test_preflight_redirect_reaches_nothing_on_controller(lab, ca, listeners, target):
    ordered = ca.order(order("shop"))
    assert ordered.ok, ordered.text
    redirect(lab, target)
    done = ca.finalize(fitting(local(ordered)[0]), preflight=True)
    assert done.ok, msg_of(done)
    assert visited(listeners) == []
    assert "requests for this certificate do not go there" in done.unwrapped
    assert "meta-data" not in done.text


def test_preflight_redirect_within_network_is_followed(lab, ca, listeners):
    ordered = ca.order(order("shop"))
    assert ordered.ok, ordered.text
    item = local(ordered)[0]
    serve(lab, item, host="web2")
    redirect(lab, "http://web2.lab.test$request_uri")
    done = ca.finalize(fitting(item), preflight=True)
    assert done.ok, msg_of(done)
    assert "do not go there" not in done.unwrapped
    assert visited(listeners) == []


@pytest.fixture
def records(lab: Lab) -> Iterator[Callable[..., None]]:
    """Yield records(name, type, value), which adds a record of lab.test until the test ends."""
    added = []

    def add(*record: str) -> None:
        lab.dns.add(*record)
        added.append(record)

    yield add
    for record in added:
        lab.dns.remove(*record)


def test_preflight_wrong_ipv6_address_beside_right_ipv4_address_fails(lab, ca, records):
    records("both", "A", lab.address("web2"))
    records("both", "AAAA", lab.address6("web1"))
    ordered = ca.order(order("both", "both.lab.test"))
    assert ordered.ok, ordered.text
    item = fitting(local(ordered)[0])
    serve(lab, item, host="web2")
    done = ca.finalize(item, preflight=True)
    assert not done.ok
    said = msg_of(done)
    assert f"the preflight failed for both.lab.test: [{lab.address6('web1')}]:80 answers HTTP 404" in said
    assert lab.address("web2") not in said
    serve(lab, item, host="web1")
    done = ca.finalize(item, preflight=True)
    assert done.ok, msg_of(done)


def test_preflight_silent_server_is_one_warning_and_orders_go_on(lab, ca, records, listeners):
    """Connections to the listeners are never accepted."""
    names = [f"silent{number}" for number in range(9)]
    for name in names:
        records(name, "A", SECRETS[2])
    ordered = ca.order(*(order(name, f"{name}.lab.test") for name in names))
    assert ordered.ok, ordered.text
    done = ca.finalize(*map(fitting, local(ordered)), preflight=True, timeout=30)
    assert done.ok, msg_of(done)
    assert done.unwrapped.count("could not be verified from here") == 1
    assert "9 names could not be verified from here: silent0.lab.test, silent1.lab.test, " in done.unwrapped
    assert "and 6 more (port 80: timed out)" in done.unwrapped
