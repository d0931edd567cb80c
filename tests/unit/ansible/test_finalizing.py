# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of acme_order_finalize: finalized at their own CAs, recorded, and reported one by one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import finalizing, order_preflight
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.ordering import OrderTotals
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind, Status
from ansible_collections.certfleet.tls.plugins.module_utils._x509.csr import build
from tests.unit import contracts
from tests.unit.acme import jose
from tests.unit.acme.server import RESET, problem
from tests.unit.host.ca import Authority, ec_key, pem

NAME = "shop.example"


@pytest.fixture
def params(options):
    usual = {"preferred_chain": [], "preferred_chain_missing": "fail", "preflight": False, "resolver": []}
    return lambda *others, **more: options(
        *others, **{**usual, "history": None, "timeout": 60, "concurrency": 8, **more}
    )


def issue(ca, days=60):
    """Have the CA issue a certificate that is valid until *days* from now. Returns the private key."""
    now = datetime.now(timezone.utc)
    root, key = Authority.root(), ec_key()
    validity = {"not_before": now - timedelta(days=9), "not_after": now + timedelta(days=days)}
    ca.chain = pem(root.leaf(key.public_key(), [x509.DNSName(NAME)], **validity), root.certificate)
    return key


def ready(ca, account, key):
    """Return an order that is ready at the CA, with its certificate request."""
    url = ca.order(account, [NAME], "ready")
    usual = {"host": "web1", "name": "shop", "identifiers": (NAME,), "status": Status.READY, "order_uri": url}
    places = {"finalize_uri": url.replace("/order/", "/finalize/"), "directory": f"{ca.url}/directory"}
    more = {"csr_content": build(key, [NAME]).decode(), "challenges": (), "not_first": None}
    terms = dict.fromkeys(("profile", "not_before", "not_after", "replaces_ari_id", "deviations"))
    return contracts.ordered(**{**usual, **places, **more, **terms, "account_uri": account})


@pytest.fixture
def order(ca, key):
    return ready(ca, ca.register(key), issue(ca))


def test_finalize_all_without_orders_sends_no_request(ca, params):
    assert finalizing.finalize_all(params(), [], lambda _line: None) == (OrderTotals(), [])
    assert ca.requests == []


def test_finalize_all_returns_the_certificate_and_records_it(ca, params, order, tmp_path):
    history = tmp_path / "history.jsonl"
    totals, (final,) = finalizing.finalize_all(params(history=str(history)), [order], lambda _line: None)
    assert (final.status, final.host, final.name) == (Status.VALID, "web1", "shop")
    assert ca.chain == final.certificate + final.chain
    assert (totals.changed, totals.requests) == (True, len(ca.requests))
    record = json.loads(history.read_text())
    assert {name: record[name] for name in ("host", "name", "names", "directory", "account_uri")} == {
        "host": "web1",
        "name": "shop",
        "names": [NAME],
        "directory": f"{ca.url}/directory",
        "account_uri": order.account_uri,
    }


def test_finalize_all_each_ca_has_its_own_preferred_chain(ca, second, params, key):
    """A root of the first CA must not refuse the certificate of the second."""
    orders = [ready(one, one.register(key), issue(one)) for one in (ca, second)]
    own = {"directory": f"{second.url}/directory"}
    given = params(acme_directory=[f"{ca.url}/directory", own], preferred_chain=["Root of the first"])
    _totals, finals = finalizing.finalize_all(given, orders, lambda _line: None)
    assert [final.status for final in finals] == [Status.FAILED, Status.VALID]
    assert "the CA offers no chain to Root of the first" in finals[0].problem
    own["preferred_chain"] = ["Root of the second"]
    _totals, finals = finalizing.finalize_all(given, orders, lambda _line: None)
    assert "the CA offers no chain to Root of the second" in finals[1].problem
    own["preferred_chain_missing"] = "default"
    _totals, finals = finalizing.finalize_all(given, orders, lambda _line: None)
    assert finals[1].status == Status.VALID


