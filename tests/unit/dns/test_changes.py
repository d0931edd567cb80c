# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries for records, calls of providers, and records left to tasks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from importlib.util import find_spec

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns import changes, provider_options, task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.assignment import Entries, assign
from ansible_collections.certfleet.tls.plugins.module_utils._dns.changes import carry_out, for_tasks
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError, NotInstalledError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.options import Option
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers.base import Provider
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location

WWW, SHOP = "_acme-challenge.www.example.com", "_acme-challenge.shop.example.com"
SECRET = "a-very-secret-text"


class Recording(Provider):
    """Notes its calls. The option fails: 'all', 'bug', or the name of one record."""

    name = "recording"
    title = "For tests"
    options = (Option("tag", "Whose."), Option("fails", "What."), Option("token", "A secret.", secret=True))
    calls: list

    def change(self, zone, records, present):
        self.calls.append((self.values["tag"], zone, {(record.name, record.value) for record in records}, present))
        fails = self.values["fails"]
        if fails == "all":
            raise DnsError("it does not want to")
        if fails == "bug":
            raise KeyError(f"surprise with {SECRET}\nand more")
        return {record: "not this one" for record in records if record.name == fails}


class Ring(Recording):
    """Provider like acme-dns: two values, no removing."""

    name = "ring"
    most_values = 2
    removes = False


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    made = []
    for kind in (Recording, Ring):
        monkeypatch.setattr(kind, "calls", made, raising=False)
        monkeypatch.setitem(by_name.CLASSES, kind.name, kind)
        monkeypatch.setitem(
            provider_options.BUILT_IN, kind.name, provider_options.ProviderOptions(kind.options, lambda values: None)
        )
    monkeypatch.setattr(task_files, "find_spec", lambda name: True)
    return made


@dataclass(frozen=True)
class Place(Location):
    """A location, and the ownership of the CNAMEs that lead there, as the zone's servers report it."""

    leaves_zone: bool = False


def at(name, zone="example.com", target=None, hops=()):
    """Return the location of *name*; with a *target* by a CNAME that leads out of its zone."""
    return Place(name, target, zone, (name, *hops), True) if target else Place(name, name, zone)


def places(*records, **others):
    """Return the location of each record: in example.com unless *others* has its name."""
    return {**{record.name: at(record.name) for record in records}, **others}


def located(records, where):
    """Return the records with their locations, as Locator returns them."""
    return [
        replace(record, target="", zone="", aliases=(), problem=str(place))
        if isinstance(place, DnsError)
        else replace(record, target=place.target, zone=place.zone, aliases=place.aliases)
        for record in records
        for place in [where[record.name]]
    ]


def plain(place):
    return Location(place.name, place.target, place.zone, place.aliases)


def assigned(records, where, entries, is_own=None):
    """assign(), with servers that know which CNAMEs leave their zone."""
    leaving = {plain(place) for place in where.values() if isinstance(place, Place) and place.leaves_zone}
    return assign(located(records, where), entries, is_own or (lambda location: location not in leaving))


def changed(zones, records, found=None, present=True, dry=False, where=None, tasks_file="", keep_others=()):
    where = where or places(*records)
    items, jobs = assigned(records, where, Entries(zones, tasks_file))
    published = {plain(where[name]): values for name, values in (found or {}).items()}
    results = carry_out(jobs, published, present, dry)
    tasks, left_to_tasks = for_tasks(jobs, published, present, keep_others)
    results.update(left_to_tasks)
    return [results.get(item, item) for item in items], tasks


@pytest.mark.parametrize(
    ("keys", "target", "key"),
    [
        (["example.com"], WWW, "example.com"),
        (["example.com", "www.example.com"], WWW, "www.example.com"),
        (["example.com", WWW], WWW, WWW),
        (["example.com", "com", "*"], WWW, "example.com"),
        (["*"], WWW, "*"),
        (["example.net", "*"], WWW, "*"),
        (["example.net"], WWW, None),
        (["ample.com"], WWW, None),
        (["Example.COM."], WWW, "Example.COM."),
        (["b\u00fccher.example"], "_acme-challenge.xn--bcher-kva.example", "b\u00fccher.example"),
        ([], WWW, None),
    ],
)
def test_entries_key_longest_match_is_chosen(keys, target, key):
    assert Entries({given: {} for given in keys}).rules.key(target) == key


