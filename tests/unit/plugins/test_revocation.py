# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.module_utils.pki.certificates import serial
from ansible_collections.certfleet.tls.plugins.plugin_utils.revocation import not_revoked, to_revoke
from tests.unit.pki import ca

T = "2026-06-01T00:00:00Z"
OLD, NEW = "2026-05-01T00:00:00Z", "2026-06-02T00:00:00Z"
DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
ROOT = ca.Authority.root("Test Root")
KEY = ca.ec_key()


def leaf(*identifiers, ended=False):
    days = (NOW - 2 * DAY, NOW - DAY) if ended else (NOW - DAY, NOW + DAY)
    return ROOT.leaf(KEY.public_key(), list(identifiers), not_before=days[0], not_after=days[1])


# By the names of the tests, each another certificate.
ISSUED = {number: leaf("a.example") for number in ("1", "2", "3", "4")}
PEM = {number: ca.pem(certificate) for number, certificate in ISSUED.items()}


def version(number, created=OLD, live=False, name="shop", **more):
    facts = {"name": name, "version": number, "live": live, "created": created}
    return {**facts, "certificate": PEM.get(number), **more}


def variables(**hosts):
    return {
        host: {"acme_looked_at": {"history": versions}, "acme_certificates": [{"identifiers": ["a.example"]}]}
        for host, versions in hosts.items()
    }


def revoked(hosts, hostvars, *arguments):
    chosen = to_revoke(hosts, hostvars, *arguments)
    assert chosen["problems"] == []
    return [
        (item["host"], number)
        for item in chosen["certificates"]
        for number, pem in PEM.items()
        if pem == item["content"]
    ]


def test_the_live_ones():
    hostvars = variables(web1=[version("1"), version("2", live=True)], web2=[])
    hostvars["web3"] = {"acme_looked_at": {"unreachable": True}}
    assert to_revoke(["web1", "web2", "web3"], hostvars) == {
        "certificates": [{"host": "web1", "name": "shop", "content": PEM["2"]}],
        "problems": [],
        "live": ["shop"],
    }


@pytest.mark.parametrize(
    ("versions", "numbers"),
    [
        ([version("1"), version("2", NEW, live=True)], ["1"]),
        ([version("1"), version("2"), version("3", NEW), version("4", NEW, live=True)], ["1", "2"]),
        ([version("1", certificate=ca.pem(leaf("a.example", ended=True))), version("2", NEW, live=True)], []),
        ([version("1"), version("2", live=True)], ["1"]),
        # What cannot be known may be old.
        ([version("1", None), version("2", NEW, live=True)], ["1"]),
        # What is live counts by its certificate, whatever else the host says.
        ([version("1", certificate=PEM["2"]), version("2", NEW, live=True)], []),
    ],
    ids=["replaced", "renewed since", "ended", "still live", "not known from when", "the live one, as another"],
)
def test_those_before_an_instant(versions, numbers):
    assert [number for host, number in revoked(["web1"], variables(web1=versions), T)] == numbers


def test_what_another_host_still_serves_is_left():
    """A shared certificate, where one host has not switched."""
    switched, behind = [version("1"), version("2", NEW, live=True)], [version("1", live=True)]
    assert revoked(["web1"], variables(web1=switched), T) == [("web1", "1")]
    assert revoked(["web1", "web2"], variables(web1=switched, web2=behind), T) == []
    live = {"serial": serial(ISSUED["1"])}
    failed = {"web2": {"acme_found": {"certificates": [{"live": live}, {"live": None}]}}}
    assert revoked(["web1"], {**variables(web1=switched), **failed}, T, ["web1", "web2", "web3"]) == []


@pytest.mark.parametrize("odd", [None, "x", [], {"certificates": 5}, {"certificates": [{"live": "x"}]}], ids=str)
def test_odd_answers_of_a_host_that_failed_stop_nothing(odd):
    hostvars = {**variables(web1=[version("1"), version("2", NEW, live=True)]), "web2": {"acme_found": odd}}
    assert revoked(["web1"], hostvars, T, ["web1", "web2"]) == [("web1", "1")]


