# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change files and folders. All that these functions create appears whole or not at all, with its final mode.

Everything is first written aside, under a name that ends in ASIDE, then synced, renamed, and the folder synced. sweep()
removes what a killed run left aside. paths.py opens the folders, and all operations use the opened folders. Every error
is a DiskError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from ..._common import paths
from ..._common.atomic_file import sync
from ..._common.paths import FOLDER, Rule
from ..errors import DiskError, LockedError
from ..wanted.attributes import Attributes

ASIDE = ".aside"
_PUBLIC = Attributes(0o644)
_MAX_SIZE = 1 << 22  # bytes; files of certificates are much smaller
_LOCK_TIMEOUT = 60.0  # seconds; the work under a lock takes a few at most (an RSA key)
_TURN_TIMEOUT = 5.0  # seconds; a file is written within milliseconds

_ADVICE = {
    errno.ENOSPC: "Make room there and run again",
    errno.EDQUOT: "Make room there and run again",
    errno.EROFS: "Mount it writable, or choose another folder",
    errno.EACCES: "Does the task lack 'become: true'?",
    errno.EPERM: "Does the task lack 'become: true'?",
    errno.EBUSY: "If it is a mount point, mount the folder that it is in, since the file is replaced",
}


class Content(NamedTuple):
    """The bytes and the attributes of a file to write."""

    data: bytes
    attributes: Attributes = _PUBLIC


def explain(error: OSError, what: str) -> str:
    """Return one line for people: *what* failed, why, and what to do if that is known."""
    advice = None if isinstance(error, paths.UnsafePathError) else _ADVICE.get(error.errno or 0)
    return f"{what}: {error.strerror or error}" + (f". {advice}" if advice else "")


def read(path: str) -> bytes:
    """Return the bytes of the file *path*, which may be a link. Raises DiskError, also for a file that is too large."""
    with _reported(f"cannot read {path}"):
        return paths.read_whole(path, _MAX_SIZE, follow=True)


def has_content(path: str, data: bytes, rule: Rule = Rule.SAFE) -> bool:
    """Return True if *path* is a file, not a link, with exactly the bytes *data*."""
    return peek(path, len(data) + 1, rule) == data


def peek(path: str, most: int, rule: Rule = Rule.SAFE) -> bytes | None:
    """Return at most *most* bytes of the file *path*; None if it is not a regular file, or cannot be read."""
    try:
        return paths.read(path, most, rule)
    except OSError:
        return None


def write_all(folder: str, contents: Mapping[str, Content]) -> None:
    """Write files into *folder*: all are synced before the first gets its name. Names appear in the given order."""
    with _opened(folder, f"cannot write {os.path.join(folder, next(iter(contents)))}") as at:
        _write_all(at, folder, contents)


def replace(path: str, content: Content, rule: Rule = Rule.SAFE) -> None:
    """Write the file *path*, and replace it if it exists. Its folder must exist.

    With Rule.WEBROOT the file belongs to the owner of its folder. A file that a killed run left aside is removed; a
    folder in its place is an error.
    """
    folder, name = os.path.split(path)
    with _opened(folder, f"cannot write {path}", rule) as at:
        _take_turn(at)
        with _reported(f"cannot remove {os.path.join(folder, _aside(name))}, which an earlier run left"):
            _unlink(at, _aside(name))
        _write_all(at, folder, {name: content}, rule)


def _write_all(at: int, folder: str, contents: Mapping[str, Content], rule: Rule = Rule.SAFE) -> None:
    made = {}
    try:
        for name, content in contents.items():
            with _reported(f"cannot write {os.path.join(folder, name)}"):
                made[name] = _write_new(at, _aside(name), content, rule)
        for name, status in made.items():
            with _reported(f"cannot write {os.path.join(folder, name)}"):
                os.replace(_aside(name), name, src_dir_fd=at, dst_dir_fd=at)
                # The owner of the folder may have replaced the file that was written aside.
                if not os.path.samestat(os.stat(name, dir_fd=at, follow_symlinks=False), status):
                    raise OSError(errno.ESTALE, "somebody replaced it while it was written")
        with _reported(f"cannot write {folder}"):
            sync(at)
    except DiskError:
        for name in contents:
            _drop(at, _aside(name))
        raise