EVIL = "_acme-challenge.www.evil.example"


def cname(target, zone="example.com", hops=(), leaves=True, name=EVIL):
    return Place(name, target, zone, (name, *hops), leaves)


@pytest.mark.parametrize(
    ("entry", "place", "allowed"),
    [
        # By default only names that are for challenges
        ({}, cname("example.com"), False),
        ({}, cname("_dmarc.example.com"), False),
        ({}, cname("a.acme-challenge.example.com"), False),
        ({}, cname("x._acme-challenge.example.com"), False),
        ({}, cname("_acme-challengex.example.com"), False),
        ({}, cname("_acme-challenge.www.example.com"), True),
        ({"cname_targets": None}, cname("_acme-challenge.www.example.com"), True),
        # Listed targets replace the default
        ({"cname_targets": ["acme.example.com"]}, cname("www.acme.example.com"), True),
        ({"cname_targets": ["ACME.example.com."]}, cname("acme.example.com"), True),
        ({"cname_targets": ["acme.example.com"]}, cname("wwwacme.example.com"), False),
        ({"cname_targets": ["acme.example.com"]}, cname("example.com"), False),
        ({"cname_targets": ["acme.example.com"]}, cname("_acme-challenge.www.example.com"), False),
        ({"cname_targets": ["a.example.com", "_acme-challenge.*"]}, cname("_acme-challenge.b.example.com"), True),
        ({"cname_targets": ["*"]}, cname("example.com"), True),
        ({"cname_targets": []}, cname("_acme-challenge.www.example.com"), False),
        # No CNAME, and CNAMEs that the zone's own owner made
        ({"cname_targets": []}, at(WWW), True),
        ({"cname_targets": []}, cname("a.example.com", leaves=False, name=WWW), True),
        # Names of the same entry, but of another zone: one delegated from it, or one on the way
        ({}, cname("example.com", name="_acme-challenge.a.customer.example.com"), False),
        ({}, cname("_dmarc.example.com", hops=["hop.evil.example"], name=WWW), False),
        # The same zone, but not the same entry
        ({}, cname("a.example.com", leaves=False, name="_acme-challenge.other.example.com"), False),
        ({}, cname("a.example.com", leaves=False, hops=["b.other.example.com"], name=WWW), False),
    ],
)
@pytest.mark.parametrize("present", [True, False])
def test_cname_to_other_zone_needs_permission_of_entry(calls, entry, place, allowed, present):
    zones = {
        "example.com": {"provider": "recording", **entry},
        "other.example.com": {"provider": "recording"},
        "evil.example": {"provider": "recording"},
    }
    (item,), _tasks = changed(zones, [TxtRecord(place.name, "v")], present=present, where={place.name: place})
    assert (item.status != "failed") is allowed
    assert bool(calls) is allowed


def test_cname_not_allowed_problem_is_one_line():
    place = cname("_dmarc.example.com")
    zones = {"*": {"provider": "recording", "cname_targets": ["a.example", "b.*"]}}
    (item,), _tasks = changed(zones, [TxtRecord(EVIL, "v")], where={EVIL: place})
    zones["*"]["cname_targets"].clear()
    (other,), _tasks = changed(zones, [TxtRecord(EVIL, "v")], where={EVIL: place})
    assert "entry '*' of zones (acme_dns) allows no such records: if this target is wanted, add it" in other.problem
    assert item.problem == (
        f"{EVIL} leads by CNAME to _dmarc.example.com in zone example.com; entry '*' of zones (acme_dns) allows such "
        "records only for a.example, b.*: if this target is wanted, add it to cname_targets of that entry"
    )


