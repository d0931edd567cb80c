# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewals as a user sees them: the forecast of a run, and replacing everything within limits."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime, timedelta, timezone
from functools import partial
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.ocsp import OCSPCertStatus, load_der_ocsp_request

from tests.fleet.fleet import Fleet, Run
from tests.integration.orders import Customer
from tests.unit.host.ca import Authority
from tests.unit.status import revocations
from tests.unit.status.place import Place

ARI = ("GET", "/draft-ietf-acme-ari-03/renewalInfo/")


def plan_lines(run: Run) -> list[str]:
    """Return the plan's lines beside its results."""
    return [line.removeprefix("certfleet.tls: ") for line in run.text.splitlines() if line.startswith("certfleet.tls:")]


@pytest.mark.hard
def test_run_prints_forecast_and_keeps_retry_after_of_ca(small: Fleet) -> None:
    assert small.site().code == 0
    cache = small.folder / "cache"
    mark = small.lab.pebble.mark()
    run = small.site(acme_cache=str(cache), acme_run_interval="1h")
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert [line[:8] for line in plan_lines(run)] == ["next at "]
    assert plan_lines(run)[0].endswith("3 certificates wait")
    assert small.lab.pebble.requests(mark).count(ARI) == 3
    assert len(json.loads((cache / "renewal-info.json").read_text())) == 3

    mark = small.lab.pebble.mark()
    again = small.site("-v", acme_cache=str(cache), acme_run_interval="1h")
    assert (again.code, plan_lines(again)) == (0, plan_lines(run))
    assert all(f"{host}: certificate shop: next at 20" in again.text for host in small.lab.hosts)
    assert ARI not in small.lab.pebble.requests(mark)

    # A day is longer than the window of a certificate that lives for some days.
    run = small.site(acme_run_interval="52w")
    assert "every 364 days is too seldom" in plan_lines(run)[1]


@pytest.mark.hard
def test_renewal_information_in_the_past_renews_in_next_run(small: Fleet) -> None:
    assert small.site().code == 0
    before = small.serials()
    now = datetime.now(timezone.utc)
    small.lab.pebble.set_renewal_info(
        small.file("web1", "shop", "cert.pem").read_text(), (now - timedelta(hours=2), now)
    )
    run = small.site()
    assert (run.code, run.planned) == (0, ["web1: certificate shop: issue (window open)"])
    after = small.serials()
    assert [host for host in small.lab.hosts if before[host] != after[host]] == ["web1"]


@pytest.mark.hard
def test_check_revocation_revoked_certificate_is_replaced(small: Fleet) -> None:
    """The CA's certificates name a responder, which knows what was revoked at the CA."""
    pebble = small.lab.pebble
    place = small.lab.inside(lambda: Place(small.lab.controller))
    try:
        # It shows RSA keys only.
        pebble.restart(config={"ocspResponderURL": f"{place.url}/ocsp", "keyAlgorithm": "rsa"})
        place.give("/ocsp", lambda _method, path, _body: _ocsp(small, path.removeprefix("/ocsp/")))
        assert small.site().code == 0
        before = small.serials()
        look = partial(small.site, acme_check_revocation=True)
        run = look()
        assert (run.code, run.hosts_with("changed"), place.count()) == (0, [], 3)
        assert "WARNING" not in run.text

        # Somebody else has revoked it: with the same account, and no mark on the host.
        customer = Customer(small.lab, small.folder)
        pem = small.file("web1", "shop", "cert.pem").read_text()
        assert customer("acme_revoke", certificates=[{"name": "shop", "content": pem}]).ok
        # The renewal information would tell as well, at this CA.
        assert small.site(acme_renewal_information=False).planned == []
        assert place.count() == 3, "a run without check_revocation asks nobody"

        run = look()
        assert run.code == 0
        (line,) = run.planned
        assert line.startswith("web1: certificate shop: issue (revoked: unspecified since 20")
        after = small.serials()
        assert [host for host in small.lab.hosts if before[host] != after[host]] == ["web1"]
        assert (look().hosts_with("changed"), place.count()) == ([], 9)
    finally:
        place.close()


def _ocsp(fleet: Fleet, request: str) -> bytes:
    """Return the OCSP answer of a responder that has the key of the CA itself."""
    pebble = fleet.lab.pebble
    serial = load_der_ocsp_request(b64decode(unquote(request))).serial_number
    status = pebble.cert_status(serial)
    revoked = status["Status"] == "Revoked"
    certificate, issuer = (
        x509.load_pem_x509_certificate(pem.encode()) for pem in (status["Certificate"], pebble.intermediate_pem())
    )
    key = load_pem_private_key(pebble.intermediate_key_pem().encode(), None)
    now = datetime.now(timezone.utc)
    return revocations.answer(
        certificate,
        Authority(issuer, key),
        OCSPCertStatus.REVOKED if revoked else OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + timedelta(days=1),
    )


