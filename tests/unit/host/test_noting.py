# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TXT records that a host notes before they are set, and forgets once they are removed."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._common.txt_notes import FIELDS, MOST_NOTES
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import Asked
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.request_batch import RequestBatch
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import noting, txt_notes
from tests.unit import contracts
from tests.unit.host import ca, faults
from tests.unit.host.host import DIRECTORY, ORDER, WANTED
from tests.unit.host.rollouts import rollout

NOW, LIFETIME, DAY = ca.NOW, timedelta(seconds=1020), timedelta(days=1)
RECORD = {name: getattr(contracts.noted(), name) for name in ("name", "value", "key_authorization")}


def record(name="a", **more):
    return {**RECORD, "name": f"_acme-challenge.{name}.example", **more}


def note(name="a", list_name="default", noted=NOW, until=NOW + LIFETIME):
    return {"list": list_name, **record(name), "noted": utc(noted), "until": utc(until)}


def names(home, list_name="default"):
    return [item["name"].split(".")[1] for item in txt_notes.read(str(home), list_name)]


@pytest.mark.parametrize(
    ("notes", "records", "expected"),
    [
        ([note()], [record(removed=True)], []),
        ([note(), note("b")], [record(removed=True)], [note("b")]),
        ([note()], [record(removed=False)], [note(until=NOW)]),
        ([], [record(removed=False)], [note(until=NOW)]),  # set by a release that noted nothing
        ([], [record(removed=True)], []),
        ([note(noted=NOW - 3 * DAY)], [record(removed=False)], [note(noted=NOW - 3 * DAY, until=NOW - 3 * DAY)]),
        ([note(noted=NOW - 30 * DAY)], [record(removed=False)], []),
        ([note(list_name="other")], [record(removed=True)], [note(list_name="other")]),
        ([note()], [], [note()]),
    ],
    ids=[
        "removed",
        "others stay",
        "not removed",
        "not removed, not noted",
        "removed, not noted",
        "not removed, noted before",
        "not removed for 30 days",
        "of another list",
        "nothing known",
    ],
)
def test_with_outcomes_keeps_what_is_not_removed(notes, records, expected):
    assert txt_notes.with_outcomes(notes, "default", records, NOW) == expected


def test_add_notes_records_of_its_list(home):
    noting.add(str(home), "default", [record("a"), record("b")], NOW, LIFETIME)
    noting.add(str(home), "other", [record("c")], NOW, LIFETIME)
    assert (names(home), names(home, "other"), names(home, "third")) == (["a", "b"], ["c"], [])
    (found, _other) = txt_notes.read(str(home), "default")
    assert found == {name: note()[name] for name in FIELDS}
    assert TxtRecord.from_result(found).until == utc(NOW + LIFETIME)
    assert (home / txt_notes.FILE).stat().st_mode & 0o777 == 0o600


def test_add_again_replaces_note(home):
    for at in (NOW, NOW + DAY):
        noting.add(str(home), "default", [record()], at, LIFETIME)
    (found,) = txt_notes.read(str(home), "default")
    assert (found["noted"], found["until"]) == (utc(NOW + DAY), utc(NOW + DAY + LIFETIME))


def test_add_without_records_makes_nothing(home):
    noting.add(str(home), "default", [], NOW, LIFETIME)
    assert not noting.settle(str(home), "default", [], NOW, False)
    assert not noting.settle(str(home), "default", [record(removed=True)], NOW, False)
    assert not home.exists()


def test_add_too_many_drops_the_oldest(home):
    noting.add(str(home), "default", [record("old")], NOW - DAY, LIFETIME)
    noting.add(str(home), "default", [record(f"n{number}") for number in range(MOST_NOTES)], NOW, LIFETIME)
    assert len(names(home)) == MOST_NOTES
    assert "old" not in names(home)


def test_settle_last_note_removes_file(home):
    noting.add(str(home), "default", [record("a"), record("b")], NOW, LIFETIME)
    removed = [record("a", removed=True), record("b", removed=True)]
    assert noting.settle(str(home), "default", removed, NOW, check=True)
    assert names(home) == ["a", "b"]
    assert noting.settle(str(home), "default", removed, NOW, check=False)
    assert not (home / txt_notes.FILE).exists()
    assert not noting.settle(str(home), "default", removed, NOW, check=False)


