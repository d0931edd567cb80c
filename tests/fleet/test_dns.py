# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control proved by DNS, with real name servers: one pass and one wait for a fleet, and nothing left behind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import own_tasks
from tests.fleet.fleet import Fleet, Run, names
from tests.lab import cores
from tests.lab.authorities import DYN_KEY_512, OTHER_KEY
from tests.parameters import hard_after

NAME = "{{ inventory_hostname }}.dyn.lab.test"


@pytest.fixture
def fleet(twenty_hosts_with_zones: Fleet) -> Fleet:
    """Twenty hosts that have never seen the role, and zones with nothing but what they begin with."""
    twenty_hosts_with_zones.reset()
    twenty_hosts_with_zones.lab.authorities.clean()
    return twenty_hosts_with_zones


def by_dns(*identifiers: Any, name: str = "shop", **options: Any) -> dict[str, Any]:
    """Return a wanted certificate."""
    return {"name": name, "identifiers": list(identifiers) or [NAME], "challenge": "dns-01", **options}


def site(fleet: Fleet, *certificates: dict[str, Any], hosts: str = "web1", **variables: Any) -> Run:
    """Run the playbook for certificates by DNS; zones are the lab's, and the deadline is short."""
    variables = {"acme_dns": fleet.lab.authorities.providers(), "acme_dns_timeout": 20, **variables}
    if certificates:
        variables["acme_certificates"] = list(certificates)
    return fleet.site(acme_hosts=hosts, **variables)


def updates(fleet: Fleet, since: int = 0) -> list[str]:
    """Return the changes that the primary of dyn has logged since a position in its log."""
    with fleet.lab.log("ns1").open("rb") as log:
        log.seek(since)
        return re.findall(r"(adding an RR|deleting an RR) at '([^']+)'", log.read().decode(errors="replace"))


def passes(fleet: Fleet, before: int) -> int:
    """Return the number of updates of the zone dyn since its serial was *before*: each increments it by one."""
    return serial(fleet) - before


def serial(fleet: Fleet) -> int:
    (soa,) = [record.value for record in fleet.lab.authorities.records() if record.type == "SOA"]
    return int(soa.split()[2])


def waits(run: Run) -> int:
    """Return the number of waits for TXT records."""
    return run.text.count("TASK [certfleet.tls.acme : Wait until the TXT records are published]")


def test_dns_fleet_is_issued_with_one_wait(fleet: Fleet) -> None:
    """An apex and its wildcard have one name for two values."""
    before = serial(fleet)
    wanted = by_dns(NAME, f"*.{NAME}")
    run = site(fleet, wanted, hosts="web")
    assert run.code == 0
    assert names(fleet.live("web20")) == {"web20.dyn.lab.test", "*.web20.dyn.lab.test"}
    assert all(fleet.pair_matches(host) for host in fleet.lab.hosts)
    assert passes(fleet, before) == 2  # set, and removed
    assert waits(run) == 1
    assert fleet.lab.authorities.txt() == set()

    run = site(fleet, wanted, hosts="web")
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert passes(fleet, before) == 2


@pytest.mark.hard
def test_dns_killed_run_is_resumed(fleet: Fleet) -> None:
    authorities = fleet.lab.authorities
    certificates = [by_dns(f"{name}.{NAME}", name=name) for name in ("a", "b", "c", "d", "e")]
    before, mark = serial(fleet), fleet.lab.pebble.mark()
    variables = {"acme_dns": authorities.providers(), "acme_certificates": certificates}

    with authorities.stale():  # so that it waits
        run = fleet.start(fleet.command(**variables))
        run.until(lambda: len(authorities.txt()) == 100, "TXT records for a hundred certificates")
        run.kill()
        run.end()
    assert passes(fleet, before) == 1
    assert len(authorities.txt()) == 100

    then = site(fleet, *certificates, hosts="web")
    assert then.code == 0
    assert authorities.txt() == set()
    assert waits(then) == 1
    assert passes(fleet, before) == 2  # they were there already
    assert fleet.signed_requests(mark).count("/order-plz") == 100
    assert len(fleet.lab.pebble.issued(mark)) == 100
    assert all(fleet.pair_matches(host, name) for host in fleet.lab.hosts for name in "abcde")