@pytest.mark.hard
def test_replace_all_keeps_limits_and_replaces_each_once(small: Fleet) -> None:
    assert small.site().code == 0
    first = small.serials()
    now = datetime.now(timezone.utc) + timedelta(seconds=1)
    selection = {"acme_replace_all": True, "acme_replace_before": f"{now:%Y-%m-%dT%H:%M:%SZ}"}

    def replace(*arguments: str, **variables: object) -> Run:
        return small.run(small.command(*arguments, playbook="certfleet.tls.replace", **{**selection, **variables}))

    # Three were ordered a moment ago.
    limits = {small.lab.pebble.directory_url: {"orders": "4/1d"}}
    run = replace(acme_limits=limits)
    assert run.code == 0
    assert plan_lines(run)[0] == "3 to be replaced: this run tries 1, 2 wait for a later one"
    ca = small.lab.pebble.directory_url.split("/")[2]
    waiting = f"2 certificates wait for the limit of 4 orders in 1 day at {ca}: there is room from 20"
    assert waiting in " ".join(run.text.split())
    second = small.serials()
    replaced = [host for host in small.lab.hosts if first[host] != second[host]]
    assert len(replaced) == 1
    assert plan_lines(run)[-1].startswith("1 of 3 replaced, 2 left: certificate shop of ")

    run = replace("--check")
    assert (run.code, plan_lines(run)[0]) == (0, "2 to be replaced: this run tries 2, 0 wait for a later one")
    assert "replaced" not in plan_lines(run)[-1], "nothing was done"
    assert small.serials() == second

    assert replace().code == 0
    third = small.serials()
    assert [host for host in small.lab.hosts if second[host] == third[host]] == replaced
    run = replace()
    assert (run.code, run.hosts_with("changed"), plan_lines(run)[0]) == (0, [], "nothing is left to be replaced")

    # By serial number, from a CA's list.
    path = small.folder / "list.csv"
    path.write_text(f"serial,name\n{third['web2']:x},shop\n")
    selection = {"acme_replace_serials_src": str(path)}
    run = replace()
    assert (run.code, run.planned) == (0, ["web2: certificate shop: issue (forced)"])
    assert (replace().hosts_with("changed"), small.serials()["web1"]) == ([], third["web1"])

    selection = {"acme_replace_all": "true"}
    run = replace()
    assert "replace needs 'before' (acme_replace_before)" in run.text
    assert small.serials()["web1"] == third["web1"]


@pytest.mark.hard
def test_compromise_reports_results_and_not_the_plan(small: Fleet) -> None:
    """One host fails after the plan, and one gives it no answer."""
    assert small.site().code == 0
    first = small.serials()
    now = datetime.now(timezone.utc) + timedelta(seconds=1)
    # Another virtual host's mistake keeps nginx from being reloaded.
    small.lab.path("web2", "/etc/nginx/conf.d/broken.conf").write_text("malformed;")
    small.lab.unplug("web3")
    run = small.run(
        small.command(
            playbook="certfleet.tls.compromise",
            acme_compromised="shop",
            acme_compromised_before=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        )
    )
    assert run.hosts_with("failed") == ["web2"]
    assert run.hosts_with("unreachable") == ["web3"]
    lines = plan_lines(run)
    unknown = "; unknown for web3, which gave no answer"
    assert lines[0] == f"2 to be replaced: this run tries 2, 0 wait for a later one{unknown}"
    assert lines[-2].startswith(
        "1 of 2 replaced, 1 left: certificate shop of web2 (the configuration of nginx is invalid "
    )
    assert lines[-2].endswith(f". Run again with the same values{unknown}")
    assert lines[-1] == "revoked: 1 with their own keys; not revoked: 0; web2, web3 did not get this far"
    assert [small.lab.pebble.cert_status(first[host])["Status"] for host in small.lab.hosts] == [
        "Revoked",
        "Valid",
        "Valid",
    ]


def test_limits_certificate_that_cannot_wait_fails(small: Fleet) -> None:
    mark = small.lab.pebble.mark()
    run = small.site(acme_limits={small.lab.pebble.directory_url: {"certificates_per_domain": "2/7d"}})
    assert run.hosts_with("failed") == ["web3"]
    ca = small.lab.pebble.directory_url.split("/")[2]
    limit = f"the limit of 2 certificates of lab.test in 7 days at {ca} is reached; there is room again at"
    assert limit in run.message("web3")
    assert len(small.lab.pebble.issued(mark)) == 2


@pytest.mark.hard
def test_compromised_keys_are_replaced_then_revoked(small: Fleet) -> None:
    pebble = small.lab.pebble
    assert small.site().code == 0
    first = small.serials()
    keys = {host: small.live(host).public_key() for host in small.lab.hosts}
    now = datetime.now(timezone.utc) + timedelta(seconds=1)

    def compromise(*arguments: str, **variables: object) -> Run:
        selection = {"acme_compromised": "shop", "acme_compromised_before": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        return small.run(
            small.command(
                "-l", "web1,web2", *arguments, playbook="certfleet.tls.compromise", **{**selection, **variables}
            )
        )

    def revoked() -> list[str]:
        return [host for host, serial in first.items() if pebble.cert_status(serial)["Status"] == "Revoked"]

    # One that cannot be replaced now is in use and stays; the other is both.
    run = compromise(acme_limits={pebble.directory_url: {"orders": "3/1d"}})
    assert len(run.hosts_with("failed")) == 1
    (late,) = run.hosts_with("failed")
    (done,) = {"web1", "web2"} - {late}
    assert "is not revoked: it is still in use, with a key from 20" in run.message(late)
    assert (revoked(), small.serials()[late]) == ([done], first[late])
    assert pebble.cert_status(first[done])["Reason"] == 1

    run = compromise()
    assert (run.code, revoked()) == (0, ["web1", "web2"])
    second = small.serials()
    assert [host for host in small.lab.hosts if first[host] != second[host]] == ["web1", "web2"]
    assert all(small.live(host).public_key() != keys[host] for host in ("web1", "web2"))

    mark = pebble.mark()
    run = compromise()
    assert (run.code, run.hosts_with("changed"), pebble.issued(mark)) == (0, [], [])
    assert small.serials() == second