def test_finalize_all_refused_certificate_is_recorded_and_fails(ca, params, key, tmp_path):
    order = ready(ca, ca.register(key), issue(ca, days=-1))
    history = tmp_path / "history.jsonl"
    _totals, (final,) = finalizing.finalize_all(params(history=str(history)), [order], lambda _line: None)
    assert (final.status, final.resumable, final.failure_kind) == (Status.FAILED, False, FailureKind.CERTIFICATE)
    assert len(history.read_text().splitlines()) == 1


def test_finalize_all_certificate_is_valid_by_the_time_of_the_ca(ca, params, key):
    """Expired a day ago by this machine's clock, which is two days ahead."""
    order = ready(ca, ca.register(key), issue(ca, days=-1))
    ca.date = f"{datetime.now(timezone.utc) - timedelta(days=2):%a, %d %b %Y %H:%M:%S GMT}"
    _totals, (final,) = finalizing.finalize_all(params(), [order], lambda _line: None)
    assert final.status == Status.VALID


def test_finalize_all_chain_without_preferred_root_is_downloaded_again(ca, params, order, tmp_path):
    history = tmp_path / "history.jsonl"
    given = {"preferred_chain": ["Other"], "history": str(history)}
    refused, allowed = (params(**given, preferred_chain_missing=how) for how in ("fail", "default"))
    _totals, (final,) = finalizing.finalize_all(refused, [order], lambda _line: None)
    assert (final.status, final.resumable, final.failure_kind) == (Status.FAILED, True, FailureKind.LOCAL)
    assert final.problem.endswith(". A later run downloads it again, without a new order")
    again = resumed(order)
    _totals, (final,) = finalizing.finalize_all(allowed, [again], lambda _line: None)
    assert (final.status, final.order_uri) == (Status.VALID, order.order_uri)
    assert ca.counts()["/finalize"] == 1
    assert [json.loads(line)["certificate"] for line in history.read_text().splitlines()] == [final.certificate] * 2


def test_finalize_all_refused_order_whose_certificate_came_due_is_given_up(ca, params, key):
    order = ready(ca, ca.register(key), issue(ca, days=1))  # of ten days
    options = params(preferred_chain=["Other"])
    _totals, (final,) = finalizing.finalize_all(options, [order], lambda _line: None)
    assert (final.status, final.resumable, final.failure_kind) == (Status.FAILED, False, FailureKind.CERTIFICATE)
    assert final.problem.endswith(". The order is given up")


def test_finalize_all_unused_order_whose_certificate_came_due_is_ordered_again(ca, params, key):
    """An earlier run finalized it, and its host was away since then."""
    ca.ready_orders = True
    old = ready(ca, ca.register(key), issue(ca, days=1))
    finalizing.finalize_all(params(), [old], lambda _line: None)
    _totals, (final,) = finalizing.finalize_all(params(), [resumed(old)], lambda _line: None)
    assert (final.status, final.problem) == (Status.VALID, "")
    assert final.order_uri != old.order_uri
    assert (ca.counts()["/new-order"], ca.counts()["/finalize"]) == (1, 2)


def test_finalize_all_unexpected_exception_fails_one_order_only(ca, params, order, key, monkeypatch):
    orders = [order, ready(ca, order.account_uri, issue(ca))]
    # The certificate is for the key of the latter.
    orders[0] = replace(orders[0], name="odd", csr_content=orders[1].csr_content)
    verify, odd = finalizing.issued.verify, iter([True, False, True])

    def failing(*given):
        if next(odd):
            raise KeyError("secret")
        verify(*given)

    monkeypatch.setattr(finalizing.issued, "verify", failing)
    _totals, finals = finalizing.finalize_all(params(), orders, lambda _line: None)
    failed, made = sorted(finals, key=lambda final: final.status)
    assert (failed.status, made.status) == (Status.FAILED, Status.VALID)
    assert failed.problem == "certfleet.tls failed: unexpected KeyError. Report this to its developers"
    assert (failed.resumable, failed.failure_kind) == (True, FailureKind.LOCAL)
    _totals, (again,) = finalizing.finalize_all(params(), [resumed(orders[0])], lambda _line: None)
    assert (again.resumable, again.failure_kind) == (False, FailureKind.CERTIFICATE)


