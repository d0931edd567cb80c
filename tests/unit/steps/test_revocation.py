# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lies has no other's certificate revoked, and keeps none of its own without failing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import Issuance
from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.ownership import listed
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation import not_revoked
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import Chosen, to_revoke
from tests.unit import contracts
from tests.unit.host import ca

T = "2026-06-01T00:00:00Z"
OLD, NEW = "2026-05-01T00:00:00Z", "2026-06-02T00:00:00Z"
DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
ROOT = ca.Authority.root("Test Root")
KEY = ca.ec_key()
UNVERIFIED = "If it is this host's, revoke it with -e acme_revoke_unverified=true"


def leaf(*identifiers, ended=False):
    days = (NOW - 2 * DAY, NOW - DAY) if ended else (NOW - DAY, NOW + DAY)
    return ROOT.leaf(KEY.public_key(), list(identifiers), not_before=days[0], not_after=days[1])


# By the names of the tests, each another certificate: a letter for its name, x.example, and a number.
ISSUED = {f"{name}{number}": leaf(f"{name}.example") for name in "abc" for number in range(1, 5)}
ISSUED["ended"] = leaf("a.example", ended=True)
PEM = {number: ca.pem(certificate) for number, certificate in ISSUED.items()}
SERIAL = {number: serial(certificate) for number, certificate in ISSUED.items()}


def version(number, created=OLD, live=False, **more):
    """A version as certificate_info shows it in history."""
    given = {"created": created, "live": live, "certificate": PEM.get(number), **more}
    return contracts.past(version="0001", serial=None, not_after=None, **given).to_result()


def entry(*identifiers, name="shop", **more):
    """A certificate as acme_certificates has it."""
    return {"name": name, "identifiers": list(identifiers), **more}


def host(*versions, lists=None, first=None, **more):
    """The variables of a host: what it shows, what the inventory has for it, and what the first step showed."""
    return {
        "_acme_looked_at": {"history": list(versions)},
        "acme_certificates": [entry("a.example")] if lists is None else lists,
        **({"_acme_found": {"certificates": first}} if first is not None else {}),
        **more,
    }


def found(number, created=OLD, name="shop", pending=None, not_after=None):
    """A certificate as certificate_info shows it in the first step."""
    dates = {"created": created, "not_before": None, "not_after": not_after}
    live = contracts.live(serial=serial(ISSUED[number]), **dates) if number else None
    return contracts.found(None, live, name=name, host=None, pending=pending).to_result()


def line(number, host="web1", time=OLD, name="shop"):
    """An entry of the controller's record."""
    return Issuance(
        time=time,
        host=host,
        name=name,
        serial=serial(ISSUED[number]),
        not_after="2099-01-01T00:00:00Z",
        directory="https://ca.example/directory",
        account_uri="https://ca.example/acct/1",
        names=(f"{number[0]}.example",),
        certificate=PEM[number],
    )


@pytest.fixture
def choose(tmp_path):
    """choose(hostvars, ...): what to_revoke() gives, with certificates and problems as (host, what)."""
    path = tmp_path / "history.jsonl"

    def choose_(hostvars, before="", record=None, hosts=None, names=("shop",), **options):
        if record is not None:
            path.write_bytes(b"".join(issuance.line() for issuance in record))
        history = str(path) if record is not None else ""
        options = {"still": list(hostvars), "history": history, **options}
        chosen = to_revoke(list(hosts or hostvars), hostvars, list(names), before, **options)
        numbers = {pem: number for number, pem in PEM.items()}
        return {
            **chosen._asdict(),
            "chosen": [(item.host, numbers[item.content]) for item in chosen.certificates],
            "told": [(item.host, item.problem) for item in chosen.problems],
        }

    return choose_


NOTHING_SHOWN = (
    f"neither the host nor acme_history has one with a key from before {T}. If it had none then, leave this host out; "
    "else revoke it by its serial number (acme_revoke_serials)"
)
GET_IT = (
    "Save the certificate in a file, from the CA or a log of Certificate Transparency, and run again with "
    "-e acme_revoke_files=FILE"
)
NOT_SHOWN = f"the host had it when the run began, and does not show the certificate now. {GET_IT}"


# -- Hosts that say the truth


