# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges in a web server's folder: they appear whole, and nothing of others is lost."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.paths import Rule
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import WebrootResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from tests.unit.host import faults, host

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMB = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
ANSWER = f"{TOKEN}.{THUMB}"


def response(folder, token=TOKEN):
    return WebrootResponse(str(folder), token, f"{token}.{THUMB}")


def files_of(folder):
    """Return all but folders, which stay."""
    return [path for path in host.everything(folder) if not os.path.isdir(path)]


def test_put_writes_file_and_remove_removes_it(tmp_path, any_umask):
    made = response(tmp_path)
    assert not made.in_place()
    assert not made.exists()
    made.put()
    assert made.in_place()
    assert made.exists()
    with open(made.path, "rb") as file:
        assert file.read() == ANSWER.encode(), "no line end after it"
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in host.everything(tmp_path) if os.path.isdir(path)}
    assert modes == {0o755}
    assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o644
    assert made.remove() is True
    assert files_of(tmp_path) == []
    assert made.remove() is False


def test_put_replaces_other_key_authorization(tmp_path):
    response(tmp_path)._replace(key_authorization=f"{TOKEN}.other").put()
    made = response(tmp_path)
    assert not made.in_place()
    made.put()
    assert made.in_place()


@pytest.mark.parametrize("kind", ["fifo", "device", "link", "folder", "longer"])
def test_put_pipe_or_huge_file_does_not_block(tmp_path, kind):
    made = response(tmp_path)
    os.makedirs(os.path.dirname(made.path))
    (tmp_path / "answer").write_text(ANSWER)
    if kind == "fifo":
        os.mkfifo(made.path)
    elif kind == "folder":
        os.mkdir(made.path)
    elif kind == "longer":
        with open(made.path, "w", encoding="ascii") as file:
            file.write(ANSWER + "\n")
    else:
        os.symlink("/dev/zero" if kind == "device" else tmp_path / "answer", made.path)
    assert not made.in_place()
    if kind == "longer":
        made.put()
        assert made.in_place()
        return
    with pytest.raises(DiskError, match=r"a file that is not a challenge response is there\. Move it away"):
        made.put()
    assert made.remove() is False
    assert os.path.lexists(made.path)


def test_put_missing_webroot_is_refused(tmp_path):
    made = response(tmp_path / "none")
    with pytest.raises(DiskError, match=r"webroot .*/none does not exist. Create it, and have the web server serve it"):
        made.put()
    assert os.listdir(tmp_path) == []
    assert made.remove() is False


def test_put_file_as_webroot_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="does not exist"):
        response(tmp_path / "file").put()
    assert not response(tmp_path / "file").in_place()


def test_put_file_in_place_of_folder_stays(tmp_path):
    (tmp_path / ".well-known").write_bytes(b"mine")
    with pytest.raises(DiskError, match="well-known"):
        response(tmp_path).put()
    assert not response(tmp_path).exists()
    assert (tmp_path / ".well-known").read_bytes() == b"mine"


@pytest.mark.parametrize("foreign", [".well-known/security.txt", ".well-known/acme-challenge/other", "index.html"])
def test_put_foreign_file_stays(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / foreign).write_bytes(b"theirs")
    response(tmp_path).put()
    assert response(tmp_path).remove() is True
    assert {path for path in host.everything(tmp_path) if os.path.isfile(path)} == {str(tmp_path / foreign)}


def test_put_several_tokens_share_folder(tmp_path):
    first, second = response(tmp_path), response(tmp_path, "t2")
    first.put()
    second.put()
    first.remove()
    assert second.in_place()
    second.remove()
    assert files_of(tmp_path) == []


def test_put_removes_aside_file_of_killed_run(tmp_path):
    made = response(tmp_path)
    folder, name = os.path.split(made.path)
    os.makedirs(folder)
    for left in (f".{name}.aside", ".other.aside"):
        with open(os.path.join(folder, left), "wb"):
            pass
    made.put()
    assert sorted(os.listdir(folder)) == [".other.aside", name], "the aside file of another token may be of another run"
    with open(os.path.join(folder, f".{name}.aside"), "wb"):
        pass
    made.remove()
    assert os.listdir(folder) == [".other.aside"]


def test_put_full_disk_leaves_nothing(tmp_path, disk):
    disk(at=1, fault=faults.no_space, full=True)
    with pytest.raises(DiskError, match=r"No space left on device\. Make room there and run again"):
        response(tmp_path).put()
    assert os.listdir(tmp_path) == []


def test_remove_keeps_folders(tmp_path):
    """An administrator may have made them, and a container may have them mounted."""
    folder = tmp_path / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    before = folder.stat().st_ino
    made = response(tmp_path)
    made.put()
    assert made.remove() is True
    assert folder.stat().st_ino == before
    assert not made.exists()


@pytest.mark.parametrize("step", range(1, 12))
def test_put_crash_leaves_whole_file_or_none(tmp_path, disk, step):
    made = response(tmp_path)
    crashing = disk(at=step, fault=faults.crash)
    try:
        made.put()
        made.remove()
    except faults.Crash:
        pass
    crashing.end(power=False)
    if made.exists():
        assert made.in_place()
    disk()
    made.put()
    assert made.in_place()
    made.remove()
    assert files_of(tmp_path) == []


def test_put_parallel_runs_in_one_webroot(tmp_path):
    """Hosts that share a webroot: each puts and removes its own."""
    failures = []

    def run(number):
        made = response(tmp_path, f"token-{number}")
        for _unused in range(25):
            try:
                made.put()
                if not made.in_place():
                    failures.append("not in place")
                made.remove()
            except DiskError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert files_of(tmp_path) == []


def test_put_same_token_in_parallel(tmp_path):
    """acme_http_01_scope: play over hosts that share a webroot puts every token there several times."""
    made = [response(tmp_path, f"token-{number}") for number in range(50)]
    barrier = threading.Barrier(4)
    failures = []

    def run():
        for each in made:
            barrier.wait()
            try:
                each.put()
            except DiskError as error:
                failures.append(str(error))

    seen = set()

    def fetch():
        while any(thread.is_alive() for thread in threads):
            seen.update(len(files.peek(each.path, 100, Rule.WEBROOT) or b"none") for each in made)

    threads = [threading.Thread(target=run) for _unused in range(4)]
    for thread in threads:
        thread.start()
    fetch()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen <= {len(b"none"), *(len(each.key_authorization) for each in made)}, "each appears whole or not at all"
    assert all(each.in_place() for each in made)