@pytest.mark.parametrize(
    ("answer", "resumable_again"), [(problem("malformed", 404, "gone"), False), (problem("x", 503), True)]
)
def test_finalize_all_refused_download_has_one_more_try_in_the_next_run(ca, params, order, answer, resumable_again):
    ca.always("/cert", answer)
    for tried, resumable in ((order, True), (resumed(order), resumable_again)):
        _totals, (final,) = finalizing.finalize_all(params(timeout=2), [tried], lambda _line: None)
        assert (final.status, final.resumable) == (Status.FAILED, resumable)


def test_finalize_all_certificate_with_other_dates_is_a_deviation(ca, params, order):
    """Beside what the order has."""
    asked = replace(order, not_after="2030-01-01T00:00:00Z", deviations=("the CA ignored it",))
    warnings = []
    _totals, finals = finalizing.finalize_all(params(), [asked, order], warnings.append)
    ((ignored, dates), none) = (final.deviations for final in finals)
    assert (ignored, none) == ("the CA ignored it", None)
    assert dates.startswith("not_after 2030-01-01T00:00:00Z was asked for, and the certificate ends at ")
    assert warnings == [f"certificate shop of web1: the CA ignored it; {dates}"]


def resumed(order):
    """Return a finalized order as a later run's acme_order returns it."""
    certificate = order.order_uri.replace("/order/", "/cert/")
    return replace(order, status=Status.VALID, certificate_uri=certificate)


def test_finalize_all_request_for_other_names_fails_before_the_ca_is_asked(ca, params, order, key):
    other = replace(order, csr_content=build(ec_key(), ["other.example"]).decode())
    _totals, finals = finalizing.finalize_all(params(), [other, order], lambda _line: None)
    assert [final.status for final in finals] == [Status.FAILED, Status.VALID]
    assert ca.counts()["/finalize"] == 1
    totals, _finals = finalizing.finalize_all(params(), [other], lambda _line: None)
    assert not totals.changed


@pytest.mark.parametrize("named", [True, False], ids=["named", "by default"])
def test_finalize_all_each_order_at_its_own_ca(ca, second, params, order, key, named):
    other = ready(second, second.register(key), issue(second))
    order = order if named else replace(order, directory=None)
    _totals, finals = finalizing.finalize_all(params(second), [other, order], lambda _line: None)
    assert [final.order_uri for final in finals] == [other.order_uri, order.order_uri]
    assert {final.status for final in finals} == {Status.VALID}
    assert (ca.counts()["/finalize"], second.counts()["/finalize"]) == (1, 1)


def test_finalize_all_certificate_of_the_second_ca_is_said_with_the_reason(ca, second, params, order, key):
    why = f"{ca.url}/directory: newOrder: rateLimited: too many"
    other = replace(ready(second, second.register(key), issue(second)), name="mail", not_first=why)
    warnings = []
    _totals, finals = finalizing.finalize_all(params(second), [order, other], warnings.append)
    assert [(final.directory, final.not_first) for final in finals] == [
        (f"{ca.url}/directory", None),
        (f"{second.url}/directory", why),
    ]
    assert warnings == [f"{second.url}/directory issued 1 certificate (mail of web1) in place of {why}"]


def test_finalize_all_order_of_a_ca_that_is_not_listed_fails(params, order):
    order = replace(order, directory="https://gone.example/dir")
    totals, (final,) = finalizing.finalize_all(params(), [order], lambda _line: None)
    assert (totals, final.status) == (OrderTotals(), Status.FAILED)
    assert final.problem == ("acme_directory does not list the CA of its order, https://gone.example/dir. Add this CA")


def test_finalize_all_one_ca_down_fails_its_orders_only(ca, second, params, order, key):
    other = ready(second, second.register(key), issue(second))
    ca.always("/directory", problem("malformed", 404, "gone"))
    _totals, finals = finalizing.finalize_all(params(second), [order, other], lambda _line: None)
    assert [final.status for final in finals] == [Status.FAILED, Status.VALID]
    assert finals[0].problem.startswith(f"{ca.url}/directory: directory {ca.url}/directory answered HTTP 404")
    with pytest.raises(AcmeError, match="answered HTTP 404"):
        finalizing.finalize_all(params(), [order], lambda _line: None)