def test_live_ones(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", live=True)),
        "web2": host(lists=[]),
        "web3": {"_acme_looked_at": {"unreachable": True}},
    }
    result = choose(hostvars)
    (chosen,) = result["certificates"]
    assert (chosen.host, chosen.name, chosen.content, chosen.directory) == ("web1", "shop", PEM["a2"], None)
    assert result["told"] == [("web2", "there is no live version of it on this host")]


@pytest.mark.parametrize(
    ("versions", "numbers"),
    [
        ([version("a1"), version("a2", NEW, live=True)], ["a1"]),
        ([version("a1"), version("a2"), version("a3", NEW), version("a4", NEW, live=True)], ["a1", "a2"]),
        ([version("ended"), version("a1"), version("a2", NEW, live=True)], ["a1"]),
        # What cannot be known may be old.
        ([version("a1", None), version("a2", NEW, live=True)], ["a1"]),
        # The same certificate in two versions.
        ([version("a1"), version("a1"), version("a2", NEW, live=True)], ["a1"]),
    ],
    ids=["replaced", "renewed since", "expired", "not known from when", "twice"],
)
def test_before_an_instant(choose, versions, numbers):
    result = choose({"web1": host(*versions)}, T)
    assert [number for _host, number in result["chosen"]] == numbers
    assert result["told"] == []


def test_still_in_use_is_not_revoked_and_told(choose):
    result = choose({"web1": host(version("a1"), version("a2", live=True))}, T)
    assert result["chosen"] == [("web1", "a1")]
    (problem,) = result["problems"]
    assert problem == contracts.revocation(
        name=f"shop (serial {SERIAL['a2']})",
        problem=f"it is still in use, with a key from {OLD}: replace it first",
    )
    # What is live counts by its certificate, whatever else the host says.
    result = choose({"web1": host(version("a1", certificate=PEM["a2"]), version("a2", NEW, live=True))}, T)
    assert result["chosen"] == []
    assert [problem for _host, problem in result["told"]] == [
        f"it is still in use, with a key from {OLD}: replace it first"
    ]


def test_check_shows_what_would_be_revoked_once_it_is_replaced(choose):
    result = choose({"web1": host(version("a1", live=True), first=[found("a1")])}, T, check=True)
    assert (result["chosen"], result["told"]) == ([("web1", "a1")], [])


def test_second_run_finds_the_same(choose):
    """As the run before may have been killed before it revoked."""
    hostvars = {"web1": host(version("a1"), version("a2", NEW, live=True), first=[found("a2", NEW)])}
    assert choose(hostvars, T)["chosen"] == [("web1", "a1")]


@pytest.mark.parametrize(
    ("before", "numbers"),
    [("2026-06-01T02:00:00+02:00", ["a1"]), ("2026-06-01T00:00:00.5Z", ["a1", "a2"]), (T, ["a1"])],
)
def test_instants_of_all_kinds(choose, before, numbers):
    at = [version("a1", "2026-05-31T23:59:59Z"), version("a2", T), version("a3", NEW, live=True)]
    assert [number for _host, number in choose({"web1": host(*at)}, before)["chosen"]] == numbers


@pytest.mark.parametrize("before", ["soon", "2026-06-01", "2026-06-01T00:00:00"])
def test_no_instant(before):
    with pytest.raises(AnsibleActionFail, match="is not an instant: give one such as"):
        to_revoke(["web1"], {"web1": host()}, ["shop"], before)


def test_nothing_given_to_revoke():
    with pytest.raises(AnsibleActionFail, match=r"^nothing to revoke is given: set acme_revoke or acme_revoke_serial"):
        to_revoke(["web1"], {"web1": host()}, [])


# -- Another host's certificate


OTHERS = "it is for b.example, which acme_certificates has for web2 and not for this host"


