# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revocation of certificates that the fleet's account did not order, and what becomes of a revoked one on its host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial
from tests.fleet.fleet import HOME, Fleet, Run
from tests.lab import cores
from tests.lab.hostile import edited, make_honest, make_hostile

FILES = [{file: f"/etc/ssl/shop/{file}.pem" for file in ("certificate", "key", "chain")}]
MOVE = (
    "mkdir -p /etc/ssl/shop; cd /etc/acme/live/shop; cp cert.pem /etc/ssl/shop/certificate.pem; "
    "cp privkey.pem /etc/ssl/shop/key.pem; cp chain.pem /etc/ssl/shop/chain.pem; rm -rf /etc/acme"
)
CORES = [cores.parameter(core=core) for core in ("", "oldest", "newest")]
ACCOUNT = """\
- hosts: web
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: certfleet.tls.acme
        tasks_from: {entry}
"""


def revoke(fleet: Fleet, *arguments: str, core: str = "", **variables: Any) -> Run:
    given = {"acme_revoke": "shop", **variables}
    return fleet.run(fleet.command(*arguments, playbook="certfleet.tls.revoke", core=core, **given))


def of_account(fleet: Fleet, entry: str) -> None:
    """Make or deactivate the fleet's account."""
    path = fleet.folder / f"{entry}.yml"
    path.write_text(ACCOUNT.format(entry=entry))
    assert fleet.run(fleet.command(playbook=str(path))).code == 0


def status(fleet: Fleet, number: int | None) -> tuple[str, int | None]:
    assert number is not None
    found = fleet.lab.pebble.cert_status(number)
    return found["Status"], found.get("Reason")


def marked(fleet: Fleet, host: str) -> dict[str, bool]:
    """Return for each version of a host whether it is marked as revoked."""
    folder = fleet.lab.path(host, f"{HOME}/versions/shop")
    return {
        path.parent.name: "revoked" in json.loads(path.read_text()) for path in sorted(folder.glob("*/version.json"))
    }


@pytest.fixture
def adopted(small: Fleet) -> Fleet:
    """Return three hosts with certificates of another account, adopted, and the fleet's own account without any."""
    theirs = {
        "acme_account_key_src": str(small.folder / "their-key.pem"),
        "acme_history": str(small.folder / "their-history.jsonl"),
    }
    assert small.site(**theirs).code == 0
    for host in small.lab.hosts:
        small.lab.exec(host, ["sh", "-ec", MOVE], check=True, stdout=subprocess.DEVNULL)
    adopt = small.command(playbook="certfleet.tls.adopt", acme_adopt_files=FILES)
    assert small.run(adopt).hosts_with("changed") == small.lab.hosts
    of_account(small, "account")
    return small


@pytest.mark.hard
def test_adopted_certificate_is_revoked_by_its_own_key_marked_and_replaced(adopted: Fleet) -> None:
    before = adopted.serials()
    adopted.file("web2", "shop", "privkey.pem").unlink()
    mark = adopted.lab.pebble.mark()
    run = revoke(adopted, acme_revoke_reason="superseded")
    # The account comes first, and is refused; then the hosts sign that have the keys.
    assert run.hosts_with("failed") == ["web2"]
    assert "revoked: 2 with their own keys; not revoked: 1" in run.text
    assert adopted.signed_requests(mark).count("/revoke-cert") == 3 + 2
    assert [status(adopted, before[host]) for host in adopted.lab.hosts] == [
        ("Revoked", 4),
        ("Valid", None),
        ("Revoked", 4),
    ]
    told = run.message("web2")
    assert told.startswith(
        f"certificate shop (serial {serial(adopted.live('web2'))}) is not revoked: with its own key: "
    )
    assert "/privkey.pem" in told
    assert "; by the account: revocation: unauthorized: " in told
    assert told.endswith("or on the CA's web page")
    assert [marked(adopted, host) for host in adopted.lab.hosts] == [{"0001": True}, {"0001": False}, {"0001": True}]
    assert "PRIVATE KEY" not in run.text

    # Again: nothing is asked of the hosts but to mark what is marked, and of the CA nothing more than before.
    run = revoke(adopted, "-l", "web1,web3")
    assert (run.code, run.hosts_with("changed")) == (0, [])

    # The mark alone has it replaced, without a look at the CA's list.
    run = adopted.site("-l", "web1,web3")
    assert run.code == 0
    assert [line.partition(" (")[2][:15] for line in run.planned] == ["revoked: since "] * 2
    after = adopted.serials()
    assert [host for host in adopted.lab.hosts if before[host] != after[host]] == ["web1", "web3"]
    assert adopted.site("-l", "web1,web3").planned == []


