# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on which others have a hand: what leads elsewhere is refused, what an administrator made keeps working."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import paths
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.paths import Rule, UnsafePathError
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import webroot
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import other_clients
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.files import Content
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import attributes, formats
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import verify_home

ALICE, BOB = 64001, 64002
SECRET = b"another certificate's private key"
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to others")


USERS = {"root": 0, "alice": ALICE, "bob": BOB}


class Tree:
    """Folders and links of several users. A path's owner is said before it: 'alice:srv/www'."""

    def __init__(self, root):
        self.root = root

    def make(self, entry):
        """'alice:srv=0700' is a folder, 'alice:srv/file=' a file, 'alice:srv/link->//to' a link; '//' is the top."""
        owner, _colon, rest = entry.partition(":")
        name, arrow, target = rest.partition("->")
        name, _equals, bits = name.partition("=") if name[-1] != "=" else (name, "", "")
        path = self.root / name.rstrip("=")
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            path.symlink_to(target.replace("//", f"{self.root}/"))
        elif name.endswith("="):
            path.write_bytes(SECRET)
            path.chmod(0o600)
        else:
            path.mkdir(exist_ok=True)
            path.chmod(int(bits or "755", 8))
        os.chown(path, USERS[owner], USERS[owner], follow_symlinks=False)


@pytest.fixture
def tree():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # one that others may enter
        os.chmod(folder, 0o755)  # noqa: S103
        yield Tree(Path(folder))


# The files, the path, and the rules under which it may be followed.
WAYS = [
    pytest.param(["root:srv"], "srv", "own safe webroot", id="root's"),
    pytest.param(["alice:srv"], "srv", "safe webroot", id="a user's, in root's"),
    pytest.param(["alice:srv", "alice:srv/tls"], "srv/tls", "safe webroot", id="a user's, in the user's"),
    pytest.param(["alice:srv", "root:srv/tls"], "srv/tls", "webroot", id="root's, in a user's"),
    pytest.param(["alice:srv", "bob:srv/tls"], "srv/tls", "", id="another user's, in a user's"),
    pytest.param(
        ["alice:srv", "root:srv/a", "bob:srv/a/b"], "srv/a/b", "webroot", id="another's, below root's in a user's"
    ),
    pytest.param(["root:srv", "root:www->srv"], "www", "own safe webroot", id="root's link to root's"),
    pytest.param(["root:srv", "root:www->//srv"], "www", "own safe webroot", id="root's absolute link"),
    pytest.param(["alice:srv", "root:www->srv"], "www", "safe webroot", id="root's link to a user's"),
    pytest.param(["root:srv", "alice:www->srv"], "www", "", id="a user's link to root's"),
    pytest.param(["root:srv", "alice:www->//srv"], "www", "", id="a user's absolute link to root's"),
    pytest.param(["bob:srv", "alice:www->srv"], "www", "", id="a user's link to another's"),
    pytest.param(["alice:srv", "alice:www->srv"], "www", "safe webroot", id="a user's link to the user's"),
    pytest.param(
        ["alice:app", "alice:app/releases", "alice:app/releases/7", "alice:app/current->//app/releases/7"],
        "app/current",
        "safe webroot",
        id="a deployment tool's absolute link",
    ),
    pytest.param(
        ["alice:app", "alice:app/a", "alice:app/a/up->../b", "alice:app/b"],
        "app/a/up",
        "safe webroot",
        id="up and down",
    ),
    pytest.param(["root:etc", "alice:app", "alice:app/a", "alice:app/a/up->../../etc"], "app/a/up", "", id="out"),
    pytest.param(
        ["alice:srv", "root:well", "root:srv/.well-known->//well"],
        "srv/.well-known",
        "webroot",
        id="root's link in a user's",
    ),
    pytest.param(
        ["root:etc", "alice:srv", "alice:srv/one->two", "alice:srv/two->//etc"], "srv/one", "", id="a link to a link"
    ),
    pytest.param(
        ["bob:home", "bob:home/x", "alice:srv", "alice:srv/x->//home/x"], "srv/x", "", id="a link into another's"
    ),
    pytest.param(["bob:home", "alice:home/x", "alice:x->//home/x"], "x", "", id="a link through another's"),
    pytest.param(
        ["root:closed=0700", "alice:closed/x", "alice:x->//closed/x"], "x", "", id="a link where its owner cannot go"
    ),
    pytest.param(
        ["root:open=0711", "alice:open/x", "alice:x->//open/x"], "x", "safe webroot", id="a link where its owner can go"
    ),
    pytest.param(["root:open=1777", "root:open/x"], "open/x", "own safe webroot", id="a sticky folder"),
    pytest.param(["root:open=0777", "root:open/x"], "open/x", "safe webroot", id="open to all"),
]


