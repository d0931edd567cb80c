# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan for all hosts, as a table: CAs and the record are scripted, and so is the clock."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import first_second
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import planner, revoked_certificates
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.attempts import digest, settings_digest
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import (
    RecordedCertificate,
    RecordedRevocation,
)
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.planner import PlanRequest
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import Limits, Rate
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import Selection
from ansible_collections.certfleet.tls.plugins.module_utils._status import look_up as status_look_up
from tests.unit import contracts
from tests.unit.acme import ca as scripted
from tests.unit.acme.server import RESET, Answer, problem
from tests.unit.contracts import ACCOUNT, DAY, DUE, END, FRESH, HOUR, URGENT, found, utc
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import OTHER, directory

DOWN = {CA: "the CA is down"}
BOTH_DOWN = {**DOWN, OTHER: "the other CA is down"}
ONE_ORDER = {CA: Limits(orders=Rate.parse("1/3h"))}


class Sources:
    """Scripted sources of a plan. asked: the directories that were read, and "record"."""

    def __init__(self, now=FRESH, down=(), profiles=None, renewal=None, revoked=None, record=()):
        self.now = lambda: now
        self.warnings = []
        self.asked = []
        self._down = dict(down)
        self._profiles = profiles or {}
        self._renewal = renewal or {}
        self._revoked = revoked or {}
        self._record = record

    def directory(self, url):
        if url not in self.asked:
            self.asked.append(url)
        return None if url in self._down else directory(url, self._profiles.get(url, ()))

    def problem(self, url):
        return self._down.get(url, "") if url in self.asked else ""

    def renewal_information(self, questions):
        self.asked.append("renewal information")
        for url in questions:
            self.directory(url)
        asked = {ari_id for ari_ids in questions.values() for ari_id in ari_ids}
        return {ari_id: info for ari_id, info in self._renewal.items() if ari_id in asked}

    def revoked(self, certificates):
        hosts = {item.host for item in certificates}
        return {version: why for version, why in self._revoked.items() if version[0] in hosts}

    def record(self):
        self.asked.append("record")
        return self._record


def plan(*certificates, cas=(CA,), sources=None, **request):
    """Return the plan as lines, and its warnings."""
    planned, warnings = planner.plan_certificates(PlanRequest(certificates, cas, **request), sources or Sources())
    return planned, warnings


def lines(planned):
    return [item.line() for item in planned]


def missing(host, **more):
    return found({"reload": [], **more}, None, host=host)


def shared(host, **live):
    return found({"shared": True}, live or None, host=host)