@pytest.mark.parametrize("before", ["", T], ids=["live", "before"])
@pytest.mark.parametrize(
    ("lists", "record", "unverified", "problem"),
    [
        ([entry("a.example")], [], False, OTHERS),
        ([entry("a.example")], [], True, OTHERS),
        ([entry("a.example")], [line("b1", "web2")], True, "it was issued for web2 (acme_history)"),
        # Both have the name, behind a load balancer.
        (
            [entry("b.example")],
            [],
            False,
            f"it may be that of web2, which has the same names in acme_certificates. {UNVERIFIED}",
        ),
        ([entry("b.example")], [], True, None),
        ([entry("b.example")], [line("b1", "web2")], True, "it was issued for web2 (acme_history)"),
        ([entry("b.example")], [line("b1", "web1")], False, None),
        # It is this host's by the record, whatever it is called by now.
        ([entry("a.example")], [line("b1", "web1")], False, None),
        # The record is that of another inventory.
        ([entry("a.example")], [line("b1", "elsewhere")], False, OTHERS),
        # One of both shares it, which makes it neither's of both.
        (
            [entry("b.example", shared=True)],
            [line("b1", "web2")],
            False,
            "it was issued for web2 (acme_history)",
        ),
    ],
)
def test_certificate_of_another_host_is_left_alone(choose, before, lists, record, unverified, problem):
    """The fleet's account may revoke them all."""
    shown = version("b1", live=not before)
    hostvars = {
        "web1": host(shown, version("a4", NEW), lists=lists),
        "web2": host(lists=[entry("c.example", {"value": "B.example"})]),
    }
    result = choose(hostvars, before, record, hosts=["web1"], unverified=unverified)
    assert result["chosen"] == ([] if problem else [("web1", "b1")])
    assert [text for text in result["told"] if "newest" not in text[1]] == ([("web1", problem)] if problem else [])


@pytest.mark.parametrize("shown", ["facts", "inventory"])
def test_facts_make_no_owner(choose, shown):
    """Ansible puts a host's facts in the place of the inventory's variables."""
    claimed = [entry("a.example", "b.example")]
    facts = {"acme_certificates": claimed} if shown == "facts" else {"distribution": "Debian"}
    hostvars = {
        "web1": host(version("b1", live=True), lists=claimed, ansible_facts=facts),
        "web2": host(lists=[entry("b.example")]),
    }
    result = choose(hostvars, hosts=["web1"], unverified=True)
    assert result["chosen"] == ([] if shown == "facts" else [("web1", "b1")])
    assert bool(result["told"]) is (shown == "facts")


def test_facts_of_another_host_free_none_of_its_names(choose):
    """A host that shadows its own list owns nothing, so another would not have what is left of it without an option."""
    hostvars = {
        "web1": host(version("b1", live=True)),
        "web2": host(lists=[], ansible_facts={"acme_certificates": []}),
    }
    result = choose(hostvars, hosts=["web1"])
    assert result["chosen"] == []
    assert result["told"] == [
        ("web1", f"it is for b.example, which no host of the inventory has in acme_certificates. {UNVERIFIED}")
    ]


class Undefined(dict):
    """A host whose acme_certificates has something undefined in it."""

    def get(self, key, default=None):
        if key == "acme_certificates":
            raise AnsibleError("'x' is undefined")
        return super().get(key, default)


@pytest.mark.parametrize("odd", [None, "x", 5, ["x"], [None], [{}], [{"name": "shop", "identifiers": 5}]], ids=str)
def test_odd_inventory_of_another_host_stops_nothing(choose, odd):
    for other in ({"acme_certificates": odd}, Undefined()):
        hostvars = {"web1": host(version("a1", live=True)), "web2": other}
        assert choose(hostvars, hosts=["web1"])["chosen"] == [("web1", "a1")]


def test_name_that_nobody_lists_needs_the_option(choose):
    hostvars = {"web1": host(version("a1", live=True), lists=[])}
    result = choose(hostvars)
    problem = f"it is for a.example, which no host of the inventory has in acme_certificates. {UNVERIFIED}"
    assert (result["chosen"], result["told"]) == ([], [("web1", problem)])
    assert choose(hostvars, unverified=True)["chosen"] == [("web1", "a1")]
    # The record knows better.
    assert choose(hostvars, record=[line("a1")])["chosen"] == [("web1", "a1")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the host shows a version with no certificate that can be read"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "the host shows a version with no certificate that can be read",
        ),
        (ca.pem(leaf()), "it has no names"),
    ],
    ids=["empty", "damaged", "without names"],
)
def test_no_certificate_is_told(choose, content, problem):
    result = choose({"web1": host(version("", live=True, certificate=content), version("a2", live=True))})
    assert result["told"] == [("web1", problem)]
    assert result["chosen"] == [("web1", "a2")]