@pytest.fixture
def honest(small: Fleet) -> Iterator[Fleet]:
    yield small
    make_honest(small.lab, "web3")


def test_compromised_key_signs_itself_and_the_account_where_it_cannot(honest: Fleet) -> None:
    assert honest.site().code == 0
    before = honest.serials()
    honest.file("web2", "shop", "privkey.pem").unlink()
    # The signature of another host, or of nobody.
    url = honest.lab.pebble.directory_url.replace("/dir", "/revoke-cert")
    make_hostile(
        honest.lab, "web3", [{"module": "certificate_revoke", "set": {"/signed/0/signatures": {url: "A" * 86}}}]
    )
    mark = honest.lab.pebble.mark()
    run = revoke(honest, acme_revoke_reason="key_compromise")
    assert (run.code, run.hosts_with("failed")) == (0, [])
    assert edited(honest.lab, "web3")
    assert "revoked: 2 by the account, 1 with their own keys; not revoked: 0" in run.text
    assert honest.signed_requests(mark).count("/revoke-cert") == 3, "a wrong signature is not sent"
    assert [status(honest, before[host]) for host in honest.lab.hosts] == [("Revoked", 1)] * 3


@pytest.mark.hard
@pytest.mark.parametrize("core", CORES)
def test_account_that_is_gone_leaves_the_certificates_own_keys(small: Fleet, core: str) -> None:
    """The hosts that have nothing to sign are in the play as well, and learn the results."""
    assert small.site("-l", "web2").code == 0
    of_account(small, "account_deactivate")
    run = revoke(small, core=core)
    assert run.hosts_with("failed") == ["web1", "web3"]
    assert run.message("web3") == "certificate shop is not revoked: there is no live version of it on this host"
    assert "revoked: 1 with their own keys; not revoked: 2" in run.text
    assert status(small, small.serials()["web2"]) == ("Revoked", 0)
    assert marked(small, "web2") == {"0001": True}


@pytest.mark.hard
@pytest.mark.parametrize("core", CORES)
def test_replacement_after_revocation_reports_results(small: Fleet, core: str) -> None:
    assert small.site().code == 0
    first = small.serials()
    assert revoke(small, "-l", "web1", core=core).code == 0
    instant = datetime.now(timezone.utc) + timedelta(seconds=1)
    run = small.run(
        small.command(
            playbook="certfleet.tls.replace",
            core=core,
            acme_replace_all=True,
            acme_replace_before=f"{instant:%Y-%m-%dT%H:%M:%SZ}",
        )
    )
    assert run.code == 0
    assert "certfleet.tls: 3 of 3 replaced\n" in run.text
    assert not set(first.values()) & set(small.serials().values())


@pytest.mark.hard
def test_revoked_certificate_is_taken_away_and_the_next_one_issued(small: Fleet) -> None:
    combined = "/etc/ssl/private/shop.pem"
    wanted = [small.certificate("shop", formats=[{"kind": "combined", "path": combined}])]
    small.variables["acme_certificates"] = wanted
    assert small.site("-l", "web1").code == 0
    first = small.serials()["web1"]
    run = revoke(small, "--check", "-l", "web1", acme_revoke_live="removed")
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert (status(small, first)[0], small.has("web1")) == ("Valid", True)

    run = revoke(small, "-l", "web1", acme_revoke_live="removed")
    assert (run.code, status(small, first)[0]) == (0, "Revoked")
    assert not small.lab.path("web1", f"{HOME}/live/shop").is_symlink()
    assert not small.lab.path("web1", combined).exists()
    # It is not there, and need not be: a second run has nothing to do.
    run = revoke(small, "-l", "web1", acme_revoke_live="removed")
    assert (run.code, run.hosts_with("changed")) == (0, [])

    run = small.site("-l", "web1")
    assert run.planned == ["web1: certificate shop: issue (missing)"]
    assert small.serials()["web1"] != first
    assert small.lab.path("web1", combined).exists()
    assert marked(small, "web1") == {"0001": True, "0002": False}