def test_cname_with_unknown_owner_needs_permission():
    """The message has the reason, because the name alone looks right."""

    def nobody(_place):
        raise DnsError("ns1.example.com (192.0.2.1) does not answer within 5 s")

    wanted = [TxtRecord(WWW, "v"), TxtRecord(SHOP, "v"), TxtRecord("_validation-persist.a.example.com", "v")]
    where = places(*wanted, **{WWW: cname("www.example.com", name=WWW), SHOP: cname(WWW, name=SHOP)})
    items, jobs = assigned(wanted, where, Entries({"example.com": {"provider": "recording"}}), nobody)
    assert [item.status for item in items] == ["failed", None, None]
    assert [item.name for item in jobs[0].records] == [record.name for record in wanted[1:]]
    assert items[0].problem == (
        f"{WWW} leads by CNAME to www.example.com in zone example.com; entry 'example.com' of zones (acme_dns) allows "
        "such records only for _acme-challenge.*: if this target is wanted, add it to cname_targets of that entry (it "
        "needs permission because the zone's own name servers cannot be asked whether the CNAME is in it: "
        "ns1.example.com (192.0.2.1) does not answer within 5 s)"
    )


@pytest.mark.parametrize(("key", "allowed"), [("*", True), ("example.com", True), ("*", False)])
def test_cname_between_zones_of_one_entry_needs_permission(key, allowed):
    """'*' may have zones of many owners."""
    place = cname("_acme-challenge.www.example.com" if allowed else "www.example.com")
    (item,), _tasks = changed({key: {"provider": "recording"}}, [TxtRecord(EVIL, "v")], where={EVIL: place})
    assert (item.status != "failed") is allowed


def test_cname_to_other_zone_for_tasks_file_to_challenge_names_only():
    place, wanted = cname("www.example.com"), [TxtRecord(EVIL, "v")]
    (item,), tasks = changed({}, wanted, {EVIL: frozenset()}, where={EVIL: place}, tasks_file="/play/own.yml")
    assert tasks == []
    assert item.problem.endswith(
        "; tasks_file (acme_dns_tasks) allows such records only for _acme-challenge.*: if this target is wanted, add "
        "an entry with provider tasks and cname_targets to zones (acme_dns)"
    )
    zones = {"example.com": {"provider": "tasks", "cname_targets": ["www.example.com"]}}
    (item,), tasks = changed(zones, wanted, {EVIL: frozenset()}, where={EVIL: place}, tasks_file="/play/own.yml")
    assert item.status == "tasks"
    assert [(task["provider"], task["entry"], task["file"]) for task in tasks] == [
        ("tasks", "example.com", "/play/own.yml")
    ]
    (item,), _tasks = changed(zones, wanted, where={EVIL: place})
    assert (
        "entry 'example.com' of zones (acme_dns): the provider tasks needs tasks_file (acme_dns_tasks)" in item.problem
    )


@pytest.mark.parametrize("key", ["d420.auth.example.net", "auth.example.net", "*"])
@pytest.mark.parametrize(("target", "allowed"), [("d420.auth.example.net", True), ("d421.auth.example.net", False)])
def test_cname_to_own_name_of_acme_dns_entry_is_allowed(key, target, allowed):
    option = {"url": "http://127.0.0.1:1", "username": "u", "password": "p", "subdomain": "D420"}
    place = cname(target, "auth.example.net")
    items, jobs = assigned([TxtRecord(EVIL, "v")], {EVIL: place}, Entries({key: {"provider": "acme_dns", **option}}))
    refused = "allows such records only for" in items[0].problem or "has no entry" in items[0].problem
    assert refused is not allowed
    assert bool(jobs and jobs[0].records) is allowed


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ("acme.example.com", "the entry needs a list of texts as 'cname_targets'"),
        ([{}], "the entry needs a list of texts as 'cname_targets'"),
        (
            ["*.example.com"],
            "cname_targets has the invalid element '*.example.com': expected NAME, BEGINNING.* or *",
        ),
        ([""], "cname_targets has the invalid element ''"),
        ([".*"], "cname_targets has the invalid element '.*'"),
        (["a b"], "cname_targets has the invalid element 'a b'"),
    ],
)
def test_cname_targets_invalid_has_problem(targets, says):
    zones = {"example.com": {"provider": "recording", "cname_targets": targets}}
    (item,), _tasks = changed(zones, [TxtRecord(WWW, "v")])
    assert item.problem.startswith(f"entry 'example.com' of zones (acme_dns): {says}")
    assert item.status == "failed"


