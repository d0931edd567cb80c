# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revocation with a hostile host: it has no other's certificate revoked, and keeps none of its own quietly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial
from tests.fleet.fleet import Fleet, Run
from tests.lab.hostile import edited, make_honest, make_hostile
from tests.parameters import hard_after

HOSTILE = "web2"


@pytest.fixture
def issued(small: Fleet) -> Iterator[Fleet]:
    """Yield three hosts with a certificate each; a hostile one is honest again after the test."""
    assert small.site().code == 0
    yield small
    make_honest(small.lab, HOSTILE)


def edit(**rule: Any) -> dict[str, Any]:
    return {"module": "certificate_info", **rule}


def number(fleet: Fleet, host: str) -> str:
    """Return the serial number of a host's live certificate, in hexadecimal."""
    return serial(fleet.live(host))


def compromise(fleet: Fleet, *arguments: str, before: datetime | None = None, **variables: Any) -> Run:
    instant = before or datetime.now(timezone.utc) + timedelta(seconds=1)
    selection = {"acme_compromised": "shop", "acme_compromised_before": f"{instant:%Y-%m-%dT%H:%M:%SZ}"}
    return fleet.run(
        fleet.command(*arguments, playbook="certfleet.tls.compromise", **{**selection, **variables}),
    )


def revoked(fleet: Fleet, serials: dict[str, int | None]) -> list[str]:
    """Return the hosts whose certificates, given by serial numbers, are revoked."""
    return [host for host, found in serials.items() if fleet.lab.pebble.cert_status(found)["Status"] == "Revoked"]


