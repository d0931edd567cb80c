# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate: what a CA delivered is checked, put in place, and used by the services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509

from tests.integration.hosts import DAY, HOME, ORDER, WEBROOT, Host, Issuer, msg_of, wanted
from tests.lab.process import wait
from tests.unit.host import ca

HOUR = timedelta(hours=1)
COUNTER = '#!/bin/sh\n[ "$1" = status ] || { [ "$1" = reload ] && echo reloaded >> /srv/reloads; }\n'


def manifest(host: Host, name: str = "shop"):
    return json.loads(host.read(f"{host.live(name)}/version.json"))


def pending(host: Host, name: str = "shop"):
    found = host("certificate_info", certificates=[wanted(name)])["certificates"][0]
    return found["pending"]


@pytest.fixture
def services(host: Host) -> Iterator[Host]:
    """Yield a host with a service named counter, which writes down its reloads."""
    host.shell("rm -f /srv/reloads /etc/init.d/counter")
    host.path("/etc/init.d/counter").write_text(COUNTER)
    host.path("/etc/init.d/counter").chmod(0o755)
    yield host
    host.shell("rm -f /srv/reloads /etc/init.d/counter")


def reloads(host: Host) -> int:
    path = host.path("/srv/reloads")
    return len(path.read_text().splitlines()) if path.exists() else 0


def workers(host: Host) -> tuple[str, set[str]]:
    """nginx's master and its workers."""
    master = host.read("/run/nginx.pid").strip()
    return master, set(host.shell(f"pgrep -P {master}").split())


@pytest.mark.hard
def test_certificate_check_mode_then_real_run_then_unchanged(services: Host, issuer: Issuer) -> None:
    host = services
    certificate = wanted(reload=["counter"])
    token = {"token": "t" * 22, "key_authorization": f"{'t' * 22}.x", "webroot": WEBROOT}
    (request,) = host.request(certificate, orders=[{"name": "shop", **ORDER}], challenges=[token])["requests"]
    options = {"challenges": [token], "diff": True}
    result = issuer.issue(request)
    before = host.tree()
    foreseen = host.deploy([result], certificate, check=True, **options)
    assert host.tree() == before
    assert reloads(host) == 0

    done = host.deploy([result], certificate, **options)
    for result_of_run in (foreseen, done):
        assert result_of_run["changed"]
        assert result_of_run["reloaded"] == ["counter"]
        assert result_of_run["failures"] == {}
        (item,) = result_of_run["certificates"]
        assert (item["name"], item["version"], item["reason"], item["changed"]) == ("shop", "0001", "issued", True)
        assert f"+version 0001: issued\n+serial {item['serial']}\n+until {item['not_after']}\n" in result_of_run.text
    assert foreseen["certificates"] == done["certificates"]

    assert host.names(f"{WEBROOT}/.well-known/acme-challenge") == []
    assert reloads(host) == 1
    folder = host.live()
    assert host.names(folder) == [
        *("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", "request.csr", "version.json"),
    ]
    texts = {file: host.read(f"{folder}/{file}.pem") for file in ("cert", "chain", "fullchain")}
    assert texts == {
        "cert": result["certificate"],
        "chain": result["chain"],
        "fullchain": result["certificate"] + result["chain"],
    }
    assert host.certificate().public_key() == host.public_key()
    assert host.shell(f"stat -c %a {folder}/privkey.pem {folder}/fullchain.pem").split() == ["600", "644"]
    assert (manifest(host)["reloaded"], manifest(host)["order_uri"]) == (True, ORDER["order_uri"])

    there = host.tree()
    for check in (False, True):
        again = host.deploy([result], certificate, check=check, **options)
        assert (again.ok, again["changed"], again["reloaded"]) == (True, False, [])
        assert again["certificates"][0]["reason"] == "unchanged"
        assert "+version" not in again.text
    assert host.tree() == there
    assert reloads(host) == 1