def test_finalize_all_record_that_cannot_be_written_is_a_warning(params, order, tmp_path):
    warnings = []
    history = tmp_path / "file" / "history.jsonl"
    history.parent.write_text("not a folder")
    _totals, (final,) = finalizing.finalize_all(params(history=str(history)), [order], warnings.append)
    assert final.status == Status.VALID
    assert len(warnings) == 1


class ScriptedPreflight:
    """A preflight in place of the real one. failures: by identifier. hosts: of the CAs that it was for."""

    failures, hosts = {}, []
    warning = "2 names could not be verified from here"

    def verify_all(self, orders, caa, ca_host):
        self.hosts.append(ca_host)
        return ["; ".join(filter(None, (self.failures.get(one.identifier) for one in order))) for order in orders]


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(order_preflight, "Preflight", ScriptedPreflight)
    monkeypatch.setattr(ScriptedPreflight, "failures", {})
    monkeypatch.setattr(ScriptedPreflight, "hosts", [])
    return ScriptedPreflight


def pending(order, *names):
    challenges = tuple(contracts.challenge(identifier=name) for name in names)
    return replace(order, status=Status.PENDING, challenges=challenges)


def test_finalize_all_failed_preflight_keeps_the_order_and_asks_no_ca(ca, params, order, scripted):
    scripted.failures["shop.example"] = "the preflight failed for shop.example"
    asked = pending(order, "shop.example")
    totals, (final,) = finalizing.finalize_all(params(preflight=True), [asked], lambda _line: None)
    assert (final.status, final.resumable, totals.changed) == (Status.FAILED, True, False)
    assert final.problem == "the preflight failed for shop.example"
    assert ca.signed() == []


@pytest.mark.parametrize(
    ("refused", "cas", "kind"),
    [
        ("shop.example", 2, FailureKind.REFUSAL),
        ("shop.example", 1, FailureKind.LOCAL),
        ("other.example", 2, FailureKind.LOCAL),
    ],
    ids=["by CAA records", "by CAA records without another CA", "for another reason"],
)
def test_finalize_all_failed_preflight_says_if_another_ca_may_help(
    second, params, order, scripted, monkeypatch, refused, cas, kind
):
    def verify_all(self, orders, caa, ca_host):
        caa("shop.example", False, "http-01")
        return ["the preflight failed for shop.example"]

    monkeypatch.setattr(scripted, "verify_all", verify_all)
    monkeypatch.setattr(
        order_preflight, "_caa_of", lambda _client, _resolver: lambda domain, *_more: "no" if domain == refused else ""
    )
    asked, others = pending(order, "shop.example"), [second] * (cas - 1)
    _totals, (final,) = finalizing.finalize_all(params(*others, preflight=True), [asked], lambda _line: None)
    assert (final.failure_kind, final.resumable) == (kind, True)


def test_finalize_all_failed_preflight_stops_no_other_order(ca, params, order, key, scripted):
    scripted.failures["bad.example"] = "the preflight failed for bad.example"
    bad = pending(replace(order, order_uri=f"{ca.url}/order/99"), "bad.example")
    _totals, finals = finalizing.finalize_all(params(preflight=True), [bad, order], lambda _line: None)
    assert [final.status for final in finals] == [Status.FAILED, Status.VALID]


def test_finalize_all_preflight_of_several_cas_is_one_warning(ca, second, params, order, key, scripted):
    other = ready(second, second.register(key), issue(second))
    warnings = []
    finalizing.finalize_all(params(second, preflight=True), [order, other], warnings.append)
    assert warnings == [ScriptedPreflight.warning]
    assert scripted.hosts == ["127.0.0.1"] * 2


def test_finalize_all_deadline_of_an_order_begins_after_the_preflight(params, order, scripted, monkeypatch):
    passed = []

    class Deadline(finalizing.Deadline):
        def __init__(self, clock, seconds):
            passed.append(len(scripted.hosts))
            super().__init__(clock, seconds)

    monkeypatch.setattr(finalizing, "Deadline", Deadline)
    finalizing.finalize_all(params(preflight=True), [order], lambda _line: None)
    assert passed == [1]