@needs_root
@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.value)
@pytest.mark.parametrize(("there", "path", "open_to"), WAYS)
def test_open_folder_follows_safe_paths_only(tree, there, path, open_to, rule):
    for entry in there:
        tree.make(entry)
    path = f"{tree.root}/{path}"
    refused = rule.value not in open_to.split()
    assert bool(paths.find_problem(path, rule)) is refused
    # A missing path below it is as safe as its folder.
    assert bool(paths.find_problem(f"{path}/none/yet", rule)) is refused
    if refused:
        with pytest.raises(UnsafePathError), paths.open_folder(path, rule):
            pass
    else:
        with paths.open_folder(path, rule) as handle:
            assert os.path.samestat(os.fstat(handle), os.stat(path))


@needs_root
def test_find_problem_names_users_and_what_to_do(tree):
    for entry in ("alice:srv", "root:srv/tls", "root:etc", "alice:link->etc"):
        tree.make(entry)
    root = tree.root
    assert paths.find_problem(f"{root}/srv/tls", Rule.SAFE) == (
        f"{root}/srv belongs to {ALICE}, who could replace {root}/srv/tls of root. "
        "Let both have one owner, or root own the folder above"
    )
    assert paths.find_problem(f"{root}/link", Rule.SAFE) == (
        f"{root}/link is a link of {ALICE}'s that leads to what belongs to root. "
        f"Name {root}/etc itself, or have root own the link"
    )
    assert paths.find_problem(f"{root}/srv", Rule.OWN) == (
        f"{root}/srv belongs to {ALICE}, who could redirect this path. "
        "Have root own it, or choose a place where root owns everything"
    )


def test_open_folder_missing_path_gives_system_error(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "pipe").symlink_to("fifo")
    os.mkfifo(tmp_path / "fifo")
    for name, number in [
        ("none", errno.ENOENT),
        ("file/below", errno.ENOTDIR),
        ("file", errno.ENOTDIR),
        ("fifo", errno.ENOTDIR),
        ("round", errno.ELOOP),
    ]:
        with pytest.raises(OSError, match=r".") as error, paths.open_folder(f"{tmp_path}/{name}"):
            pass
        assert error.value.errno == number, name
        assert paths.find_problem(f"{tmp_path}/{name}", Rule.SAFE) == ""
    for name in (".", "fifo", "pipe", "none"):
        with pytest.raises(OSError, match=r"."):
            paths.read(f"{tmp_path}/{name}", 10, follow=True)
    with pytest.raises(OSError, match="the path is not absolute"):
        paths.read("file", 10)


def test_read_stops_at_limit_and_follows_links_if_asked(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 200000)
    (tmp_path / "link").symlink_to("file")
    assert paths.read(f"{tmp_path}/file", 150000) == b"x" * 150000
    assert paths.read(f"{tmp_path}/link", 1 << 20, follow=True) == b"x" * 200000
    with pytest.raises(OSError, match=r".") as error:
        paths.read(f"{tmp_path}/link", 10)
    assert error.value.errno == errno.ELOOP