@pytest.mark.hard
def test_dns_slow_secondary_is_waited_for(fleet: Fleet) -> None:
    with fleet.lab.authorities.slow(2):
        run = site(fleet, by_dns())
    assert run.code == 0
    assert fleet.lab.authorities.txt() == set()


@pytest.mark.hard
def test_dns_check_mode_writes_nothing(fleet: Fleet) -> None:
    before = serial(fleet)
    variables = {"acme_dns": fleet.lab.authorities.providers(), "acme_certificates": [by_dns()]}
    run = fleet.site("--check", acme_hosts="web1", **variables)
    assert run.code == 0
    assert run.planned == ["web1: certificate shop: issue (missing)"]
    assert passes(fleet, before) == 0


@pytest.mark.hard
def test_dns_names_of_one_order_at_several_providers(fleet: Fleet) -> None:
    """A CNAME leads from one server's zone to PowerDNS, another to a zone with a key of its own, a third stays."""
    authorities = fleet.lab.authorities
    authorities.add("_acme-challenge.a.dyn.lab.test", "CNAME", "a.pdns.lab.test.")
    authorities.add("_acme-challenge.b.dyn.lab.test", "CNAME", "hop.pdns.lab.test.")
    authorities.add("hop.pdns.lab.test", "CNAME", "_acme-challenge.b.other.lab.test.")
    authorities.add("_acme-challenge.c.dyn.lab.test", "CNAME", "c.dyn.lab.test.")
    zones = authorities.providers()
    zones["pdns.lab.test"]["cname_targets"] = ["a.pdns.lab.test"]
    wanted = by_dns(
        "a.dyn.lab.test",
        "*.a.dyn.lab.test",
        "b.dyn.lab.test",
        "c.dyn.lab.test",
        {"value": "web1.lab.test", "challenge": "http-01"},
        {"value": "www.web1.lab.test", "challenge": "tls-alpn-01"},
        webroot="/var/www/html",
    )
    before = serial(fleet)
    run = site(fleet, wanted, acme_dns=zones)
    assert run.code == 0
    assert len(names(fleet.live("web1"))) == 6
    assert passes(fleet, before) == 2
    assert all(authorities.txt(zone) == set() for zone in ("dyn", "other", "pdns"))


@pytest.mark.parametrize(
    ("challenge", "label"), hard_after(1, [("dns-01", "_acme-challenge"), ("dns-persist-01", "_validation-persist")])
)
def test_dns_cname_to_other_zone_needs_permission(fleet: Fleet, challenge: str, label: str) -> None:
    """The owner of one zone has nothing written in another; the others of the run get theirs."""
    authorities = fleet.lab.authorities
    name = f"{label}.web1.dyn.lab.test"
    authorities.add(name, "CNAME", "_dmarc.other.lab.test.")
    before = authorities.records("other")
    special = {"web1": [by_dns("web1.dyn.lab.test", challenge=challenge)], "web2": [fleet.certificate("shop")]}
    options = {"acme_certificates": "{{ special[inventory_hostname] }}", "special": special}
    run = site(fleet, hosts="web[0:1]", acme_dns_persist_write=True, acme_dns_timeout=2, **options)
    assert run.hosts_with("failed") == ["web1"]
    said = (
        f"{name} leads by CNAME to _dmarc.other.lab.test in zone other.lab.test; entry 'other.lab.test' of zones "
        "(acme_dns) allows such records only for _acme-challenge.*: if this target is wanted, add it to cname_targets "
        "of that entry"
    )
    assert said in run.message("web1")
    assert authorities.records("other") == before
    assert names(fleet.live("web2")) == {"web2.lab.test"}
    assert fleet.pair_matches("web2")


@pytest.mark.hard
def test_dns_account_01_is_issued(fleet: Fleet) -> None:
    wanted = by_dns("a.dyn.lab.test", "*.a.dyn.lab.test", challenge="dns-account-01")
    run = site(fleet, wanted)
    assert run.code == 0
    assert fleet.lab.authorities.txt() == set()