TABLE = {
    # certificates, the CAs, what they answer, and further wishes: the lines of the plan, warnings, what was asked
    "nothing at all": ((), (CA,), {}, {}, [], [], []),
    "one that is kept": (
        (found(),),
        (CA,),
        {},
        {},
        ["web1: certificate shop: keep ()"],
        [],
        [CA, "renewal information"],
    ),
    "one that is kept, and the CA is down": (
        (found(),),
        (CA,),
        {"down": DOWN},
        {},
        ["web1: certificate shop: keep ()"],
        ["the CA is down; nothing is issued in this run"],
        [CA, "renewal information"],
    ),
    "one that is missing": (
        (missing("web1"),),
        (CA,),
        {},
        {},
        ["web1: certificate shop: issue (missing)"],
        [],
        [CA],
    ),
    "one that is missing, and the CA is down": (
        (missing("web1"),),
        (CA,),
        {"down": DOWN},
        {},
        ["web1: certificate shop: refuse (missing: the CA is down)"],
        ["the CA is down; nothing is issued in this run"],
        [CA],
    ),
    "one that is due, and the CA is down": (
        (found({"reload": []}),),
        (CA,),
        {"down": DOWN, "now": DUE},
        {},
        ["web1: certificate shop: keep (lifetime: the CA is down)"],
        ["the CA is down; nothing is issued in this run"],
        [CA, "renewal information"],
    ),
    "the first CA is down": (
        (missing("web1"), found(host="web2")),
        (CA, OTHER),
        {"down": DOWN},
        {},
        [
            f"web1: certificate shop: issue (missing) at {OTHER}",
            "web2: certificate shop: keep ()",
        ],
        ["the CA is down"],
        [CA, "renewal information", OTHER],
    ),
    "the first CA answers, and no other is asked": (
        (missing("web1"),),
        (CA, OTHER),
        {"down": {OTHER: "the other CA is down"}},
        {},
        ["web1: certificate shop: issue (missing)"],
        [],
        [CA],
    ),
    "both CAs are down": (
        (missing("web1"),),
        (CA, OTHER),
        {"down": BOTH_DOWN},
        {},
        ["web1: certificate shop: refuse (missing: the CA is down; the other CA is down)"],
        ["the CA is down; the other CA is down; nothing is issued in this run"],
        [CA, OTHER],
    ),
    "a profile that the second CA has": (
        (missing("web1", profile="short"),),
        (CA, OTHER),
        {"profiles": {OTHER: ["short"]}},
        {},
        [f"web1: certificate shop: issue (missing) at {OTHER}"],
        [],
        [CA, OTHER],
    ),
    "a profile that no CA has": (
        (missing("web1", profile="short"), missing("web2")),
        (CA, OTHER),
        {},
        {},
        [
            f"web1: certificate shop: refuse (missing: profile 'short' is not offered by {CA} (offered: none); "
            f"profile 'short' is not offered by {OTHER} (offered: none))",
            "web2: certificate shop: issue (missing)",
        ],
        [],
        [CA, OTHER],
    ),
    "an open window": (
        (found(),),
        (CA,),
        {"renewal": {"a.b": RenewalInfo(FRESH - DAY, FRESH - HOUR)}},
        {},
        ["web1: certificate shop: issue (window open)"],
        [],
        [CA, "renewal information"],
    ),
    "one that is revoked": (
        (found(), found(host="web2")),
        (CA,),
        {"revoked": {("web1", "shop", "live"): "key_compromise"}},
        {},
        ["web1: certificate shop: issue (revoked: key_compromise)", "web2: certificate shop: keep ()"],
        [],
        [CA, "renewal information"],
    ),
    "all by force": (
        (found(),),
        (CA,),
        {},
        {"is_forced": True},
        ["web1: certificate shop: issue (forced)"],
        [],
        [CA],
    ),
    "a limit, and what can wait for it": (
        (missing("web1"), found({"key_type": "rsa2048", "reload": []}, host="web2")),
        (CA,),
        {},
        {"limits": ONE_ORDER},
        [
            "web1: certificate shop: issue (missing)",
            "web2: certificate shop: keep (key changed: the limit of 1 orders in 3 hours at ca.example is "
            "reached; there is room again at 2026-09-02 15:00 UTC)",
        ],
        [
            "1 certificate waits for the limit of 1 orders in 3 hours at ca.example: there is room at 2026-09-02 "
            "15:00 UTC"
        ],
        [CA, "record"],
    ),
    "a limit of the first CA, and the second has room": (
        (missing("web1"), missing("web2")),
        (CA, OTHER),
        {},
        {"limits": ONE_ORDER},
        [
            "web1: certificate shop: issue (missing)",
            f"web2: certificate shop: issue (missing) at {OTHER}",
        ],
        [],
        [CA, "record"],
    ),
    "hosts that share one": (
        (shared("web1"), shared("web2")),
        (CA,),
        {},
        {},
        ["web1: certificate shop: issue (missing)", "web2: certificate shop: receive (missing: from web1)"],
        [],
        [CA, "record"],
    ),
    "hosts that share one, and the CA is down": (
        (shared("web1"), shared("web2")),
        (CA,),
        {"down": DOWN},
        {},
        [
            "web1: certificate shop: refuse (missing: the CA is down)",
            "web2: certificate shop: refuse (missing: the CA is down)",
        ],
        ["the CA is down; nothing is issued in this run"],
        [CA, "record"],
    ),
    "hosts of an earlier batch only, and the CA is down": (
        (),
        (CA,),
        {"down": DOWN},
        {"elsewhere": [shared("web9", serial="0a")]},
        [],
        ["the CA is down"],
        ["renewal information", CA],
    ),
    "a host of an earlier batch has it": (
        (shared("web1"),),
        (CA,),
        {},
        {"elsewhere": [shared("web9", serial="0a")]},
        ["web1: certificate shop: receive (missing: from web9)"],
        [],
        [CA, "renewal information", "record"],
    ),
}