def test_entries_key_without_entry_is_for_tasks_file():
    entries = Entries({"example.net": {}}, "/play/tasks.yml")
    assert entries.rules.key(WWW) == ""
    assert entries.rules.key("a.example.net") == "example.net"
    assert Entries({"*": {}}, "/play/tasks.yml").rules.key(WWW) == "*"


@pytest.mark.parametrize(
    ("zones", "says"),
    [
        ({"*.example.com": {}}, "entry '*.example.com' of zones (acme_dns): invalid key: expected the name of a zone"),
        ({"": {}}, "invalid key: expected the name of a zone"),
        ({"example.com": {}, "EXAMPLE.com.": {}}, "has the same name twice, as 'example.com' and as 'EXAMPLE.com.'"),
    ],
)
def test_entries_invalid_key_raises(zones, says):
    with pytest.raises(DnsError) as error:
        Entries(zones)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("recording", "expected a mapping of 'provider' and the options of that provider"),
        ({}, f"'provider' is missing; known are {', '.join(by_name.CLASSES)}, "),
        ({"provider": "nosuch"}, "unknown provider 'nosuch'; known are rfc2136, "),
        ({"provider": "../main"}, "unknown provider '../main'; known are rfc2136, "),
        ({"provider": "recording", "tog": SECRET}, "recording has no option 'tog'; known options: tag, fails, token"),
        ({"provider": "route53", "zone": "x"}, "route53 has no option 'zone'; known options: hosted_zone_id, "),
        ({"provider": "hetzner_dns"}, "hetzner_dns needs the option 'hetzner_token'"),
    ],
)
def test_assigned_invalid_entry_does_not_affect_others(calls, entry, says):
    records = [TxtRecord(WWW, "a"), TxtRecord("b.example.net", "b")]
    where = places(records[0], **{"b.example.net": at("b.example.net", "example.net")})
    zones = {"example.com": entry, "example.net": {"provider": "recording"}}
    items, _tasks = changed(zones, records, where=where)
    assert [item.status for item in items] == ["failed", "changed"]
    assert items[0].problem.startswith("entry 'example.com' of zones (acme_dns): ")
    assert says in items[0].problem
    assert SECRET not in items[0].problem


def test_assigned_record_without_entry_or_location_has_problem():
    records = [TxtRecord(WWW, "a"), TxtRecord("lost.example", "b")]
    where = places(records[0], **{"lost.example": DnsError("the CNAMEs go round")})
    items, _tasks = changed({"example.net": {"provider": "recording"}}, records, where=where)
    assert [item.status for item in items] == ["failed", "failed"]
    assert items[0].problem == (
        f"zones (acme_dns) has no entry for zone example.com, where {WWW} is stored: "
        "add one, or '*' for all zones without"
    )
    assert items[1].to_result() == {
        "name": "lost.example",
        "value": "b",
        "target": "",
        "zone": "",
        "aliases": [],
        "status": "failed",
        "problem": "the CNAMEs go round",
    }


def test_change_one_call_for_each_zone(calls):
    shared = {"target": "shared.example.net", "zone": "example.net"}
    records = [
        TxtRecord(WWW, "a"),
        TxtRecord(WWW, "b"),
        TxtRecord(SHOP, "a"),
        TxtRecord("x.example.org", "a"),
        TxtRecord("y.example.org", "a"),
    ]
    where = places(*records[:3], **{name: at(name, **shared) for name in ("x.example.org", "y.example.org")})
    rest = {"provider": "recording", "tag": "rest", "cname_targets": ["shared.example.net"]}
    zones = {"example.com": {"provider": "recording", "tag": "com"}, "*": rest}
    items, tasks = changed(zones, records, where=where)
    assert sorted(calls, key=str) == [
        ("com", "example.com", {(WWW, "a"), (WWW, "b"), (SHOP, "a")}, True),
        ("rest", "example.net", {("shared.example.net", "a")}, True),
    ]
    assert [item.status for item in items] == ["changed"] * 5
    assert items[3].target == "shared.example.net"
    assert tasks == []


