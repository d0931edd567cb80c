# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role in plays of all kinds: become, serial, strategies, shared names, two at once; and the playbook revoke."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.fleet import CHECKOUT, HOME, Fleet, Run, names
from tests.integration.orders import Customer
from tests.parameters import hard_but


def manifest(fleet: Fleet, host: str, name: str = "shop") -> dict[str, object]:
    found: dict[str, object] = json.loads(fleet.file(host, name, "version.json").read_bytes())
    return found


def test_play_with_become_issues_several_certificates(small: Fleet) -> None:
    certificates = [
        small.certificate("shop", "{{ inventory_hostname }}.lab.test", "www.{{ inventory_hostname }}.lab.test"),
        small.certificate("mail", "mail.{{ inventory_hostname }}.lab.test", key_type="rsa2048", reload=[]),
        small.certificate("web", "any.{{ inventory_hostname }}.lab.test", owner="www-data", mode="0640"),
    ]
    mark = small.lab.pebble.mark()
    run = small.site("-u", "deploy", "--become", acme_certificates=certificates)
    assert run.code == 0
    assert len(small.lab.pebble.issued(mark)) == 9
    for host in small.lab.hosts:
        assert all(small.pair_matches(host, name) for name in ("shop", "mail", "web"))
        assert small.file(host, "mail", "privkey.pem").owner() == "root"
        assert small.file(host, "web", "privkey.pem").owner() == "www-data"
    assert names(small.live("web2")) == {"web2.lab.test", "www.web2.lab.test"}

    run = small.site("-u", "deploy", "--become", "-vvv", acme_certificates=certificates)
    assert run.code == 0
    assert run.hosts_with("changed") == []
    assert set(run.module_runs.values()) == {1}  # however many certificates


def test_play_without_become_fails_before_ordering(small: Fleet) -> None:
    mark = small.lab.pebble.mark()
    run = small.site("-u", "deploy")
    assert run.hosts_with("failed") == small.lab.hosts
    assert "become: true" in run.message("web1")
    assert small.signed_requests(mark) == []


@pytest.mark.hard
def test_play_in_batches_failure_does_not_affect_later_batches(fleet: Fleet) -> None:
    wanted = fleet.by_host(web2=[fleet.certificate("shop", "web2.lab.test", "nx.lab.test")])
    mark = fleet.lab.pebble.mark()
    run = fleet.play("serial: 7", **wanted)
    assert run.hosts_with("failed") == ["web2"]
    assert {host for host, serial in fleet.serials().items() if serial is None} == {"web2"}
    assert len(fleet.lab.pebble.issued(mark)) == 19
    run = fleet.play("serial: 7")
    assert run.code == 0
    assert run.hosts_with("changed") == ["web2"]  # the first of those where anything is due
    assert len(fleet.lab.pebble.issued(mark)) == 20
    assert all(fleet.pair_matches(host) for host in fleet.lab.hosts)


@pytest.mark.hard
def test_play_serial_1_issues_for_each_host(small: Fleet) -> None:
    run = small.play("serial: 1")
    assert run.code == 0
    assert all(small.pair_matches(host) for host in small.lab.hosts)
    assert len({manifest(small, host)["account_uri"] for host in small.lab.hosts}) == 1


@pytest.mark.parametrize("strategy", hard_but(["free"], ["free", "host_pinned"]))
def test_play_unsuitable_strategy_is_refused(small: Fleet, strategy: str) -> None:
    mark = small.lab.pebble.mark()
    run = small.play(f"strategy: {strategy}")
    assert run.code != 0
    # Once a host has failed it depends on the moment whether the play goes on with the others.
    failed = run.hosts_with("failed")
    assert failed
    assert run.hosts_with("changed") == []
    for host in failed:
        assert f"the role cannot run with 'strategy: {strategy}'" in run.message(host)
        assert "Set 'strategy: linear'" in run.message(host)
    assert small.lab.pebble.requests(mark) == []
    assert set(small.serials().values()) == {None}


