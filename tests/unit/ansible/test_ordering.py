# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of acme_order: the CA that each one gets, and the results of those that fail."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import Failure, run_all
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import ordering
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import PREPARED_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import STOPPED, FailureKind, Status
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_utc
from tests.unit import contracts
from tests.unit.acme.server import HANG, problem

FIRST, SECOND = "https://a.example/dir", "https://b.example/dir"


@pytest.fixture
def params(options):
    return lambda *others, **more: options(
        *others, **{"contact": [], "dns_persist_draft": None, "timeout": 60, "concurrency": 8, **more}
    )


def asked(name="shop", **more):
    names = (f"{name}.example",)
    return contracts.asked(**{"name": name, "identifiers": names, "not_after": None, "can_wait": False, **more})


@pytest.mark.parametrize(
    ("directory", "expected"),
    [(None, [FIRST, SECOND]), (FIRST, [FIRST, SECOND]), (SECOND, [SECOND, FIRST]), ("https://c/", [FIRST, SECOND])],
    ids=["no order", "order at the first", "order at the second", "order at none of them"],
)
def test_route_ca_that_has_the_order_comes_first(directory, expected):
    assert ordering.route(asked(directory=directory), [FIRST, SECOND]) == expected


@pytest.mark.parametrize(
    ("directory", "others", "expected"),
    [
        (None, (), [FIRST]),
        (None, (SECOND,), [FIRST, SECOND]),
        (SECOND, (), [SECOND]),
        (SECOND, (FIRST,), [SECOND, FIRST]),
        (SECOND, ("https://c/",), [SECOND]),
        # A plan that was made with other CAs.
        ("https://c/", (), [FIRST, SECOND]),
    ],
)
def test_route_has_the_cas_of_the_plan_alone(directory, others, expected):
    order = asked(directory=directory, other_directories=others)
    assert ordering.route(order, [FIRST, SECOND]) == expected


def test_combine_one_failure_is_unchanged():
    failure = Failure("no", resumable=True, is_temporary=True, for_all_cas=True)
    assert ordering.combine([(FIRST, failure)]) is failure


@pytest.mark.parametrize("number", [0, 1])
def test_combine_is_temporary_if_one_failure_is(number):
    failures = [(FIRST, Failure("down")), (SECOND, Failure("refused"))]
    assert ordering.combine(failures) == Failure(f"{FIRST}: down; {SECOND}: refused")
    url, failure = failures[number]
    failures[number] = (url, Failure(failure.message, resumable=True, is_temporary=True))
    found = ordering.combine(failures)
    assert (found.resumable, found.is_temporary) == (True, True)


LOCAL, DOWN = Failure("no key"), Failure("down", kind=FailureKind.CA)
PAUSE = Failure("later", kind=FailureKind.CA, retry_at=datetime(2026, 9, 1, tzinfo=timezone.utc))
REFUSED = Failure("no", kind=FailureKind.REFUSAL)


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        (REFUSED, REFUSED, 0),
        (PAUSE, REFUSED, 0),
        (REFUSED, PAUSE, 0),
        (DOWN, DOWN, 0),
        # The next run would ask the second one, which wants to be left alone.
        (DOWN, PAUSE, 1),
        (DOWN, REFUSED, 1),
        (LOCAL, REFUSED, 1),
        (LOCAL, DOWN, 1),
        (PAUSE, DOWN, 0),
        (LOCAL, LOCAL, 0),
    ],
)
def test_decisive_failure_has_the_next_run_wait_for_the_right_ca(first, second, number):
    failures = [(FIRST, first), (SECOND, second)]
    assert ordering.decisive(failures) is failures[number]
    found = ordering.combine(failures)
    assert (found.kind, found.retry_at) == (failures[number][1].kind, failures[number][1].retry_at)


def test_refuse_invalid_orders_only():
    assert ordering.refuse(asked()) is None
    for order in (asked(identifiers=("a b",)), asked(not_before="+2d", not_after="+1d")):
        refused = ordering.refuse(order)
        assert refused.status == Status.FAILED
        assert refused.problem


def test_order_all_without_orders_sends_no_request(ca, params):
    totals, orders = ordering.order_all(params(), [])
    assert (totals.to_result(), orders) == ({"changed": False, "requests": 0}, [])
    assert ca.requests == []