def test_paths_leave_no_descriptor_open(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    before = os.listdir("/proc/self/fd")
    paths.read(f"{tmp_path}/link", 10, follow=True)
    paths.find_problem(f"{tmp_path}/file/none", Rule.OWN)
    files.peek(f"{tmp_path}/link", 10)
    with paths.open_folder(str(tmp_path)):
        pass
    assert len(os.listdir("/proc/self/fd")) == len(before)


@needs_root
def test_verify_home_writable_by_others_is_refused(tree):
    tree.make("alice:home")
    tree.make("root:home/acme")
    tree.make("alice:home/acme/versions")
    for home in ("home", "home/acme", "home/none"):
        with pytest.raises(OptionError, match=f"home .*{home} cannot be used: .* belongs to {ALICE}"):
            verify_home(f"{tree.root}/{home}")
    tree.make("root:etc/acme")
    verify_home(f"{tree.root}/etc/acme")
    os.chown(tree.root / "etc", 0, BOB)
    (tree.root / "etc").chmod(0o2775)
    with pytest.raises(OptionError, match="etc is writable by other users"):
        verify_home(f"{tree.root}/etc/acme")
    (tree.root / "etc").chmod(0o1777)
    verify_home(f"{tree.root}/etc/acme")
    for name in ("versions", "challenges"):
        tree.make(f"alice:etc/acme/{name}")
        with pytest.raises(OptionError, match="cannot be used"):
            verify_home(f"{tree.root}/etc/acme")
        (tree.root / "etc/acme" / name).rmdir()
    tree.make("alice:etc/acme/live->//home")
    with pytest.raises(OptionError, match="cannot be used"):
        verify_home(f"{tree.root}/etc/acme")


@needs_root
def test_webroot_files_belong_to_its_owner(tree):
    tree.make("alice:www")
    made = webroot.WebrootResponse(f"{tree.root}/www", TOKEN, f"{TOKEN}.x")
    made.put()
    below = [tree.root / "www" / ".well-known", tree.root / "www" / ".well-known" / "acme-challenge", Path(made.path)]
    assert {path.stat().st_uid for path in below} == {path.stat().st_gid for path in below} == {ALICE}
    made.remove()
    assert [path.exists() for path in below] == [True, True, False]


@needs_root
def test_webroot_well_known_of_root_is_used(tree):
    for entry in ("alice:www", "root:www/.well-known", "root:www/.well-known/acme-challenge"):
        tree.make(entry)
    made = webroot.WebrootResponse(f"{tree.root}/www", TOKEN, f"{TOKEN}.x")
    made.put()
    assert made.in_place()
    # Not hers: the folder may be one for several webroots.
    assert os.stat(made.path).st_uid == 0
    assert made.remove()


@needs_root
@pytest.mark.parametrize("below", ["acme-challenge->//etc/apt.conf.d", "acme-challenge->../../etc/apt.conf.d"])
def test_webroot_link_of_user_is_refused(tree, below):
    for entry in ("root:etc/apt.conf.d", "alice:www", "alice:www/.well-known", f"alice:www/.well-known/{below}"):
        tree.make(entry)
    made = webroot.WebrootResponse(f"{tree.root}/www", TOKEN, f"{TOKEN}.x")
    with pytest.raises(DiskError, match=f"is a link of {ALICE}'s that leads to what belongs to root"):
        made.put()
    (tree.root / "etc/apt.conf.d" / TOKEN).write_text(f"{TOKEN}.x")
    with pytest.raises(DiskError, match="leads to what belongs to root"):
        made.remove()
    assert os.listdir(tree.root / "etc/apt.conf.d") == [TOKEN]


@needs_root
def test_adopt_files_writable_by_others_are_refused(tree):
    for entry in ("root:le/a=", "root:le/b=", "alice:le/c=", "alice:home", "root:home/d=", "root:le/e->a"):
        tree.make(entry)
    (tree.root / "le/a").chmod(0o664)  # of root's own group
    (tree.root / "le/b").chmod(0o664)
    os.chown(tree.root / "le/b", 0, BOB)
    assert (
        other_clients.material(f"{tree.root}/le/a").encode()
        == other_clients.material(f"{tree.root}/le/e").encode()
        == SECRET
    )
    for name, why in (
        ("le/b", "is writable by other users"),
        ("le/c", f"belongs to {ALICE}"),
        ("home/d", f"belongs to {ALICE}"),
    ):
        with pytest.raises(DiskError, match=why):
            other_clients.material(f"{tree.root}/{name}")
        assert other_clients.text(f"{tree.root}/{name}") == ""


@pytest.mark.parametrize("by", ["fifo", "link"])
def test_read_file_replaced_by_other_kind_meanwhile_is_empty(tmp_path, monkeypatch, by):
    (tmp_path / "file").write_bytes(b"ours")
    (tmp_path / "secret").write_bytes(SECRET)

    def replace():
        os.unlink(tmp_path / "file")
        {"link": os.symlink, "fifo": lambda _secret, path: os.mkfifo(path)}[by](tmp_path / "secret", tmp_path / "file")

    replace_before_opening(monkeypatch, replace)
    signal.alarm(20)  # a pipe that somebody waits for
    try:
        assert files.peek(f"{tmp_path}/file", 100) is None
    finally:
        signal.alarm(0)


@pytest.mark.parametrize(("times", "expected"), [(0, b"ours"), (1, b"new"), (9, b"new"), (10, None)])
def test_read_file_that_other_runs_replace_meanwhile(tmp_path, monkeypatch, times, expected):
    (tmp_path / "file").write_bytes(b"ours")
    left = iter(range(times))

    def replace():
        if next(left, None) is not None:
            (tmp_path / "new").write_bytes(b"new")
            os.replace(tmp_path / "new", tmp_path / "file")

    replace_before_opening(monkeypatch, replace)
    assert files.peek(f"{tmp_path}/file", 100) == expected


def replace_before_opening(monkeypatch, replace):
    """Call *replace* each time that 'file', which was verified, is opened for reading."""
    real = os.open

    def opening(path, flags, *mode, **options):
        if path == "file" and flags == paths._FILE:
            replace()
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(paths.os, "open", opening)


def test_replace_aside_file_replaced_meanwhile_is_refused(tmp_path, monkeypatch):
    """Else its hash would become that of our file, and the next run would give it to the wanted owner."""
    (tmp_path / "other").write_bytes(SECRET)
    real = os.replace

    def exchanged(old, new, **options):
        os.rename(tmp_path / "other", tmp_path / old)
        real(old, new, **options)

    monkeypatch.setattr(files.os, "replace", exchanged)
    with pytest.raises(DiskError, match="somebody replaced it while it was written"):
        files.replace(f"{tmp_path}/file", Content(b"ours"))


@needs_root
@pytest.mark.parametrize("by", ["folder", "link"])
def test_make_folders_replaced_folder_is_not_chowned(tree, monkeypatch, by):
    for entry in ("alice:www", "root:www/private", "root:www/private/key="):
        tree.make(entry)
    real = os.mkdir

    def exchanged(name, mode, *, dir_fd):
        real(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        if by == "folder":
            os.rename(tree.root / "www/private", tree.root / "www" / name)
        else:
            os.symlink("private", name, dir_fd=dir_fd)

    monkeypatch.setattr(files.os, "mkdir", exchanged)
    with suppress(DiskError):
        files.make_folders(f"{tree.root}/www/.well-known", rule=Rule.WEBROOT)
    owners = {path.name: path.lstat().st_uid for path in (tree.root / "www").rglob("*") if not path.is_symlink()}
    assert set(owners.values()) == {0}, owners


@needs_root
def test_make_folders_behind_link_of_root_is_refused(tree):
    """She may have moved it there from elsewhere."""
    for entry in ("root:etc/thing.d", "alice:www", "root:www/.well-known->//etc/thing.d"):
        tree.make(entry)
    made = webroot.WebrootResponse(f"{tree.root}/www", TOKEN, f"{TOKEN}.x")
    with pytest.raises(DiskError, match="a link in a user's folder, behind which no folders are created"):
        made.put()
    assert os.listdir(tree.root / "etc/thing.d") == []
    tree.make("root:etc/thing.d/acme-challenge")
    made.put()
    assert os.stat(made.path).st_uid == 0
    assert made.remove()


@needs_root
def test_user_links_do_not_hide_folders_of_root(tree):
    """Neither as many of them as Python's stack has room for, nor one into the folder of another certificate."""
    for entry in ("root:etc/certs", "alice:app", "alice:app/tls->//etc/certs", "alice:app/l0->l0"):
        tree.make(entry)
    for number in range(1500):
        os.symlink(f"l{number}", tree.root / "app" / f"l{number + 1}")
    assert formats.place(f"{tree.root}/app/l1500/x.pem") == f"{tree.root}/app/l1500/x.pem"
    assert formats.place(f"{tree.root}/app/tls/x.pem") == f"{tree.root}/app/tls/x.pem"
    tree.make("root:certs->etc/certs")
    assert formats.place(f"{tree.root}/certs/x.pem") == f"{tree.root}/etc/certs/x.pem"


@needs_root
def test_mode_repair_keeps_owner(tree):
    tree.make("alice:srv/file=")
    path = f"{tree.root}/srv/file"
    for wanted, owner in ((Attributes(0o640), (ALICE, ALICE)), (Attributes(0o640, BOB), (BOB, ALICE))):
        completed = attributes.completed(path, wanted)
        assert (completed.mode, completed.uid, completed.gid) == (0o640, *owner)
    tree.make("root:srv/own=")
    assert attributes.completed(f"{tree.root}/srv/own", Attributes(0o600)) == Attributes(0o600)


def test_webroot_without_chown_is_used(tmp_path, monkeypatch):
    """A network file system that maps root to nobody refuses chown."""

    def refuse(*_unused):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(files.os, "fchown", refuse)
    made = webroot.WebrootResponse(str(tmp_path), TOKEN, f"{TOKEN}.x")
    made.put()
    assert made.in_place()
    with pytest.raises(DiskError, match="not permitted"):
        files.replace(f"{tmp_path}/key", Content(b"secret", Attributes(0o600, ALICE, ALICE)))


PLACES = ("tls", "file", ".file.aside", "www/.well-known")


def exchange(folder, secret, seconds, least):
    """Exchange all entries of *folder* for something else, at *least* so often, in a process of alice's."""
    child = os.fork()
    if child:
        return child
    try:
        os.setgroups([])
        os.setgid(ALICE)
        os.setuid(ALICE)
        makers = [
            lambda path: os.symlink(secret, path),
            lambda path: os.symlink(os.path.dirname(secret), path),
            os.mkfifo,
            os.mkdir,
        ]
        end = time.monotonic() + seconds
        times = 0
        while time.monotonic() < end or times < least:
            target = f"{folder}/{random.choice(PLACES)}"  # noqa: S311
            with suppress(OSError):
                os.rename(target, f"{folder}/aside")
            with suppress(OSError):
                random.choice(makers)(target)  # noqa: S311
                times += 1
            with suppress(OSError):
                os.unlink(f"{folder}/aside")
            shutil.rmtree(f"{folder}/aside", ignore_errors=True)
        # No text: its codec may still have to be imported, from where this user may not read.
        with open(f"{folder}/times", "wb") as file:
            file.write(b"%d" % times)
    finally:
        os._exit(0)


@needs_root
def test_user_who_replaces_paths_meanwhile_reaches_nothing_of_others(tree):
    """Thousands of exchanges while root writes, reads, gives away and removes along the same paths."""
    for entry in ("root:etc", "root:etc/secret=", "alice:app", "alice:app/www"):
        tree.make(entry)
    app, secret = tree.root / "app", tree.root / "etc" / "secret"
    mine = Attributes(0o640, ALICE, ALICE)
    response = webroot.WebrootResponse(f"{app}/www", TOKEN, f"{TOKEN}.x")
    before = os.stat(secret)
    child = exchange(str(app), str(secret), 3, least=1000)
    signal.alarm(60)  # a pipe that somebody waits for
    seen, turns = set(), 0
    try:
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            turns += 1
            for action in (
                lambda: files.replace(f"{app}/file", Content(b"ours", mine)),
                lambda: files.replace(f"{app}/tls/file", Content(b"ours", mine)),
                lambda: seen.add(files.peek(f"{app}/file", 100)),
                lambda: seen.add(files.peek(f"{app}/tls/secret", 100)),
                lambda: attributes.drift(f"{app}/file", mine),
                lambda: files.remove_file(f"{app}/tls/secret"),
                lambda: files.remove_file(f"{app}/file"),
                response.put,
                response.remove,
            ):
                try:
                    action()
                except DiskError as error:
                    seen.add(type(error))
    finally:
        signal.alarm(0)
    assert turns > 20
    assert int((app / "times").read_text()) >= 1000
    assert SECRET not in seen
    assert b"ours" in seen
    assert DiskError in seen
    after = os.stat(secret)
    assert (after.st_uid, stat.S_IMODE(after.st_mode), after.st_ctime_ns) == (0, 0o600, before.st_ctime_ns)
    assert os.listdir(tree.root / "etc") == ["secret"]
    assert secret.read_bytes() == SECRET