class Lazy(dict):
    """A mapping that raises late for what is undefined in it, as those of ansible-core 2.19 do."""

    def __getitem__(self, key):
        raise AnsibleUndefinedVariable(f"{key} is undefined")

    def get(self, key, default=None):
        return self[key]


def test_listed_entry_with_something_undefined_counts_for_nothing():
    entry = {"name": "shop", "identifiers": ["shop.example"]}
    variables = {"acme_certificates": [Lazy(identifiers=["x"]), {"name": "a", "more": [Lazy(x=1)]}, entry]}
    assert listed(variables) == [entry]


def test_choose_unusual_names_out_of_certificates_are_printable(choose):
    shown = ca.pem(leaf("shop\x1b[2m.example"))
    result = choose({"web1": host(version("", live=True, certificate=shown))})
    assert "shop?[2m.example" in result["told"][0][1]


def test_only_the_certificate_itself_is_passed_on(choose):
    result = choose({"web1": host(version("", live=True, certificate=f"x\n{PEM['a1']}{PEM['b1']}"))})
    assert [item.content for item in result["certificates"]] == [PEM["a1"]]


# -- A certificate that the host hides


@pytest.mark.parametrize(
    ("first", "shown", "record", "chosen", "problems"),
    [
        # Live when the run began, and left out of what it shows afterwards.
        ([found("a1")], [version("a2", NEW, live=True)], None, [], [NOT_SHOWN]),
        ([found("a1")], [version("a2", NEW, live=True)], [line("a1")], ["a1"], []),
        ([found("a1")], [version("a3"), version("a2", NEW, live=True)], None, ["a3"], [NOT_SHOWN]),
        # The host says by now that the key is new.
        ([found("a1")], [version("a1", NEW), version("a2", NEW, live=True)], None, ["a1"], []),
        # What awaited its switch.
        (
            [found(None, pending=contracts.awaiting(created=OLD, serial=serial(ISSUED["a1"]), not_after=None))],
            [version("a2", NEW, live=True)],
            None,
            [],
            [NOT_SHOWN],
        ),
        # It lies from the start.
        ([found("a2", NEW)], [version("a2", NEW, live=True)], None, [], [NOTHING_SHOWN]),
        ([found("a2", NEW)], [version("a2", NEW, live=True)], [line("a1")], ["a1"], []),
        ([found("a1", NEW)], [version("a1", NEW, live=True)], [line("a1")], [], ["still in use"]),
        ([found("a2", NEW)], [version("a2", NEW, live=True)], [line("a1"), line("a3", time=NEW)], ["a1"], []),
        ([], [], None, [], [NOTHING_SHOWN]),
        ([], [], [], [], [NOTHING_SHOWN]),
        (None, [], [line("a1", time=NEW)], [], [NOTHING_SHOWN]),
        # All of them: an old one shown does not hide another.
        (None, [version("a1"), version("a4", NEW, live=True)], [line("a1"), line("a2")], ["a1", "a2"], []),
        # In the record for this host under a name of another inventory.
        (
            None,
            [version("a4", NEW, live=True)],
            [line("b1")],
            [],
            [
                "acme_history has it and the host does not show it; it is for b.example, which acme_certificates does "
                f"not have for this host. {UNVERIFIED}"
            ],
        ),
        # Another certificate's record, or another host's, or one that has expired.
        (None, [version("a4", NEW, live=True)], [line("a1", name="mail")], [], [NOTHING_SHOWN]),
        (None, [version("a4", NEW, live=True)], [line("a1", host="web2")], [], [NOTHING_SHOWN]),
        (None, [version("a4", NEW, live=True)], [line("ended")], [], [NOTHING_SHOWN]),
        # Of what has expired nothing is expected.
        (
            [found("ended", not_after="2026-01-01T00:00:00Z")],
            [version("a1"), version("a4", NEW, live=True)],
            None,
            ["a1"],
            [],
        ),
    ],
)
def test_hidden_certificate_is_revoked_or_fails_its_host(choose, first, shown, record, chosen, problems):
    hostvars = {"web1": host(*shown, first=first), "web2": host(lists=[entry("c.example")])}
    result = choose(hostvars, T, record, hosts=["web1"])
    assert [number for _host, number in result["chosen"]] == chosen
    assert [name for name, _problem in result["told"]] == ["web1"] * len(problems)
    for (_host, told), problem in zip(result["told"], problems):
        assert problem in told


