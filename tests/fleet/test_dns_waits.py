# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way to wait for DNS in each network: issued where the CA sees the record, else a line that names an option."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fleet.fleet import Fleet, Run, names
from tests.lab import Lab
from tests.lab.bind import SECOND_PORT
from tests.lab.firewall import firewall
from tests.lab.resolver import resolver

HOSTS = {"authoritative": "web1", "resolver": "web2", "none": "web3"}
LAG = 40  # seconds


@dataclass(frozen=True)
class Network:
    """A network of the controller. enter: yields the variables of a run there.

    stopped: the ways to wait with which nothing can be issued. delay: seconds after which the CA sees the records.
    warned: words of a warning.
    """

    title: str
    enter: Callable[[Lab], Any]
    stopped: tuple[str, ...] = ()
    delay: int = 2
    warned: str = ""


@contextmanager
def _open(_lab: Lab) -> Iterator[dict[str, Any]]:
    yield {}


def _behind(effect: str) -> Callable[[Lab], Any]:
    @contextmanager
    def enter(lab: Lab) -> Iterator[dict[str, Any]]:
        with firewall(lab, effect):
            yield {}

    return enter


@contextmanager
def _dead_secondary(lab: Lab) -> Iterator[dict[str, Any]]:
    zone, server = lab.authorities.zone(), f"ns3.{lab.authorities.zone()}"
    address = f"{lab.controller.rpartition('.')[0]}.250"
    lab.authorities.add(server, "A", address)
    lab.authorities.add(zone, "NS", f"{server}.")
    try:
        yield {}
    finally:
        lab.authorities.remove(zone, "NS", f"{server}.")
        lab.authorities.remove(server, "A")


@contextmanager
def _split_horizon(lab: Lab) -> Iterator[dict[str, Any]]:
    with resolver(lab) as split:
        yield {"acme_dns_resolver": [split.inside]}


@contextmanager
def _lagging(lab: Lab) -> Iterator[dict[str, Any]]:
    with lab.authorities.slow(LAG):
        yield {"acme_dns_timeout": LAG + 30}


@contextmanager
def _shared_resolver(lab: Lab) -> Iterator[dict[str, Any]]:
    """Controller and CA ask the same resolver, and both of them may only know names that exist."""
    with lab.authorities.negative_ttl(300), resolver(lab) as shared:
        lab.pebble.restart(resolver=shared.address)
        yield {"acme_dns_resolver": [shared.address]}


NETWORKS = (
    Network("all open", _open),
    Network("port 53 drops", _behind("drops"), stopped=("authoritative",)),
    Network("port 53 rejects", _behind("rejects"), stopped=("authoritative",)),
    Network("port 53 redirected", _behind("redirects"), stopped=("authoritative",)),
    Network("one secondary dead", _dead_secondary, warned="ns3.dyn.lab.test"),
    Network("split horizon", _split_horizon, stopped=("authoritative", "resolver")),
    Network("one secondary lags", _lagging, delay=LAG + 5),
    Network("resolver shared with the CA", _shared_resolver),
)


@pytest.fixture
def fleet(four: Fleet) -> Fleet:
    return four


def entry(fleet: Fleet, **options: Any) -> dict[str, Any]:
    """Return the entry for the zone; its updates go to a port that no firewall here is for."""
    return fleet.lab.authorities.provider(port=SECOND_PORT, **options)


def site(fleet: Fleet, zones: dict[str, Any], hosts: list[str], **variables: Any) -> Run:
    """Run the playbook for a certificate by dns-01 on each of these hosts."""
    identifier = "{{ inventory_hostname }}.dyn.lab.test"
    wanted = {"name": "shop", "identifiers": [identifier, f"*.{identifier}"], "challenge": "dns-01"}
    more = {"acme_dns": zones, "acme_certificates": [wanted], "acme_dns_timeout": 20, **variables}
    return fleet.site(acme_hosts=",".join(hosts), **more)


@pytest.mark.hard
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.title)
def test_waits_in_each_network_issue_or_name_an_option(fleet: Fleet, network: Network) -> None:
    zones = {}
    for way, host in HOSTS.items():
        delay = 0 if way == "authoritative" else network.delay if way == "none" or network.delay > LAG else 0
        zones[f"_acme-challenge.{host}.dyn.lab.test"] = entry(fleet, wait=way, delay=delay)
    with network.enter(fleet.lab) as variables:
        run = site(fleet, zones, list(HOSTS.values()), **variables)
    assert run.hosts_with("failed") == [HOSTS[way] for way in network.stopped]
    for way in network.stopped:
        message = run.message(HOSTS[way])
        assert f"_acme-challenge.{HOSTS[way]}.dyn.lab.test" in message
        assert "acme_dns_wait" in message
    for way, host in HOSTS.items():
        if way not in network.stopped:
            assert names(fleet.live(host)) == {f"{host}.dyn.lab.test", f"*.{host}.dyn.lab.test"}
    assert network.warned in run.text
    assert fleet.lab.authorities.txt() == set()


@pytest.mark.parametrize(
    ("way", "network"),
    [("resolver", NETWORKS[1]), pytest.param("none", NETWORKS[3], marks=pytest.mark.hard)],
    ids=lambda value: value if isinstance(value, str) else value.title,
)
def test_wait_of_the_role_issues_behind_a_firewall(fleet: Fleet, way: str, network: Network) -> None:
    options = {"acme_dns_wait": way, "acme_dns_delay": 1}
    with network.enter(fleet.lab) as variables:
        run = site(fleet, {"dyn.lab.test": entry(fleet)}, ["web1"], **options, **variables)
    assert run.code == 0
    assert fleet.pair_matches("web1")
    assert fleet.lab.authorities.txt() == set()