@pytest.mark.parametrize(
    ("kind", "present", "held", "status", "sent"),
    [
        ("recording", True, set(), "changed", True),
        # One server may have it still, another not any more.
        ("recording", True, {"a", "z"}, "unchanged", True),
        ("recording", False, {"a"}, "changed", True),
        ("recording", False, set(), "unchanged", True),
        ("ring", True, set(), "changed", True),
        # Sent again it would push the other value out.
        ("ring", True, {"a"}, "unchanged", False),
        ("ring", False, {"a"}, "unchanged", True),
    ],
)
@pytest.mark.parametrize("dry", [False, True])
def test_change_status_and_calls_of_found_values(calls, kind, present, held, status, sent, dry):
    found = {WWW: frozenset(held)}
    items, _tasks = changed({"*": {"provider": kind}}, [TxtRecord(WWW, "a")], found, present, dry)
    assert items[0].status == status
    assert len(calls) == (sent and not dry)


RING = "d420.auth.example.net"
TAKES_TURNS = f"ring has room for 2 of the 3 values of {RING} in this run: the certificates take turns; "


def ring(*given, found=()):
    """Return the items for records (NAME, VALUE) whose CNAMEs lead to one name of a provider with two values."""
    records = [TxtRecord(name, value) for name, value in given]
    where = {name: Place(name, RING, "auth.example.net", (name,), True) for name, _value in given}
    zones = {"*": {"provider": "ring", "cname_targets": ["*"]}}
    values = {name: frozenset(found) for name, _value in given}
    return changed(zones, records, values, where=where)[0]


def test_change_values_without_room_fail_alone(calls):
    items = ring((WWW, "a"), (WWW, "b"), (WWW, "c"), (WWW, "a"))
    assert [item.status for item in items] == ["changed", "changed", "failed", "changed"]
    assert items[2].problem == f"{TAKES_TURNS}run again later"
    assert [call[2] for call in calls] == [{(RING, "a"), (RING, "b")}]


def test_change_names_without_room_need_names_of_their_own(calls):
    items = ring((WWW, "a"), (WWW, "b"), (SHOP, "c"))
    assert [item.status for item in items] == ["changed", "changed", "failed"]
    assert items[2].problem == f"{TAKES_TURNS}let it lead by CNAME to a name of its own"


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        # Sent alone, the new one might push out the other one of this run.
        ({"a", "old"}, {"a", "b"}),
        ({"a", "b"}, None),
        ({"a", "b", "c"}, None),
        (set(), {"a", "b"}),
    ],
)
def test_change_few_values_are_sent_together_or_not_at_all(calls, found, sent):
    items = ring((WWW, "a"), (WWW, "b"), (WWW, "c"), found=found)
    assert [item.status for item in items[:2]] == ["unchanged" if v in found else "changed" for v in ("a", "b")]
    assert [{value for _name, value in call[2]} for call in calls] == ([sent] if sent else [])


@pytest.mark.parametrize("writes_sets", [True, False])
def test_change_entries_of_one_zone_one_after_the_other_where_sets_are_written(monkeypatch, writes_sets):
    both = threading.Barrier(2, timeout=5)
    under_way, most = [], []

    def change(self, zone, records, present):
        under_way.append(1)
        most.append(len(under_way))
        if writes_sets:
            threading.Event().wait(0.05)
        else:
            both.wait()
        under_way.pop()
        return {}

    monkeypatch.setattr(Recording, "change", change)
    monkeypatch.setattr(Recording, "writes_sets", writes_sets)
    items, _tasks = changed(
        {name: {"provider": "recording"} for name in (WWW, SHOP)}, [TxtRecord(WWW, "a"), TxtRecord(SHOP, "b")]
    )
    assert [item.status for item in items] == ["changed", "changed"]
    assert max(most) == (1 if writes_sets else 2)