def test_problem_names_the_serial_number(choose):
    result = choose({"web1": host(version("a2", NEW, live=True), first=[found("a1")])}, T)
    assert [problem.name for problem in result["problems"]] == [f"shop (serial {SERIAL['a1']})"]


def test_file_gives_what_the_host_hides(choose, tmp_path):
    file = tmp_path / "web1.pem"
    file.write_text(f"from the log\n{PEM['c1']}{PEM['a1']}")
    hostvars = {"web1": host(version("a2", NEW, live=True), first=[found("a1")])}
    assert choose(hostvars, T, files=str(file))["chosen"] == [("web1", "a1")]
    # The host had named another's.
    hostvars = {
        "web1": host(version("a2", NEW, live=True), first=[found("c1")]),
        "web2": host(lists=[entry("c.example")]),
    }
    result = choose(hostvars, T, hosts=["web1"], files=[str(file)])
    assert result["chosen"] == []
    assert result["told"] == [
        ("web1", "it is for c.example, which acme_certificates has for web2 and not for this host")
    ]


def test_live_one_that_is_not_the_newest_of_the_record_fails(choose):
    """As of a host that shows one that is revoked already, and keeps the one that it uses."""
    hostvars = {"web1": host(version("a1", live=True))}
    record = [line("a1"), line("a2", time=NEW), line("ended", time="2026-07-01T00:00:00Z")]
    result = choose(hostvars, record=record)
    assert result["chosen"] == [("web1", "a1")]
    assert result["told"] == [
        (
            "web1",
            "it is the newest that was issued (acme_history), and the host does not show it as the live one. Revoke it "
            f"with -e acme_revoke_serials={SERIAL['a2']}",
        )
    ]
    assert choose(hostvars, record=record, serials=SERIAL["a2"])["told"] == []
    assert choose({"web1": host(version("a2", live=True))}, record=record)["told"] == []


def test_absent_name_fails_those_who_should_have_it(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": host(lists=[entry("b.example", name="other")]),
        "web3": host(version("c2", NEW, live=True), lists=[entry("c.example")]),
    }
    result = choose(hostvars, T)
    # web2 is in the play for another certificate; web3 lists this one.
    assert result["told"] == [("web3", NOTHING_SHOWN)]
    # Nor is it web2's fault that it is in a batch of its own.
    assert choose(hostvars, T, hosts=["web2"])["told"] == []
    # Where nobody has anything, the run must not succeed.
    assert choose(hostvars, T, hosts=["web2", "web3"])["told"] == [("web3", NOTHING_SHOWN)]
    every = [(name, NOTHING_SHOWN) for name in hostvars]
    assert choose(hostvars, T, names=["shpo"])["told"] == every
    assert choose({"web2": hostvars["web2"]}, T)["told"] == [("web2", NOTHING_SHOWN)]


def test_host_that_shows_too_many_gets_no_further(choose):
    many = [version("", certificate=ca.pem(leaf("a.example"))) for _unused in range(105)]
    result = to_revoke(["web1"], {"web1": host(*many)}, ["shop"], T)
    assert len(result.certificates) == 100
    assert [item.content for item in result.certificates] == [item["certificate"] for item in many[5:]]
    (told,) = result.problems
    assert "the host shows 105 certificates that have not expired and are not in acme_history; only 100" in told.problem


# -- Certificates that several hosts have


SHARED = [entry("a.example", shared=True)]
BEHIND = "web2 still uses it: replace it there first"


def shares(*versions, **more):
    return host(*versions, lists=SHARED, **more)


