# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings about CAs that could not take over from the first one, and how often these are looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import Ca
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.standby import Standby
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.standby_facts import Facts
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, HOUR, found
from tests.unit.fleet.plans import decide_all

SECOND = "https://second.example/dir"
NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
START = f"{SECOND} could not take over from {DIRECTORY}"
META = {"termsOfService": "https://second.example/terms", "externalAccountRequired": True}
PLACE = "acme_directory 2: "
TERMS = (
    f"{START}: it makes no account without agreement to its terms of service (https://second.example/terms). Read "
    "them, and set acme_directory 2: terms_agreed to true"
)
EAB = (
    f"{START}: it makes no account without an external account binding. Get kid and key from the CA, and set "
    "acme_directory 2: eab, or account_uri of its account"
)
RECORDED = RecordedCertificate("", "web1", "shop", "01", "", SECOND, "https://second.example/acct/1", (), "PEM")


class Sources:
    """Directories by URL, a text for one that is down. asked: those that were read, with their time limit."""

    def __init__(self, *, meta=None, down="", needed=False, record=()):
        self.meta, self.down, self.needed = meta or {}, down, needed
        self.asked = []
        self.record = lambda: record

    def directory(self, url, seconds=None):
        self.asked.append((url, seconds))
        return None if self.down else Directory(url, "n", "a", "o", meta=self.meta)

    def problem(self, url):
        return self.down if self.asked or self.needed else ""


def standby(folder=None, now=NOW, ask=None, **own):
    cas = [Ca(DIRECTORY), Ca(SECOND, place=PLACE, **{"terms_agreed": True, **own})]
    return Standby(cas, Facts(folder, now), Clock(), ask=ask or (lambda _question: ""))


KEPT, DUE = found(), found(live=None)


def warnings(*certificates, sources=None, **given):
    planned = decide_all(*(certificates or (DUE,)), cas=(DIRECTORY, SECOND), now=contracts.FRESH)
    return standby(**given).warnings(planned, sources or Sources())


TABLE = {
    # what the directory says, the CA's options, the certificates, the record: the warnings
    "nothing is wanted": ({}, {}, (), (), []),
    "terms and a binding are given": (META, {"eab": ("1", "a")}, (), (), []),
    "terms and a binding are missing": (META, {"terms_agreed": False}, (), (), [EAB, TERMS]),
    "the account is known": (META, {"terms_agreed": False, "account_uri": f"{SECOND}/1"}, (), (), []),
    "the account is known from a host": (META, {}, (found(live={"directory": SECOND}), DUE), (), []),
    "the account is known from the record": (META, {}, (), (RECORDED,), []),
    "the record has another CA's": (META, {}, (), (replace(RECORDED, directory=DIRECTORY),), [EAB]),
    "a profile that it offers": ({"profiles": {"short": ""}}, {}, (found({"profile": "short"}, None),), (), []),
    "a profile that it does not offer": (
        {"profiles": {"classic": ""}},
        {},
        (found({"profile": "short"}, None), found({"profile": "short"}, None, host="web2")),
        (),
        [
            f"{START} for certificates shop of web1, shop of web2: profile 'short' is not offered by {SECOND} "
            "(offered: classic). Set acme_directory 2: profile to what is asked for instead, or to an empty text for "
            "none"
        ],
    ),
    "a profile that is replaced": (
        {"profiles": {"classic": ""}},
        {"profile": "classic"},
        (found({"profile": "short"}, None),),
        (),
        [],
    ),
    "a root of another CA": (
        {},
        {"preferred_chain": ("ISRG Root X1",)},
        (),
        (),
        [
            f"{START}: acme_directory 2: preferred_chain has roots of another CA only (ISRG Root X1). Give roots of "
            "this CA, or set preferred_chain_missing to default"
        ],
    ),
    "a root of another CA, or the default": (
        {},
        {"preferred_chain": ("ISRG Root X1",), "takes_default_chain": True},
        (),
        (),
        [],
    ),
    "a root of another CA, and an unknown one": ({}, {"preferred_chain": ("ISRG Root X1", "Own Root")}, (), (), []),
}


@pytest.mark.parametrize(("meta", "own", "certificates", "record", "expected"), TABLE.values(), ids=TABLE)
def test_warnings_name_the_ca_and_the_option(meta, own, certificates, record, expected):
    assert warnings(*certificates, sources=Sources(meta=meta, record=record), **own) == expected


@pytest.mark.parametrize(
    ("root", "directory", "is_foreign"),
    [
        ("ISRG Root X1", "letsencrypt", False),
        ("ISRG Root X1", "zerossl", True),
        ("USERTrust RSA Certification Authority", "zerossl", False),
        ("GTS Root R1", "google", False),
        ("GlobalSign Root CA", "google", False),
        ("GTS Root R1", "letsencrypt", True),
        ("Own Root", "letsencrypt", False),
    ],
)
def test_warnings_of_roots_of_known_cas(root, directory, is_foreign):
    cas = [Ca(DIRECTORY), Ca(SHORT_NAMES[directory], preferred_chain=(root,))]
    found_ = Standby(cas, Facts(None, NOW), Clock()).warnings(decide_all(DUE), Sources())
    assert bool(found_) == is_foreign


def test_warnings_directory_that_is_down_has_a_time_limit_of_its_own():
    sources = Sources(down="the CA is down")
    (warning,) = warnings(sources=sources)
    assert warning == f"{START}: the CA is down. It is looked at again after a day, or when a certificate is due"
    assert sources.asked == [(SECOND, 10.0)]
    # The plan has asked it already, and says so.
    assert warnings(sources=Sources(down="the CA is down", needed=True)) == []