@pytest.mark.hard
def test_role_other_home_and_encrypted_account_key(small: Fleet) -> None:
    home = "/srv/certificates"
    wanted = {"acme_home": home, "acme_order_timeout": 120, "acme_concurrency": 2}
    try:
        secret = {"acme_account_key_passphrase": "correct horse", "acme_contact": ["ops@example.com"]}
        run = small.site(**wanted, **secret)
        assert run.code == 0
        key = (small.folder / "account-key.pem").read_text()
        assert key.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert not small.lab.path("web1", HOME).exists()

        def made(number: str) -> dict[str, Any]:
            path = small.lab.path("web1", f"{home}/versions/shop/{number}/version.json")
            found: dict[str, Any] = json.loads(path.read_bytes())
            return found

        customer = Customer(small.lab, small.folder)
        account = customer("acme_account_info", account_key_passphrase="correct horse")["account"]
        assert account["uri"] == made("0001")["account_uri"]
        assert account["contact"] == ["mailto:ops@example.com"]

        # AWX gives them so.
        env = {"ACME_ACCOUNT_KEY_CONTENT": key, "ACME_ACCOUNT_KEY_PASSPHRASE": "correct horse"}
        again = {**wanted, "acme_force_renewal": True, "acme_account_key_src": "/nowhere/key.pem"}
        run = small.run(small.command(**again), env=env)
        assert run.code == 0
        assert made("0002")["account_uri"] == account["uri"]
    finally:
        for host in small.lab.hosts:
            small.lab.exec(host, ["rm", "-rf", home], check=True)