@pytest.mark.parametrize(
    ("web2", "options", "chosen", "problem"),
    [
        (shares(version("a1"), version("a2", NEW, live=True)), {}, ["web1", "web2"], None),
        # It has not switched.
        (shares(version("a1", live=True)), {}, [], BEHIND),
        # It failed after it was looked at, or said nothing of use.
        ({"acme_certificates": SHARED, "_acme_found": {"certificates": [found("a1")]}}, {"lost": ["web2"]}, [], BEHIND),
        (
            {"acme_certificates": SHARED, "_acme_found": {"certificates": [found("a3")]}},
            {"lost": ["web2"]},
            ["web1"],
            None,
        ),
        (
            {"acme_certificates": SHARED},
            {"lost": ["web2"]},
            [],
            "web2 shares it and could not be asked whether it still uses it",
        ),
        # Not yet its turn (serial).
        ({"acme_certificates": SHARED}, {}, ["web1"], None),
        # It had its turn before, and has switched since.
        (
            shares(version("a1"), version("a2", NEW, live=True), first=[found("a1")]),
            {"hosts": ["web1"]},
            ["web1"],
            None,
        ),
        # It does not share it: any host could keep any certificate else.
        (host(version("a1", live=True), lists=[entry("b.example")]), {"hosts": ["web1"]}, ["web1"], None),
        (
            {"acme_certificates": [entry("b.example")], "_acme_found": {"certificates": [found("a1")]}},
            {"lost": ["web2"]},
            ["web1"],
            None,
        ),
        ({"acme_certificates": [entry("b.example")]}, {"lost": ["web2"]}, ["web1"], None),
    ],
)
def test_what_another_host_still_uses_is_left_and_told(choose, web2, options, chosen, problem):
    hosts = ["web1", "web2"] if "_acme_looked_at" in web2 else ["web1"]
    hostvars = {"web1": shares(version("a1"), version("a2", NEW, live=True)), "web2": web2}
    result = choose(hostvars, T, **{"hosts": hosts, **options})
    assert [name for name, number in result["chosen"] if number == "a1"] == chosen
    assert [told for name, told in result["told"] if name == "web1"] == ([problem] if problem else [])


def test_host_cannot_keep_anothers_certificate_from_being_revoked_by_the_record(choose):
    """Both have the name, each with a certificate of its own."""
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": host(version("a1", NEW, live=True), version("a3")),
    }
    record = [line("a1"), line("a2", time=NEW), line("a3", host="web2")]
    result = choose(hostvars, T, record)
    assert result["chosen"] == [("web1", "a1"), ("web2", "a3")]
    # Without a record it can, but not quietly.
    result = choose(hostvars, T, unverified=True)
    assert ("web1", BEHIND) in result["told"]


@pytest.mark.parametrize("odd", [None, "x", [], {"certificates": 5}, {"certificates": [{"live": "x"}, 5]}], ids=str)
def test_odd_answers_of_a_host_that_failed_stop_nothing(choose, odd):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": {"_acme_found": odd, "acme_certificates": [entry("b.example")]},
    }
    assert choose(hostvars, T, hosts=["web1"], lost=["web2"])["chosen"] == [("web1", "a1")]


def test_record_of_the_host_that_ordered_is_of_all_that_share(choose):
    hostvars = {"web1": shares(version("a2", NEW, live=True)), "web2": shares(version("a2", NEW, live=True))}
    record = [line("a1"), line("a2", time=NEW)]
    for hosts in (["web2"], ["web1", "web2"]):
        result = choose(hostvars, T, record, hosts=hosts, still=hosts)
        assert result["chosen"] == [(name, "a1") for name in hosts]
        assert result["told"] == []


def test_one_that_came_late_to_a_shared_certificate_fails_for_nothing(choose):
    hostvars = {
        "web1": shares(version("a1"), version("a2", NEW, live=True)),
        "web2": shares(version("a2", NEW, live=True)),
    }
    result = choose(hostvars, T)
    assert (result["chosen"], result["told"]) == ([("web1", "a1")], [])


def test_certificates_of_hosts_that_did_not_get_so_far_are_noted(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": {"acme_certificates": [entry("b.example")]},
    }
    record = [line("a1"), line("b1", "web2"), line("b2", "web2", NEW), line("c1", "web2", name="mail")]
    result = choose(hostvars, T, record, hosts=["web1"], lost=["web2"])
    number = SERIAL["b1"]
    assert result["notes"] == [
        f"web2 did not get this far, so its certificate shop (serial {number}) is not revoked. Run again as before, or "
        f"revoke it now with -e acme_revoke_serials={number}"
    ]
    assert result["chosen"] == [("web1", "a1")]