def test_order_all_results_are_in_given_order(ca, params):
    totals, orders = ordering.order_all(params(), [asked("a"), asked("b", identifiers=("x y",)), asked("c")])
    assert [(order.name, order.status) for order in orders] == [
        ("a", Status.PENDING),
        ("b", Status.FAILED),
        ("c", Status.PENDING),
    ]
    assert orders[0].directory == f"{ca.url}/directory"
    assert totals.changed
    assert totals.account_uri == orders[0].account_uri
    assert totals.requests == len(ca.requests)


def test_order_all_resumed_order_changes_nothing(ca, params, key):
    account = ca.register(key)
    url = ca.order(account, ["shop.example"])
    totals, (order,) = ordering.order_all(params(), [asked(order_uri=url, account_uri=account)])
    assert (order.order_uri, totals.changed) == (url, False)


def test_order_all_next_ca_gets_refused_orders_only(ca, second, params):
    def refuse_b(request):
        return problem("rejectedIdentifier", 400, "no") if "b.example" in str(request.payload) else None

    ca.script("/new-order", refuse_b, refuse_b)
    totals, orders = ordering.order_all(params(second), [asked("a"), asked("b")])
    assert [order.directory for order in orders] == [f"{ca.url}/directory", f"{second.url}/directory"]
    assert [order.not_first for order in orders] == [None, f"{ca.url}/directory: newOrder: rejectedIdentifier: no"]
    assert totals.requests == len(ca.requests) + len(second.requests)
    assert second.counts()["/new-order"] == 1


@pytest.mark.parametrize("place", ["/directory", "/new-nonce", "/new-account"])
def test_order_all_ca_that_hangs_costs_the_time_of_one_request(ca, second, params, place):
    ca.always(place, HANG)
    _totals, (order,) = ordering.order_all(params(second, request_timeout=1), [asked()])
    assert order.directory == f"{second.url}/directory"
    assert [request.path for request in ca.requests].count(place) == 1


def at(ca, **own):
    """Return an element of acme_directory."""
    return {"directory": f"{ca.url}/directory", **own}


@pytest.mark.parametrize(
    ("own", "asked_for"),
    [({}, None), ({"profile": "classic"}, "classic"), ({"profile": ""}, None), ({"profile": "gone"}, None)],
    ids=["no profile instead", "another profile instead", "none instead", "one instead that it does not have either"],
)
def test_order_all_profile_that_a_ca_lacks_is_replaced_by_its_own(ca, second, params, own, asked_for):
    second.meta["profiles"] = {"classic": "the usual one"}
    ca.always("/directory", problem("malformed", 404, "gone"))
    directories = [at(ca), at(second, **own)]
    _totals, (order,) = ordering.order_all(params(acme_directory=directories), [asked(profile="short")])
    if own.get("profile") in ("", "classic"):
        (request,) = [request for request in second.requests if request.path == "/new-order"]
        assert (order.status, order.profile, request.payload.get("profile")) == (Status.PENDING, asked_for, asked_for)
    else:
        assert order.status == Status.FAILED
        assert f"is not offered by {second.url}/directory (offered: classic)" in order.problem


def test_order_all_order_at_the_second_ca_is_resumed_there(ca, second, params, key):
    account = second.register(key)
    url = second.order(account, ["shop.example"])
    order = asked(order_uri=url, account_uri=account, directory=f"{second.url}/directory")
    _totals, (found,) = ordering.order_all(params(second), [order])
    assert found.order_uri == url
    assert ca.requests == []


@pytest.mark.parametrize(
    ("planned", "trouble", "removed"),
    [
        # The plan has left the first CA because its orders failed there.
        (True, None, True),
        # newOrder refuses it in this run, after the order in the journal has become invalid.
        (False, ("/new-order", problem("rejectedIdentifier", 400, "no")), True),
        # A CA in trouble is not asked again for what can stay.
        (False, ("/new-order", problem("serverInternal", 503, "later", {"Retry-After": "3600"})), False),
        (True, ("/order", problem("malformed", 404, "gone")), False),
        (True, ("/authz", problem("malformed", 404, "gone")), False),
    ],
    ids=["left by the plan", "refused", "in trouble", "order forgotten", "authorizations forgotten"],
)
def test_order_all_order_that_is_given_up_for_another_ca_names_what_to_remove(
    ca, second, params, key, planned, trouble, removed
):
    account = ca.register(key)
    url = ca.order(account, ["shop.example"], "pending" if planned else "invalid")
    if trouble:
        ca.always(*trouble)
    at = second if planned else ca
    order = asked(order_uri=url, account_uri=account, directory=f"{at.url}/directory")
    totals, (found,) = ordering.order_all(params(second), [order])
    assert found.directory == f"{second.url}/directory"
    statuses = [challenge.status for challenge in found.challenges]
    assert statuses == ([Status.PENDING, Status.STALE] if removed else [Status.PENDING])
    assert totals.requests == len(ca.requests) + len(second.requests)


