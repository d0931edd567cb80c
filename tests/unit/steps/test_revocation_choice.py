# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that are chosen of hosts that tell the truth, and by serial numbers; the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedRevocation
from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial, validity
from tests.unit import contracts
from tests.unit.steps.revocations import GET_IT, ISSUED, NEW, OLD, PEM, SERIAL, T, found, host, line, version

NEWEST = (
    "it is the newest that was issued (acme_history), and the host does not show it as the live one. Revoke it with -e "
    f"acme_revoke_serials={SERIAL['a2']}"
)


def gone(number):
    """Return the record's line of a revocation."""
    certificate = ISSUED[number]
    not_after = utc(validity(certificate).not_after)
    return RecordedRevocation(NEW, "web1", "shop", SERIAL[number], not_after, "https://ca.example/directory")


# -- Hosts that say the truth


def test_choose_live_certificates(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", live=True)),
        "web2": host(lists=[]),
        "web3": {"_acme_past_versions": {"unreachable": True}},
    }
    result = choose(hostvars)
    (chosen,) = result["certificates"]
    assert (chosen.host, chosen.name, chosen.content, chosen.directory) == ("web1", "shop", PEM["a2"], None)
    assert result["told"] == [("web2", "there is no live version of it on this host")]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ([], ["there is no live version of it on this host"]),
        ([gone("a1")], []),
        ([line("a1"), gone("a1")], []),
        # Of another host or certificate.
        ([replace(gone("a1"), host="web2")], ["there is no live version of it on this host"]),
        ([replace(gone("a1"), name="mail")], ["there is no live version of it on this host"]),
        # Another one was issued since, and the host does not show it.
        ([line("a1"), gone("a1"), line("a2", time=NEW)], [NEWEST]),
    ],
    ids=["nothing", "adopted", "issued", "of another host", "another certificate", "a new one"],
)
def test_choose_live_certificate_that_was_revoked_and_taken_away_is_not_missed(choose, record, told):
    result = choose({"web1": host(version("a1"))}, record=record)
    assert [text for _host, text in result["told"]] == told
    assert result["chosen"] == []


@pytest.mark.parametrize(
    ("versions", "numbers"),
    [
        ([version("a1"), version("a2", NEW, live=True)], ["a1"]),
        ([version("a1"), version("a2"), version("a3", NEW), version("a4", NEW, live=True)], ["a1", "a2"]),
        ([version("ended"), version("a1"), version("a2", NEW, live=True)], ["a1"]),
        # A version of unknown age may be old.
        ([version("a1", None), version("a2", NEW, live=True)], ["a1"]),
        # The same certificate in two versions.
        ([version("a1"), version("a1"), version("a2", NEW, live=True)], ["a1"]),
    ],
    ids=["replaced", "renewed since", "expired", "not known from when", "twice"],
)
def test_choose_versions_before_instant(choose, versions, numbers):
    result = choose({"web1": host(*versions)}, T)
    assert [number for _host, number in result["chosen"]] == numbers
    assert result["told"] == []


def test_choose_live_certificate_before_instant_is_a_problem(choose):
    result = choose({"web1": host(version("a1"), version("a2", live=True))}, T)
    assert result["chosen"] == [("web1", "a1")]
    (problem,) = result["problems"]
    assert problem == contracts.revocation(
        name=f"shop (serial {SERIAL['a2']})",
        problem=f"it is still in use, with a key from {OLD}: replace it first",
    )
    # The certificate of the live version counts, not the host's other statements.
    result = choose({"web1": host(version("a1", certificate=PEM["a2"]), version("a2", NEW, live=True))}, T)
    assert result["chosen"] == []
    assert [problem for _host, problem in result["told"]] == [
        f"it is still in use, with a key from {OLD}: replace it first"
    ]


def test_choose_check_mode_includes_certificate_to_be_replaced(choose):
    result = choose({"web1": host(version("a1", live=True), first=[found("a1")])}, T, is_check=True)
    assert (result["chosen"], result["told"]) == ([("web1", "a1")], [])


def test_choose_second_run_finds_the_same(choose):
    """The run before may have been killed before it revoked."""
    hostvars = {"web1": host(version("a1"), version("a2", NEW, live=True), first=[found("a2", NEW)])}
    assert choose(hostvars, T)["chosen"] == [("web1", "a1")]


