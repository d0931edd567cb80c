# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests, keys to receive with and challenges for all certificates of a host: one that fails stops no other."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import WebrootResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import Asked
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.request_batch import RequestBatch
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import Claim
from tests.unit.host import ca, host
from tests.unit.host.host import DIRECTORY, ORDER, ORDER_2, WANTED

MAIL = replace(WANTED, name="mail", identifiers=["mail.example"])
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"


def batch_of(home, *asked, check=False):
    batch = RequestBatch(str(home), ca.NOW, check)
    for wanted, order in asked:
        batch.prepare(Asked(wanted, DIRECTORY, order))
    return batch


def response(folder, name, token=TOKEN):
    return WebrootResponse(str(folder), token, f"{token}.thumb", name)


def test_prepare_makes_request_and_journals_order(home):
    batch = batch_of(home, (WANTED, ORDER), (MAIL, None))
    assert (batch.changed, batch.failures, batch.ready) == (True, {}, ["shop"])
    shop, mail = batch.result()["requests"]
    assert (shop["name"], shop["order_uri"], shop["account_uri"]) == ("shop", ORDER.order_uri, ORDER.account_uri)
    assert (mail["order_uri"], mail["reused"], mail["version"]) == (None, False, "0001")
    assert "BEGIN CERTIFICATE REQUEST" in shop["csr_content"]
    assert [item["after"] for item in batch.diff] == [
        f"pending version of shop\norder {ORDER.order_uri}\n",
        "pending version of mail\n",
    ]


def test_prepare_reused_version_changes_nothing(home):
    batch_of(home, (WANTED, ORDER))
    again = batch_of(home, (WANTED, ORDER))
    assert (again.changed, again.requests[0].reused, again.ready) == (False, True, ["shop"])
    assert again.diff == [{"before": "pending version of shop\n", "after": "pending version of shop\n"}]


def test_prepare_check_mode_makes_no_request(home):
    batch = batch_of(home, (WANTED, ORDER), check=True)
    batch.await_key("mail")
    assert (batch.changed, batch.requests[0].csr_content, batch.receivers) == (True, None, {})
    assert not home.exists()


def test_prepare_one_failure_does_not_affect_others(home):
    host.prepare(home, replace(WANTED, claim=Claim("other")))
    batch = batch_of(home, (replace(WANTED, identifiers=["new.example"]), ORDER), (MAIL, ORDER_2))
    assert list(batch.failures) == ["shop"]
    assert batch.ready == ["mail"]


def test_await_key_returns_public_keys_and_failures(home):
    batch = RequestBatch(str(home), ca.NOW, False)
    batch.await_key("shop")
    (home / "versions" / "mail").write_text("in the way")
    batch.await_key("mail")
    assert (list(batch.receivers), list(batch.failures), batch.changed) == (["shop"], ["mail"], True)


def test_failures_change_nothing(home, tmp_path):
    batch_of(home, (MAIL, ORDER))
    again = batch_of(home, (MAIL, ORDER))
    (tmp_path / "broken").write_text("no folder")
    again.serve([response(tmp_path / "broken", "mail")])
    (home / "versions" / "shop").write_text("in the way")
    again.await_key("shop")
    assert (list(again.failures), again.changed) == (["mail", "shop"], False)


def test_serve_skips_failures_and_journals_before(home, tmp_path):
    served, broken, missing = (tmp_path / name for name in ("served", "broken", "missing"))
    served.mkdir()
    broken.write_text("no folder")
    shop = replace(WANTED, claim=Claim("other"))
    host.prepare(home, shop)
    batch = batch_of(home, (replace(WANTED, identifiers=["new.example"]), ORDER), (MAIL, ORDER_2))
    batch.serve([response(missing, "shop"), response(broken, "mail")])
    assert sorted(batch.failures) == ["mail", "shop"]
    assert batch.ready == []
    assert not missing.exists(), "its certificate is not prepared"
    batch = batch_of(home, (MAIL, ORDER_2))
    batch.serve([response(served, "mail")])
    assert (batch.failures, batch.ready, batch.changed) == ({}, ["mail"], True)
    assert (served / ".well-known" / "acme-challenge" / TOKEN).read_text() == f"{TOKEN}.thumb"
    again = batch_of(home, (MAIL, ORDER_2))
    again.serve([response(served, "mail")])
    assert not again.changed


def test_serve_check_mode_writes_nothing(home, tmp_path):
    batch = batch_of(home, (MAIL, ORDER), check=True)
    batch.serve([response(tmp_path, "mail")])
    assert (batch.changed, list(tmp_path.iterdir())) == (True, [])
