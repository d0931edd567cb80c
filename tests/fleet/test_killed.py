# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next run resumes a run killed at any moment: every host gets its certificate, and none is issued twice.

Five hosts, not twenty: the moments are the same, and each of them costs two runs.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest

from tests.fleet.fleet import HOME, Fleet, Underway

pytestmark = pytest.mark.hard

HOSTS = 5
ONLY = {"acme_hosts": f"web[0:{HOSTS - 1}]"}

Moment = Callable[[Fleet, int], bool]


def asked(path: str, times: int) -> Moment:
    """Return the moment when the CA has got so many requests of this kind."""

    def come(fleet: Fleet, mark: int) -> bool:
        return fleet.lab.pebble.requests(mark).count(("POST", path)) >= times

    return come


def issued(times: int) -> Moment:
    return lambda fleet, mark: len(fleet.lab.pebble.issued(mark)) >= times


def on_hosts(pattern: str, times: int) -> Moment:
    """Return the moment when so many hosts have a file of this pattern."""

    def come(fleet: Fleet, mark: int) -> bool:
        there = [host for host in hosts(fleet) if list(fleet.lab.path(host, "/").glob(pattern))]
        return len(there) >= times

    return come


MOMENTS: dict[str, Moment] = {
    "the account was asked for": asked("/sign-me-up", 1),
    "the first order was asked for": asked("/order-plz", 1),
    "the last order was asked for": asked("/order-plz", HOSTS),
    "a host has made its key": on_hosts("etc/acme/versions/shop/0001/privkey.pem", 1),
    "a host serves its challenge": on_hosts("var/www/html/.well-known/acme-challenge/*", 1),
    "the first validation was asked for": asked("/chalZ/", 1),
    "the first order was finalized": asked("/finalize-order/", 1),
    "the first certificate was issued": issued(1),
    "the last certificate was downloaded": asked("/certZ/", HOSTS),
    "the first host has its certificate": on_hosts("etc/acme/live/shop", 1),
}


def hosts(fleet: Fleet) -> list[str]:
    return fleet.lab.hosts[:HOSTS]


def orders_unknown_to_hosts(fleet: Fleet, mark: int) -> int:
    """Return the number of orders at the CA that are in no host's journal."""
    journaled = set()
    for host in hosts(fleet):
        for manifest in fleet.lab.path(host, f"{HOME}/versions/shop").glob("*/version.json"):
            journaled.add(json.loads(manifest.read_bytes())["order_uri"])
    return fleet.lab.pebble.requests(mark).count(("POST", "/order-plz")) - len(journaled - {None})


def kill_at(fleet: Fleet, moment: Moment, kill: Callable[[Underway], None], mark: int, what: str) -> None:
    """Start a run and kill it at its moment."""
    underway = fleet.start(fleet.command(**ONLY))
    underway.until(lambda: moment(fleet, mark), what)
    kill(underway)
    run = underway.end()
    assert run.code == -signal.SIGKILL
    assert "PLAY RECAP" not in run.text


@pytest.mark.parametrize("what", MOMENTS)
def test_next_run_resumes_after_kill(fleet: Fleet, what: str) -> None:
    mark = fleet.lab.pebble.mark()
    kill_at(fleet, MOMENTS[what], Underway.kill, mark, what)
    unknown = orders_unknown_to_hosts(fleet, mark)
    assert_next_run_ends_well(fleet, mark, unknown)


def test_next_run_succeeds_beside_workers_of_killed_run(fleet: Fleet) -> None:
    """They go on for a while when it alone is killed."""
    what = "the first validation was asked for"
    mark = fleet.lab.pebble.mark()
    kill_at(fleet, MOMENTS[what], lambda underway: underway.process.kill(), mark, what)
    # All orders are in their hosts' journals before the first validation.
    assert orders_unknown_to_hosts(fleet, mark) == 0
    assert_next_run_ends_well(fleet, mark, 0)


@pytest.mark.parametrize("option", [{"key_type": "ec384"}, {"profile": "shortlived"}])
def test_next_run_orders_again_after_changed_terms(small: Fleet, option: dict[str, str]) -> None:
    pebble = small.lab.pebble
    mark = pebble.mark()
    before = {"key_type": "ec256", "profile": "default"}
    underway = small.start(small.command(acme_certificates=[small.certificate("shop", **before)]))
    underway.until(lambda: len(pebble.issued(mark)) == 3, "the last certificate")
    underway.kill()
    underway.end()
    run = small.site(acme_certificates=[small.certificate("shop", **{**before, **option})])
    assert run.code == 0
    assert len(pebble.issued(mark)) == 6
    for host in small.lab.hosts:
        assert small.pair_matches(host)
        live = small.live(host)
        assert live.public_key().curve.name == ("secp384r1" if "key_type" in option else "secp256r1")
        assert ((live.not_valid_after_utc - live.not_valid_before_utc).days < 7) is ("profile" in option)


def assert_next_run_ends_well(fleet: Fleet, mark: int, unknown: int) -> None:
    run = fleet.site(**ONLY)
    assert run.code == 0
    serials = [fleet.live(host).serial_number for host in hosts(fleet)]
    assert len(set(serials)) == HOSTS
    certificates = fleet.lab.pebble.issued(mark)
    assert set(serials) <= set(certificates)
    assert len(certificates) <= HOSTS + unknown
    for host in hosts(fleet):
        fleet.lab.enable_tls(host, "shop")
    for host in hosts(fleet):
        fleet.check_served(host)
        left = [path for path in fleet.tree(host) if "/acme-challenge/" in path or path.endswith(".aside")]
        assert left == []
        # Nothing is due, and nothing pending, for the run after.
        (version,) = fleet.lab.path(host, f"{HOME}/versions/shop").glob("[0-9]*")
        assert json.loads((version / "version.json").read_bytes())["reloaded"] is True


def test_next_run_does_outstanding_reload(small: Fleet) -> None:
    assert small.site().code == 0
    small.enable_tls()
    for host in small.lab.hosts:
        small.check_served(host)
    # The service program of web1 waits, and says so: the link is switched by then.
    service, aside = (small.lab.path("web1", f"/usr/sbin/service{suffix}") for suffix in ("", ".aside"))
    reloading = small.lab.path("web1", "/tmp/reloading")
    service.rename(aside)
    try:
        service.write_text("#!/bin/sh\ntouch /tmp/reloading\nexec sleep 300\n")
        service.chmod(0o755)
        underway = small.start(small.command(acme_force_renewal=True))
        underway.until(reloading.exists, "the reload")
        # The host's end of the connection ends as well: without the controller the module would go on.
        small.lab.exec(
            "web1", ["sh", "-c", "kill -9 $(ps -A -o pid=,args= | awk '/[p]ython3|[s]leep 300/ {print $1}')"]
        )
        underway.kill()
        underway.end()
    finally:
        aside.rename(service)
        reloading.unlink(missing_ok=True)
    assert small.pair_matches("web1")
    assert small.served("web1") != small.live("web1")

    mark = small.lab.pebble.mark()
    run = small.site()
    assert run.code == 0
    assert "web1: certificate shop: repair (reload outstanding)" in run.planned
    assert small.lab.pebble.issued(mark) == []
    for host in small.lab.hosts:
        small.check_served(host)
