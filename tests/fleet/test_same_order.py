# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with the same names, at a CA that gives them one order as Let's Encrypt does: all in one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.plays import ROLE, Plays
from tests.lab.bent_ca import BentCa, bent_ca

NAME = "lb.lab.test"
REUSES_ORDERS = "hand out a pending order again for the same names"
#: Pebble uses valid authorizations of an account again: always, or never.
REUSES_PROOFS, WANTS_PROOFS = {"PEBBLE_AUTHZREUSE": "100"}, {"PEBBLE_AUTHZREUSE": "0"}
CERTIFICATES = [
    {"name": "lb", "identifiers": [NAME], "webroot": "/var/www/html"},
    {"name": "lb-rsa", "identifiers": [NAME], "webroot": "/var/www/html", "key_type": "rsa2048"},
]
PLAY = {"become": True, "roles": [ROLE]}


@pytest.fixture
def ca(plays: Plays) -> Iterator[BentCa]:
    with bent_ca(plays.fleet.lab, REUSES_ORDERS) as made:
        yield made


def variables(ca: BentCa, certificates: list[dict[str, Any]]) -> dict[str, Any]:
    return {"acme_directory": ca.url, "acme_certificates": certificates, "acme_http_01_scope": "play"}


def served(plays: Plays) -> dict[str, list[str]]:
    return {item["name"]: plays.served(item["name"]) for item in CERTIFICATES}


def test_same_names_on_several_hosts_are_issued_in_one_run(plays: Plays, ca: BentCa) -> None:
    fleet, hosts = plays.fleet, plays.fleet.lab.hosts
    fleet.lab.pebble.restart(env=REUSES_PROOFS)
    run = plays.run(PLAY, **variables(ca, CERTIFICATES))
    assert run.code == 0
    assert served(plays) == {"lb": hosts, "lb-rsa": hosts}
    fleet.enable_tls("lb-rsa")
    assert [fleet.served(host, NAME) for host in hosts] == [fleet.live(host, "lb-rsa") for host in hosts]
    assert ca.acted(REUSES_ORDERS) == 5
    serials = [fleet.live(host, item["name"]).serial_number for host in hosts for item in CERTIFICATES]
    assert len(set(serials)) == 6
    # Each manifest names the order that has the certificate, and nothing is left of the challenges.
    manifests = [fleet.file(host, item["name"], "version.json").read_text() for host in hosts for item in CERTIFICATES]
    assert len({text.partition('"order_uri"')[2].split('"')[1] for text in manifests}) == 6
    assert [host for host in hosts for path in fleet.tree(host) if "acme-challenge/" in path] == []
    mark = fleet.lab.pebble.mark()
    again = plays.run(PLAY, **variables(ca, CERTIFICATES))
    assert (again.code, again.hosts_with("changed"), plays.orders(mark)) == (0, [], 0)


@pytest.mark.hard
def test_same_names_without_reused_proofs_are_issued_by_later_runs(plays: Plays, ca: BentCa) -> None:
    fleet, hosts = plays.fleet, plays.fleet.lab.hosts
    fleet.lab.pebble.restart(env=WANTS_PROOFS)
    wanted = variables(ca, CERTIFICATES[:1])
    for number in range(1, len(hosts) + 1):
        run = plays.run(PLAY, **wanted)
        lacking = [host for host in hosts if host not in plays.served("lb")]
        assert (len(lacking), run.hosts_with("failed")) == (len(hosts) - number, lacking)
        for host in lacking:
            assert "certificate lb: cannot order again after another certificate took the order " in run.message(host)
            assert run.message(host).endswith("the next run tries again")
    assert run.code == 0
    # With live certificates that are still valid, the others are deferred.
    before = fleet.serials("lb")
    forced = plays.run(PLAY, "-e", "acme_force_renewal=true", **wanted)
    assert forced.code == 0
    assert "is deferred to a later run: cannot order again" in " ".join(forced.text.split())
    assert len(fleet.serials("lb").items() - before.items()) == 1