@pytest.mark.parametrize(
    ("certificates", "cas", "answers", "wishes", "expected", "warnings", "asked"), TABLE.values(), ids=TABLE
)
def test_plan_certificates_returns_lines_and_warnings(certificates, cas, answers, wishes, expected, warnings, asked):
    sources = Sources(**answers)
    planned, said = plan(*certificates, cas=cas, sources=sources, **wishes)
    assert lines(planned) == expected
    assert (said, sources.asked) == (warnings, asked)


def test_plan_certificates_takes_the_time_after_the_revocation_status():
    """To ask for it may take minutes."""
    times = iter([DUE])

    class Slow(Sources):
        def revoked(self, certificates):
            self.now = lambda: next(times)
            return {}

    planned, _warnings = plan(found(), sources=Slow(now=FRESH))
    assert lines(planned) == ["web1: certificate shop: issue (lifetime)"]


def test_plan_certificates_gives_the_record_to_shared_certificates():
    terms = contracts.wanted()
    record = [
        RecordedCertificate(
            utc(FRESH), "web2", "shop", "0b", utc(URGENT), CA, ACCOUNT, terms.identifiers, "PEM", "CHAIN"
        )
    ]
    hosts = (shared("web1", serial="0a"), shared("web2", serial="0b"))
    planned, _warnings = plan(*hosts, sources=Sources(record=record))
    assert lines(planned)[0] == "web1: certificate shop: receive (not the one that is shared: from web2)"


SELECTION = Selection(all=True, before=FRESH)


def test_result_of_a_replacement():
    certificates = (found(live={"created": utc(FRESH)}), found(host="web2"), found(host="web3", problems=["no room"]))
    request = PlanRequest(certificates, (CA,), selection=SELECTION)
    planned, _warnings = planner.plan_certificates(request, Sources())
    result = planner.result(request, planned)
    assert result["replacing"] == {"selected": 2, "now": 1, "left": 1, "before": first_second(FRESH)}
    assert result["summary"][0] == "2 to be replaced: this run tries 1, 1 wait for a later one"
    assert (result["due"], list(result["hosts"])) == (["web2"], ["web1", "web2", "web3"])
    assert result["lines"] == ["web2: certificate shop: issue (forced)"]
    assert result["coming"] == ["web1: certificate shop: next at 2026-10-31 12:00 UTC"]


def test_result_of_shared_certificates_without_a_selection():
    request = PlanRequest((shared("web1"), shared("web2")), (CA, OTHER))
    planned, _warnings = planner.plan_certificates(request, Sources())
    result = planner.result(request, planned)
    assert result["shares"] == [{"name": "shop", "giver": "web1", "hosts": ["web2"]}]
    assert (result["directory"], result["directories"], result["replacing"]) == (CA, [CA, OTHER], None)


def refused(cas, host="web1", **more):
    """Return a missing certificate that the first CA has refused lately."""
    item = missing(host, profile="short")
    failure = contracts.failed(
        kind=FailureKind.REFUSAL,
        count=1,
        at=utc(FRESH),
        since=utc(FRESH),
        digest=digest(item.wanted, settings_digest(cas, {})),
        **more,
    )
    return replace(item, failed=(failure,))


def test_plan_second_ca_is_asked_while_the_first_waits():
    cas, profiles = (CA, OTHER), {CA: ["short"], OTHER: ["short"]}
    (item,), warnings = plan(refused(cas), cas=cas, sources=Sources(profiles=profiles))
    assert (item.decision.action, item.directory, item.waits.keys(), warnings) == (Action.ISSUE, OTHER, {CA}, [])
    (item,), _warnings = plan(refused(cas), cas=cas, sources=Sources(profiles=profiles), retry_failed=True)
    assert (item.decision.action, item.directory) == (Action.ISSUE, None)
    # While that is down, each run asks it again.
    sources = Sources(down={OTHER: "the other CA is down"}, profiles=profiles)
    (item,), (warning,) = plan(refused(cas), cas=cas, sources=sources)
    assert (item.decision.action, warning) == (Action.REFUSE, "the other CA is down")
    assert item.line() == (
        "web1: certificate shop: refuse (missing: an attempt failed at 2026-09-02 12:00 UTC; the other CA is down; "
        "the next run tries again)"
    )