def test_warnings_of_one_ca_look_at_nothing():
    sources = Sources(meta=META)
    assert Standby([Ca(DIRECTORY)], Facts(None, NOW), Clock()).warnings(decide_all(DUE), sources) == []
    assert sources.asked == []


@pytest.mark.parametrize(
    ("later", "certificate", "down", "looks"),
    [
        (HOUR, KEPT, "", 1),
        (HOUR, DUE, "", 1),
        (DAY, KEPT, "", 2),
        (HOUR, KEPT, "down", 1),
        (HOUR, DUE, "down", 2),
        (-HOUR, KEPT, "", 2),
    ],
    ids=["kept", "due", "a day later", "kept, and it was down", "due, and it was down", "a clock that was put back"],
)
def test_warnings_look_once_a_day(tmp_path, later, certificate, down, looks):
    asked, said = 0, []
    for now in (NOW, NOW + later):
        sources = Sources(meta=META, down=down)
        said.append(warnings(certificate, sources=sources, folder=str(tmp_path / "cache"), now=now))
        asked += len(sources.asked)
    assert asked == looks
    assert said[0] == said[1] != []


def test_warnings_follow_an_option_at_once(tmp_path):
    given = {"sources": Sources(meta=META), "folder": str(tmp_path)}
    assert warnings(KEPT, **given) == [EAB]
    assert warnings(KEPT, **given, eab=("1", "a")) == []


def test_warnings_without_a_folder_look_only_for_what_is_due():
    sources = Sources(meta=META)
    assert warnings(KEPT, sources=sources) == []
    assert sources.asked == []
    assert warnings(KEPT, found(live=None, host="web2"), sources=sources) == [EAB]


NAMES = {"identifiers": ["shop.example", {"value": "*.b.example", "challenge": "dns-01"}, "192.0.2.1"]}
CAA = {"caaIdentities": ["second.example"]}
REFUSED = "CAA of shop.example allows certificates only by first.example; this CA is second.example"


class Servers:
    """Name servers that refuse some domains. asked: the questions."""

    def __init__(self, *refused):
        self.refused, self.asked = refused, []

    def __call__(self, question):
        self.asked.append((question.domain, question.wildcard, question.method, question.account_uri))
        return REFUSED if question.domain in self.refused else None if question.domain == "dead.example" else ""


def test_warnings_caa_records_of_all_names():
    servers = Servers("shop.example")
    hosts = [found(NAMES, None, host=f"web{number}") for number in range(1, 6)]
    assert warnings(*hosts, sources=Sources(meta=CAA), ask=servers) == [
        f"{START} for certificates shop of web1, shop of web2, shop of web3 and 2 more: {REFUSED}. "
        "Add a CAA record for this CA, or remove it from acme_directory"
    ]
    # Hosts have names in common, and addresses have no CAA records.
    assert sorted(servers.asked) == [("b.example", True, "dns-01", ""), ("shop.example", False, "http-01", "")]


def test_warnings_caa_with_the_account_that_is_known():
    servers = Servers()
    warnings(sources=Sources(meta=CAA), ask=servers, account_uri=f"{SECOND}/1")
    assert {account for *_question, account in servers.asked} == {f"{SECOND}/1"}


def test_warnings_ca_without_caa_identities_asks_no_name_server():
    servers = Servers("shop.example")
    assert warnings(ask=servers) == []
    assert servers.asked == []


@pytest.mark.parametrize(
    ("domain", "certificate", "looks"),
    [("good.example", KEPT, 1), ("shop.example", KEPT, 1), ("shop.example", DUE, 2), ("dead.example", DUE, 1)],
    ids=["allowed", "refused", "refused, and due", "no answer"],
)
def test_warnings_caa_records_are_looked_up_once_a_day(tmp_path, domain, certificate, looks):
    servers, certificate = Servers("shop.example"), replace(certificate, wanted=contracts.wanted(identifiers=[domain]))
    live = certificate.live and replace(certificate.live, identifiers=(domain,))
    for hours in (0, 1):
        given = {"sources": Sources(meta=CAA), "folder": str(tmp_path), "now": NOW + hours * HOUR}
        warnings(replace(certificate, live=live), **given, ask=servers)
    assert len(servers.asked) == looks


def test_warnings_caa_records_of_many_names_are_bounded():
    servers = Servers()
    hosts = [found({"identifiers": [f"{number}.example"]}, None, host=f"web{number}") for number in range(400)]
    warnings(*hosts, sources=Sources(meta=CAA), ask=servers)
    assert len(servers.asked) == 300


def test_facts_that_cannot_be_written_are_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    (warning,) = warnings(folder=str(tmp_path / "file" / "cache"))
    assert warning == f"acme_cache {tmp_path}/file/cache cannot be written: Not a directory"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"x": {"at": "soon"}}', "9" * 999])
def test_facts_that_are_damaged_are_gathered_again(tmp_path, text):
    (tmp_path / "standby.json").write_text(text)
    assert warnings(sources=Sources(meta=META), folder=str(tmp_path)) == [EAB]


def test_facts_older_than_a_day_are_dropped(tmp_path):
    facts = Facts(str(tmp_path), NOW)
    facts.put("a", "no")
    assert facts.save() == ""
    later = Facts(str(tmp_path), NOW + timedelta(days=2))
    later.put("b")
    later.save()
    assert list(json.loads((tmp_path / "standby.json").read_text())) == ["b"]