def test_finalize_all_silent_caa_resolver_is_a_warning(ca, params, order, monkeypatch):
    monkeypatch.setattr(order_preflight, "_CAA_TIMEOUT", 0.3)
    ca.meta = {"caaIdentities": ["ca.example"]}
    warnings = []
    asked = replace(pending(order, "shop.example"), challenges=(contracts.challenge(type="dns-01", identifier=NAME),))
    finalizing.finalize_all(params(preflight=True, resolver=["127.0.0.1:1"], timeout=1), [asked], warnings.append)
    (warning,) = warnings
    assert warning.startswith(f"1 name could not be verified from here: {NAME} (CAA: ")
    assert "127.0.0.1" in warning


def test_finalize_all_temporary_failure_defers_order_that_can_wait(ca, params, order):
    ca.always("/finalize", problem("rateLimited", 429, "later", {"Retry-After": "86400"}))
    _totals, (final,) = finalizing.finalize_all(params(), [replace(order, can_wait=True)], lambda _line: None)
    assert (final.status, final.resumable) == (Status.DEFERRED, True)
    assert (final.directory, bool(final.retry_at)) == (order.directory, True)


STATUSES = (Status.PENDING, Status.READY, Status.PROCESSING, Status.VALID)


@pytest.mark.parametrize("given", STATUSES[:2] + STATUSES[3:])
def test_finalize_all_finished_order_is_unchanged(ca, params, order, given):
    """A playbook may have the order as it was before an earlier run has finalized it."""
    finalizing.finalize_all(params(), [order], lambda _line: None)
    places = {"certificate_uri": order.order_uri.replace("/order/", "/cert/")} if given == Status.VALID else {}
    again = replace(order, status=given, **places)
    totals, (final,) = finalizing.finalize_all(params(), [again], lambda _line: None)
    assert (final.status, totals.changed) == (Status.VALID, False)


def test_finalize_all_answer_lost_is_changed(ca, params, order):
    ca.script("/finalize", lambda request: ca.behave(request) and RESET)
    totals, (final,) = finalizing.finalize_all(params(), [order], lambda _line: None)
    assert (final.status, totals.changed) == (Status.VALID, True)


def test_finalize_all_one_changed_order_of_two_is_changed(ca, params, order, key):
    finalizing.finalize_all(params(), [order], lambda _line: None)
    url = ca.order(order.account_uri, ["b.example"], "pending")
    challenge = contracts.challenge(url=f"{ca.url}/challenge/{ca.orders[ca.path(url)]['authorizations'][0][7:]}")
    ca.rejected["b.example"] = {"type": "x", "detail": "no"}
    failing = replace(
        order,
        name="b",
        identifiers=("b.example",),
        csr_content=build(ec_key(), ["b.example"]).decode(),
        status=Status.PENDING,
        order_uri=url,
        challenges=(challenge,),
    )
    totals, finals = finalizing.finalize_all(params(), [failing, order], lambda _line: None)
    assert [final.status for final in finals] == [Status.FAILED, Status.VALID]
    assert totals.changed, "the challenge was answered"


def with_common_name(order):
    key, name = ec_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return replace(order, csr_content=request.public_bytes(Encoding.PEM).decode())


def test_finalize_all_request_with_common_name_only_is_sent(ca, params, order):
    order = with_common_name(order)
    _totals, (final,) = finalizing.finalize_all(params(), [order], lambda _line: None)
    assert final.status == Status.FAILED, "the CA of this test has issued for another key"
    sent = ca.signed("/finalize")[0].payload["csr"]
    assert x509.load_der_x509_csr(jose.decode(sent)).public_bytes(Encoding.PEM).decode() == order.csr_content


@pytest.mark.parametrize("status", STATUSES)
def test_check_all_order_that_is_not_valid_would_change(status):
    csr = build(ec_key(), [NAME]).decode()
    totals, failed = finalizing.check_all([contracts.ordered(status=status, csr_content=csr, identifiers=(NAME,))])
    assert (totals.changed, totals.requests, failed) == (status != Status.VALID, 0, [])


def test_check_all_request_for_other_names_fails_unchanged():
    csr = build(ec_key(), ["other.example"]).decode()
    totals, (failed,) = finalizing.check_all([contracts.ordered(csr_content=csr, identifiers=(NAME,))])
    assert (totals.changed, failed.status) == (False, Status.FAILED)
    assert "it is for other.example, not for shop.example" in failed.problem
