# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges in a web server's folder: nothing but tokens gets in, nothing of others is lost."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.pki import webroot
from ansible_collections.certfleet.tls.plugins.module_utils.pki.errors import DiskError, OptionError
from ansible_collections.certfleet.tls.plugins.module_utils.pki.webroot import Response
from tests.unit.pki import faults, host

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMB = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
ANSWER = f"{TOKEN}.{THUMB}"


def option(token=TOKEN, key_authorization=ANSWER, folder="/srv/www", **more):
    return {"token": token, "key_authorization": key_authorization, "webroot": folder, **more}


def response(folder, token=TOKEN):
    return Response(str(folder), token, f"{token}.{THUMB}")


# --- what is let in


def test_options_become_responses_once_each():
    made = webroot.responses([option(name="shop"), option(name="shop"), option("t2", "t2.x", name=None)], True)
    assert made == [Response("/srv/www", TOKEN, ANSWER, "shop"), Response("/srv/www", "t2", "t2.x", "")]
    assert made[0].path == f"/srv/www/.well-known/acme-challenge/{TOKEN}"


EVIL = ["", ".", "..", "../x", "/etc/passwd", "a/b", "a.b", "a b", "a\n", "a\x00", "ä", "a%2f", "~", "a" * 99 + "/"]


@pytest.mark.parametrize("token", EVIL)
@pytest.mark.parametrize("present", [True, False])
def test_a_token_that_is_none_never_becomes_a_path(token, present):
    with pytest.raises(OptionError, match=r"is not one \(RFC 8555 section 8.3\): it is refused") as told:
        webroot.responses([option(), option(token, f"{token}.{THUMB}")], present)
    assert len(str(told.value).splitlines()) == 1


def test_a_long_token_is_shortened_in_its_message():
    with pytest.raises(OptionError) as told:
        webroot.responses([option("/" * 10_000)], True)
    assert len(str(told.value)) < 200


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        TOKEN,
        TOKEN + ".",
        THUMB,
        f"x{TOKEN}.{THUMB}",
        f"{TOKEN}x.{THUMB}",
        f"{TOKEN}.{THUMB}.{THUMB}",
        f"{TOKEN}.<script>",
        f"{TOKEN}.{THUMB}\n",
        f"{TOKEN} {THUMB}",
    ],
)
def test_only_the_token_s_own_key_authorization_is_served(answer):
    with pytest.raises(OptionError, match=f"the key authorization of token {TOKEN} does not begin with it"):
        webroot.responses([option(key_authorization=answer)], True)
    assert webroot.responses([option(key_authorization=answer)], False), "not needed to remove it"


@pytest.mark.parametrize("folder", ["", "www", "./www", "../www"])
def test_a_webroot_is_a_place(folder):
    with pytest.raises(OptionError, match="is not an absolute path"):
        webroot.responses([option(folder=folder)], True)


# --- serving and removing


def test_a_response_is_served_and_removed(tmp_path, any_umask):
    made = response(tmp_path)
    assert not webroot.in_place(made)
    assert not webroot.exists(made)
    webroot.put(made)
    assert webroot.in_place(made)
    assert webroot.exists(made)
    with open(made.path, "rb") as file:
        assert file.read() == ANSWER.encode(), "no line end after it"
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in host.everything(tmp_path) if os.path.isdir(path)}
    assert modes == {0o755}
    assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o644
    assert webroot.remove(made) is True
    assert os.listdir(tmp_path) == []
    assert webroot.remove(made) is False


def test_another_answer_is_put_right(tmp_path):
    webroot.put(response(tmp_path)._replace(key_authorization=f"{TOKEN}.other"))
    made = response(tmp_path)
    assert not webroot.in_place(made)
    webroot.put(made)
    assert webroot.in_place(made)


@pytest.mark.parametrize("kind", ["fifo", "device", "link", "folder", "longer"])
def test_what_another_may_have_put_there_is_neither_waited_for_nor_read_without_an_end(tmp_path, kind):
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
    assert not webroot.in_place(made)
    if kind != "folder":
        webroot.put(made)
        assert webroot.in_place(made)
        assert (tmp_path / "answer").read_text() == ANSWER