@pytest.mark.parametrize("before", ["", T])
def test_nobody_has_the_certificates_of_others_revoked(before):
    """The fleet's account may revoke them all: a host that somebody has taken over shows what is another's."""
    shown = ca.pem(leaf("b.example"))
    hostvars = variables(web1=[version("1", live=not before, certificate=shown)], web2=[])
    hostvars["web2"]["acme_certificates"] = [{"identifiers": ["c.example", {"value": "B.example"}]}]
    chosen = to_revoke(["web1", "web2"], hostvars, before)
    assert chosen["certificates"] == []
    problem = "it is for b.example, which acme_certificates has for web2 and not for this host"
    assert chosen["problems"] == [{"host": "web1", "name": "shop", "problem": problem}]
    # Nobody's any more: names change, and certificates are no longer listed.
    hostvars["web2"]["acme_certificates"] = []
    assert len(to_revoke(["web1"], hostvars, before)["certificates"]) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "what the host has is no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "what the host has is no certificate"),
        (ca.pem(leaf()), "it is for nothing that could be told"),
    ],
    ids=["empty", "damaged", "without names"],
)
def test_what_is_no_certificate_is_told(content, problem):
    hostvars = variables(web1=[version("1", live=True, certificate=content), version("2", live=True)])
    chosen = to_revoke(["web1"], hostvars)
    assert [item["problem"] for item in chosen["problems"]] == [problem]
    assert [item["content"] for item in chosen["certificates"]] == [PEM["2"]]


@pytest.mark.parametrize("before", ["soon", "2026-06-01", "2026-06-01T00:00:00"])
def test_what_is_no_instant(before):
    with pytest.raises(AnsibleFilterError, match="is not an instant: give one such as"):
        to_revoke([], {}, before)


@pytest.mark.parametrize(
    ("before", "numbers"), [("2026-06-01T02:00:00+02:00", ["1"]), ("2026-06-01T00:00:00.5Z", ["1", "2"]), (T, ["1"])]
)
def test_instants_of_all_kinds(before, numbers):
    at = [version("1", "2026-05-31T23:59:59Z"), version("2", T), version("3", NEW, live=True)]
    assert [number for host, number in revoked(["web1"], variables(web1=at), before)] == numbers


ENTRY = {"host": "web1", "name": "shop", "content": "PEM"}
CHOSEN = {"certificates": [ENTRY], "problems": [], "live": ["shop"]}
NOTHING = {**CHOSEN, "certificates": []}
LIVE = {"history": [version("2", NEW, live=True)]}


@pytest.mark.parametrize(
    ("chosen", "looked", "answer", "told"),
    [
        (CHOSEN, LIVE, {"certificates": [{"host": "web1", "name": "shop", "problem": ""}]}, []),
        # Its own word, not that of the whole step or of another host.
        (
            CHOSEN,
            LIVE,
            {
                "msg": "certificate shop of web1: refused; certificate shop of web2: malformed",
                "certificates": [
                    {"host": "web1", "name": "shop", "problem": "refused"},
                    {"host": "web2", "name": "shop", "problem": "malformed"},
                ],
            },
            ["refused"],
        ),
        (CHOSEN, LIVE, {"msg": "no account", "certificates": []}, ["no account"]),
        (CHOSEN, LIVE, {"msg": "MODULE FAILURE"}, ["MODULE FAILURE"]),
        # Where there was nothing to revoke, it is none of the host's.
        (NOTHING, LIVE, {"msg": "no account", "certificates": []}, []),
        (NOTHING, LIVE, {"skipped": True}, []),
        ({**NOTHING, "problems": [{"host": "web1", "name": "shop", "problem": "p"}]}, LIVE, {}, ["p"]),
        (NOTHING, {"history": []}, {"certificates": []}, ["there is no live version of it on this host"]),
        (NOTHING, {"history": [version("1")]}, {}, ["there is no live version of it on this host"]),
        (NOTHING, {"msg": "no Python"}, {}, ["no Python"]),
        (NOTHING, {"unreachable": True}, {}, []),
    ],
)
def test_not_revoked(chosen, looked, answer, told):
    lines = [f"certificate shop is not revoked: {line}" for line in told]
    assert not_revoked(chosen, looked, answer, "web1", ["shop"]) == lines


def test_with_an_instant_what_is_still_in_use_is_told_and_a_name_that_nobody_has():
    looked = {"history": [version("1"), version("2", live=True)]}
    (line,) = not_revoked(CHOSEN, looked, {}, "web1", ["shop"], T)
    assert line == f"certificate shop is not revoked: it is still in use, with a key from {OLD}: replace it first"
    # In a check nothing has been replaced.
    assert not_revoked(CHOSEN, looked, {}, "web1", ["shop"], T, True) == []
    assert not_revoked(CHOSEN, LIVE, {}, "web1", ["shop"], T) == []
    # One host of many has it.
    assert not_revoked(CHOSEN, {"history": []}, {}, "web2", ["shop"], T) == []
    (line,) = not_revoked(NOTHING, LIVE, {}, "web1", ["shop", "shpo"], T)
    assert line == "certificate shpo is not revoked: no host of the play has a live version of it"