@pytest.mark.parametrize(
    ("fails", "statuses", "says"),
    [
        (WWW, ["failed", "changed"], "not this one (entry '*' of zones (acme_dns))"),
        ("all", ["failed", "failed"], "it does not want to (entry '*' of zones (acme_dns))"),
        ("bug", ["failed", "failed"], "recording failed with KeyError: 'surprise with ********\\nand more'"),
    ],
)
def test_change_failure_is_a_problem_of_each_record(fails, statuses, says):
    zones = {"*": {"provider": "recording", "fails": fails, "token": SECRET}}
    items, _tasks = changed(zones, [TxtRecord(WWW, "a"), TxtRecord(SHOP, "b")])
    assert [item.status for item in items] == statuses
    assert says in items[0].problem
    told = changes.ChangeResult(items, []).problems
    assert told.startswith(WWW if statuses[1] == "changed" else f"{WWW}, {SHOP}: ")
    assert SECRET not in told
    assert "\n" not in told


def test_change_entries_in_parallel_and_independent(monkeypatch):
    both = threading.Barrier(2, timeout=5)

    def change(self, zone, records, present):
        both.wait()
        return dict.fromkeys(records, "no") if zone == "example.com" else {}

    monkeypatch.setattr(Recording, "change", change)
    records = [TxtRecord(WWW, "a"), TxtRecord("b.example.net", "b")]
    where = places(records[0], **{"b.example.net": at("b.example.net", "example.net")})
    zones = {name: {"provider": "recording"} for name in ("example.com", "example.net")}
    items, _tasks = changed(zones, records, where=where)
    assert [item.status for item in items] == ["failed", "changed"]


def test_tasks_present_records_grouped_by_name():
    records = [
        TxtRecord(WWW, "b"),
        TxtRecord(WWW, "a"),
        TxtRecord(WWW, "b"),
        TxtRecord("example.com", "c"),
        TxtRecord("d.example.net", "d"),
    ]
    where = places(*records[:4], **{"d.example.net": at("d.example.net", "example.net")})
    found = {WWW: frozenset({"z"}), "example.com": frozenset(), "d.example.net": frozenset({"d"})}
    zones = {"example.com": {"provider": "route53", "secret_key": SECRET}}
    items, tasks = changed(zones, records, found, where=where, tasks_file="/play/own.yml")
    assert [item.status for item in items] == ["tasks"] * 5
    assert tasks == [
        {
            "provider": "route53",
            "entry": "example.com",
            "file": task_files.find("route53").path,
            "records": [
                {
                    "name": WWW,
                    "record": "_acme-challenge.www",
                    "zone": "example.com",
                    "changes": ["b", "a"],
                    "present": ["a", "b", "z"],
                    "before": ["z"],
                },
                {
                    "name": "example.com",
                    "record": "@",
                    "zone": "example.com",
                    "changes": ["c"],
                    "present": ["c"],
                    "before": [],
                },
            ],
        },
        {
            "provider": "",
            "entry": "",
            "file": "/play/own.yml",
            "records": [
                {
                    "name": "d.example.net",
                    "record": "d",
                    "zone": "example.net",
                    "changes": ["d"],
                    "present": ["d"],
                    "before": ["d"],
                }
            ],
        },
    ]
    assert SECRET not in str(tasks)


def test_tasks_absent_keep_other_values():
    found = {WWW: frozenset({"a", "z"}), SHOP: frozenset({"b"})}
    zones = {"*": {"provider": "nsupdate", "server": "192.0.2.1"}}
    _items, tasks = changed(zones, [TxtRecord(WWW, "a"), TxtRecord(SHOP, "b")], found, present=False)
    assert [(record["changes"], record["present"], record["before"]) for record in tasks[0]["records"]] == [
        (["a"], ["z"], ["a", "z"]),
        (["b"], [], ["b"]),
    ]