def write_folder(path: str, contents: Mapping[str, Content]) -> None:
    """Create the folder *path* with its files. It appears with all of them."""
    parent, name = os.path.split(path)
    with _opened(parent, f"cannot write {path}") as at:
        try:
            _make_folder(at, _aside(name))
            inside = os.open(_aside(name), FOLDER, dir_fd=at)
            try:
                for file, content in contents.items():
                    _write_new(inside, file, content)
                sync(inside)
            finally:
                os.close(inside)
            os.rename(_aside(name), name, src_dir_fd=at, dst_dir_fd=at)
            sync(at)
        except OSError:
            _drop(at, _aside(name), _remove_tree)
            raise


@contextmanager
def temporary_file(folder: str, data: bytes) -> Iterator[str]:
    """Yield the path of a file that only this user can read, and remove it. For libraries that read files only."""
    name = _aside(f"{os.getpid()}-{threading.get_ident()}")
    path = os.path.join(folder, name)
    with ExitStack() as to_close:
        with _reported(f"cannot write {path}"):
            at = to_close.enter_context(paths.open_folder(folder, Rule.OWN))
            to_close.callback(_drop, at, name)
            _write_new(at, name, Content(data, Attributes(0o600)))
        yield path


def make_folders(path: str, mode: int = 0o755, rule: Rule = Rule.SAFE) -> None:
    """Create the folder *path* and its parents if they do not exist. *mode*: the mode of those that are created.

    With Rule.WEBROOT they belong to the owner of the folder that they are created in.
    """
    with _reported(f"cannot create {path}"):
        try:
            with paths.open_folder(path, rule):
                return
        except (FileNotFoundError, NotADirectoryError):  # the recursion names the part that is not a folder
            pass
    parent, name = os.path.split(path)
    make_folders(parent, mode, rule)
    with _opened(parent, f"cannot create {path}", rule, making=True) as at:
        try:
            _make_folder(at, name, mode)
        except FileExistsError:  # another run created it first, or it is not a folder
            if not stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                raise
            return
        if rule is Rule.WEBROOT:
            _give_folder(at, name)
        sync(at)


def link(path: str, target: str) -> None:
    """Make *path* a symbolic link to *target*. An existing link is replaced atomically."""
    folder, name = os.path.split(path)
    with _opened(folder, f"cannot switch {path}") as at:
        try:
            os.symlink(target, _aside(name), dir_fd=at)
            os.replace(_aside(name), name, src_dir_fd=at, dst_dir_fd=at)
            sync(at)
        except OSError:
            _drop(at, _aside(name))
            raise


def remove_folder(path: str) -> None:
    """Remove a folder with its content. It disappears atomically."""
    parent, name = os.path.split(path)
    with _opened(parent, f"cannot remove {path}") as at:
        os.rename(name, _aside(name), src_dir_fd=at, dst_dir_fd=at)
        _remove_tree(at, _aside(name))
        sync(at)


def remove_file(path: str, rule: Rule = Rule.SAFE, only_aside: bool = False) -> bool:
    """Remove a file or link, and what was left aside of it. Return False if it did not exist.

    *only_aside*: remove, and return, only what was left aside.
    """
    folder, name = os.path.split(path)
    with _reported(f"cannot remove {path}"):
        try:
            with paths.open_folder(folder, rule) as at:
                aside = _unlink(at, _aside(name))
                return aside if only_aside else _unlink(at, name)
        except FileNotFoundError:
            return False


def remove_empty(path: str) -> bool:
    """Remove a folder if it is empty and not a mount point. Return False if it stays."""
    parent, name = os.path.split(path)
    try:
        with paths.open_folder(parent) as at:
            os.rmdir(name, dir_fd=at)
    except OSError:
        return False
    return True


def sweep(folder: str, name: str | None = None) -> None:
    """Remove what a killed run left aside in *folder*, or only what it left of *name*.

    Only for folders that belong to this collection.
    """
    with _reported(f"cannot remove what an earlier run left in {folder}"):
        try:
            with paths.open_folder(folder, Rule.OWN) as at:
                for entry in os.listdir(at):
                    if entry.startswith(".") and entry.endswith(ASIDE) and name in (None, entry[1 : -len(ASIDE)]):
                        _remove_tree(at, entry)
        except (FileNotFoundError, NotADirectoryError):
            return


