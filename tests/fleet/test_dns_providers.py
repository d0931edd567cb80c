# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of DNS through the role: two for one certificate, and one that has room for two values of a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.fleet import Fleet, Run, names
from tests.lab.acme_dns import ScriptedAcmeDns


@pytest.fixture
def fleet(twenty_hosts_with_zones: Fleet) -> Fleet:
    twenty_hosts_with_zones.reset()
    twenty_hosts_with_zones.lab.authorities.clean()
    return twenty_hosts_with_zones


@pytest.fixture
def acme_dns(fleet: Fleet) -> Iterator[ScriptedAcmeDns]:
    with ScriptedAcmeDns(fleet.lab) as server:
        yield server


def site(fleet: Fleet, hosts: str, zones: dict[str, Any], *identifiers: str) -> Run:
    """Run the playbook for a certificate by DNS on each host."""
    wanted = {"name": "shop", "identifiers": list(identifiers), "challenge": "dns-01"}
    return fleet.site(acme_hosts=hosts, acme_dns=zones, acme_dns_timeout=20, acme_certificates=[wanted])


def test_dns_wildcard_for_two_zones_with_two_providers(fleet: Fleet) -> None:
    """The example of docs/dns-providers.md: one zone by dynamic updates, the other by the API of another server."""
    domains = ["a.dyn.lab.test", "a.pdns.lab.test"]
    identifiers = [name for domain in domains for name in (domain, f"*.{domain}")]
    run = site(fleet, "web1", fleet.lab.authorities.providers(), *identifiers)
    assert run.code == 0
    assert names(fleet.live("web1")) == set(identifiers)
    assert all(fleet.lab.authorities.txt(zone) == set() for zone in ("dyn", "pdns"))


def test_dns_hosts_with_one_name_of_acme_dns_take_turns(fleet: Fleet, acme_dns: ScriptedAcmeDns) -> None:
    """Three hosts need three values of a name that keeps two: the third host alone fails, and is next."""
    account = acme_dns.register()
    fleet.lab.authorities.add("_acme-challenge.one.dyn.lab.test", "CNAME", f"{acme_dns.full_name(account)}.")
    zones = {acme_dns.full_name(account): acme_dns.provider(account)}
    run = site(fleet, "web[0:2]", zones, "one.dyn.lab.test")
    assert run.hosts_with("failed") == ["web3"]
    assert (
        f"acme_dns has room for 2 of the 3 values of {acme_dns.full_name(account)} in this run: the certificates take "
        "turns; run again later"
    ) in run.message("web3")
    assert len(acme_dns.updates) == 2
    assert all(fleet.pair_matches(host) for host in ("web1", "web2"))

    run = site(fleet, "web[0:2]", zones, "one.dyn.lab.test")
    assert run.code == 0
    assert fleet.pair_matches("web3")