@pytest.mark.parametrize(
    ("given", "action"),
    [({}, Action.REFUSE), ({"retry_failed": True}, Action.ISSUE), ({"is_forced": True}, Action.REFUSE)],
)
def test_plan_order_that_failed_waits_unless_the_user_does_not(given, action):
    (item,), _warnings = plan(refused([CA]), sources=Sources(profiles={CA: ["short"]}), **given)
    assert item.decision.action == action


def test_result_summary_says_which_certificates_fail():
    request = PlanRequest([refused([CA]), found(host="web2")], [CA])
    planned, _warnings = planner.plan_certificates(request, Sources())
    result = planner.result(request, planned)
    line = r"certificate shop of web1: an attempt failed at 2026-09-02 12:00 UTC; the next attempt is at .* UTC"
    assert re.fullmatch(line, result["summary"][0])
    (order,) = plan(missing("web1"), settings={"acme_dns": {}})[0]
    assert order.decided().digest == digest(order.certificate.wanted, settings_digest([CA], {"acme_dns": {}}))


def test_plan_warns_of_windows_that_do_not_count_and_of_jobs_that_run_too_seldom():
    odd = RenewalInfo(FRESH - 300 * DAY, FRESH - 299 * DAY)
    short = found(live={"not_after": utc(FRESH + HOUR)})
    sources = Sources(now=FRESH - 20 * HOUR, renewal={"a.b": odd})
    (_item,), (window, seldom) = plan(short, sources=sources, interval=DAY)
    assert window.startswith(f"{CA} suggests to renew 1 certificate in a window that would have")
    assert seldom.startswith("certificate shop of web1 cannot be renewed in time: ")


# -- With a CA that answers


def options(ca, *certificates, **given):
    usual = {
        "ca_paths": {f"{ca.url}/directory": None},
        "profiles": {},
        "ca_limits": {},
        "request_timeout": 5,
        "certificates": [item.to_result() for item in certificates],
        "elsewhere": [],
        "unlisted": {},
        "remove_unlisted": [],
        "unanswered": [],
        "force": False,
        "replace": {},
        "renewal_information": True,
        "check_revocation": False,
        "cache": None,
        "run_interval": "",
        "limits": {},
        "settings": {},
        "retry_failed": False,
        "history": None,
    }
    return {**usual, **given}


def of_ca(ca, host="web1", **more):
    return found(live={"directory": f"{ca.url}/directory", **more}, host=host)


def make_plan(ca, *certificates, now=FRESH, **given):
    """Return the result, and warnings. Nobody sleeps."""
    warnings = []
    clock = Clock(now=lambda: now, sleep=lambda _seconds: None)
    return planner.make_plan(options(ca, *certificates, **given), warnings.append, clock), warnings


WINDOW = {"suggestedWindow": {"start": utc(FRESH - DAY), "end": utc(FRESH - HOUR)}}


def test_make_plan_asks_for_renewal_information_once(ca):
    ca.always("/renewal-info", Answer(200, WINDOW))
    result, warnings = make_plan(ca, of_ca(ca), of_ca(ca, host="web2"))
    assert result["lines"] == [f"web{number}: certificate shop: issue (window open)" for number in (1, 2)]
    assert warnings == []
    assert ca.lines() == ["GET /directory", "GET /renewal-info/a.b"]
    result, _warnings = make_plan(ca, of_ca(ca), renewal_information=False)
    assert (result["lines"], ca.lines()[2:]) == ([], ["GET /directory"])


@pytest.mark.parametrize(
    ("answer", "warning"),
    [
        (problem("serverInternal", 500), "no renewal information for 1 of 1 certificates ("),
        (Answer(200, {}), "no renewal information for 1 of 1 certificates (renewal information without a suggested"),
    ],
)
def test_make_plan_without_renewal_information_warns(ca, answer, warning):
    ca.always("/renewal-info", answer)
    result, (said,) = make_plan(ca, of_ca(ca))
    assert result["coming"] == ["web1: certificate shop: next at 2026-10-31 12:00 UTC"]
    assert said.startswith(warning)


