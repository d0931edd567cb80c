# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that change the disk: final modes from birth, the disk before the name, nothing left of what failed."""

from __future__ import annotations

import ast
import errno
import fcntl
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import atomic_file
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError, LockedError
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.files import Content
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from tests.unit.host import faults, host

ME = Attributes(0o640, os.getuid(), os.getgid())


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def operations(disk):
    return [name for name, _unused in disk.changes]


@pytest.mark.parametrize("wanted", [0o400, 0o600, 0o640, 0o440, 0o660])
def test_write_all_mode_is_final_and_never_wider(tmp_path, disk, any_umask, wanted):
    seen = []

    def watch():
        seen.extend((entry, mode(tmp_path / entry)) for entry in os.listdir(tmp_path))

    disk(watch=watch)
    files.write_all(str(tmp_path), {"key": Content(b"secret", Attributes(wanted))})
    assert mode(tmp_path / "key") == wanted
    assert {found for name, found in seen if name == "key"} == {wanted}
    asides = [found for name, found in seen if name != "key"]
    assert asides
    assert all(found & ~wanted == 0 for found in asides)


def test_write_all_owner_is_set_before_mode(tmp_path, disk):
    made = disk()
    files.write_all(str(tmp_path), {"key": Content(b"secret", ME)})
    owned = operations(made).index("fchown")
    assert made.changes[owned][1][1:] == (os.getuid(), os.getgid())
    opened = [arguments[1] for name, arguments in made.changes[:owned] if name == "fchmod"]
    assert all(bits & 0o077 == 0 for bits in opened)
    assert made.changes[0][1][2] == 0o600, "created without access for the group"
    assert ("fchmod", 0o640) in [(name, arguments[1]) for name, arguments in made.changes[owned:] if name == "fchmod"]
    assert operations(made).index("write") > owned


def test_write_all_without_owner_keeps_owner(tmp_path, disk):
    made = disk()
    files.write_all(str(tmp_path), {"key": Content(b"secret", Attributes(0o600))})
    assert "fchown" not in operations(made)


def test_make_folders_mode_ignores_umask(tmp_path, any_umask):
    path = tmp_path / "a" / "b" / "c"
    files.make_folders(str(path))
    files.write_folder(str(path / "d"), {"key": Content(b"secret", Attributes(0o600))})
    assert {mode(folder) for folder in (tmp_path / "a", path, path / "d")} == {0o755}
    assert mode(path / "d" / "key") == 0o600
    assert os.umask(any_umask) == any_umask, "the umask is unchanged"
    files.make_folders(str(path))  # there already


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: files.write_all(folder, {"a": Content(b"a" * 2000), "b": Content(b"b", ME)}),
        lambda folder: files.write_folder(folder + "/c", {"a": Content(b"a" * 2000), "b": Content(b"b", ME)}),
        lambda folder: files.link(folder + "/l", "target"),
        lambda folder: files.make_folders(folder + "/d/e"),
    ],
    ids=["write_all", "write_folder", "link", "make_folders"],
)
def test_write_all_syncs_bytes_before_names(tmp_path, monkeypatch, change):
    """Every file is fsynced after its last byte and before any rename; every folder after its last new name."""
    log = []

    def place(handle, name=""):
        return os.path.join(os.readlink(f"/proc/self/fd/{handle}"), name).rstrip("/")

    class Logged:
        def __getattr__(self, name):
            return getattr(os, name)

        def open(self, path, flags, *mode, dir_fd):
            if flags & os.O_CREAT:
                log.append(("dirty", place(dir_fd)))
            return os.open(path, flags, *mode, dir_fd=dir_fd)

        def write(self, handle, data):
            log.append(("dirty", place(handle)))
            return os.write(handle, data)

        def fsync(self, handle):
            log.append(("clean", place(handle)))

        def fchmod(self, handle, bits):
            log.append(("dirty", place(handle)))
            os.fchmod(handle, bits)

        def mkdir(self, path, bits, dir_fd):
            os.mkdir(path, bits, dir_fd=dir_fd)
            log.append(("dirty", place(dir_fd)))

        def symlink(self, target, path, dir_fd):
            os.symlink(target, path, dir_fd=dir_fd)
            log.append(("dirty", place(dir_fd)))

        def rename(self, old, new, src_dir_fd, dst_dir_fd):
            os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            log.append(("rename", place(src_dir_fd, old)))
            log.append(("dirty", place(dst_dir_fd)))

        replace = rename

    for module in (files, atomic_file):
        monkeypatch.setattr(module, "os", Logged())
    change(str(tmp_path))
    dirty = set()
    for what, path in log:
        if what == "dirty":
            dirty.add(path)
        elif what == "clean":
            dirty.discard(path)
        else:
            below = {found for found in dirty if found == path or found.startswith(path + os.sep)}
            assert not below, f"{below} got their names before they were synced"
    assert not dirty, f"{dirty} not synced"
    assert any(what == "clean" for what, _unused in log)