@pytest.mark.hard
def test_dns_persist_01_needs_published_record(fleet: Fleet) -> None:
    authorities = fleet.lab.authorities
    wanted = by_dns("a.dyn.lab.test", "*.a.dyn.lab.test", challenge="dns-persist-01")
    run = site(fleet, wanted, acme_dns_timeout=2)
    assert run.hosts_with("failed") == ["web1"]
    assert "TXT record _validation-persist.a.dyn.lab.test: ns1.dyn.lab.test (" in run.message("web1")
    assert " lacks 'pebble" in run.message("web1")
    assert authorities.txt() == set()  # verified, not written

    run = site(fleet, wanted, acme_dns_persist_write=True)
    assert run.code == 0
    assert {name for name, _value in authorities.txt()} == {"_validation-persist.a.dyn.lab.test"}  # it stays

    # A record published by hand may have more in it than is needed.
    (value,) = [value for _name, value in authorities.txt() if "wildcard" in value]
    authorities.remove("_validation-persist.a.dyn.lab.test", "TXT")
    authorities.add("_validation-persist.a.dyn.lab.test", "TXT", f"{value}; persistUntil=4102444800")
    before = serial(fleet)
    run = site(fleet, wanted, acme_force_renewal=True)
    assert run.code == 0
    assert passes(fleet, before) == 0


@pytest.fixture
def two_ways(fleet: Fleet) -> dict[str, Any]:
    """web1 by DNS, and web2 by its web server: web2 gets its certificate also if web1 fails."""
    return {
        "acme_certificates": "{{ special[inventory_hostname] }}",
        "special": {"web1": [by_dns("web1.dyn.lab.test")], "web2": [fleet.certificate("shop")]},
        "hosts": "web[0:1]",
        "acme_dns_timeout": 3,
    }


@pytest.mark.hard
def test_dns_provider_failure_does_not_affect_others(fleet: Fleet) -> None:
    """A host for each way to fail: an entry of acme_dns may be for one record alone."""
    authorities = fleet.lab.authorities
    entry = authorities.provider()
    wrong_secret = {"tsig_secret": "AAAA" + entry["tsig_secret"][4:]}
    wrong_token = {"options": {**authorities.provider("pdns")["options"], "auth_token": "not the one"}}
    cases: list[tuple[dict[str, Any] | None, str]] = [
        (authorities.provider(**wrong_secret), "TSIG"),
        (authorities.provider(tsig_name="nobody"), "TSIG"),
        (authorities.provider(key=OTHER_KEY), "REFUSED"),
        (authorities.provider("other"), "dyn.lab.test"),  # a server that does not have the zone
        (authorities.provider(server="10.53.250.1"), "10.53.250.1"),
        ({"provider": "nsupdate", "server": "10.53.0.2"}, "ansible-galaxy collection install community.general"),
        ({**authorities.provider("pdns"), **wrong_token}, "401"),
        (None, "acme_dns"),
    ]
    hosts = [f"web{number}" for number in range(1, len(cases) + 3)]
    zones = {f"_acme-challenge.{host}.dyn.lab.test": case for host, (case, _what) in zip(hosts, cases) if case}
    zones[f"_acme-challenge.{hosts[-2]}.dyn.lab.test"] = entry
    wanted = fleet.by_host(**{host: [by_dns()] for host in hosts[:-1]})
    mark = fleet.lab.pebble.mark()
    run = site(fleet, hosts=f"web[0:{len(hosts) - 1}]", **wanted, acme_dns=zones)
    assert run.hosts_with("failed") == hosts[:-2]
    for host, (_case, what) in zip(hosts, cases):
        assert what in run.message(host)
        assert f"{host}.dyn.lab.test" in run.message(host)
    for secret in (entry["tsig_secret"], wrong_secret["tsig_secret"], "not the one"):
        assert secret not in run.text
    assert all(fleet.pair_matches(host) for host in hosts[-2:])
    # The CA validated none of the failed ones; their orders are resumed once the fault is corrected.
    assert fleet.signed_requests(mark).count("/chalZ/") == 2
    run = site(fleet, hosts=f"web[0:{len(hosts) - 1}]", **wanted, acme_dns={"*": authorities.provider(key=DYN_KEY_512)})
    assert run.code == 0
    assert fleet.signed_requests(mark).count("/order-plz") == len(hosts)
    assert authorities.txt() == set()