def test_certificate_reloads_nginx_and_keeps_two_earlier_versions(host: Host, issuer: Issuer) -> None:
    certificate = wanted(reload=["nginx"])
    host.make_live(issuer, certificate)
    host.lab.enable_tls("web1", "shop")
    for number in range(2, 5):
        master, before = workers(host)
        assert host.make_live(issuer, certificate)["reloaded"] == ["nginx"]
        assert workers(host)[0] == master
        wait(lambda before=before: not before & workers(host)[1], 20, "nginx keeps its workers", 0.05)
        # Verified: under the root that the issuer stands below, for this name.
        served = host.lab.served("web1", "shop.lab.test", ca.pem(issuer.root.certificate))
        assert x509.load_der_x509_certificate(served) == host.certificate()
        assert host.live().endswith(f"{number:04d}")
    assert host.names(f"{HOME}/versions/shop") == [".lock", "0002", "0003", "0004"]
    assert host.names(f"{HOME}/live") == ["shop"]


def refusals(issuer: Issuer):
    """Return, by certificate, an unsuitable delivery of the CA and the message about it."""
    other = ca.ec_key().public_key()
    namesake = ca.Authority.root("Test Root").intermediate(
        "Test Intermediate", not_before=issuer.now - DAY, not_after=issuer.now + DAY
    )
    expired = issuer.under("Old Intermediate", not_before=issuer.now - 9 * DAY, not_after=issuer.now - DAY)
    no_ca = issuer.under("No CA", extensions=[])
    root, intermediate = issuer.root.certificate, issuer.intermediate.certificate
    return {
        "wrong-key": ({"public_key": other}, "does not match the pending private key"),
        "other-name": ({"identifiers": ["other.lab.test"]}, "is for other.lab.test instead of other-name.lab.test"),
        "more-names": (
            {"identifiers": ["more-names.lab.test", "x.lab.test"]},
            "is for more-names.lab.test, x.lab.test",
        ),
        "no-names": ({"identifiers": []}, "is for no names instead of no-names.lab.test"),
        "expired": ({"not_after": issuer.now - HOUR}, "expired at"),
        "far-future": ({"not_before": issuer.now + 2 * HOUR}, "is not valid before"),
        "wrong-issuer": ({"by": namesake, "chain": [intermediate]}, "CN=Test Intermediate did not sign"),
        "gap": ({"chain": [root]}, "has a gap: it has CN=Test Root, but not the issuer of"),
        "expired-chain": ({"by": expired}, "CN=Old Intermediate in the CA's chain expired at"),
        "no-ca-chain": ({"by": no_ca}, "CN=No CA is not a CA certificate"),
    }