def record(fleet: Fleet) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (fleet.folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.hard
def test_history_records_each_certificate(issued: Fleet) -> None:
    lines = {line["host"]: line for line in record(issued)}
    assert sorted(lines) == issued.lab.hosts
    for host, line in lines.items():
        assert line["certificate"] == issued.file(host, "shop", "cert.pem").read_text()
        assert line["serial"] == number(issued, host)
        assert line["directory"] == issued.lab.pebble.directory_url
        assert (line["name"], line["names"]) == ("shop", [issued.lab.fqdn(host)])
    assert (issued.folder / "history.jsonl").stat().st_mode & 0o777 == 0o600
    # A folder in its place is a warning, and costs no certificate.
    run = issued.site("-l", "web1", acme_force_renewal=True, acme_history=str(issued.folder))
    assert run.code == 0
    assert f"acme_history {issued.folder} cannot be written (Is a directory)" in " ".join(run.text.split())
    assert len(record(issued)) == 3


@pytest.mark.parametrize("recorded", hard_after(1, [True, False]), ids=["recorded", "not recorded"])
def test_hostile_host_that_shows_certificate_of_other_host_fails(issued: Fleet, recorded: bool) -> None:
    first = issued.serials()
    other = issued.file("web3", "shop", "cert.pem").read_text()
    listed = [issued.certificate("shop", issued.lab.fqdn("web3"))]
    make_hostile(
        issued.lab,
        HOSTILE,
        [edit(set={"/history/0/certificate": other, "/ansible_facts/acme_certificates": listed})],
    )
    variables = {} if recorded else {"acme_history": ""}
    run = compromise(issued, "-l", HOSTILE, **variables)
    assert edited(issued.lab, HOSTILE)
    assert run.hosts_with("failed") == [HOSTILE]
    told = run.message(HOSTILE)
    why = "issued for web3 (acme_history)" if recorded else "for web3.lab.test, which acme_certificates has for web3"
    assert f"certificate shop (serial {number(issued, 'web3')}) is not revoked: it " in told
    assert why in told
    # Its own is revoked where the controller knows of it, and told where it does not.
    assert revoked(issued, first) == ([HOSTILE] if recorded else [])
    assert ("the host had it when the run began" in told) is not recorded


@pytest.mark.hard
def test_hostile_host_that_hides_its_old_version_fails(issued: Fleet, tmp_path: Path) -> None:
    first = issued.serials()
    old, content = number(issued, HOSTILE), issued.file(HOSTILE, "shop", "cert.pem").read_text()
    make_hostile(issued.lab, HOSTILE, [edit(remove=["/history/0"])])
    instant = datetime.now(timezone.utc) + timedelta(seconds=1)

    # Without a record it fails, and the others go on.
    run = compromise(issued, before=instant, acme_history="")
    assert run.hosts_with("failed") == [HOSTILE]
    told = run.message(HOSTILE)
    assert told.startswith(f"certificate shop (serial {old}) is not revoked: the host had it when the run began")
    assert told.endswith("-e acme_revoke_files=FILE")
    assert revoked(issued, first) == ["web1", "web3"]

    # It lies from the start of the second run, in which nothing is left to be replaced.
    run = compromise(issued, "-l", HOSTILE, before=instant, acme_history="")
    assert run.message(HOSTILE).startswith(
        "certificate shop is not revoked: neither the host nor acme_history has one with a key from before 20"
    )
    file = tmp_path / "web2.pem"
    file.write_text(content)
    run = compromise(
        issued,
        "-l",
        HOSTILE,
        before=instant,
        acme_history="",
        acme_revoke_serials=old,
        acme_revoke_files=str(file),
    )
    assert revoked(issued, first) == issued.lab.hosts
    assert issued.lab.pebble.cert_status(first[HOSTILE])["Reason"] == 1


@pytest.mark.hard
def test_history_reveals_what_a_hostile_host_hides(issued: Fleet) -> None:
    first = issued.serials()
    make_hostile(issued.lab, HOSTILE, [edit(remove=["/history/0"])])
    instant = datetime.now(timezone.utc) + timedelta(seconds=1)
    assert compromise(issued, before=instant).code == 0
    assert revoked(issued, first) == issued.lab.hosts
    # Run again as it was, it finds them revoked.
    run = compromise(issued, before=instant)
    assert (run.code, run.hosts_with("changed")) == (0, [])


@pytest.mark.hard
def test_hostile_host_that_claims_a_new_key_fails(issued: Fleet) -> None:
    first = issued.serials()
    new = "2098-01-01T00:00:00Z"
    make_hostile(
        issued.lab, HOSTILE, [edit(set={"/certificates/0/live/created": new}), edit(set={"/history/0/created": new})]
    )
    run = compromise(issued)
    assert run.hosts_with("failed") == [HOSTILE]
    assert f"certificate shop (serial {number(issued, HOSTILE)}) is not revoked: it is still in use" in run.message(
        HOSTILE
    )
    assert (revoked(issued, first), issued.serials()[HOSTILE]) == (["web1", "web3"], first[HOSTILE])
    # Without a record, too, the run does not succeed.
    run = compromise(issued, "-l", HOSTILE, acme_history="")
    assert run.hosts_with("failed") == [HOSTILE]
    assert "neither the host nor acme_history has one" in run.message(HOSTILE)


@pytest.mark.hard
def test_revoke_without_selected_certificate_fails(issued: Fleet) -> None:
    mark = issued.lab.pebble.mark()
    run = compromise(issued, before=datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert run.hosts_with("failed") == issued.lab.hosts
    assert "neither the host nor acme_history has one with a key from before 2020-01-01T00:00:00Z" in run.message(
        "web1"
    )
    assert issued.signed_requests(mark) == []
    run = compromise(issued, acme_compromised="shpo")
    assert run.hosts_with("failed") == issued.lab.hosts


@pytest.mark.hard
def test_revoke_check_mode_changes_nothing(issued: Fleet) -> None:
    mark, first = issued.lab.pebble.mark(), issued.serials()
    run = compromise(issued, "--check")
    assert (run.code, issued.signed_requests(mark)) == (0, [])
    assert (issued.serials(), revoked(issued, first)) == (first, [])


def revoke(fleet: Fleet, arguments: Sequence[str] = (), **variables: Any) -> Run:
    return fleet.run(fleet.command(*arguments, playbook="certfleet.tls.revoke", **variables))


@pytest.mark.hard
def test_revoke_serial_numbers_without_their_hosts(issued: Fleet, tmp_path: Path) -> None:
    first = issued.serials()
    numbers = {host: number(issued, host) for host in issued.lab.hosts}
    file = tmp_path / "web3.pem"
    file.write_text(issued.file("web3", "shop", "fullchain.pem").read_text())
    for host in issued.lab.hosts:
        issued.lab.unplug(host)
    run = revoke(issued, ["-l", "web1"], acme_revoke_serials=[numbers["web1"], numbers["web2"]])
    assert (run.code, revoked(issued, first)) == (0, ["web1", "web2"])
    run = revoke(
        issued, ["-l", "web1"], acme_history="", acme_revoke_serials=numbers["web3"], acme_revoke_files=str(file)
    )
    assert (run.code, revoked(issued, first)) == (0, issued.lab.hosts)
    run = revoke(issued, ["-l", "web1"], acme_history="", acme_revoke_serials=numbers["web3"])
    assert run.message("web1").startswith(
        f"certificate with serial {numbers['web3']} is not revoked: it is neither in acme_history nor in"
    )
    assert "acme_revoke: it selects no certificate" in revoke(issued, ["-l", "web1"]).text


@pytest.mark.hard
def test_revoke_account_key_open_to_others_fails(issued: Fleet) -> None:
    first = issued.serials()
    (issued.folder / "account-key.pem").chmod(0o644)
    run = revoke(issued, ["-l", "web1"], acme_revoke="shop")
    assert "account-key.pem is open to others: its mode is 0644. Run chmod 600" in run.message("web1")
    assert revoked(issued, first) == []
    run = issued.site("-l", "web1", acme_force_renewal=True)
    assert "set account_key_permissions (acme_account_key_permissions) to 'warn'" in run.message("web1")
    run = revoke(issued, ["-l", "web1"], acme_revoke="shop", acme_account_key_permissions="warn")
    assert (run.code, revoked(issued, first)) == (0, ["web1"])
    assert "[WARNING]: account key" in run.text
