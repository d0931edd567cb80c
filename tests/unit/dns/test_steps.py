# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of a run one after the other, over scripted servers: set the records, wait for them, remove them."""

from __future__ import annotations

import functools

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.module_utils._dns import provider_options, task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers.base import Provider
from ansible_collections.certfleet.tls.plugins.modules import dns_propagation, dns_txt_record
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import txt
from tests.unit import contracts

COM, NET = "_acme-challenge.w{}.example.com", "_acme-challenge.w{}.example.net"
NAME, VALUE = COM.format(1), "v"
LOCATION = {"target": NAME, "zone": "example.com", "aliases": []}


class InMemory(Provider):
    """Writes to the zones of the scripted servers."""

    name = "in_memory"
    title = "For tests"
    options = ()
    copies: list
    written: list

    def change(self, zone, records, present):
        for record in records:
            self.written.append((record.name, present))
            for copy in self.copies:
                (copy.add if present else copy.remove)(record.name, "TXT", f'"{record.value}"')
        return {}


@pytest.fixture
def run(monkeypatch, pair, recursor):
    """run(MODULE, records, ...): the module's result."""
    for module in (dns_propagation, dns_txt_record):
        authorities = functools.partial(module.Authorities, port=pair.first.port, timeout=10)
        monkeypatch.setattr(module, "Authorities", authorities)
    monkeypatch.setattr(InMemory, "copies", pair.copies, raising=False)
    monkeypatch.setattr(InMemory, "written", [], raising=False)
    monkeypatch.setitem(by_name.CLASSES, "in_memory", InMemory)
    monkeypatch.setitem(
        provider_options.BUILT_IN, "in_memory", provider_options.ProviderOptions((), lambda values: None)
    )

    def call(module, records, **options):
        resolver = [f"{recursor.address}:{recursor.port}"]
        return module.MODULE.answer({"records": records, "resolver": resolver, **options}, check_mode=False)

    return call


def zones(**entry):
    return {"example.com": {"provider": "in_memory", **entry}}


def questions(recursor, pair):
    """Return the number of questions to the resolver and to the zone's name servers since the last call."""
    counts = recursor.asked(), sum(server.asked() for server in pair.servers)
    for server in (recursor, *pair.servers):
        server.forget()
    return counts


@pytest.mark.parametrize(
    ("name", "of_resolver"),
    [
        # the zone of each parent
        (COM, 100),
        # that of each target, too, and the name servers of one more zone
        (NET, 205),
    ],
    ids=["no CNAMEs", "CNAMEs"],
)
def test_run_of_100_records_asks_for_cnames_and_zones_once(run, pair, internet, recursor, name, of_resolver):
    for number in range(100):
        internet["example.net"].add(NET.format(number), "CNAME", f"{COM.format(number)}.")
    records = [contracts.txt(name=name.format(number), value=VALUE) for number in range(100)]
    # NS, and A and AAAA of two servers
    to_find_servers = 5
    # the CNAME of every name at one server
    to_locate = 100
    # every name at both servers
    to_read = 200
    written = run(dns_txt_record, txt.with_locations(records, {}), zones=zones())
    assert questions(recursor, pair) == (of_resolver + to_find_servers, to_locate + to_read)
    awaited = run(dns_propagation, txt.with_locations(records, written))
    assert questions(recursor, pair) == (to_find_servers, to_read)
    removed = run(dns_txt_record, txt.with_locations(records, written), zones=zones(), state="absent")
    assert questions(recursor, pair) == (to_find_servers, to_read)
    assert all(record["propagated"] for record in awaited["records"])
    assert {record["status"] for step in (written, removed) for record in step["records"]} == {"changed"}
    assert pair.authorities.read_values("example.com", pair.first.address, COM.format(0)) == frozenset()


@pytest.mark.parametrize("wait", ["authoritative", "resolver", "none"])
@pytest.mark.parametrize("cname", [False, True])
def test_run_asks_no_resolver_before_records_are_written(run, pair, internet, recursor, wait, cname):
    """A CA that shares the resolver would get the answer that there is no record, until its negative TTL is over."""
    names = [name.format(1) for name in ([NET] if cname else [COM, f"_label.{COM}"])]
    if cname:
        internet["example.net"].add(NET.format(1), "CNAME", f"{NAME}.")
    records = [contracts.txt(name=name, value=VALUE) for name in names]
    written = run(dns_txt_record, txt.with_locations(records, {}), zones=zones(), wait=wait)
    assert {record["status"] for record in written["records"]} == {"changed"}
    asked = recursor.count() - recursor.count("CNAME") if cname else recursor.count()
    assert not [name for name in asked if name.startswith("_")]
    internet["example.com"].add(NAME, "TXT", f'"{VALUE}"').add(f"_label.{NAME}", "TXT", f'"{VALUE}"')
    assert not run(dns_propagation, txt.with_locations(records, written), zones=zones(), wait=wait).get("failed")
    removed = run(dns_txt_record, txt.with_locations(records, written), zones=zones(), wait=wait, state="absent")
    assert {record["status"] for record in removed["records"]} == {"changed"}
    servers = (*pair.servers, pair.others)
    assert any(server.asked() for server in servers) is (wait == "authoritative")
    assert any(name.startswith("_") for name in recursor.count("TXT")) is (wait == "resolver")


