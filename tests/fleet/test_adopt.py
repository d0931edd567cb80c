# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which other clients have been at work are taken over, without issuing anything.

certbot, lego and dehydrated are the real ones, run on the hosts; of acme.sh, which no package has, there is a folder as
it makes one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.clients import LEGO_PROGRAM, PEERS
from tests.fleet.fleet import CHECKOUT, Fleet

WEBROOT = "/var/www/html"
ROOTS = "/etc/ssl/lab-ca.pem"
FOLDERS = ("/etc/letsencrypt", "/etc/lego", "/etc/dehydrated/certs", "/etc/dehydrated/accounts", "/etc/acme.sh")


@pytest.fixture
def others(small: Fleet) -> Fleet:
    """Return three hosts, with certbot, lego and dehydrated at work on one each."""
    if shutil.which("dehydrated") is None:
        pytest.skip("no dehydrated: run make system")
    if not (PEERS["certbot"] / "certbot").exists():
        pins = CHECKOUT / "tests/bench/requirements-certbot.txt"
        script = CHECKOUT / "tests/setup/python.sh"
        subprocess.run(["sh", script, sys._base_executable, PEERS["certbot"].parent, pins], check=True)
    for host in small.lab.hosts:
        small.lab.exec(host, ["rm", "-rf", *FOLDERS], check=True)
        shutil.copy(small.lab.pebble.ca_path, small.lab.path(host, ROOTS))
    certbot(small, "web1")
    lego(small, "web2")
    dehydrated(small, "web3")
    return small


