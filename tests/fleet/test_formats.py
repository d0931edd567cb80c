# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats beside the PEM files, over a fleet; and certificates that are not listed any more."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.fleet.fleet import HOME, Fleet

PASSPHRASE = "/srv/tls/shop"  # part of paths that answers have: hidden in them, it would hide those


def formats() -> list[dict[str, Any]]:
    return [
        {"kind": "combined", "path": "/srv/tls/shop.pem", "group": "www-data", "mode": "0640"},
        {"kind": "pkcs12", "path": "/srv/tls/shop.p12", "passphrase": PASSPHRASE},
        {"kind": "pkcs12", "path": "/srv/tls/old.p12", "passphrase": PASSPHRASE, "encryption": "legacy"},
        {"kind": "der", "path": "/srv/tls/shop.der"},
        {"kind": "root", "path": "/srv/tls/root.pem", "roots": "/srv/roots.pem"},
    ]


def prepare(fleet: Fleet) -> None:
    for host in fleet.lab.hosts:
        fleet.lab.exec(host, ["sh", "-c", "rm -rf /srv/tls; mkdir /srv/tls"], check=True)
        fleet.lab.path(host, "/srv/roots.pem").write_text(fleet.lab.pebble.root_pem())


def shell(fleet: Fleet, host: str, script: str) -> str:
    done = fleet.lab.exec(host, ["sh", "-ec", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return str(done.stdout).strip()


def check(fleet: Fleet, host: str) -> None:
    """Verify each file with OpenSSL."""
    live = f"{HOME}/live/shop"
    fingerprint = shell(fleet, host, f"openssl x509 -noout -fingerprint -in {live}/cert.pem")
    der = shell(fleet, host, "openssl x509 -noout -fingerprint -inform DER -in /srv/tls/shop.der")
    assert der == fingerprint
    assert (
        shell(fleet, host, f"cat {live}/privkey.pem {live}/fullchain.pem | cmp - /srv/tls/shop.pem && echo same")
        == "same"
    )
    for file, legacy in (("shop.p12", ""), ("old.p12", "-legacy")):
        opened = f"openssl pkcs12 {legacy} -in /srv/tls/{file} -passin pass:{PASSPHRASE} -nodes"
        assert shell(fleet, host, f"{opened} -clcerts -nokeys | openssl x509 -noout -fingerprint") == fingerprint
        assert shell(fleet, host, f"{opened} -nocerts | openssl pkey -pubout") == (
            shell(fleet, host, f"openssl x509 -noout -pubkey -in {live}/cert.pem")
        )
    shell(fleet, host, f"openssl verify -CAfile /srv/tls/root.pem -untrusted {live}/chain.pem {live}/cert.pem")
    listed = shell(fleet, host, "stat -c '%n %a %U:%G' /srv/tls/*").splitlines()
    assert listed == [
        "/srv/tls/old.p12 600 root:root",
        "/srv/tls/root.pem 644 root:root",
        "/srv/tls/shop.der 644 root:root",
        "/srv/tls/shop.p12 600 root:root",
        "/srv/tls/shop.pem 640 root:www-data",
    ]


@pytest.mark.hard
def test_formats_are_written_kept_and_repaired(small: Fleet) -> None:
    prepare(small)
    small.variables["acme_certificates"] = [small.certificate("shop", formats=formats())]
    assert small.site().code == 0
    for host in small.lab.hosts:
        check(small, host)
    mark = small.lab.pebble.mark()
    before = {host: small.tree(host) for host in small.lab.hosts}
    run = small.site("-vvv")
    assert (run.code, run.hosts_with("changed"), run.planned) == (0, [], [])
    assert set(run.module_runs.values()) == {1}
    assert {host: small.tree(host) for host in small.lab.hosts} == before

    shell(small, "web1", "echo >> /srv/tls/shop.p12; rm /srv/tls/shop.pem")
    foreseen = small.site("--check")
    assert foreseen.planned == [
        "web1: certificate shop: repair (formats: /srv/tls/shop.pem is missing; /srv/tls/shop.p12 is damaged)"
    ]
    assert {host: small.tree(host) for host in small.lab.hosts} == before
    run = small.site()
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    check(small, "web1")
    assert small.site().planned == []
    assert small.lab.pebble.issued(mark) == []

    assert small.site(acme_force_renewal=True).code == 0
    for host in small.lab.hosts:
        check(small, host)
    assert small.site().planned == []


@pytest.mark.hard
def test_formats_output_has_no_passphrase(small: Fleet) -> None:
    prepare(small)
    secret = "Sesam-öffne-dich"
    keystore = {"kind": "pkcs12", "path": "/srv/tls/shop.p12", "passphrase": secret}
    lost = {"kind": "der", "path": "/srv/none/shop.der"}
    run = small.site("-vvvv", "--diff", acme_certificates=[small.certificate("shop", formats=[keystore, lost])])
    assert run.hosts_with("failed") == small.lab.hosts
    assert run.message("web1") == "certificate shop: cannot write /srv/none/shop.der: No such file or directory"
    assert secret not in run.text
    assert "Sesam" not in run.text
    found = small.lab.exec("web1", ["grep", "-rl", "Sesam", HOME, "/srv/tls"], capture_output=True)
    assert found.stdout == b""


@pytest.mark.hard
def test_unlisted_certificate_is_reported_and_removed_on_request(small: Fleet) -> None:
    prepare(small)
    both = [
        small.certificate("shop"),
        small.certificate("old", "old.{{ inventory_hostname }}.lab.test", formats=formats()),
    ]
    assert small.site(acme_certificates=both).code == 0
    before = {host: small.tree(host) for host in small.lab.hosts}
    run = small.site("-vvv")
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert set(run.module_runs.values()) == {1}, "a host where nothing is due costs no more for it"
    said = " ".join(run.text.split())
    assert "certificates that are not listed and nobody renews: web1 (old), web2 (old), web3 (old)" in said
    assert small.site(acme_remove_unlisted=True, acme_certificates=[]).hosts_with("changed") == []
    assert small.site("--check", acme_remove_unlisted=True).hosts_with("changed") == small.lab.hosts
    assert {host: small.tree(host) for host in small.lab.hosts} == before

    serials = small.serials()
    run = small.site(acme_remove_unlisted=True)
    assert (run.code, run.hosts_with("changed")) == (0, small.lab.hosts)
    for host in small.lab.hosts:
        assert [path for path in small.tree(host) if "old" in path] == []
        assert shell(small, host, "ls /srv/tls") == ""
    assert small.serials() == serials
    run = small.site(acme_remove_unlisted=True)
    assert (run.code, run.hosts_with("changed")) == (0, [])