def test_removal_after_changed_cname_removes_record_that_was_set(run, internet):
    internet["example.net"].add(NET.format(1), "CNAME", f"{NAME}.")
    record = contracts.txt(name=NET.format(1), value=VALUE)
    written = run(dns_txt_record, txt.with_locations([record], {}), zones=zones())
    internet["example.net"].remove(NET.format(1), "CNAME", f"{NAME}.")
    internet["example.net"].add(NET.format(1), "CNAME", f"{COM.format(2)}.")
    run(dns_txt_record, txt.with_locations([record], written), zones=zones(), state="absent")
    assert InMemory.written == [(NAME, True), (NAME, False)]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("name", "aliases", "allowed"),
    [
        ("_dmarc.example.com", [], True),
        # Another zone's CNAME needs permission, also with a given location.
        (NET.format(1), [NET.format(1)], False),
        (NET.format(1), [NET.format(1), "hop.example.com"], False),
        # A CNAME that the zone's own servers have needs none.
        ("a.example.com", ["a.example.com"], True),
        # The zone's own servers do not have this one.
        ("b.example.com", ["b.example.com"], False),
    ],
)
def test_given_location_needs_the_permission_of_one_that_is_looked_up(run, pair, state, name, aliases, allowed):
    for copy in pair.copies:
        copy.add("a.example.com", "CNAME", "_dmarc.example.com.").add("_dmarc.example.com", "TXT", f'"{VALUE}"')
    record = {"name": name, "value": VALUE, "target": "_dmarc.example.com", "zone": "example.com", "aliases": aliases}
    result = run(dns_txt_record, [record], zones=zones(), state=state)
    assert bool(InMemory.written) is allowed
    assert ("allows such records only for" in result["records"][0]["problem"]) is not allowed


def test_removal_of_a_record_that_was_refused_is_refused(run, pair, internet):
    internet["example.net"].add(NET.format(1), "CNAME", "_dmarc.example.com.")
    record = contracts.txt(name=NET.format(1), value=VALUE)
    written = run(dns_txt_record, txt.with_locations([record], {}), zones=zones())
    removed = run(dns_txt_record, txt.with_locations([record], written), zones=zones(), state="absent")
    assert [step["records"][0]["status"] for step in (written, removed)] == ["failed", "failed"]
    assert written["records"][0]["problem"] == removed["records"][0]["problem"]
    assert InMemory.written == []


@pytest.mark.parametrize("module", [dns_txt_record, dns_propagation])
@pytest.mark.parametrize(
    "location",
    [
        {**LOCATION, "target": "_dmarc.example.com"},  # would need no permission without aliases
        {**LOCATION, "target": "_dmarc.example.com", "aliases": [NET.format(1)]},
        {**LOCATION, "aliases": [NAME]},
        {**LOCATION, "aliases": [NET.format(1)]},
        {**LOCATION, "zone": "example.net"},
        {**LOCATION, "target": ""},
        {"zone": "example.com"},
    ],
)
def test_location_whose_parts_do_not_belong_together_fails_its_record(run, pair, module, location):
    verify_location_fails_its_record(run, pair, module, location, "do not belong together")


@pytest.mark.parametrize("module", [dns_txt_record, dns_propagation])
def test_location_with_an_invalid_zone_fails_its_record(run, pair, module):
    verify_location_fails_its_record(run, pair, module, {**LOCATION, "zone": "a b"}, "'a b' is not a valid record name")


def verify_location_fails_its_record(run, pair, module, location, problem):
    options = {"zones": zones()} if module is dns_txt_record else {"timeout": 1}
    pair.add(COM.format(2), VALUE)
    good = {"name": COM.format(2), "value": VALUE}
    result = run(module, [{"name": NAME, "value": VALUE, **location}, good], **options)
    first, second = result["records"]
    assert result["failed"]
    assert problem in first["problem"]
    assert (first["target"], first["zone"], second["problem"]) == ("", "", "")
    assert (NAME, True) not in InMemory.written


def test_location_without_a_zone_is_looked_up(run, recursor):
    """A result has no zone if its look-up has failed."""
    record = {"name": NAME, "value": VALUE, "target": "", "zone": "", "aliases": []}
    result = run(dns_txt_record, [record], zones=zones())
    assert (result["records"][0]["zone"], result["records"][0]["status"]) == ("example.com", "changed")
    assert recursor.count()["w1.example.com"] == 1


def undocumented(result, documented):
    """Yield the keys of a result that RETURN does not have, at any level."""
    for key, value in result.items():
        if key not in documented:
            yield key
        elif "contains" in documented[key]:
            for item in value if isinstance(value, list) else [value]:
                yield from undocumented(item, documented[key]["contains"])


def test_results_are_documented(run, monkeypatch, pair):
    monkeypatch.setattr(task_files, "find_spec", lambda name: True)
    pair.add(NAME, VALUE, "other")
    record = {"name": NAME, "value": VALUE}
    by_tasks = {"example.com": {"provider": "nsupdate", "server": "192.0.2.1"}}
    for module, options in ((dns_txt_record, {"zones": by_tasks}), (dns_propagation, {})):
        result = run(module, [record], **options)
        documented = yaml.safe_load(module.RETURN)
        assert set(undocumented(result, documented)) <= {"changed", "warnings"}
        assert set(documented) <= set(result)
        assert set(result["records"][0]) == set(documented["records"]["contains"])
