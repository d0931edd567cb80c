# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More than one CA: the next one serves what the one before cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.fleet import Fleet
from tests.lab.pebble import Pebble


@pytest.fixture
def two_cas(small: Fleet) -> Iterator[tuple[Fleet, Pebble]]:
    """Yield three hosts, the lab's CA, and a second one that refuses no name."""
    second = Pebble(small.lab, "pebble2", 14100, 15100)
    second.start()
    try:
        yield small, second
    finally:
        second.stop()
        shutil.rmtree(small.lab.state / "pebble2")


def directories(*cas: Pebble) -> list[dict[str, Any]]:
    return [{"directory": ca.directory_url, "ca_path": str(ca.ca_path)} for ca in cas]


def issuer(fleet: Fleet, host: str, name: str = "shop") -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(fleet.file(host, name, "version.json").read_bytes())
    return manifest


def test_cas_second_ca_issues_what_the_first_refuses(two_cas: tuple[Fleet, Pebble]) -> None:
    small, second = two_cas
    first = small.lab.pebble
    first.restart(config={"domainBlocklist": ["web2.lab.test"]})
    wanted = {"acme_directory": directories(first, second), "acme_ca_path": ""}
    marks = first.mark(), second.mark()
    run = small.site(**wanted)
    assert run.code == 0
    assert (len(first.issued(marks[0])), len(second.issued(marks[1]))) == (2, 1)
    assert [issuer(small, host)["directory"] for host in small.lab.hosts] == [
        first.directory_url,
        second.directory_url,
        first.directory_url,
    ]
    accounts = {issuer(small, host)["account_uri"] for host in small.lab.hosts}
    assert len(accounts) == 2

    # Either's certificate is as good, and a second run asks neither for one.
    marks = first.mark(), second.mark()
    run = small.site(**wanted)
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert small.signed_requests(marks[0]) == []
    assert [path for method, path in second.requests(marks[1]) if method == "POST"] == []

    # A certificate of the second CA is issued again once that CA is not listed any more.
    run = small.site("--check", acme_directory=directories(first), acme_ca_path="")
    assert run.planned == ["web2: certificate shop: issue (issuer changed)"]

    # Revoked is where it was issued.
    run = small.run(small.command(playbook="certfleet.tls.revoke", acme_revoke="shop", **wanted))
    assert run.code == 0
    assert second.cert_status(small.live("web2").serial_number)["Status"] == "Revoked"
    assert first.cert_status(small.live("web1").serial_number)["Status"] == "Revoked"


@pytest.mark.hard
def test_cas_first_ca_down_order_at_second_is_resumed(two_cas: tuple[Fleet, Pebble]) -> None:
    small, second = two_cas
    gone = {"directory": "https://ca.lab.test:1/dir", "ca_path": str(second.ca_path)}
    wanted = {"acme_directory": [gone, *directories(second)], "acme_ca_path": "", "acme_hosts": "web1"}
    small.lab.exec("web1", ["mkdir", "-p", "/srv/elsewhere"], check=True)
    elsewhere = [small.certificate("shop", webroot="/srv/elsewhere")]
    run = small.site(**wanted, acme_certificates=elsewhere)
    assert run.hosts_with("failed") == ["web1"]
    assert "answers HTTP 404" in run.message("web1")

    # The first is there again, but the order is with the second.
    mark, orders = small.lab.pebble.mark(), second.mark()
    wanted["acme_directory"] = directories(small.lab.pebble, second)
    assert small.site(**wanted).code == 0
    assert small.signed_requests(mark) == []
    assert ("POST", "/order-plz") not in second.requests(orders)
    assert issuer(small, "web1")["directory"] == second.directory_url


@pytest.mark.hard
def test_cas_all_refuse_message_has_each_reason(two_cas: tuple[Fleet, Pebble]) -> None:
    small, second = two_cas
    cas = directories(small.lab.pebble, second)
    run = small.site(
        acme_directory=cas,
        acme_ca_path="",
        acme_hosts="web1",
        acme_certificates=[small.certificate("a", "blocked.lab.test")],
    )
    assert run.hosts_with("failed") == ["web1"]
    assert run.message("web1").count("newOrder: rejectedIdentifier") == 2
    assert all(ca["directory"] in run.message("web1") for ca in cas)


@pytest.mark.hard
def test_cas_second_without_agreement_to_its_terms_is_warned_of(two_cas: tuple[Fleet, Pebble]) -> None:
    small, second = two_cas
    first, standby = directories(small.lab.pebble, second)
    mark = second.mark()
    run = small.site(acme_directory=[first, {**standby, "terms_agreed": False}], acme_ca_path="", acme_hosts="web1")
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert f"{second.directory_url} could not take over from {first['directory']}: it makes no account" in run.text
    assert "Read them, and set acme_directory 2: terms_agreed to true" in run.text
    assert [path for method, path in second.requests(mark) if method == "POST"] == []