@pytest.mark.hard
def test_dns_failing_name_servers_are_reported(fleet: Fleet, two_ways: dict[str, Any]) -> None:
    authorities = fleet.lab.authorities
    with authorities.stale():
        run = site(fleet, **two_ways)
    assert run.hosts_with("failed") == ["web1"]
    assert "ns2.dyn.lab.test" in run.message("web1")
    assert " lacks " in run.message("web1")
    assert "ns1" not in run.message("web1").replace("ns1.dyn.lab.test: ", "")
    assert authorities.txt() == set()  # removed although it failed

    with authorities.silent("ns1"):
        run = site(fleet, **two_ways)
    assert run.hosts_with("failed") == ["web1"]
    assert authorities.address("ns1") in run.message("web1")

    authorities.add("_acme-challenge.web1.dyn.lab.test", "CNAME", "loop.dyn.lab.test.")
    authorities.add("loop.dyn.lab.test", "CNAME", "_acme-challenge.web1.dyn.lab.test.")
    run = site(fleet, **two_ways)
    assert run.hosts_with("failed") == ["web1"]
    assert "loop.dyn.lab.test" in run.message("web1")
    assert fleet.pair_matches("web2")


def test_dns_own_tasks_file_is_used(fleet: Fleet, two_ways: dict[str, Any], tmp_path: Path) -> None:
    authorities = fleet.lab.authorities
    tasks = tmp_path / "mine.yml"
    tasks.write_text(own_tasks.WRITE)
    run = site(fleet, acme_dns={}, acme_dns_tasks=str(tasks), mine=authorities.providers(), **two_ways)
    assert run.code == 0
    assert authorities.txt() == set()

    run = site(fleet, acme_dns={}, acme_dns_tasks=str(tasks), mine={}, acme_force_renewal=True, **two_ways)
    # Its live certificate is still valid.
    assert run.hosts_with("failed") == []
    assert "is deferred to a later run: TXT record _acme-challenge.web1.dyn.lab.test: acme_dns_tasks: " in run.text
    assert "Traceback" not in run.text
    assert fleet.pair_matches("web2")


@pytest.mark.hard
def test_dns_host_that_vanishes_leaves_no_records(fleet: Fleet) -> None:
    authorities = fleet.lab.authorities
    variables = {"acme_dns": authorities.providers(), "acme_certificates": [by_dns()], "acme_hosts": "web[0:1]"}
    with authorities.slow(3):
        run = fleet.start(fleet.command(**variables))
        run.until(lambda: len(authorities.txt()) == 2, "TXT records")
        fleet.lab.unplug("web2")
        run.end()
    assert authorities.txt() == set()
    assert fleet.pair_matches("web1")


@pytest.mark.parametrize("core", [cores.parameter(core="", hard=True), cores.parameter(core="newest")])
def test_dns_output_has_no_secret(fleet: Fleet, core: str) -> None:
    zones = fleet.lab.authorities.providers()
    variables = {"acme_dns": zones, "acme_certificates": [by_dns("a.dyn.lab.test")], "acme_hosts": "web1"}
    run = fleet.run(fleet.command("-vvvv", core=core, **variables))
    assert run.code == 0
    assert "TSIG" not in run.text
    for secret in (zones["dyn.lab.test"]["tsig_secret"], zones["pdns.lab.test"]["options"]["auth_token"]):
        assert secret not in run.text


@pytest.mark.hard
def test_dns_shared_certificate_is_validated_once(fleet: Fleet) -> None:
    shared = by_dns("shared.dyn.lab.test", "*.shared.dyn.lab.test", shared=True)
    mark = fleet.lab.pebble.mark()
    run = site(fleet, shared, hosts="web[0:2]")
    assert run.code == 0
    trio = fleet.lab.hosts[:3]
    assert fleet.lab.pebble.issued(mark) == [fleet.live("web1").serial_number]
    assert {fleet.live(host).serial_number for host in trio} == {fleet.live("web1").serial_number}
    assert all(fleet.pair_matches(host) for host in trio)
    assert names(fleet.live("web3")) == {"shared.dyn.lab.test", "*.shared.dyn.lab.test"}