def test_settle_same_outcome_again_changes_nothing(home):
    left = [record(removed=False)]
    assert noting.settle(str(home), "default", left, NOW, check=False)
    assert not noting.settle(str(home), "default", left, NOW + DAY, check=False)
    assert noting.settle(str(home), "default", left, NOW + 30 * DAY, check=False)
    assert names(home) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, []),
        (b"", []),
        (b"[]", []),
        (b'{"schema": 1}', []),
        (b"[" * 100_000, []),
        ({"schema": 1, "records": [note(), {"name": "x"}]}, []),
        ({"schema": 1, "records": [note(), {**note("b"), "name": "mail.example"}]}, ["a"]),
        ({"schema": 1, "records": [{**note(), "of_later": "x"}], "more": 1}, ["a"]),
        ({"schema": 2, "records": [note()]}, []),
    ],
    ids=["none", "empty", "list", "no notes", "deep", "fields missing", "no challenge", "more fields", "newer"],
)
def test_read_damaged_file_is_none(home, content, found):
    home.mkdir(mode=0o755)
    if content is not None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (home / txt_notes.FILE).write_bytes(data)
    assert names(home) == found


def test_file_of_a_newer_release_is_not_changed(home):
    home.mkdir(mode=0o755)
    data = json.dumps({"schema": 2, "records": {}}).encode()
    (home / txt_notes.FILE).write_bytes(data)
    with pytest.raises(StateError, match=r"txt_records.json was written by a newer certfleet.tls \(schema 2"):
        noting.add(str(home), "default", [record()], NOW, LIFETIME)
    with pytest.raises(StateError):
        noting.settle(str(home), "default", [record(removed=True)], NOW, False)
    assert (home / txt_notes.FILE).read_bytes() == data


@pytest.mark.parametrize("power", [True, False], ids=["killed", "power cut"])
def test_add_crash_at_any_step_leaves_old_or_new_notes(home, disk, power):
    step, struck = 0, True
    while struck:
        step += 1
        disk()
        noting.settle(str(home), "default", [record("b", removed=True)], NOW, check=False)
        noting.add(str(home), "default", [record("a")], NOW, LIFETIME)
        made = disk(at=step, fault=faults.crash)
        with suppress(faults.Crash):
            noting.add(str(home), "default", [record("b")], NOW, LIFETIME)
        made.end(power)
        assert names(home) in (["a"], ["a", "b"])
        struck = made.struck
    assert (names(home), step > 5) == (["a", "b"], True)


def test_request_batch_notes_before_it_is_ready(home):
    batch = RequestBatch(str(home), NOW, False)
    batch.prepare(Asked(WANTED, DIRECTORY, ORDER))
    batch.note_records("default", [record(certificate="shop"), record("b", certificate="mail")], NOW, LIFETIME)
    assert (batch.ready, names(home)) == (["shop"], ["a", "b"])


def test_request_batch_without_note_is_not_ready(home):
    batch = RequestBatch(str(home), NOW, False)
    batch.prepare(Asked(WANTED, DIRECTORY, ORDER))
    (home / txt_notes.FILE).mkdir()
    batch.note_records("default", [record(certificate="shop")], NOW, LIFETIME)
    assert batch.ready == []
    assert f"cannot write {home / txt_notes.FILE}" in batch.failures["shop"]


def test_request_batch_check_notes_nothing(home):
    batch = RequestBatch(str(home), NOW, True)
    batch.note_records("default", [record(certificate="shop")], NOW, LIFETIME)
    assert not home.exists()


def test_request_batch_failed_certificate_is_not_noted(home):
    batch = RequestBatch(str(home), NOW, False)
    batch.failures["shop"] = "disk full"
    batch.note_records("default", [record(certificate="shop")], NOW, LIFETIME)
    assert names(home) == []


def test_rollout_settles_by_the_time_of_the_controller(home):
    run = rollout(home, controller_time=NOW + DAY)
    run.settle_records([record(removed=False), record("b", removed=True)])
    (found,) = txt_notes.read(str(home), "default")
    assert (run.changed, found["noted"], found["until"]) == (True, utc(NOW + DAY), utc(NOW + DAY))
    run = rollout(home)
    run.settle_records([record(removed=True)])
    assert (run.changed, names(home)) == (True, [])


def test_rollout_warns_of_notes_that_cannot_be_written(home):
    home.mkdir(mode=0o755)
    (home / txt_notes.FILE).mkdir()
    run = rollout(home)
    run.settle_records([record(removed=False)])
    assert run.failures == {}
    assert run.warnings[0].startswith(f"cannot note which TXT records are left: cannot write {home / txt_notes.FILE}")