def test_tasks_unreadable_record_set_is_not_replaced():
    found = {WWW: DnsError("ns1.example.com (192.0.2.1) does not answer within 5 s"), SHOP: frozenset()}
    zones = {"*": {"provider": "nsupdate", "server": "192.0.2.1"}}
    items, tasks = changed(zones, [TxtRecord(WWW, "a"), TxtRecord(SHOP, "b")], found)
    assert [item.status for item in items] == ["failed", "tasks"]
    assert items[0].problem == (
        f"cannot read the values that {WWW} has now: ns1.example.com (192.0.2.1) does not answer within 5 s"
    )
    assert [record["name"] for record in tasks[0]["records"]] == [SHOP]


RFC2136 = {"provider": "rfc2136", "server": "ns1.example.com"}
LEXICON = {"provider": "lexicon", "name": "powerdns", "options": {"auth_token": "x", "pdns_server": "http://127.0.0.1"}}


needs_lexicon = pytest.mark.skipif(
    find_spec("lexicon") is None,
    reason="dns-lexicon is not installed, as with the oldest and newest core",
)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {**LEXICON, "options": {"token": "SECRET"}},
            "entry 'a.example' of zones (acme_dns): lexicon's provider powerdns has no option 'token'; known options: ",
            marks=needs_lexicon,
        ),
        pytest.param(
            {**LEXICON, "name": "nosuch"},
            "entry 'a.example' of zones (acme_dns): lexicon has no provider 'nosuch'; known are ",
            marks=needs_lexicon,
        ),
        (
            {**RFC2136, "tsig_name": "a..b", "tsig_secret": "c2VjcmV0"},
            "entry 'a.example' of zones (acme_dns): rfc2136 has an invalid 'tsig_name': expected a DNS name",
        ),
    ],
)
def test_job_invalid_option_of_library_raises(entry, expected):
    with pytest.raises(DnsError) as refused:
        Entries({"a.example": entry}).job("a.example")
    assert str(refused.value).startswith(expected)
    assert "SECRET" not in str(refused.value)


@needs_lexicon
def test_entries_all_invalid_options_are_reported_without_missing_libraries():
    zones = {
        "a.example": {**LEXICON, "options": {"token": "SECRET"}},
        "b.example": LEXICON,
        "c.example": {**LEXICON, "name": "route53", "options": {"auth_access_key": "x", "auth_access_secret": "y"}},
        "d.example": {**RFC2136, "port": 0},
    }
    needs_more = Entries(zones)
    with pytest.raises(NotInstalledError):
        needs_more.job("c.example")
    first, second = needs_more.problems()
    assert first.startswith("entry 'a.example' of zones (acme_dns): lexicon's provider powerdns has no option 'token'")
    assert second.startswith("entry 'd.example' of zones (acme_dns): rfc2136 has an invalid 'port'")


@needs_lexicon
def test_job_valid_options_of_library_are_accepted():
    entries = Entries({"a.example": LEXICON, "b.example": {"provider": "tasks"}}, "dns.yml")
    assert [entries.job(key).provider_name for key in ("a.example", "b.example")] == ["lexicon", "tasks"]


@pytest.mark.parametrize(
    ("target", "fails"),
    [
        ("_acme-challenge.shop.example.com", False),
        ("_label._acme-challenge.shop.example.com", False),
        ("shop.acme.example.com", True),
        ("_validation-persist.example.com", True),
    ],
)
@pytest.mark.parametrize("present", [True, False], ids=["add", "remove"])
def test_tasks_without_known_values_replace_only_sets_of_challenges(target, fails, present):
    zones = {"example.com": {"provider": "route53", "cname_targets": ["*"]}}
    (item,), tasks = changed(zones, [TxtRecord(target, "v")], present=present)
    assert (item.status == "failed") is fails
    if fails:
        assert item.problem.startswith(
            f"cannot read the values that {target} has now: wait (acme_dns_wait) asks no name server, and the tasks "
        )
        assert tasks == []
    else:
        (record,) = tasks[0]["records"]
        assert (record["before"], record["changes"]) == ([], ["v"])
        assert record["present"] == (["v"] if present else [])