@contextmanager
def locked(
    path: str,
    patience: float = _LOCK_TIMEOUT,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock file *path*. The kernel releases the lock when the process ends, even if it is killed.

    *patience*: seconds to wait for a lock that another process holds. Raises LockedError after that.
    """
    handle = _open_lock(path)
    try:
        deadline = monotonic() + patience
        while not _try_lock(handle, path):
            if monotonic() >= deadline:
                raise LockedError(
                    f"cannot lock {path}: another run has held it for {patience:.0f} seconds. "
                    "Run again when that run has ended"
                )
            sleep(0.1)
        yield
    finally:
        os.close(handle)


def claim(path: str) -> int | None:
    """Take the lock file *path* and return its handle; None if another process holds the lock.

    The lock lasts until the handle is closed in this process and in all processes that inherited it by a fork.
    """
    handle = _open_lock(path)
    claimed = False
    try:
        claimed = _try_lock(handle, path)
    finally:
        if not claimed:
            os.close(handle)
    return handle if claimed else None


def touch(path: str) -> None:
    """Set the modification time of a file to now."""
    folder, name = os.path.split(path)
    with _opened(folder, f"cannot write {path}") as at:
        os.utime(name, dir_fd=at, follow_symlinks=False)


def _open_lock(path: str) -> int:
    folder, name = os.path.split(path)
    with _opened(folder, f"cannot lock {path}") as at:
        # 0600: whoever may open the file could hold the lock.
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=at)


def _take_turn(
    at: int, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait until no other run writes into an open folder: both would use one name aside.

    The lock lasts until the folder is closed. The folder's owner could hold it for ever, so it is not waited for long.
    """
    deadline = monotonic() + _TURN_TIMEOUT
    while monotonic() < deadline:
        try:
            fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            sleep(0.005)
        except OSError:
            return  # some network file systems have no locks


def _try_lock(handle: int, path: str) -> bool:
    with _reported(f"cannot lock {path}"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """Turn an OSError into a DiskError that says *what* failed."""
    try:
        yield
    except OSError as error:
        raise DiskError(explain(error, what)) from None


@contextmanager
def _opened(folder: str, what: str, rule: Rule = Rule.SAFE, making: bool = False) -> Iterator[int]:
    """Open a folder and yield its descriptor. An OSError of opening it or while it is open says that *what* failed."""
    with _reported(what), paths.open_folder(folder, rule, making) as at:
        yield at


def _aside(name: str) -> str:
    return f".{name}{ASIDE}"


def _write_new(at: int, name: str, content: Content, rule: Rule = Rule.SAFE) -> os.stat_result:
    """Write a new file and return its status."""
    data, attributes = content
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(name, flags, attributes.mode & 0o600, dir_fd=at)
    try:
        if rule is Rule.WEBROOT:
            _give(at, handle)
        elif (attributes.uid, attributes.gid) != (-1, -1):
            os.fchown(handle, attributes.uid, attributes.gid)
        os.fchmod(handle, attributes.mode)  # after the owner is set, and regardless of the umask
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
        return os.fstat(handle)
    finally:
        os.close(handle)


def _make_folder(at: int, name: str, mode: int = 0o755) -> None:
    umask = os.umask(0o022)
    try:
        os.mkdir(name, mode, dir_fd=at)
    finally:
        os.umask(umask)


def _give_folder(at: int, name: str) -> None:
    """Give a new folder to the owner of its parent, unless somebody has replaced it meanwhile."""
    handle = os.open(name, FOLDER, dir_fd=at)
    try:
        if os.fstat(handle).st_uid == 0 != os.fstat(at).st_uid and not os.listdir(handle):
            _give(at, handle)
    finally:
        os.close(handle)


def _give(at: int, handle: int) -> None:
    """Give an open file or folder to the owner of its folder, if this runs as root and the file system allows it."""
    if os.geteuid() == 0:
        owner = os.fstat(at)
        with suppress(PermissionError):  # some network file systems do not allow chown
            os.fchown(handle, owner.st_uid, owner.st_gid)


def _unlink(at: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return False
    return True


def _remove_tree(at: int, name: str) -> None:
    """Remove a file, link or folder if it exists. No link is followed, even if parts are replaced meanwhile."""
    try:
        inside = os.open(name, FOLDER, dir_fd=at)
    except FileNotFoundError:
        return
    except OSError:  # not a folder
        os.unlink(name, dir_fd=at)
        return
    try:
        for entry in os.listdir(inside):
            _remove_tree(inside, entry)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=at)


def _drop(at: int, name: str, remove: Callable[[int, str], object] = _unlink) -> None:
    # Called while another error is reported. sweep() of the next run removes what cannot be removed now.
    with suppress(OSError):
        remove(at, name)