def test_a_missing_webroot_is_not_made(tmp_path):
    made = response(tmp_path / "none")
    with pytest.raises(DiskError, match=r"webroot .*/none does not exist: make it, and have the web server serve it"):
        webroot.put(made)
    assert os.listdir(tmp_path) == []
    assert webroot.remove(made) is False


def test_a_webroot_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="does not exist"):
        webroot.put(response(tmp_path / "file"))
    assert not webroot.in_place(response(tmp_path / "file"))


def test_a_file_in_the_folder_s_place_is_told_and_stays(tmp_path):
    (tmp_path / ".well-known").write_bytes(b"mine")
    with pytest.raises(DiskError, match="well-known"):
        webroot.put(response(tmp_path))
    assert not webroot.exists(response(tmp_path))
    assert (tmp_path / ".well-known").read_bytes() == b"mine"


@pytest.mark.parametrize("foreign", [".well-known/security.txt", ".well-known/acme-challenge/other", "index.html"])
def test_what_others_put_there_stays(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / foreign).write_bytes(b"theirs")
    webroot.put(response(tmp_path))
    assert webroot.remove(response(tmp_path)) is True
    assert {path for path in host.everything(tmp_path) if os.path.isfile(path)} == {str(tmp_path / foreign)}
    assert {path for path in host.everything(tmp_path) if not os.listdir(os.path.dirname(path))} == set()


def test_several_tokens_share_the_folder(tmp_path):
    first, second = response(tmp_path), response(tmp_path, "t2")
    webroot.put(first)
    webroot.put(second)
    webroot.remove(first)
    assert webroot.in_place(second)
    webroot.remove(second)
    assert os.listdir(tmp_path) == []


def test_what_a_killed_run_left_is_taken_away(tmp_path):
    made = response(tmp_path)
    folder, name = os.path.split(made.path)
    os.makedirs(folder)
    for left in (f".{name}.aside", ".other.aside"):
        with open(os.path.join(folder, left), "wb"):
            pass
    webroot.put(made)
    assert sorted(os.listdir(folder)) == [".other.aside", name], "another token's is another run's"
    with open(os.path.join(folder, f".{name}.aside"), "wb"):
        pass
    webroot.remove(made)
    assert os.listdir(folder) == [".other.aside"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, disk):
    disk(at=1, fault=faults.no_space, full=True)
    with pytest.raises(DiskError, match="No space left on device: make room there and run again"):
        webroot.put(response(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_may_not_be_removed_is_no_failure(tmp_path, disk):
    """The challenges' folder is a mount that several hosts share."""
    made = response(tmp_path)
    webroot.put(made)

    def busy():
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    disk(at=3, fault=busy)
    assert webroot.remove(made) is True
    assert not webroot.exists(made)


@pytest.mark.parametrize("step", range(1, 12))
def test_a_crash_anywhere_leaves_a_whole_answer_or_none(tmp_path, disk, step):
    made = response(tmp_path)
    crashing = disk(at=step, fault=faults.crash)
    try:
        webroot.put(made)
        webroot.remove(made)
    except faults.Crash:
        pass
    crashing.end(power=False)
    if webroot.exists(made):
        assert webroot.in_place(made)
    disk()
    webroot.put(made)
    assert webroot.in_place(made)
    webroot.remove(made)
    assert os.listdir(tmp_path) == []


def test_runs_in_one_webroot_do_not_disturb_each_other(tmp_path):
    """Hosts that share a webroot: each puts and removes its own, and the folder comes and goes below them."""
    failures = []

    def run(number):
        made = response(tmp_path, f"token-{number}")
        for _unused in range(25):
            try:
                webroot.put(made)
                if not webroot.in_place(made):
                    failures.append("not in place")
                webroot.remove(made)
            except DiskError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(tmp_path) == []


def test_the_same_token_may_be_put_by_several_at_once(tmp_path):
    """acme_http_01_scope: play over hosts that share a webroot puts every token there several times."""
    made = [response(tmp_path, f"token-{number}") for number in range(50)]
    barrier = threading.Barrier(4)
    failures = []

    def run():
        for each in made:
            barrier.wait()
            try:
                webroot.put(each)
            except DiskError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=run) for _unused in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(webroot.in_place(each) for each in made)
