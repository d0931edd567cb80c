# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of single hosts or certificates: they affect no others, and the next run repairs them."""

from __future__ import annotations

import pytest

from tests.fleet.fleet import HOME, Fleet, names

pytestmark = pytest.mark.hard


def challenges_on(fleet: Fleet, host: str) -> list[str]:
    return [path for path in fleet.tree(host) if "/acme-challenge/" in path]


def test_run_ca_that_rejects_every_second_nonce_succeeds(fleet: Fleet) -> None:
    ten = fleet.certificate("shop", *[f"n{number}.{{{{ inventory_hostname }}}}.lab.test" for number in range(10)])
    mark = fleet.lab.pebble.mark()
    run = fleet.site(acme_certificates=[ten], acme_hosts="web[0:9]")
    assert run.code == 0
    assert fleet.counted_requests(mark, 10) <= 26 * 10
    assert names(fleet.live("web10")) == {f"n{number}.web10.lab.test" for number in range(10)}

    fleet.lab.pebble.restart(env={"PEBBLE_WFE_NONCEREJECT": "50"})
    mark = fleet.lab.pebble.mark()
    run = fleet.site(acme_hosts="web")  # other names for the first ten, too
    assert run.code == 0
    assert len(fleet.lab.pebble.issued(mark)) == 20
    assert len(fleet.lab.pebble.requests(mark)) > 7 * 20  # it did reject
    assert all(fleet.pair_matches(host) for host in fleet.lab.hosts)


def test_run_faulty_hosts_alone_fail(fleet: Fleet) -> None:
    fleet.lab.exec("web7", ["mkdir", "/srv/elsewhere"], check=True)
    fleet.lab.unplug("web3")
    wanted = fleet.by_host(
        web5=[fleet.certificate("shop", "web5.lab.test", "nx.lab.test")],
        web7=[fleet.certificate("shop", webroot="/srv/elsewhere")],
        web9=[fleet.certificate("bad", "blocked.lab.test"), fleet.certificate("shop")],
        web11=[fleet.certificate("shop", webroot="/srv/nowhere")],
    )
    mark = fleet.lab.pebble.mark()
    run = fleet.site(**wanted, acme_preflight=False)  # so that the CA is asked
    assert run.code != 0
    assert run.hosts_with("unreachable") == ["web3"]
    assert run.hosts_with("failed") == ["web5", "web7", "web9", "web11"]
    assert run.message("web5").startswith("certificate shop: nx.lab.test: http-01: ")
    assert "could not resolve" in run.message("web5")
    assert run.message("web7").startswith("certificate shop: web7.lab.test: http-01: unauthorized: ")
    assert run.message("web9").startswith("certificate bad: ")
    assert "rejectedIdentifier" in run.message("web9")
    assert run.message("web11") == (
        "certificate shop: webroot /srv/nowhere does not exist. Create it, and have the web server serve it"
    )
    without = {"web3", "web5", "web7", "web11"}
    serials = fleet.serials()
    assert {host for host, serial in serials.items() if serial is None} == without
    assert len(fleet.lab.pebble.issued(mark)) == 20 - len(without)
    assert [host for host in fleet.lab.hosts if challenges_on(fleet, host)] == []
    left = fleet.lab.exec("web7", ["find", "/srv/elsewhere", "-type", "f"], capture_output=True, check=True)
    assert left.stdout == b""

    fleet.lab.plug("web3")
    mark = fleet.lab.pebble.mark()
    run = fleet.site()
    assert run.code == 0
    assert set(run.hosts_with("changed")) == without
    assert len(fleet.lab.pebble.issued(mark)) == len(without)
    assert all(fleet.pair_matches(host) for host in fleet.lab.hosts)
    assert {host for host, serial in fleet.serials().items() if serial != serials[host]} == without


def test_next_run_host_that_vanished_gets_issued_certificate(small: Fleet) -> None:
    pebble = small.lab.pebble
    mark = pebble.mark()
    underway = small.start(small.command())
    underway.until(lambda: len(pebble.issued(mark)) == 3, "the last certificate")
    small.lab.unplug("web2")
    run = underway.end()
    assert run.code != 0
    assert "web2" in run.text
    serials = small.serials()
    assert serials["web2"] is None
    assert None not in (serials["web1"], serials["web3"])

    small.lab.plug("web2")
    run = small.site()
    assert run.code == 0
    assert set(run.hosts_with("changed")) <= {"web1", "web2"}  # web1 stands for the controller
    assert len(pebble.issued(mark)) == 3
    assert small.serials()["web2"] in pebble.issued(mark)
    assert {host: serials[host] for host in ("web1", "web3")} == {
        host: small.serials()[host] for host in ("web1", "web3")
    }
    small.enable_tls()
    for host in small.lab.hosts:
        small.check_served(host)
        assert challenges_on(small, host) == []


def test_run_keeps_rolled_back_certificate_until_due(small: Fleet) -> None:
    assert small.site().code == 0
    old = small.serials()
    assert small.site(acme_force_renewal=True).code == 0
    small.lab.exec("web1", ["ln", "-sfn", "../versions/shop/0001", f"{HOME}/live/shop"], check=True)
    mark = small.lab.pebble.mark()
    run = small.site()
    assert run.code == 0
    assert run.hosts_with("changed") == []
    assert small.serials()["web1"] == old["web1"]
    assert small.lab.pebble.issued(mark) == []

    assert small.site(acme_force_renewal=True).code == 0
    assert len(small.lab.pebble.issued(mark)) == 3
    assert small.lab.path("web1", f"{HOME}/live/shop").readlink().name == "0003"
    assert small.pair_matches("web1")