@pytest.mark.parametrize(
    ("years", "warning"), [(1, "365 days ahead of that"), (-1, "365 days behind that"), (0, "")], ids=str
)
def test_make_plan_decides_by_the_time_of_the_ca(ca, years, warning):
    ca.date = f"{FRESH:%a, %d %b %Y %H:%M:%S GMT}"
    result, warnings = make_plan(ca, of_ca(ca), now=FRESH + years * 365 * DAY, renewal_information=False)
    assert result["coming"] == ["web1: certificate shop: next at 2026-10-31 12:00 UTC"]
    assert [warning in text for text in warnings] == ([True] if warning else [])
    assert result["controller_ahead"] == years * 365 * 86400


def test_make_plan_asks_for_the_status_at_the_time_of_the_ca(ca, monkeypatch):
    asked_at = []

    def look_up(contents, clock, _options):
        asked_at.append(clock.now())
        return [], ""

    monkeypatch.setattr(status_look_up, "look_up", look_up)
    monkeypatch.setattr(revoked_certificates, "revoked", lambda _certificates, ask, _marked: (ask([]), {}, [])[1:])
    ca.date = f"{FRESH:%a, %d %b %Y %H:%M:%S GMT}"
    make_plan(ca, of_ca(ca), now=FRESH + 365 * DAY, renewal_information=False, check_revocation=True)
    assert asked_at == [FRESH]


def test_make_plan_marked_certificate_is_due_at_once_without_check_revocation(ca, tmp_path):
    history = tmp_path / "history.jsonl"
    recorded = RecordedRevocation(utc(FRESH), "web1", "shop", "4a1f", utc(END), f"{ca.url}/directory")
    history.write_bytes(recorded.line())
    marked = [
        of_ca(ca, serial="4a1f"),
        of_ca(ca, host="web2", serial="4b", revoked=utc(FRESH)),
        of_ca(ca, host="web3", serial="4c"),
    ]
    settings = {"renewal_information": False, "limits": {f"{ca.url}/directory": {"orders": "9/1d"}}}
    result, warnings = make_plan(ca, *marked, history=str(history), **settings)
    assert result["lines"] == [
        "web1: certificate shop: issue (revoked: since 2026-09-02T12:00:00Z, according to acme_history)",
        "web2: certificate shop: issue (revoked: since 2026-09-02T12:00:00Z, as the host has marked it)",
    ]
    assert [item["can_wait"] for item in (*result["hosts"]["web1"], *result["hosts"]["web2"])] == [False, False]
    assert warnings == []
    # A record that cannot be read is one warning, though it is needed twice.
    _result, warnings = make_plan(ca, *marked, history=str(tmp_path), **settings)
    assert warnings == [f"acme_history {tmp_path} cannot be read: Is a directory"]


def test_make_plan_directory_down_warns_once_and_asks_no_more(ca):
    ca.always("/directory", RESET)
    result, (warning,) = make_plan(ca, of_ca(ca), of_ca(ca, host="web2"))
    assert result["due"] == []
    assert warning.endswith("; nothing is issued in this run")
    assert set(ca.lines()) == {"GET /directory"}


def test_make_plan_keeps_renewal_information_in_the_cache(ca, tmp_path):
    ca.always("/renewal-info", Answer(200, WINDOW))
    for _run in range(2):
        result, _warnings = make_plan(ca, of_ca(ca), cache=str(tmp_path / "cache"))
        assert result["lines"] == ["web1: certificate shop: issue (window open)"]
    assert ca.lines().count("GET /renewal-info/a.b") == 1
    _result, (warning,) = make_plan(ca, of_ca(ca), cache="/proc/cache")
    assert warning.startswith("acme_cache /proc/cache cannot be written: ")


@pytest.mark.parametrize(
    ("down", "line"),
    [((), ""), ((0,), "issue (window open) at "), ((0, 1), "")],
    ids=["both are well", "the issuing one is down", "both are down"],
)
def test_make_plan_window_of_a_ca_that_is_down_moves_its_certificate_in_time(ca, tmp_path, down, line):
    """The window is from the cache: without it, nothing would be done before two thirds of the lifetime."""
    with closing(scripted.CA()) as second:
        window = {"suggestedWindow": {"start": utc(FRESH + DAY), "end": utc(FRESH + DAY + HOUR)}}
        ca.always("/renewal-info", Answer(200, window, {"Retry-After": "86400"}))
        given = {"ca_paths": {f"{one.url}/directory": None for one in (ca, second)}, "cache": str(tmp_path)}
        assert make_plan(ca, of_ca(ca), **given)[0]["lines"] == []
        for number in down:
            (ca, second)[number].always("/directory", RESET)
        if not down:
            ca.always("/renewal-info", Answer(200, {"suggestedWindow": {"start": utc(DUE), "end": utc(URGENT)}}))
        result, warnings = make_plan(ca, of_ca(ca), now=FRESH + 2 * DAY, **given)
        expected = f"web1: certificate shop: {line}{second.url}/directory"
        assert result["lines"] == ([expected] if line else [])
        if len(down) == 2:
            assert result["hosts"]["web1"][0]["reason"] == "window open"
            assert warnings[0].endswith("; nothing is issued in this run")