def on_host(fleet: Fleet, host: str, command: list[str | Path]) -> None:
    env = {"REQUESTS_CA_BUNDLE": ROOTS, "LEGO_CA_CERTIFICATES": ROOTS, "CURL_CA_BUNDLE": ROOTS}
    done = fleet.lab.exec(
        host, [str(word) for word in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout


def certbot(fleet: Fleet, host: str) -> None:
    # Moved, a virtual environment works as long as its scripts are given to its Python.
    place = fleet.lab.path(host, "/opt/certbot")
    if not place.exists():
        shutil.copytree(PEERS["certbot"].parent, place, symlinks=True)
    command: list[str | Path] = [
        "/opt/certbot/bin/python",
        "/opt/certbot/bin/certbot",
        "certonly",
        "--non-interactive",
        "--agree-tos",
    ]
    command += ["--register-unsafely-without-email", "--server", fleet.lab.pebble.directory_url]
    command += ["--webroot", "--webroot-path", WEBROOT, "--domains", fleet.lab.fqdn(host)]
    on_host(fleet, host, command)


def lego(fleet: Fleet, host: str) -> None:
    shutil.copy(LEGO_PROGRAM, fleet.lab.path(host, "/usr/local/bin/lego"))
    command: list[str | Path] = [
        "/usr/local/bin/lego",
        "--server",
        fleet.lab.pebble.directory_url,
        "--accept-tos",
        "--email",
        "admin@lab.test",
    ]
    command += ["--path", "/etc/lego", "--http", "--http.webroot", WEBROOT, "--domains", fleet.lab.fqdn(host), "run"]
    on_host(fleet, host, command)


def dehydrated(fleet: Fleet, host: str) -> None:
    config = f"""
CA="{fleet.lab.pebble.directory_url}"
BASEDIR=/etc/dehydrated
WELLKNOWN={WEBROOT}/.well-known/acme-challenge
KEY_ALGO=prime256v1
"""
    fleet.lab.path(host, "/etc/dehydrated/config").write_text(config)
    fleet.lab.exec(host, ["mkdir", "-p", f"{WEBROOT}/.well-known/acme-challenge"], check=True)
    on_host(fleet, host, ["dehydrated", "--register", "--accept-terms"])
    on_host(fleet, host, ["dehydrated", "--cron", "--domain", fleet.lab.fqdn(host)])


def adopt(fleet: Fleet, *arguments: str, **variables: object):  # type: ignore[no-untyped-def]
    return fleet.run(fleet.command(*arguments, playbook="certfleet.tls.adopt", **variables))


def test_adopt_certificates_of_three_clients_are_kept(others: Fleet) -> None:
    others.variables["acme_certificates"] = [others.certificate("shop", key_type="ec256")]
    before = {host: others.tree(host) for host in others.lab.hosts}
    mark = others.lab.pebble.mark()
    run = adopt(others, "--check")
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2", "web3"]
    assert {host: others.tree(host) for host in others.lab.hosts} == before

    run = adopt(others)
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2", "web3"]
    assert "the next run replaces it" not in run.text
    assert others.lab.pebble.issued(mark) == []
    assert others.signed_requests(mark) == []
    theirs = {
        "web1": f"/etc/letsencrypt/live/{others.lab.fqdn('web1')}/cert.pem",
        "web2": f"/etc/lego/certificates/{others.lab.fqdn('web2')}.crt",
        "web3": f"/etc/dehydrated/certs/{others.lab.fqdn('web3')}/cert.pem",
    }
    serials = others.serials()
    for host, path in theirs.items():
        assert path in run.text
        show = ["openssl", "x509", "-noout", "-serial", "-in", path]
        shown = others.lab.exec(host, show, check=True, capture_output=True, text=True).stdout
        assert int(shown.strip().split("=")[1], 16) == serials[host]
        assert others.pair_matches(host)
        manifest = json.loads(others.file(host, "shop", "version.json").read_text())
        assert "/my-account/" in manifest["account_uri"]

    again = adopt(others)
    assert (again.code, again.hosts_with("changed")) == (0, [])
    site = others.site()
    assert site.code == 0
    assert site.planned == [], "it is of the wanted CA, and not due"
    assert others.lab.pebble.issued(mark) == []
    assert others.serials() == serials

    forced = others.site(acme_force_renewal=True)
    assert forced.code == 0
    assert len(others.lab.pebble.issued(mark)) == 3
    others.enable_tls()
    for host in others.lab.hosts:
        others.check_served(host)


@pytest.mark.hard
def test_adopt_plain_files_and_acme_sh(small: Fleet) -> None:
    for host in small.lab.hosts:
        small.lab.exec(host, ["rm", "-rf", *FOLDERS], check=True)
    assert small.site().code == 0
    serials = small.serials()
    fqdn = small.lab.fqdn("web2")
    move = "mkdir -p /etc/ssl/shop; cp /etc/acme/live/shop/*.pem /etc/ssl/shop; rm -rf /etc/acme"
    own = f"/etc/acme.sh/{fqdn}_ecc"
    acme_sh = (
        f"mkdir -p {own}; cd /etc/acme/live/shop; cp cert.pem {own}/{fqdn}.cer; cp chain.pem {own}/ca.cer; "
        f"openssl ec -in privkey.pem -out {own}/{fqdn}.key 2>&1; rm -rf /etc/acme; "
        f"echo \"Le_Domain='{fqdn}'\nLe_API='{small.lab.pebble.directory_url}'\" > {own}/{fqdn}.conf"
    )
    for host, script in (("web1", move), ("web2", acme_sh), ("web3", "rm -rf /etc/acme")):
        small.lab.exec(host, ["sh", "-ec", script], check=True, stdout=subprocess.DEVNULL)
    mark = small.lab.pebble.mark()
    files = [
        {
            file: f"/etc/ssl/shop/{name}.pem"
            for file, name in (("certificate", "cert"), ("key", "privkey"), ("chain", "chain"))
        }
    ]
    run = adopt(small, acme_adopt_files=files)
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2"]
    assert "no certificate with just these identifiers was found" in run.text
    assert small.serials() == {**serials, "web3": None}
    assert small.signed_requests(mark) == []
    site = small.site()
    assert site.planned == ["web3: certificate shop: issue (missing)"]