def test_write_all_names_appear_in_order(tmp_path, disk):
    made = disk()
    files.write_all(str(tmp_path), {name: Content(b"") for name in "zay"})
    renamed = [os.path.basename(arguments[1]) for name, arguments in made.changes if name == "replace"]
    assert renamed == ["z", "a", "y"]
    first = operations(made).index("replace")
    assert "create" not in operations(made)[first:], "all are written before the first gets its name"


def test_replace_is_atomic(tmp_path, disk):
    (tmp_path / "file").write_bytes(b"old")
    seen = set()
    disk(watch=lambda: seen.add((tmp_path / "file").read_bytes()))
    files.write_all(str(tmp_path), {"file": Content(b"new" * 1000)})
    assert seen == {b"old", b"new" * 1000}


def test_link_switch_is_atomic(tmp_path, disk):
    path = tmp_path / "link"
    files.link(str(path), "one")
    seen = set()
    disk(watch=lambda: seen.add(os.readlink(path)))
    files.link(str(path), "two")
    assert seen == {"one", "two"}
    assert os.listdir(tmp_path) == ["link"]


CHANGES = {
    "write_all": lambda folder: files.write_all(folder, {"a": Content(b"a" * 2000, ME), "b": Content(b"b")}),
    "write_folder": lambda folder: files.write_folder(folder + "/new", {"a": Content(b"a", ME), "b": Content(b"b")}),
    "link": lambda folder: files.link(folder + "/link", "target"),
}


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_failed_change_leaves_nothing_aside(tmp_path, disk, change, error):
    def fault():
        raise OSError(error, os.strerror(error))

    handles = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else None
    for step in range(1, 100):
        folder = tmp_path / str(step)
        folder.mkdir()
        made = disk(at=step, fault=fault)
        try:
            change(str(folder))
        except DiskError as caught:
            text = str(caught)
            assert str(folder) in text
            assert os.strerror(error) in text
            assert len(text.splitlines()) == 1
        else:
            assert not made.struck
        made.end()
        assert host.leftovers(folder) == []
        if not made.struck:
            break
    assert not made.struck
    if handles is not None:
        assert len(os.listdir("/proc/self/fd")) == len(handles), "a handle was left open"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room there and run again"),
        (errno.EDQUOT, "Make room there and run again"),
        (errno.EROFS, "Mount it writable, or choose another folder"),
        (errno.EACCES, "Does the task lack 'become: true'?"),
        (errno.EPERM, "Does the task lack 'become: true'?"),
        (errno.EBUSY, "If it is a mount point, mount the folder that it is in, since the file is replaced"),
        (errno.EIO, ""),
    ],
)
def test_explain_known_error_says_what_to_do(number, advice):
    text = files.explain(OSError(number, os.strerror(number)), "cannot write /x")
    assert text == f"cannot write /x: {os.strerror(number)}" + (f". {advice}" if advice else "")


def test_explain_error_without_number():
    assert files.explain(OSError("odd"), "cannot write /x") == "cannot write /x: odd"