# -- The record


def test_record_says_where_to_revoke_and_who_ordered(choose):
    result = choose({"web1": host(version("a1", live=True))}, record=[line("a1")])
    directory = "https://ca.example/directory"
    ordered = f"serial {SERIAL['a1']}, ordered by https://ca.example/acct/1 of {directory}"
    assert result["certificates"] == [contracts.revocation(content=PEM["a1"], directory=directory, ordered=ordered)]


def test_record_that_is_empty_is_noted(choose):
    hostvars = {"web1": host(version("a1", live=True))}
    (note,) = choose(hostvars, record=[])["notes"]
    assert note.endswith("has no record: all that is known is what the hosts say")
    assert choose(hostvars)["notes"] == []


def test_damaged_record_fails_a_host_and_stops_nothing(choose, tmp_path):
    hostvars = {"web1": host(version("a1", live=True)), "web2": host(lists=[])}
    record = [line("a1"), replace(line("a2"), certificate="hello")]
    result = choose(hostvars, record=record, hosts=["web1"])
    assert result["chosen"] == [("web1", "a1")]
    assert [told for _host, told in result["told"]] == [
        f"acme_history {tmp_path}/history.jsonl: the certificate with serial {SERIAL['a2']} is damaged"
    ]
    path = tmp_path / "other.jsonl"
    path.write_text("{}\n")
    result = choose(hostvars, hosts=["web1"], history=str(path))
    assert result["told"] == [("web1", f"acme_history {path}, line 1 is damaged: repair it, or remove the line")]
    with pytest.raises(AnsibleActionFail, match="cannot be read: Is a directory"):
        choose(hostvars, history=str(tmp_path))


def test_same_serial_number_of_another_ca_is_another_certificate(choose):
    other = replace(line("a1", host="web2"), certificate=PEM["b1"], serial=serial(ISSUED["a1"]))
    hostvars = {"web1": host(version("a1", live=True)), "web2": host(lists=[])}
    for record in ([other], [other, line("a1")]):
        assert choose(hostvars, record=record, hosts=["web1"])["chosen"] == [("web1", "a1")]


# -- By serial numbers


@pytest.mark.parametrize("given", [str, list, lambda text: text.upper(), lambda text: f"0x{text}"])
def test_serial_numbers_choose_from_record_and_files(choose, tmp_path, given):
    file = tmp_path / "given.pem"
    file.write_text(PEM["b1"] + PEM["c1"])
    hostvars = {"web1": {}, "web2": {}}
    serials = [SERIAL["b1"], SERIAL["a1"]]
    serials = serials if given is list else ",".join(map(given, serials))
    result = choose(hostvars, record=[line("a1", "web2"), line("a2")], names=(), serials=serials, files=[str(file)])
    assert result["chosen"] == [("web1", "b1"), ("web2", "a1")]
    assert (result["problems"], result["notes"]) == ([], [])


def test_serial_number_that_is_not_found_is_told(choose):
    result = choose({"web1": {}, "web2": {}}, record=[], names=(), serials="4a1f")
    problem = f"it is neither in acme_history nor in acme_revoke_files. {GET_IT}"
    assert result["problems"] == [contracts.revocation(name="with serial 4a1f", problem=problem)]


def test_serial_number_is_revoked_whoever_uses_it(choose):
    """It is the user's own word. The host fails all the same, as it has to have another certificate."""
    hostvars = {"web1": host(version("a1", live=True))}
    result = choose(hostvars, T, [line("a1")], serials=SERIAL["a1"])
    assert result["chosen"] == [("web1", "a1")]
    assert result["told"] == [("web1", f"it is still in use, with a key from {OLD}: replace it first")]