def test_order_all_only_ca_that_is_down_fails_all(ca, params):
    ca.always("/directory", problem("malformed", 404, "gone"))
    with pytest.raises(AcmeError, match="answered HTTP 404"):
        ordering.order_all(params(), [asked()])


def test_order_all_refused_by_all_cas_has_all_reasons(ca, second, params):
    for one in (ca, second):
        one.always("/new-order", problem("rejectedIdentifier", 400, "no"))
    _totals, (order,) = ordering.order_all(params(second), [asked()])
    assert order.status == Status.FAILED
    assert order.problem.startswith(f"{ca.url}/directory: ")
    assert f"; {second.url}/directory: " in order.problem


@pytest.mark.parametrize(
    "change",
    [
        {"status": "invalid"},
        {"status": "deactivated"},
        {"status": None},
        {"identifiers": None},
        {"authorizations": None},
        {"authorizations": [5]},
        {"finalize": 5},
        {"finalize": None},
        {"status": "valid", "certificate": 5},
    ],
    ids=str,
)
def test_order_all_odd_order_does_not_break_the_next_step_for_others(ca, params, change):
    def odd(request):
        answer = ca.behave(request)
        if "b.example" in str(answer.body["identifiers"]):
            answer.body.update(change)
        return answer

    ca.always("/new-order", odd)
    ca.always("/order", odd)
    _totals, orders = ordering.order_all(params(), [asked("a"), asked("b"), asked("c")])
    made = [order for order in orders if order.status not in STOPPED]
    assert {order.name for order in made} >= {"a", "c"}
    options = {"orders": [{**plain(order), "csr_content": "x"} for order in made]}
    spec = {"orders": {"type": "list", "elements": "dict", "options": PREPARED_SPEC}}
    assert ArgumentSpecValidator(spec).validate(options).error_messages == []
    assert all(order.problem for order in orders if order.status in STOPPED)


def test_order_all_wrong_options_go_to_no_other_ca(second, params, monkeypatch):
    def refuse(client, request):
        raise AcmeOptionError("not this one")

    monkeypatch.setattr(ordering, "prepare", refuse)
    _totals, (order,) = ordering.order_all(params(second), [asked()])
    assert (order.status, order.problem) == (Status.FAILED, "not this one")
    assert second.requests == []


@pytest.mark.parametrize(("can_wait", "status"), [(True, Status.DEFERRED), (False, Status.FAILED)])
def test_order_all_temporary_failure_defers_order_that_can_wait(ca, params, can_wait, status):
    ca.always("/new-order", problem("rateLimited", 429, "later", {"Retry-After": "86400"}))
    _totals, (order,) = ordering.order_all(params(), [asked(can_wait=can_wait)])
    assert order.status == status


def test_order_all_failure_is_that_of_the_ca_that_has_to_be_waited_for(ca, second, params):
    ca.always("/new-order", problem("serverInternal", 500, "trouble"))
    second.always("/new-order", problem("rejectedIdentifier", 400, "no"))
    _totals, (order,) = ordering.order_all(params(second), [asked()])
    assert (order.directory, order.failure_kind) == (f"{second.url}/directory", FailureKind.REFUSAL)


LIMITED = ("rateLimited", 429)
DAY_LATER = {"Retry-After": "86400"}


def in_turn(monkeypatch):
    """Have orders sent one after the other."""
    monkeypatch.setattr(ordering, "run_all", lambda items, work: [run_all([item], work)[0] for item in items])