def test_make_plan_record_that_cannot_be_read_warns(ca, tmp_path):
    group = [found({"shared": True}, None, host=host) for host in ("web1", "web2")]
    result, (warning,) = make_plan(ca, *group, history=str(tmp_path))
    assert result["due"] == ["web1", "web2"]
    assert warning == f"acme_history {tmp_path} cannot be read: Is a directory"


def test_make_plan_reports_and_removes_unlisted(ca):
    unlisted = {"web1": ["old"], "web2": ["older"]}
    given = {"unlisted": unlisted, "remove_unlisted": ["web1"], "renewal_information": False}
    result, (warning,) = make_plan(ca, of_ca(ca), **given)
    assert [(item["name"], item["action"]) for item in result["hosts"]["web1"]] == [("shop", "keep"), ("old", "remove")]
    assert result["lines"] == ["web1: certificate old: remove (not listed)"]
    assert "web2 (older)" in warning


def test_make_plan_warns_of_a_renewal_that_will_fail(ca):
    item = found(live={"directory": f"{ca.url}/directory"}, problems=["webroot /srv is gone"])
    _result, (warning,) = make_plan(ca, item, renewal_information=False)
    assert warning == "certificate shop of web1: the renewal due 2026-10-31 will fail: webroot /srv is gone"


def test_make_plan_first_choice_among_several_cas(ca):
    result, _warnings = make_plan(ca, ca_paths={f"{ca.url}/directory": None, OTHER: None})
    assert result["directories"] == [f"{ca.url}/directory", OTHER]
    assert result["directory"] == result["directories"][0]
    assert ca.lines() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replace": {"serials_src": "/nowhere"}}, "/nowhere cannot be read: No such file or directory"),
        ({"limits": {"letsencrypt": {"orders": "many"}}}, "acme_limits: 'many' is not a limit"),
    ],
)
def test_make_plan_bad_option_raises(ca, given, message):
    with pytest.raises(AcmeError, match=f"^{message}"):
        make_plan(ca, **given)


def test_plan_request_interval_is_a_duration(ca):
    request = PlanRequest.parse(options(ca, found(), run_interval="1h"), (CA,), FRESH)
    assert (request.interval, request.since, request.certificates) == (timedelta(hours=1), "", [found()])


def test_plan_request_malformed_certificate_is_refused(ca):
    given = options(ca, certificates=[{"host": "web1", "name": "shop", "live": 5}])
    planned, _warnings = plan(*PlanRequest.parse(given, (CA,), FRESH).certificates)
    assert planned[0].decision.action == Action.REFUSE
    assert planned[0].decision.message.startswith("certificate_info returned malformed data for this certificate: ")


@pytest.mark.parametrize("identifiers", [[1], [{"challenge": "dns-01"}], [], ["two words"]], ids=str)
def test_plan_request_invalid_identifiers_refuse_their_certificate(ca, identifiers):
    wanted = {**contracts.wanted().to_result(), "identifiers": identifiers}
    items = [{"host": "web1", "name": "shop", "live": None, "pending": None, "invalid": [], "wanted": wanted}]
    planned, _warnings = plan(*PlanRequest.parse(options(ca, certificates=items), (CA,), FRESH).certificates)
    assert planned[0].decision.action == Action.REFUSE


def test_plan_request_identifiers_are_normalized(ca):
    wanted = {**contracts.wanted().to_result(), "identifiers": ["WWW.Example.com."]}
    items = [{"host": "web1", "name": "shop", "live": None, "pending": None, "invalid": [], "wanted": wanted}]
    (certificate,) = PlanRequest.parse(options(ca, certificates=items), (CA,), FRESH).certificates
    assert certificate.wanted.names == ["www.example.com"]