def test_write_all_without_folder_sync_succeeds(tmp_path, monkeypatch):
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    files.write_all(str(tmp_path), {"a": Content(b"a")})
    assert (tmp_path / "a").read_bytes() == b"a"


def test_read_missing_file_is_disk_error(tmp_path):
    with pytest.raises(DiskError, match=r"none: No such file or directory$"):
        files.read(str(tmp_path / "none"))


def test_write_all_existing_aside_file_is_refused(tmp_path):
    """Somebody who may write the folder cannot have a key written where a link of theirs leads to."""
    (tmp_path / "loot").write_bytes(b"")
    (tmp_path / ".key.aside").symlink_to(tmp_path / "loot")
    with pytest.raises(DiskError, match="File exists"):
        files.write_all(str(tmp_path), {"key": Content(b"secret")})
    assert (tmp_path / "loot").read_bytes() == b""


def test_make_folders_below_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="file"):
        files.make_folders(str(tmp_path / "file" / "below"))
    with pytest.raises(DiskError, match=r"file: File exists$"):
        files.make_folders(str(tmp_path / "file"))


def test_make_folders_created_meanwhile_succeeds(tmp_path, monkeypatch):
    real = os.mkdir

    def slow_mkdir(path, mode, *, dir_fd):
        real(path, mode, dir_fd=dir_fd)
        real(path, mode, dir_fd=dir_fd)  # as if the first had been another run's

    monkeypatch.setattr(files.os, "mkdir", slow_mkdir)
    files.make_folders(str(tmp_path / "a"))
    assert (tmp_path / "a").is_dir()


def test_remove_folder_is_atomic(tmp_path, disk):
    folder = tmp_path / "0001"
    (folder / "deep").mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        (folder / name).write_bytes(b"")
    (folder / "out").symlink_to(tmp_path)
    (tmp_path / "stays").write_bytes(b"")
    made = disk()
    files.remove_folder(str(folder))
    assert operations(made)[0] == "rename"
    assert os.listdir(tmp_path) == ["stays"], "links are removed, not followed"


def test_remove_file_removes_aside_file_too(tmp_path):
    for name in ("token", ".token.aside", "other"):
        (tmp_path / name).write_bytes(b"")
    assert files.remove_file(str(tmp_path / "token")) is True
    assert os.listdir(tmp_path) == ["other"]
    assert files.remove_file(str(tmp_path / "token")) is False
    assert files.remove_file(str(tmp_path / "none" / "token")) is False


def test_remove_empty_keeps_folder_with_content(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "file").mkdir(parents=True)
    (tmp_path / "link").symlink_to("empty")
    (tmp_path / "file").write_bytes(b"")
    for name, removed in (("full", False), ("link", False), ("file", False), ("none", False), ("empty", True)):
        assert files.remove_empty(str(tmp_path / name)) is removed
    assert sorted(os.listdir(tmp_path)) == ["file", "full", "link"]


@pytest.mark.parametrize("error", [errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS])
def test_remove_empty_without_permission_is_false(tmp_path, disk, error):
    """A mount point, or in a folder that is somebody else's: an empty one does no harm."""

    def fault():
        raise OSError(error, os.strerror(error))

    disk(at=1, fault=fault)
    assert files.remove_empty(str(tmp_path)) is False