def test_collection_installed_from_archive_issues(small: Fleet, tmp_path: Path) -> None:
    """Built and installed as the README says, on its own: what the archive lacks would be missed here."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}

    def galaxy(*arguments: str) -> None:
        done = small.run(["ansible-galaxy", "collection", *arguments], env)
        assert done.code == 0, done.text

    galaxy("build", "--output-path", str(tmp_path), str(CHECKOUT))
    (archive,) = tmp_path.glob("certfleet-tls-*.tar.gz")
    with tarfile.open(archive) as opened:
        top = {name.split("/")[0] for name in opened.getnames()}
    assert {"CHANGELOG.md", "LICENSE", "README.md", "meta", "playbooks", "plugins", "roles"} <= top
    assert not top & {"Makefile", "build", "pyproject.toml", "tests"}
    assert [name for name in top if name.startswith(".")] == []

    galaxy("install", "--offline", "-p", str(tmp_path), str(archive))
    run = small.run(small.command(acme_hosts="web1"), env)
    assert run.code == 0
    assert small.pair_matches("web1")


def test_http_01_scope_play_hosts_answer_for_each_other(small: Fleet) -> None:
    # Validation of any host's order comes to web2, and behind the balancer to web1 or web2.
    small.lab.dns.add("shared", "A", small.lab.address("web2"))
    try:
        shared = [small.certificate("shop", "shared.lab.test", "lb.lab.test")]
        run = small.site(acme_certificates=shared, acme_hosts="web[0:1]", acme_http_01_scope="play")
        assert run.code == 0
        assert small.pair_matches("web1")
        assert small.pair_matches("web2")
        assert len({small.live("web1").serial_number, small.live("web2").serial_number}) == 2
        for host in small.lab.hosts:
            assert [path for path in small.tree(host) if "/acme-challenge/" in path] == []

        # The name does lead elsewhere: each host for itself, web1 cannot have it, and fails, as it has no certificate
        # of this name that it could serve meanwhile.
        alone = [small.certificate("alone", "shared.lab.test")]
        run = small.site(acme_certificates=alone, acme_hosts="web[0:1]", acme_preflight=False)
        assert run.hosts_with("failed") == ["web1"]
        assert "shared.lab.test: http-01: unauthorized" in run.message("web1")
        assert small.pair_matches("web2", "alone")
    finally:
        small.lab.dns.remove("shared", "A", small.lab.address("web2"))


@pytest.mark.hard
def test_http_01_scope_play_unreachable_host_does_not_affect_others(small: Fleet) -> None:
    small.lab.unplug("web3")
    run = small.site(acme_http_01_scope="play")
    assert run.hosts_with("unreachable") == ["web3"]
    assert run.hosts_with("failed") == []
    assert all(small.pair_matches(host) for host in ("web1", "web2"))


@pytest.mark.hard
def test_parallel_runs_on_different_hosts_succeed(fleet: Fleet) -> None:
    mark = fleet.lab.pebble.mark()
    halves = [fleet.start(fleet.command(acme_hosts=hosts)) for hosts in ("web[0:9]", "web[10:19]")]
    assert [half.end().code for half in halves] == [0, 0]
    assert all(fleet.pair_matches(host) for host in fleet.lab.hosts)
    assert len(fleet.lab.pebble.issued(mark)) == 20
    assert fleet.signed_requests(mark).count("/order-plz") == 20
    assert len({manifest(fleet, host)["account_uri"] for host in fleet.lab.hosts}) == 1
    assert (fleet.folder / "account-key.pem").stat().st_mode & 0o7777 == 0o600


@pytest.mark.hard
def test_parallel_runs_on_the_same_hosts_succeed(small: Fleet) -> None:
    """Neither run fails because of the other, and the live version of each host is complete and in use."""
    web = [Fleet.certificate("shop", probe=[{"timeout": 20}])]
    assert small.site(acme_certificates=[Fleet.certificate("shop")]).code == 0
    small.enable_tls()
    before = small.serials()
    runs = [small.start(small.command(acme_certificates=web, acme_force_renewal=True)) for _unused in range(2)]
    assert [run.end().code for run in runs] == [0, 0]
    after = small.serials()
    for host in small.lab.hosts:
        assert after[host] != before[host]
        small.check_served(host)
    last = small.site(acme_certificates=web)
    assert (last.code, last.planned, last.hosts_with("changed")) == (0, [], [])


@pytest.mark.hard
def test_revoke_entry_point_revokes_live_certificates(small: Fleet) -> None:
    pebble = small.lab.pebble
    assert small.site().code == 0
    serials = {host: small.live(host).serial_number for host in small.lab.hosts}

    def revoke(*arguments: str, **variables: object) -> Run:
        variables = {"acme_revoke": ["shop"], **variables}
        return small.run(small.command(*arguments, playbook="certfleet.tls.revoke", **variables))

    def revoked() -> list[str]:
        return [host for host, serial in serials.items() if pebble.cert_status(serial)["Status"] == "Revoked"]

    mark = pebble.mark()
    run = revoke("--check", "-l", "web1,web2")
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2"]
    assert small.signed_requests(mark) == []
    assert revoked() == []

    run = revoke("-l", "web1,web2", acme_revoke="shop", acme_revoke_reason="superseded")  # as -e acme_revoke=shop
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2"]  # each marks its own
    assert revoked() == ["web1", "web2"]
    assert pebble.cert_status(serials["web1"])["Reason"] == 4

    run = revoke("-l", "web1,web2")
    assert run.code == 0
    assert run.hosts_with("changed") == []
    assert revoked() == ["web1", "web2"]

    # Existing certificates are revoked, and missing ones reported.
    assert small.site(acme_certificates=[small.certificate("shop"), small.certificate("old")]).code == 0
    mark = pebble.mark()
    run = revoke("-l", "web1,web2", acme_revoke=["absent", "old"])
    assert run.code != 0
    assert run.hosts_with("failed") == ["web1", "web2"]
    assert run.message("web2") == "certificate absent is not revoked: there is no live version of it on this host"
    assert small.signed_requests(mark).count("/revoke-cert") == 2

    # A refusal of the CA fails its own host only. Names as -e acme_revoke=old,shop gives them.
    foreign = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", "/dev/null"]
    foreign += ["-addext", "subjectAltName=DNS:old.web2.lab.test"]
    small.lab.exec("web2", [*foreign, "-out", f"{HOME}/live/old/cert.pem"], check=True, capture_output=True)
    run = revoke("-l", "web2,web3", acme_revoke="old, shop", acme_revoke_unverified=True)
    assert run.hosts_with("failed") == ["web2"]
    assert "privkey.pem is not the key of cert.pem beside it; by the account: revocation: " in run.message("web2")

    # Neither is a certificate of another host that a host shows.
    other = small.file("web3", "shop", "cert.pem").read_text()
    small.file("web2", "shop", "cert.pem").write_text(other)
    run = revoke("-l", "web2")
    assert "is not revoked: it was issued for web3 (acme_history)" in run.message("web2")
    run = revoke("-l", "web2", acme_history="")
    assert "it is for web3.lab.test, which acme_certificates has for web3 and not for" in run.message("web2")
    assert revoked() == ["web1", "web2", "web3"]