@pytest.mark.parametrize(
    ("entry", "found", "fails"),
    [
        ({"provider": "route53"}, {}, True),
        ({"provider": "route53"}, {WWW: frozenset({"v", "w"})}, False),
        ({"provider": "cloudflare", "api_token": SECRET}, {}, False),
    ],
    ids=["unknown values", "known values", "single values"],
)
def test_tasks_remove_no_unknown_values_of_names_that_hosts_have_noted(entry, found, fails):
    records = [TxtRecord(WWW, "v"), TxtRecord(SHOP, "v")]
    (noted, own), tasks = changed({"example.com": entry}, records, found, present=False, keep_others=[WWW])
    assert (noted.status, own.status) == ("failed" if fails else "tasks", "tasks")
    names = [record["name"] for task in tasks for record in task["records"]]
    assert names == ([SHOP] if fails else [WWW, SHOP])
    if fails:
        assert noted.problem == (
            f"cannot read the values that {WWW} has now: wait (acme_dns_wait) asks no name server, and the tasks would "
            "remove them with the value that a host has noted. Remove that value by hand, or set wait to authoritative "
            "for the zone"
        )


def test_tasks_that_change_single_values_need_no_known_values():
    zones = {"example.com": {"provider": "cloudflare", "api_token": SECRET}}
    (item,), tasks = changed(zones, [TxtRecord("shop.acme.example.com", "v")])
    assert item.status == "tasks"
    assert tasks[0]["records"][0]["changes"] == ["v"]


@pytest.mark.parametrize("present", [True, False], ids=["add", "remove"])
def test_change_without_known_values_is_sent_and_changed(calls, present):
    (item,), _tasks = changed({"example.com": {"provider": "recording"}}, [TxtRecord(WWW, "v")], present=present)
    assert item.status == "changed"
    assert calls == [(None, "example.com", {(WWW, "v")}, present)]


def test_cname_of_an_entry_needs_no_permission():
    """The inventory names the target, and not the owner of a zone."""
    place = cname("www.acme.example.com")
    zones = {"example.com": {"provider": "recording", "cname_targets": []}, EVIL: {"cname": place.target}}
    (item,), (job,) = assigned([TxtRecord(EVIL, "v")], {EVIL: place}, Entries(zones))
    assert (item.problem, job.entry) == ("", "example.com")
    zones[EVIL]["cname"] = "another.acme.example.com"
    (item,), _jobs = assigned([TxtRecord(EVIL, "v")], {EVIL: place}, Entries(zones))
    assert "allows no such records" in item.problem


@pytest.mark.parametrize(
    ("hop", "targets", "allowed"),
    [
        ("_acme-challenge.shop.example.net", None, True),
        ("www.example.net", None, False),
        ("www.example.net", ["www.example.net"], True),
        ("_acme-challenge.shop.example.net", [], False),
    ],
)
@pytest.mark.parametrize("provider", ["recording", None])
def test_cname_of_an_entry_that_others_lead_to_needs_its_permission(hop, targets, allowed, provider):
    place = cname("www.acme.example.com", hops=[hop])
    zones = {
        "*" if provider else "example.com": {"provider": "recording", "cname_targets": []},
        "example.net": {"cname": place.target, "cname_targets": targets, "provider": provider},
    }
    (item,), _jobs = assigned([TxtRecord(EVIL, "v")], {EVIL: place}, Entries(zones))
    assert (item.problem == "") is allowed
    assert allowed or "allows" in item.problem


def test_entry_with_cname_alone_takes_no_options_and_writes_nothing():
    entries = Entries({WWW: {"cname": "a.example.net", "server": "192.0.2.1"}})
    assert "an entry with 'cname' and without 'provider' has no option 'server'" in entries.problems()[0]
    place = at(WWW, "example.net", "a.example.net")
    (item,), _jobs = assigned([TxtRecord(WWW, "v")], {WWW: place}, Entries({WWW: {"cname": "a.example.net"}}))
    assert "zones (acme_dns) has no entry for zone example.net" in item.problem