@pytest.mark.parametrize(
    ("before", "numbers"),
    [("2026-06-01T02:00:00+02:00", ["a1"]), ("2026-06-01T00:00:00.5Z", ["a1", "a2"]), (T, ["a1"])],
)
def test_choose_instant_formats(choose, before, numbers):
    at = [version("a1", "2026-05-31T23:59:59Z"), version("a2", T), version("a3", NEW, live=True)]
    assert [number for _host, number in choose({"web1": host(*at)}, before)["chosen"]] == numbers


# -- The record


def test_choose_record_names_ca_and_host_that_ordered(choose):
    result = choose({"web1": host(version("a1", live=True))}, record=[line("a1")])
    directory = "https://ca.example/directory"
    ordered = f"serial {SERIAL['a1']}, ordered by https://ca.example/acct/1 of {directory}"
    assert result["certificates"] == [
        contracts.revocation(
            content=PEM["a1"], directory=directory, serial=SERIAL["a1"], can_sign=True, ordered=ordered
        )
    ]


def test_choose_empty_record_is_noted(choose):
    hostvars = {"web1": host(version("a1", live=True))}
    (note,) = choose(hostvars, record=[])["notes"]
    assert note.endswith("has no record: only what the hosts say is known")
    assert choose(hostvars)["notes"] == []


def test_choose_damaged_record_does_not_affect_others(choose, tmp_path):
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
    with pytest.raises(AcmeError, match="cannot be read: Is a directory"):
        choose(hostvars, history=str(tmp_path))


def test_choose_same_serial_number_of_other_ca_differs(choose):
    other = replace(line("a1", host="web2"), certificate=PEM["b1"], serial=serial(ISSUED["a1"]))
    hostvars = {"web1": host(version("a1", live=True)), "web2": host(lists=[])}
    for record in ([other], [other, line("a1")]):
        assert choose(hostvars, record=record, hosts=["web1"])["chosen"] == [("web1", "a1")]


# -- By serial numbers


@pytest.mark.parametrize("given", [str, str.upper, lambda text: f"0x{text}"])
def test_choose_serial_numbers_in_record_and_files(choose, tmp_path, given):
    file = tmp_path / "given.pem"
    file.write_text(PEM["b1"] + PEM["c1"])
    hostvars = {"web1": {}, "web2": {}}
    serials = [given(SERIAL["b1"]), given(SERIAL["a1"])]
    result = choose(hostvars, record=[line("a1", "web2"), line("a2")], names=(), serials=serials, files=[str(file)])
    assert result["chosen"] == [("web1", "b1"), ("web2", "a1")]
    assert not any(item.can_sign for item in result["certificates"]), "no host is contacted"
    assert (result["problems"], result["notes"]) == ([], [])


def test_choose_unknown_serial_number_is_a_problem(choose):
    result = choose({"web1": {}, "web2": {}}, record=[], names=(), serials=["4a1f"])
    problem = f"it is neither in acme_history nor in acme_revoke_files. {GET_IT}"
    assert result["problems"] == [contracts.revocation(name="with serial 4a1f", problem=problem)]


def test_choose_serial_number_in_use_is_revoked(choose):
    """The user named it. The host fails anyway, as it needs another certificate."""
    hostvars = {"web1": host(version("a1", live=True))}
    result = choose(hostvars, T, [line("a1")], serials=[SERIAL["a1"]])
    assert result["chosen"] == [("web1", "a1")]
    assert result["told"] == [("web1", f"it is still in use, with a key from {OLD}: replace it first")]


def test_choose_serial_number_of_unknown_certificate_is_revoked(choose, tmp_path):
    file = tmp_path / "given.pem"
    file.write_text(PEM["b1"])
    hostvars = {"web1": host(version("b1"), version("a2", NEW, live=True))}
    result = choose(hostvars, T, serials=[SERIAL["b1"]], files=[str(file)])
    assert result["told"] == []
    assert {number for _host, number in result["chosen"]} == {"b1"}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/nowhere/x.pem", "acme_revoke_files: /nowhere/x.pem cannot be read: No such file or directory"),
        ("/etc/hostname", "acme_revoke_files: /etc/hostname has no PEM certificate that can be read"),
    ],
)
def test_choose_bad_file_fails(choose, file, message):
    with pytest.raises(AnsibleActionFail, match=f"^{message}$"):
        choose({"web1": host()}, files=[file])