def test_serial_number_decides_whose_an_unknown_certificate_is(choose, tmp_path):
    file = tmp_path / "given.pem"
    file.write_text(PEM["b1"])
    hostvars = {"web1": host(version("b1"), version("a2", NEW, live=True))}
    result = choose(hostvars, T, serials=SERIAL["b1"], files=str(file))
    assert result["told"] == []
    assert {number for _host, number in result["chosen"]} == {"b1"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("serials", "4a1g", "acme_revoke_serials: '4a1g' is not a serial number: give hexadecimal digits"),
        ("serials", [12], "12 is not a text: write it in quotes"),
        ("files", "/nowhere/x.pem", "acme_revoke_files: /nowhere/x.pem cannot be read: No such file or directory"),
        ("files", "/etc/hostname", "acme_revoke_files: /etc/hostname has no PEM certificate that can be read"),
    ],
)
def test_bad_options_are_told_before_anything_is_revoked(choose, option, value, message):
    with pytest.raises(AnsibleActionFail, match=f"^{message}$"):
        choose({"web1": host()}, **{option: value})


# -- What became of it


ENTRY = contracts.revocation(content="PEM", ordered="serial 4a1f")
CHOSEN = Chosen([ENTRY], [], [])
TWO = Chosen([ENTRY, replace(ENTRY, host="web2", ordered="serial 5b")], [], [])
NOTHING = Chosen([], [], [])
LIVE = {"history": [version("a2", NEW, live=True)]}
ITS = "certificate shop (serial 4a1f) is not revoked:"


def answer(status=Status.REVOKED, problem="", **more):
    return contracts.revocation(status=status, problem=problem, **more).to_result()


def refused(**more):
    return NOTHING._replace(problems=[contracts.revocation(**more)])


@pytest.mark.parametrize(
    ("chosen", "looked", "revoked", "lines"),
    [
        (CHOSEN, LIVE, {"certificates": [answer()]}, []),
        (CHOSEN, LIVE, {"certificates": [answer(Status.ALREADY_REVOKED)]}, []),
        # Its own word, not that of the whole step or of another host.
        (
            TWO,
            LIVE,
            {
                "msg": "certificate shop of web1: refused; certificate shop of web2: malformed",
                "certificates": [answer(Status.FAILED, "refused"), answer(Status.FAILED, "malformed", host="web2")],
            },
            [f"{ITS} refused"],
        ),
        (TWO, LIVE, {"certificates": [answer(), answer(Status.FAILED, "malformed", host="web2")]}, []),
        (CHOSEN, LIVE, {"msg": "no account", "certificates": []}, [f"{ITS} no account"]),
        (CHOSEN, LIVE, {"msg": "MODULE FAILURE"}, [f"{ITS} MODULE FAILURE"]),
        (CHOSEN, LIVE, {"skipped": True}, [f"{ITS} acme_revoke gave no answer"]),
        (CHOSEN, LIVE, {}, [f"{ITS} acme_revoke gave no answer"]),
        (
            CHOSEN,
            LIVE,
            {"certificates": [{"host": "web1", "name": "shop", "status": "x"}]},
            [f"{ITS} acme_revoke gave no answer"],
        ),
        (CHOSEN, LIVE, {"certificates": [answer(Status.FAILED)]}, [f"{ITS} acme_revoke gave no reason"]),
        (TWO, LIVE, {"certificates": [answer()], "msg": "m"}, [f"{ITS} m"]),
        # Where there was nothing to revoke, it is none of the host's.
        (NOTHING, LIVE, {"msg": "no account", "certificates": []}, []),
        (NOTHING, LIVE, {"skipped": True}, []),
        (
            refused(name="shop (serial 5)", problem="p"),
            LIVE,
            {},
            ["certificate shop (serial 5) is not revoked: p"],
        ),
        (refused(name="", problem="line 7"), LIVE, {}, ["line 7"]),
        (refused(host="web2", problem="p"), LIVE, {}, []),
        (NOTHING, {"msg": "no Python"}, {}, ["certificate shop is not revoked: no Python"]),
        (NOTHING, {"unreachable": True}, {}, ["certificate shop is not revoked: the host gave no answer"]),
    ],
)
def test_not_revoked(chosen, looked, revoked, lines):
    assert not_revoked(chosen, looked, revoked, "web1", ["shop"]) == lines


def test_not_revoked_asks_no_answer_of_hosts_that_were_not_asked():
    assert not_revoked(CHOSEN, {"skipped": True}, {"certificates": [answer()]}, "web1", []) == []