#: By the host's clock, which may be wrong.
UNTIMELY = ("expired", "far-future", "expired-chain")
GARBAGE = {
    "nothing": ({"certificate": ""}, "has 0 certificates instead of one"),
    "no-pem": ({"certificate": "<html>no</html>"}, "cannot read the certificate from the CA: it is not PEM"),
    "damaged": (
        {"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        "cannot read the certificate from the CA: it is damaged",
    ),
    "chain-no-pem": ({"chain": "hello"}, "cannot read the chain from the CA: it is not PEM"),
}


def untouched(host: Host) -> list[str]:
    """Return the files of versions of all certificates but the good one, and those that wait for the host's clock."""
    others = ["/.lock ", "/failures.json ", *(f"/versions/{name}/" for name in ("good", *UNTIMELY))]
    return [line for line in host.tree() if " f " in line and not any(other in line for other in others)]


@pytest.mark.hard
def test_certificate_unsuitable_is_refused_and_does_not_affect_others(services: Host, issuer: Issuer) -> None:
    host, table = services, refusals(issuer)
    names = [*table, *GARBAGE, "good", "none"]
    certificates = {name: wanted(name, reload=["counter"]) for name in names}
    requests = {
        item["name"]: item
        for item in host.request(*(certificates[name] for name in names if name != "none"))["requests"]
    }
    results = [issuer.issue(requests[name], **options) for name, (options, _unused) in table.items()]
    results += [{**issuer.issue(requests[name]), **texts} for name, (texts, _unused) in GARBAGE.items()]
    results += [{**issuer.issue(requests["good"]), "name": name} for name in ("good", "none")]
    before = untouched(host)
    result = host.deploy(results, *certificates.values())
    message = msg_of(result)
    expected = {name: text for name, (_unused, text) in {**table, **GARBAGE}.items()}
    expected["none"] = "the certificate has no pending version. Run certificate_request first"
    assert result["failures"].keys() == expected.keys()
    for name, text in expected.items():
        assert text in result["failures"][name], name
        assert f"certificate {name}: {result['failures'][name]}" in message
    assert host.names(f"{HOME}/live") == ["good"]
    assert result["reloaded"] == ["counter"]
    assert reloads(host) == 1
    assert untouched(host) == before
    for name in UNTIMELY:
        assert "cert.pem" in host.names(f"{HOME}/versions/{name}/0001"), "a later run switches to it"
    # Refused ones are pending as before, so a suitable certificate is still accepted.
    assert host.deploy([issuer.issue(requests["wrong-key"])], certificates["wrong-key"]).ok


@pytest.mark.hard
def test_certificate_not_yet_valid_warns(host: Host, issuer: Issuer) -> None:
    (request,) = host.request()["requests"]
    done = host.deploy([issuer.issue(request, not_before=issuer.now + HOUR / 2)])
    assert done.ok
    assert "[WARNING]: certificate shop: the certificate from the CA is not valid before" in done.text
    assert "Check the clock" in done.text


@pytest.mark.hard
def test_certificate_service_of_several_is_reloaded_once(services: Host, issuer: Issuer) -> None:
    host = services
    certificates = [wanted("a", reload=["counter", "nginx"]), wanted("b", reload=["counter"]), wanted("c")]
    deployed = host.make_live(issuer, *certificates)
    assert deployed["reloaded"] == ["counter", "nginx"]
    assert reloads(host) == 1
    assert [manifest(host, name)["reloaded"] for name in "abc"] == [True, True, True]


@pytest.mark.hard
def test_certificate_stopped_service_is_started(host: Host, issuer: Issuer) -> None:
    host.shell("service nginx stop")
    try:
        assert host.make_live(issuer, wanted(reload=["nginx"]))["reloaded"] == ["nginx"]
        assert host.shell("curl -sf http://localhost/") != ""
    finally:
        host.shell("service nginx start")


@pytest.mark.hard
def test_certificate_failed_reload_is_reported_and_repeated(services: Host, issuer: Issuer) -> None:
    host = services
    host.shell("mv /etc/init.d/counter /srv/counter")
    certificates = [wanted("shop", reload=["counter", "nginx"]), wanted("mail", reload=["nginx"])]
    requests = host.request(*certificates)["requests"]
    result = host.deploy([issuer.issue(request) for request in requests], *certificates)
    assert msg_of(result).startswith(
        "certificate shop: service counter could not be reloaded (/usr/sbin/service counter "
    )
    assert "unrecognized service" in result["msg"]
    assert result["failures"].keys() == {"shop"}
    assert result["reloaded"] == ["nginx"]
    # The new one is in place, and known not to be used yet.
    assert host.names(f"{HOME}/live") == ["mail", "shop"]
    assert [manifest(host, name)["reloaded"] for name in ("mail", "shop")] == [True, False]
    facts = {item["name"]: item["live"]["reloaded"] for item in host("certificate_info")["certificates"]}
    assert facts == {"mail": True, "shop": False}

    host.shell("mv /srv/counter /etc/init.d/counter")
    repair = [{"name": "shop", "action": "repair"}]
    for check, count in ((True, 0), (False, 1)):
        again = host.deploy(repair, *certificates, check=check)
        assert again["changed"]
        assert again["reloaded"] == ["counter", "nginx"]
        assert reloads(host) == count
    assert manifest(host)["reloaded"] is True
    assert not host.deploy(repair, *certificates)["changed"]
    assert reloads(host) == 1


def test_certificate_repairs_attributes(host: Host, issuer: Issuer) -> None:
    host.make_live(issuer)
    key = f"{host.live()}/privkey.pem"
    certificate = wanted(owner="www-data", group="daemon", mode="0640")
    before = host.tree()
    for check in (True, False):
        repaired = host.deploy([{"name": "shop", "action": "repair"}], certificate, check=check, diff=True)
        assert repaired["changed"]
        assert repaired["certificates"][0]["reason"] == (
            "privkey.pem mode 0600 instead of 0640; privkey.pem owner root instead of www-data; "
            "privkey.pem group root instead of daemon"
        )
        assert (host.tree() == before) == check
    assert host.shell(f"stat -c '%a %U %G' {key}") == "640 www-data daemon"
    assert not host.deploy([{"name": "shop", "action": "repair"}], certificate)["changed"]
    assert not host.deploy([{"name": "shop", "action": "keep"}])["changed"]


@pytest.mark.hard
def test_certificate_failed_order_is_reported(host: Host) -> None:
    certificates = [wanted(name) for name in ("gone", "later", "soon", "other")]
    orders = [{"name": item["name"], **ORDER} for item in certificates]
    host.request(*certificates, orders=orders)
    results = [
        {"name": "gone", "status": "failed", "problem": "unauthorized", **ORDER},
        {"name": "later", "status": "deferred", "problem": "rate limited", "resumable": True, **ORDER},
        {"name": "soon", "status": "failed", "problem": "timed out", "resumable": True, **ORDER},
        {"name": "other", "status": "failed", "problem": "no", "order_uri": "https://ca.example/order/of-another"},
    ]
    before = host.tree()
    foreseen = host.deploy(results, *certificates, check=True)
    assert host.tree() == before
    result = host.deploy(results, *certificates)
    for once in (foreseen, result):
        assert msg_of(once) == ("certificate gone: unauthorized; certificate soon: timed out; certificate other: no")
        assert once["changed"]
        assert "[WARNING]: certificate later is deferred to a later run: rate limited" in once.text
    # Only an order that came to nothing is forgotten; the key is used again.
    journaled = {item["name"]: item["pending"] for item in host("certificate_info")["certificates"]}
    assert {name: pending["order_uri"] for name, pending in journaled.items()} == {
        "gone": None,
        "later": ORDER["order_uri"],
        "soon": ORDER["order_uri"],
        "other": ORDER["order_uri"],
    }
    assert journaled["gone"]["version"] == "0001"
    again = host.deploy(results, *certificates)
    assert not again["changed"]
    # A deferred certificate is no failure.
    assert host.deploy([results[1]], *certificates).ok


@pytest.mark.hard
def test_certificate_results_without_entry_fail(host: Host) -> None:
    results = [{"name": "shop", "action": "keep"}, {"name": "else", "action": "repair"}]
    assert msg_of(host.deploy(results)) == "results names certificate 'else', which is not in certificates"
    handled = [{"name": "else", "version": "0001"}]
    assert msg_of(host.deploy([], after_handlers=handled)) == (
        "after_handlers names certificate 'else', which is not in certificates"
    )
    assert not host.deploy([])["changed"]
    assert host.names(HOME) == []


@pytest.mark.hard
def test_certificate_result_without_status_and_action_changes_nothing(host: Host, issuer: Issuer) -> None:
    host.make_live(issuer)
    before = host.tree()
    meanings = {
        "one of the following is required: status, action": {},
        "value of action must be one of": {"action": "issue"},
        "value of status must be one of": {"status": "keep"},
    }
    for message, meaning in meanings.items():
        assert message in msg_of(host.deploy([{"name": "shop", **meaning}]))
    assert host.tree() == before


@pytest.mark.hard
def test_certificate_disk_full_keeps_live_version(host: Host, issuer: Issuer) -> None:
    host.shell(f"mkdir {HOME} && mount -t tmpfs -o size=128k tmpfs {HOME}")
    host.make_live(issuer)
    live = host.live()
    (request,) = host.request()["requests"]
    host.shell(f"head -c 1000000 /dev/zero > {HOME}/filler || :")
    before = host.tree()
    message = msg_of(host.deploy([issuer.issue(request)]))
    assert message.startswith(f"certificate shop: cannot write {HOME}/versions/shop/0002/")
    assert message.endswith(": No space left on device. Make room there and run again")
    assert host.live() == live
    assert [line for line in host.tree() if " f " in line] == [line for line in before if " f " in line]
    host.shell(f"rm {HOME}/filler")
    assert host.deploy([issuer.issue(request)]).ok
    assert host.live() != live
