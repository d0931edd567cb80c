# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control proved by the host itself: tls-alpn-01, a listener of its own, IP addresses, several ways in one order."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography import x509

from tests.fleet.fleet import Fleet, names

CHALLENGES = "/etc/acme/challenges"


@contextmanager
def without_web_servers(fleet: Fleet) -> Iterator[None]:
    """Yield hosts without a listener on port 80 or 443."""
    for host in fleet.lab.hosts:
        fleet.lab.exec(host, ["service", "nginx", "stop"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        for host in fleet.lab.hosts:
            fleet.lab.exec(host, ["service", "nginx", "start"], check=True, stdout=subprocess.DEVNULL)


def addresses(certificate: x509.Certificate) -> set[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(address) for address in san.get_values_for_type(x509.IPAddress)}


def listening(fleet: Fleet, host: str) -> set[int]:
    """Return the ports with a listener on a host."""
    listed = fleet.lab.exec(host, ["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[3].rpartition(":")[2]) for line in listed.splitlines()}


def left_on(fleet: Fleet, host: str) -> list[str]:
    """Challenge responses that are still there; of listeners nothing stays but the lock that starts and ends them."""
    folders = ("/acme-challenge/", f"{CHALLENGES}/")
    paths = [path for path in fleet.tree(host) if any(folder in path for folder in folders)]
    return [path for path in paths if path != f"{CHALLENGES}/.lock"]


def test_challenges_answered_without_web_server(small: Fleet) -> None:
    wanted = small.by_host(
        web1=[small.certificate("shop", "web1.lab.test", "a.web1.lab.test", challenge="tls-alpn-01", reload=[])],
        web2=[
            small.certificate("shop", "web2.lab.test", "a.web2.lab.test", webroot="", http_01_listen="80", reload=[])
        ],
        web3=[
            small.certificate("shop", "web3.lab.test", challenge="tls-alpn-01", reload=[]),
            small.certificate("mail", "mail.web3.lab.test", webroot="", http_01_listen="80", reload=[]),
        ],
    )
    with without_web_servers(small):
        run = small.site(**wanted)
        assert run.code == 0
        for host in small.lab.hosts:
            assert small.pair_matches(host)
            assert listening(small, host) == {22}
            assert left_on(small, host) == []
        assert names(small.live("web1")) == {"web1.lab.test", "a.web1.lab.test"}
        assert names(small.live("web3", "mail")) == {"mail.web3.lab.test"}
        run = small.site(**wanted)
        assert (run.code, run.hosts_with("changed")) == (0, [])


@pytest.mark.hard
def test_challenges_own_type_for_each_identifier(small: Fleet) -> None:
    v4, v6 = small.lab.address("web1"), small.lab.address6("web1")
    certificates = [
        small.certificate("v4", v4),
        small.certificate("v6", str(ipaddress.ip_address(v6).exploded).upper(), challenge="tls-alpn-01"),
        small.certificate(
            "mixed",
            "web1.lab.test",
            {"value": v4, "challenge": "tls-alpn-01"},
            {"value": v6},
            {"value": "Bücher.web1.lab.test", "challenge": "tls-alpn-01"},
        ),
    ]
    mark = small.lab.pebble.mark()
    run = small.site(acme_certificates=certificates, acme_hosts="web1")
    assert run.code == 0
    assert addresses(small.live("web1", "v4")) == {v4}
    assert addresses(small.live("web1", "v6")) == {v6}
    assert addresses(small.live("web1", "mixed")) == {v4, v6}
    assert names(small.live("web1", "mixed")) == {"web1.lab.test", "xn--bcher-kva.web1.lab.test"}
    assert len(small.lab.pebble.issued(mark)) == 3
    run = small.site(acme_certificates=certificates, acme_hosts="web1")
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert left_on(small, "web1") == []


@pytest.mark.hard
def test_challenges_port_in_use_names_process(small: Fleet) -> None:
    wanted = small.by_host(web2=[small.certificate("shop", "web2.lab.test", webroot="", http_01_listen="80")])
    run = small.site(**wanted)
    assert run.hosts_with("failed") == ["web2"]
    message = run.message("web2")
    assert "cannot listen on port 80: nginx (pid " in message
    assert all(small.pair_matches(host) for host in ("web1", "web3"))


@pytest.mark.hard
def test_preflight_failure_requests_no_validation(small: Fleet) -> None:
    """The webroot of web2 is not what its web server gives out; web3 answers elsewhere than its name leads to."""
    small.lab.exec("web2", ["mkdir", "-p", "/srv/elsewhere"], check=True)
    small.lab.dns.add("astray", "A", small.lab.address("web1"))
    wanted = small.by_host(
        web2=[small.certificate("shop", "web2.lab.test", webroot="/srv/elsewhere")],
        web3=[small.certificate("shop", "astray.lab.test", challenge="tls-alpn-01")],
    )
    try:
        mark = small.lab.pebble.mark()
        run = small.site(**wanted)
        assert run.hosts_with("failed") == ["web2", "web3"]
        assert "answers HTTP 404 instead of the challenge's response" in run.message("web2")
        listener = f"astray.lab.test: {small.lab.address('web1')}:443: nothing listens there"
        assert listener in run.message("web3")
        assert small.signed_requests(mark).count("/chalZ/") == 1
        # Once the fault is corrected, the same order is resumed.
        mark = small.lab.pebble.mark()
        assert small.site().code == 0
        assert small.signed_requests(mark).count("/order-plz") == 1
    finally:
        small.lab.dns.remove("astray", "A", small.lab.address("web1"))


@pytest.mark.hard
def test_preflight_caa_refusal_requests_no_validation(small: Fleet) -> None:
    refused = {
        "web1": ("letsencrypt.org", "allows certificates only by letsencrypt.org;"),
        "web2": (
            "pebble.letsencrypt.org; accounturi=https://ca.lab.test/1",
            "allows only the account https://ca.lab.test/1",
        ),
        "web3": (
            "pebble.letsencrypt.org; validationmethods=dns-01",
            "allows only dns-01 validation, not http-01",
        ),
    }
    added = [(host, "CAA", f'0 issue "{value}"') for host, (value, _what) in refused.items()]
    try:
        for record in added:
            small.lab.dns.add(*record)
        mark = small.lab.pebble.mark()
        run = small.site()
        assert run.hosts_with("failed") == small.lab.hosts
        for host, (_value, what) in refused.items():
            assert f"CAA of {host}.lab.test {what}" in run.message(host)
        assert small.signed_requests(mark).count("/chalZ/") == 0
        # A second record of a name admits what the first does not.
        for host in small.lab.hosts:
            added.append((host, "CAA", '0 issue "pebble.letsencrypt.org; validationmethods=http-01,dns-01"'))
            small.lab.dns.add(*added[-1])
        assert small.site().code == 0
    finally:
        for record in added:
            small.lab.dns.remove(*record)
