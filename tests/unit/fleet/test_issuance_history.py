# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's record of what it was issued."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import threading
from dataclasses import asdict, replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import issuance_history
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import (
    RecordedCertificate,
    RecordedRevocation,
    Recorder,
    parse,
    read,
)

ONE = RecordedCertificate(
    time="2026-06-01T00:00:00Z",
    host="web1",
    name="shop",
    serial="4a1f",
    not_after="2026-08-30T00:00:00Z",
    directory="https://ca.example/directory",
    account_uri="https://ca.example/acct/1",
    names=("a.example", "bücher.example"),
    certificate="-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
)


def record(path, *certificates):
    recorder = Recorder(str(path))
    for certificate in certificates:
        recorder.add(certificate)
    recorder.close()
    return recorder.problem


def test_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "folder" / "history.jsonl"
    two = replace(ONE, host="web2", serial="00")
    assert record(path, ONE) == ""
    assert record(path, two) == ""
    assert read(str(path)) == ([ONE, two], [])
    assert path.read_bytes().count(b"\n") == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_record_file_is_private_with_any_umask(tmp_path):
    before = os.umask(0)
    try:
        record(tmp_path / "history.jsonl", ONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "history.jsonl").stat().st_mode) == 0o600


def test_record_that_does_not_exist_is_empty(tmp_path):
    assert read(str(tmp_path / "history.jsonl")) == ([], [])


def test_record_without_path_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (None, ""):
        recorder = Recorder(path)
        recorder.add(ONE)
        recorder.close()
        assert recorder.problem == ""
    assert list(tmp_path.iterdir()) == []


def test_record_path_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    record("~/history.jsonl", ONE)
    assert read("~/history.jsonl") == ([ONE], [])


def test_record_path_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", str(tmp_path))
    record("$PLACE/history.jsonl", ONE)
    assert read("$PLACE/history.jsonl") == ([ONE], [])


@pytest.mark.parametrize("use", [read, Recorder])
def test_record_relative_path_is_refused(use):
    with pytest.raises(AcmeError, match=r"acme_history history\.jsonl is a relative path: give an absolute one"):
        use("history.jsonl")


def make_folder(path):
    path.mkdir()


def make_pipe(path):
    os.mkfifo(path)


def make_blocked_folder(path):
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_folder, "Is a directory"),
        (make_pipe, "it is not a file"),
        (make_blocked_folder, "File exists"),
    ],
)
def test_record_that_cannot_be_written_is_a_problem(tmp_path, make, reason):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "history.jsonl"
    make(path)
    assert record(path, ONE, ONE) == (
        f"acme_history {path} cannot be written ({reason}): later runs know what was issued or revoked in this one "
        "from the hosts only"
    )


def test_record_full_disk_damages_one_line_only(tmp_path, monkeypatch):
    path = tmp_path / "history.jsonl"
    record(path, ONE)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(issuance_history.os, "write", lambda handle, data: write(handle, data[:20]))
        assert "only 20 of" in record(path, replace(ONE, serial="01"))
    assert record(path, replace(ONE, serial="02")) == ""
    found, problems = read(str(path))
    assert [certificate.serial for certificate in found] == ["4a1f", "02"]
    assert problems == [f"acme_history {path}, line 2 is damaged: repair it, or remove the line"]


def test_record_that_cannot_be_read_raises(tmp_path):
    with pytest.raises(AcmeError, match=r"^acme_history .* cannot be read: Is a directory$"):
        read(str(tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "[]",
        "{}",
        "5",
        json.dumps({**asdict(ONE), "serial": 5}),
        json.dumps({**asdict(ONE), "serial": "xyz"}),
        json.dumps({**asdict(ONE), "host": None}),
        json.dumps({**asdict(ONE), "names": "a.example"}),
        json.dumps({**asdict(ONE), "names": [1]}),
        "[" * 100_000,
    ],
)
def test_parse_damaged_line_is_reported_and_skipped(line):
    whole = ONE.line().decode()
    found, problems = parse([whole, line, "\n", whole], "record")
    assert found == [ONE, ONE]
    assert problems == ["acme_history record, line 2 is damaged: repair it, or remove the line"]


def test_parse_unknown_fields_are_ignored():
    line = json.dumps({**asdict(ONE), "profile": {"new": 1}})
    assert parse([line], "record") == ([ONE], [])


REVOKED = RecordedRevocation(
    revoked="2026-07-01T00:00:00Z",
    host="web1",
    name="shop",
    serial="4a1f",
    not_after="2026-08-30T00:00:00Z",
    directory="https://ca.example/directory",
)


def test_read_revocations_finds_them_among_certificates(tmp_path):
    path = tmp_path / "history.jsonl"
    again = replace(REVOKED, revoked="2026-07-02T00:00:00Z")
    other = replace(REVOKED, serial="00")
    assert record(path, ONE, REVOKED, ONE, again, other) == ""
    assert read(str(path)) == ([ONE, ONE], [])
    # The first one counts: a certificate is revoked once.
    assert issuance_history.read_revocations(str(path)) == {
        ("4a1f", ONE.not_after): REVOKED,
        ("00", ONE.not_after): other,
    }


def test_read_revocations_of_no_or_a_damaged_record(tmp_path):
    path = tmp_path / "history.jsonl"
    assert issuance_history.read_revocations(str(path)) == {}
    whole = REVOKED.line().decode()
    path.write_text('{"revoked": 1}\n{"revoked": "soon"' + whole[16:] + whole[:-9] + "\n{}\n" + whole)
    assert list(issuance_history.read_revocations(str(path)).values()) == [REVOKED]
    assert read(str(path))[1] == [
        f"acme_history {path}, line {number} is damaged: repair it, or remove the line" for number in (1, 2, 3, 4)
    ]
    with pytest.raises(AcmeError, match="cannot be read: Is a directory"):
        issuance_history.read_revocations(str(tmp_path))


LARGE = "x" * 30_000


def write_many(path, host):
    recorder = Recorder(path)
    certificates = [replace(ONE, host=host, serial=f"{number:x}", certificate=LARGE) for number in range(50)]
    threads = [threading.Thread(target=recorder.add, args=(certificate,)) for certificate in certificates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()


def test_recorder_opens_the_file_once_for_all_threads(tmp_path, monkeypatch):
    opened, really, all_have_started = [], issuance_history._open, threading.Event()

    def slowly(path):
        opened.append(path)
        all_have_started.wait()
        return really(path)

    monkeypatch.setattr(issuance_history, "_open", slowly)
    recorder = Recorder(str(tmp_path / "history.jsonl"))
    threads = [threading.Thread(target=recorder.add, args=(ONE,)) for _number in range(50)]
    for thread in threads:
        thread.start()
    all_have_started.set()
    for thread in threads:
        thread.join()
    recorder.close()
    assert len(opened) == 1


def test_record_parallel_jobs_write_whole_lines(tmp_path):
    path = str(tmp_path / "history.jsonl")
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=write_many, args=(path, f"web{number}")) for number in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * 4
    found, problems = read(path)
    assert problems == []
    assert len(found) == 200
    assert {(certificate.host, certificate.serial) for certificate in found} == {
        (f"web{number}", f"{serial:x}") for number in range(4) for serial in range(50)
    }
