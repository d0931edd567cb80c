# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host has no certificate of another one revoked, and keeps none of its own without failing."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError, AnsibleUndefinedVariable

from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.ownership import listed
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import to_revoke
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_sources import RevocationRequest
from tests.unit import contracts
from tests.unit.host import ca
from tests.unit.steps.revocations import (
    ISSUED,
    NEW,
    NOT_SHOWN,
    NOTHING_SHOWN,
    OLD,
    PEM,
    SERIAL,
    UNVERIFIED,
    T,
    entry,
    found,
    host,
    leaf,
    line,
    version,
)

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
        # The record has it for this host, under any name.
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
def test_choose_certificate_of_other_host_is_not_revoked(choose, before, lists, record, unverified, problem):
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
def test_choose_facts_make_no_owner(choose, shown):
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


def test_choose_facts_of_other_host_release_no_name(choose):
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
def test_choose_malformed_inventory_of_other_host_is_ignored(choose, odd):
    for other in ({"acme_certificates": odd}, Undefined()):
        hostvars = {"web1": host(version("a1", live=True)), "web2": other}
        assert choose(hostvars, hosts=["web1"])["chosen"] == [("web1", "a1")]


def test_choose_unlisted_name_needs_option(choose):
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
def test_choose_malformed_certificate_is_a_problem(choose, content, problem):
    result = choose({"web1": host(version("", live=True, certificate=content), version("a2", live=True))})
    assert result["told"] == [("web1", problem)]
    assert result["chosen"] == [("web1", "a2")]


class Lazy(dict):
    """A mapping that raises late for what is undefined in it, as those of ansible-core 2.19 do."""

    def __getitem__(self, key):
        raise AnsibleUndefinedVariable(f"{key} is undefined")

    def get(self, key, default=None):
        return self[key]


def test_inventory_entry_with_undefined_value_is_ignored():
    entry = {"name": "shop", "identifiers": ["shop.example"]}
    variables = {"acme_certificates": [Lazy(identifiers=["x"]), {"name": "a", "more": [Lazy(x=1)]}, entry]}
    assert listed(variables) == [entry]


def test_choose_unusual_names_out_of_certificates_are_printable(choose):
    shown = ca.pem(leaf("shop\x1b[2m.example"))
    result = choose({"web1": host(version("", live=True, certificate=shown))})
    assert "shop?[2m.example" in result["told"][0][1]


def test_choose_content_is_the_certificate_only(choose):
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
        # The host now claims that the key is new.
        ([found("a1")], [version("a1", NEW), version("a2", NEW, live=True)], None, ["a1"], []),
        # The version that awaited its switch.
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
        # An expired certificate needs no revocation.
        (
            [found("ended", not_after="2026-01-01T00:00:00Z")],
            [version("a1"), version("a4", NEW, live=True)],
            None,
            ["a1"],
            [],
        ),
    ],
)
def test_choose_hidden_certificate_is_revoked_or_fails_host(choose, first, shown, record, chosen, problems):
    hostvars = {"web1": host(*shown, first=first), "web2": host(lists=[entry("c.example")])}
    result = choose(hostvars, T, record, hosts=["web1"])
    assert [number for _host, number in result["chosen"]] == chosen
    assert [name for name, _problem in result["told"]] == ["web1"] * len(problems)
    for (_host, told), problem in zip(result["told"], problems):
        assert problem in told


def test_choose_hidden_certificate_is_one_problem(choose):
    awaiting = contracts.awaiting(created=OLD, serial=serial(ISSUED["a1"]), not_after=None)
    first = [found("a1", pending=awaiting), found("a3", name="mail")]
    result = choose({"web1": host(version("a2", NEW, live=True), first=first)}, T)
    assert result["told"] == [("web1", NOT_SHOWN)]


def test_choose_problem_names_serial_number(choose):
    result = choose({"web1": host(version("a2", NEW, live=True), first=[found("a1")])}, T)
    assert [problem.name for problem in result["problems"]] == [f"shop (serial {SERIAL['a1']})"]


def test_choose_file_has_hidden_certificate(choose, tmp_path):
    file = tmp_path / "web1.pem"
    file.write_text(f"from the log\n{PEM['c1']}{PEM['a1']}")
    hostvars = {"web1": host(version("a2", NEW, live=True), first=[found("a1")])}
    assert choose(hostvars, T, files=[str(file)])["chosen"] == [("web1", "a1")]
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


def test_choose_live_certificate_older_than_record_fails(choose):
    """Such a host shows a certificate that is revoked already, and keeps the one that it uses."""
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
    assert choose(hostvars, record=record, serials=[SERIAL["a2"]])["told"] == []
    assert choose({"web1": host(version("a2", live=True))}, record=record)["told"] == []


def test_choose_missing_name_fails_its_hosts(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": host(lists=[entry("b.example", name="other")]),
        "web3": host(version("c2", NEW, live=True), lists=[entry("c.example")]),
    }
    result = choose(hostvars, T)
    # web2 is in the play for another certificate; web3 lists this one.
    assert result["told"] == [("web3", NOTHING_SHOWN)]
    # A batch of its own is no failure of web2 either.
    assert choose(hostvars, T, hosts=["web2"])["told"] == []
    # Where nobody has anything, the run must not succeed.
    assert choose(hostvars, T, hosts=["web2", "web3"])["told"] == [("web3", NOTHING_SHOWN)]
    every = [(name, NOTHING_SHOWN) for name in hostvars]
    assert choose(hostvars, T, names=["shpo"])["told"] == every
    assert choose({"web2": hostvars["web2"]}, T)["told"] == [("web2", NOTHING_SHOWN)]


def test_to_revoke_host_with_too_many_certificates_fails():
    many = [version("", certificate=ca.pem(leaf("a.example"))) for _unused in range(105)]
    result = to_revoke(RevocationRequest(["web1"], {"web1": host(*many)}, ["shop"], T))
    assert len(result.certificates) == 100
    assert [item.content for item in result.certificates] == [item["certificate"] for item in many[5:]]
    (told,) = result.problems
    assert "the host shows 105 certificates that have not expired and are not in acme_history; only 100" in told.problem