def test_order_all_limit_of_the_account_is_asked_about_three_times(ca, params, monkeypatch, key):
    in_turn(monkeypatch)
    account = ca.register(key)
    url = ca.order(account, ["known.example"])
    ca.always("/new-order", problem(*LIMITED, "too many new orders (300) from this account", DAY_LATER))
    new = [asked(f"shop{number}") for number in range(20)]
    _totals, orders = ordering.order_all(params(), [*new, asked("known", order_uri=url, account_uri=account)])
    assert ca.counts()["/new-order"] == 3
    assert {(order.problem[:21], order.failure_kind) for order in orders[:20]} == {
        ("newOrder: rateLimited", FailureKind.CA)
    }
    assert all(order.retry_at for order in orders[:20])
    # One that the CA has already is resumed.
    assert orders[20].order_uri == url


def test_order_all_limit_of_the_account_has_the_next_ca_take_the_rest(ca, second, params, monkeypatch):
    in_turn(monkeypatch)
    ca.always("/new-order", problem(*LIMITED, "too many new orders", DAY_LATER))
    _totals, orders = ordering.order_all(params(second), [asked(f"shop{number}") for number in range(8)])
    assert (ca.counts()["/new-order"], second.counts()["/new-order"]) == (3, 8)
    assert {order.directory for order in orders} == {f"{second.url}/directory"}


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("too many certificates (50) already issued for 'shop.example'", "{}.www.shop.example"),
        ("too many certificates (5) already issued for this exact set of identifiers", "shop.example"),
    ],
    ids=["domain", "one set"],
)
def test_order_all_limit_of_names_stops_no_other_order(ca, params, monkeypatch, detail, name):
    def refuse(request):
        is_limited = "shop.example" in str(request.payload)
        return problem(*LIMITED, detail, DAY_LATER) if is_limited else ca.behave(request)

    in_turn(monkeypatch)
    ca.always("/new-order", refuse)
    limited = [asked(f"a{number}", identifiers=(name.format(number),)) for number in range(5)]
    _totals, orders = ordering.order_all(params(), [*limited, asked("other")])
    assert (ca.counts()["/new-order"], orders[-1].status) == (6, Status.PENDING)


def test_order_all_failure_says_at_which_ca_and_until_when_to_wait(ca, params):
    ca.always("/new-order", problem("rateLimited", 429, "later", {"Retry-After": "86400"}))
    before = datetime.now(timezone.utc)
    _totals, (order,) = ordering.order_all(params(), [asked()])
    assert (order.directory, order.failure_kind) == (f"{ca.url}/directory", FailureKind.CA)
    assert timedelta(0) <= parse_utc(order.retry_at) - before - timedelta(hours=23, minutes=59) <= timedelta(minutes=2)


def test_check_all_sends_no_signed_request(ca, params):
    ca.meta = {"profiles": {"classic": "x"}}
    totals, orders = ordering.check_all(params(), [asked("a"), asked("b", profile="odd"), asked("c", challenge="x-01")])
    assert [order.status for order in orders] == [Status.PENDING, Status.FAILED, Status.FAILED]
    assert (totals.changed, totals.requests) == (True, 1)
    assert ca.lines() == ["GET /directory"]
    totals, _orders = ordering.check_all(params(), [asked("b", profile="odd")])
    assert not totals.changed


def test_check_all_reads_the_directory_of_the_ca_that_the_plan_chose(ca, second, params):
    order = asked(directory=f"{second.url}/directory")
    totals, (found,) = ordering.check_all(params(second), [order])
    assert (found.status, totals.requests) == (Status.PENDING, 1)
    assert (ca.lines(), second.lines()) == ([], ["GET /directory"])


def test_check_all_of_refused_orders_sends_no_request(ca, params):
    totals, (order,) = ordering.check_all(params(), [asked(identifiers=("a b",))])
    assert (totals.changed, order.status, ca.requests) == (False, Status.FAILED, [])


def test_check_all_key_that_would_be_made_is_not_needed(ca, params, path):
    path.unlink()
    _totals, (order,) = ordering.check_all(params(account_key_create=True), [asked()])
    assert order.status == Status.PENDING
    assert not path.exists()
    with pytest.raises(AcmeError, match="does not exist"):
        ordering.check_all(params(), [asked()])


def test_order_all_invalid_list_of_cas_is_refused(params):
    with pytest.raises(AcmeOptionError, match="the list is empty"):
        ordering.order_all(params(acme_directory=[]), [asked()])