def test_sweep_removes_aside_files_only(tmp_path):
    (tmp_path / ".0002.aside" / "deep").mkdir(parents=True)
    (tmp_path / ".0002.aside" / "deep" / "privkey.pem").write_bytes(b"")
    (tmp_path / ".shop.aside").symlink_to("nowhere")
    for name in (".lock", "file.aside", ".aside", "0001"):
        (tmp_path / name).write_bytes(b"")
    files.sweep(str(tmp_path), "shop")
    assert sorted(os.listdir(tmp_path)) == [".0002.aside", ".aside", ".lock", "0001", "file.aside"]
    files.sweep(str(tmp_path))
    assert sorted(set(os.listdir(tmp_path)) - {".aside"}) == [".lock", "0001", "file.aside"]
    files.sweep(str(tmp_path / "none"))
    files.sweep(str(tmp_path / "0001"))


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self, wake=None):
        self.time = 1000.0
        self.sleeps = []
        self.wake = wake

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        assert len(self.sleeps) < 10_000, "it has no time limit"
        self.time += seconds
        if self.wake and len(self.sleeps) == 3:
            self.wake()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock: gives the lock's path and the process's id."""
    path = str(tmp_path / ".lock")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with files.locked(path):
                os.write(writing, b"held")
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(reading, 4) == b"held"
    yield path, child
    os.close(reading)
    os.close(writing)
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def locked(path, clock):
    return files.locked(path, monotonic=clock.monotonic, sleep=clock.sleep)


def test_locked_held_by_other_process_times_out(holder):
    path, _unused = holder
    clock = Clock()
    with pytest.raises(LockedError) as error, locked(path, clock):
        pytest.fail("two hold the lock")
    assert str(error.value) == (
        f"cannot lock {path}: another run has held it for 60 seconds. Run again when that run has ended"
    )
    assert 60 <= sum(clock.sleeps) < 61


def test_locked_killed_holder_releases(holder):
    path, child = holder

    def kill():
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    clock = Clock(wake=kill)
    with locked(path, clock):
        assert len(clock.sleeps) == 3
    with locked(path, clock):
        assert len(clock.sleeps) == 3, "a free lock takes no wait"


def test_locked_error_inside_releases(tmp_path):
    path = str(tmp_path / ".lock")
    with pytest.raises(ZeroDivisionError), files.locked(path):
        raise ZeroDivisionError
    clock = Clock()
    with locked(path, clock):
        assert clock.sleeps == []


def test_locked_twice_in_one_process_times_out(tmp_path):
    path = str(tmp_path / ".lock")
    with files.locked(path), pytest.raises(LockedError), locked(path, Clock()):
        pytest.fail("two hold the lock")


def test_locked_file_is_private_and_no_link(tmp_path, any_umask):
    with files.locked(str(tmp_path / ".lock")):
        assert mode(tmp_path / ".lock") & 0o177 == 0
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DiskError, match=r"cannot lock .*link"), files.locked(str(tmp_path / "link")):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_only_files_module_changes_the_disk():
    """The crash tests count what files.py does: a change made elsewhere would escape them."""
    module_utils = Path(files.__file__).parents[2]
    read_only = {"path", "environ", "listdir", "lstat", "stat", "readlink", "access", "W_OK", "X_OK", "R_OK"}
    read_only |= {"fstat", "close", "strerror", "urandom"}
    # paths.py opens, and makes nothing.
    opening = {
        "open",
        "read",
        "geteuid",
        "O_RDONLY",
        "O_NONBLOCK",
        "O_NOFOLLOW",
        "O_DIRECTORY",
        "O_NOCTTY",
        "stat_result",
        "getegid",
        "getgrouplist",
    }
    # A process that is started: it opens /dev/null, and its own name.
    process = {"fork", "setsid", "waitpid", "_exit", "chdir", "umask", "dup2", "open", "devnull", "O_RDWR"}
    special = {
        "paths.py": opening,
        "attributes.py": {"geteuid", "getegid"},
        "daemon.py": process,
    }
    rooms = (module_utils / "_host", module_utils / "_x509", module_utils / "_common")
    sources = {path.name: path for room in rooms for path in room.rglob("*.py")}
    # programs.py keeps what a program prints in a temporary file.
    for changing in ("files.py", "atomic_file.py", "programs.py"):
        del sources[changing]
    assert len(sources) > 40
    for name, path in sources.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                allowed = read_only | special.get(name, set())
                assert node.attr in allowed, f"{name} uses os.{node.attr}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                modes = [argument.value for argument in node.args[1:] if isinstance(argument, ast.Constant)]
                own_name = isinstance(node.args[0], ast.Constant) and node.args[0].value == "/proc/self/comm"
                assert own_name or set(modes) <= {"rb", "r"}, f"{name} opens to write"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not modules & {"shutil", "tempfile", "pathlib", "subprocess"}, f"{name} imports {modules}"


def test_locked_threads_lose_no_write(tmp_path):
    """Each adds one to what it reads; the lock makes it one after the other."""
    files.write_all(str(tmp_path), {"count": Content(b"0")})

    def add():
        for _unused in range(5):
            with files.locked(str(tmp_path / ".lock"), sleep=lambda _unused: None):
                number = int(files.read(str(tmp_path / "count")))
                files.write_all(str(tmp_path), {"count": Content(str(number + 1).encode())})

    threads = [threading.Thread(target=add) for _unused in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read(str(tmp_path / "count")) == b"20"


def test_faults_are_real(tmp_path, disk):
    """A power cut loses all that was not fsynced."""
    made = disk()
    synced, unsynced = (made.open(str(tmp_path / name), os.O_WRONLY | os.O_CREAT | os.O_EXCL) for name in "su")
    for handle in (synced, unsynced):
        made.write(handle, b"data")
    made.fsync(synced)
    for handle in (synced, unsynced):
        os.close(handle)
    made.end(power=False)
    assert ((tmp_path / "s").read_bytes(), (tmp_path / "u").read_bytes()) == (b"data", b"")
    with pytest.raises(faults.Crash):
        disk(at=1, fault=faults.crash).mkdir(str(tmp_path / "d"))
    assert not (tmp_path / "d").exists()
    with pytest.raises(AssertionError, match="truncate"):
        made.truncate(str(tmp_path / "s"), 0)


def test_replace_and_remove_keep_other_hard_links(tmp_path):
    """A hard link, or a container that has the file mounted, keeps the old content."""
    path = tmp_path / "shop.pem"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    os.link(path, tmp_path / "other.pem")
    files.write_folder(str(tmp_path / "0001"), {"privkey.pem": Content(b"secret", Attributes(0o600))})
    with open(tmp_path / "0001" / "privkey.pem", "rb") as held:
        files.replace(str(path), Content(b"new", Attributes(0o600)))
        files.remove_folder(str(tmp_path / "0001"))
        assert held.read() == (tmp_path / "other.pem").read_bytes() == b"secret"
    assert path.read_bytes() == b"new"


def test_remove_folder_does_not_follow_links(tmp_path):
    (tmp_path / "0001").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_bytes(b"secret")
    (tmp_path / "0001" / "link").symlink_to(tmp_path / "other")
    files.remove_folder(str(tmp_path / "0001"))
    assert (tmp_path / "other" / "file").read_bytes() == b"secret"


def test_temporary_file_error_of_its_user_is_not_its_own(tmp_path):
    def read_another():
        with files.temporary_file(str(tmp_path), b"secret") as path:
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            os.stat(f"{tmp_path}/none")

    with pytest.raises(FileNotFoundError) as raised:
        read_another()
    assert raised.value.filename == f"{tmp_path}/none"
    assert os.listdir(tmp_path) == []


def test_replace_waits_for_another_run_that_writes_there_but_not_for_ever(tmp_path):
    """Both would use the same name aside, and an empty file would get the name of a challenge response."""
    writes, waits = (os.open(tmp_path, os.O_RDONLY) for _unused in range(2))
    now = 0.0
    pauses = []

    def sleep(seconds):
        nonlocal now
        now += seconds
        pauses.append(seconds)
        if now > 1 and len(pauses) < 500:
            fcntl.flock(writes, fcntl.LOCK_UN)

    fcntl.flock(writes, fcntl.LOCK_EX)
    files._take_turn(waits, lambda: now, sleep)
    assert 1 < now < 1.1
    with pytest.raises(BlockingIOError):
        fcntl.flock(writes, fcntl.LOCK_EX | fcntl.LOCK_NB)
    now, pauses = 0.0, [0.0] * 500
    files._take_turn(writes, lambda: now, sleep)  # its owner may keep it for ever
    assert 5 <= now < 5.1
    for handle in (writes, waits):
        os.close(handle)
