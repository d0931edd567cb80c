# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider acme_dns, from an order to the CA's validation, against a stand-in for its server."""

from __future__ import annotations

import json

import pytest

from tests.integration.calls import COLLECTIONS, call
from tests.integration.orders import Customer, fitting, local, order
from tests.lab import Lab
from tests.lab.acme_dns import ScriptedAcmeDns

VALUES = [letter * 43 for letter in "abc"]
NAME = "_acme-challenge.shop.dyn.lab.test"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), hosts=1, dns_zones=True, collections_path=COLLECTIONS) as lab:
        yield lab


@pytest.fixture
def server(lab):
    lab.authorities.clean()
    with ScriptedAcmeDns(lab) as server:
        yield server


@pytest.fixture
def account(lab, server):
    """Return an account to whose name the challenges of shop.dyn.lab.test are delegated."""
    account = server.register()
    lab.authorities.add(NAME, "CNAME", f"{server.full_name(account)}.")
    return account


def write(server, account, *values, busy_timeout=1, **options):
    """Run dns_txt_record for values of NAME."""
    records = [{"name": NAME, "value": value} for value in values]
    zones = {server.full_name(account): {**server.provider(account), **options}}
    return call(server._lab, "dns_txt_record", records=records, zones=zones, busy_timeout=busy_timeout)


def served(lab):
    return {value for _name, value in lab.authorities.txt("auth")}


def test_acme_dns_stand_in_follows_the_api(lab, server):
    def post(path, body, *options):
        curl = ["curl", "--silent", "--write-out", "%{http_code}", *options, "--data", body, f"{server.url}{path}"]
        answer = lab.run(curl, capture_output=True, text=True).stdout
        return int(answer[-3:]), json.loads(answer[:-3])

    def update(txt, *options):
        return post("/update", json.dumps({"subdomain": made["subdomain"], "txt": txt}), *options)

    status, made = post("/register", "")
    assert status == 201
    assert set(made) == {"username", "password", "subdomain", "fulldomain", "allowfrom"}
    headers = ["--header", f"X-Api-User: {made['username']}", "--header", f"X-Api-Key: {made['password']}"]
    for value in VALUES:
        assert update(value, *headers) == (200, {"txt": value})
    assert lab.authorities.txt("auth") == {(made["fulldomain"], value) for value in VALUES[1:]}
    assert update(VALUES[0]) == (401, {"error": "forbidden"})
    assert update("short", *headers) == (400, {"error": "bad_txt"})


@pytest.mark.hard
def test_acme_dns_apex_and_wildcard_are_validated(lab, server, account, tmp_path):
    ca = Customer(lab, tmp_path)
    ordered = ca.order(order("shop", "shop.dyn.lab.test", "*.shop.dyn.lab.test", challenge="dns-01"))
    assert ordered.ok, ordered.text
    item = local(ordered)[0]
    values = {challenge["record_value"] for challenge in item["challenges"]}
    assert len(values) == 2
    written = write(server, account, *values)
    assert written.ok, written.text
    assert [record["status"] for record in written["records"]] == ["changed", "changed"]
    assert {record["target"] for record in written["records"]} == {server.full_name(account)}
    assert served(lab) == values

    again = write(server, account, *values)
    assert [record["status"] for record in again["records"]] == ["unchanged", "unchanged"]
    assert len(server.updates) == 2

    records = [{"name": NAME, "value": value} for value in values]
    assert call(lab, "dns_propagation", records=records).ok
    done = ca.finalize(fitting(item))
    assert done.ok, done.text


def test_acme_dns_third_value_of_a_name_fails_alone(lab, server, account):
    written = write(server, account, *VALUES)
    assert not written.ok
    assert [record["status"] for record in written["records"]] == ["changed", "changed", "failed"]
    assert written["msg"] == (
        f"not all TXT records could be set: {NAME}: acme_dns has room for 2 of the 3 values of "
        f"{server.full_name(account)} in this run: the certificates take turns; run again later"
    )
    assert served(lab) == set(VALUES[:2])


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_acme_dns_refused_update_is_reported(server, account, status):
    server.trouble = status
    refused = write(server, account, VALUES[0])
    assert not refused.ok
    assert f"HTTP {status} (in_trouble)" in refused["msg"]
    assert NAME in refused["msg"]
    assert account.password not in refused.text
    assert server.updates == []


def test_acme_dns_wrong_password_is_reported_and_not_shown(server, account):
    refused = write(server, account, VALUES[0], password="a-wrong-password")
    assert not refused.ok
    assert "HTTP 401 (forbidden)" in refused["msg"]
    assert "a-wrong-password" not in json.dumps(refused)
