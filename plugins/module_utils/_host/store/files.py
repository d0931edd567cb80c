# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only functions that change the disk. What they make appears whole or not at all, with its final mode.

Everything is made aside, under a name of its own that ends in ASIDE, brought to the disk, renamed, and the rename
brought to the disk. What a killed run leaves aside is for sweep(). Folders are opened by paths.py, and everything is
done in what was opened. Every error is a DiskError.
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
_LARGEST = 1 << 22  # bytes; no file of a certificate comes near it
_LOCK_PATIENCE = 60.0  # seconds; what is done under a lock takes a few at most (an RSA key)

_ADVICE = {
    errno.ENOSPC: "make room there and run again",
    errno.EDQUOT: "make room there and run again",
    errno.EROFS: "mount it writable, or choose another folder",
    errno.EACCES: "does the task lack 'become: true'?",
    errno.EPERM: "does the task lack 'become: true'?",
    errno.EBUSY: "if it is a mount point, mount the folder that it is in, since it is replaced as a whole",
}


class Content(NamedTuple):
    """A file to be: its bytes and who may read it."""

    data: bytes
    attributes: Attributes = _PUBLIC


def explain(error: OSError, what: str) -> str:
    """One line for people: *what* could not be done, why, and what to do about it where that is known."""
    advice = None if isinstance(error, paths.UnsafePathError) else _ADVICE.get(error.errno or 0)
    return f"{what}: {error.strerror or error}" + (f": {advice}" if advice else "")


def read(path: str) -> bytes:
    """The bytes of a file, which may be a link; what is larger than any of a certificate is an error."""
    with _told(f"{path} cannot be read"):
        data = paths.read(path, _LARGEST + 1, follow=True)
    if len(data) > _LARGEST:
        raise DiskError(f"{path} cannot be read: it has more than {_LARGEST} bytes")
    return data


def holds(path: str, data: bytes, rule: Rule = Rule.SAFE) -> bool:
    """Return True if *path* is a file, and no link, with just these bytes."""
    return peek(path, len(data) + 1, rule) == data


def peek(path: str, most: int, rule: Rule = Rule.SAFE) -> bytes | None:
    """At most so many bytes of the file *path*; None if it is none, a link, or cannot be read."""
    try:
        return paths.read(path, most, rule)
    except OSError:
        return None


def write_all(folder: str, contents: Mapping[str, Content]) -> None:
    """Put files into *folder*: all are on the disk before the first gets its name. Names appear in the order given."""
    with _opened(folder, f"{os.path.join(folder, next(iter(contents)))} cannot be written") as at:
        _write_all(at, folder, contents)


def replace(path: str, content: Content, rule: Rule = Rule.SAFE) -> None:
    """Put a file at *path* in place of the one there may be; its folder has to be there.

    With Rule.WEBROOT it belongs to the owner of its folder. The file that a killed run left aside is removed; a folder
    in its place is not ours, and an error.
    """
    folder, name = os.path.split(path)
    with _opened(folder, f"{path} cannot be written", rule) as at:
        with _told(f"{os.path.join(folder, _aside(name))}, which an earlier run left, cannot be removed"):
            _unlink(at, _aside(name))
        _write_all(at, folder, {name: content}, rule)


def _write_all(at: int, folder: str, contents: Mapping[str, Content], rule: Rule = Rule.SAFE) -> None:
    made = {}
    try:
        for name, content in contents.items():
            with _told(f"{os.path.join(folder, name)} cannot be written"):
                made[name] = _write_new(at, _aside(name), content, rule)
        for name, status in made.items():
            with _told(f"{os.path.join(folder, name)} cannot be written"):
                os.replace(_aside(name), name, src_dir_fd=at, dst_dir_fd=at)
                # Who owns the folder may have put another file aside meanwhile.
                if not os.path.samestat(os.stat(name, dir_fd=at, follow_symlinks=False), status):
                    raise OSError(errno.ESTALE, "somebody exchanged it while it was written")
        with _told(f"{folder} cannot be written"):
            sync(at)
    except DiskError:
        for name in contents:
            _drop(at, _aside(name))
        raise


def write_folder(path: str, contents: Mapping[str, Content]) -> None:
    """Make the folder *path* with its files; it appears with all of them."""
    parent, name = os.path.split(path)
    with _opened(parent, f"{path} cannot be written") as at:
        try:
            with _told(f"{path} cannot be written"):
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
        except DiskError:
            _drop(at, _aside(name), _remove_tree)
            raise


@contextmanager
def passing(folder: str, data: bytes) -> Iterator[str]:
    """The path of a file that only this user can read and that is gone afterwards, for what takes nothing but files."""
    name = _aside(f"{os.getpid()}-{threading.get_ident()}")
    path = os.path.join(folder, name)
    with _opened(folder, f"{path} cannot be written", Rule.OWN) as at:
        try:
            with _told(f"{path} cannot be written"):
                _write_new(at, name, Content(data, Attributes(0o600)))
            yield path
        finally:
            _drop(at, name)


def make_folders(path: str, mode: int = 0o755, rule: Rule = Rule.SAFE) -> None:
    """Make the folder *path*, and those above it, where they are missing; *mode* is for those that are made.

    With Rule.WEBROOT they belong to the owner of the folder that they are made in.
    """
    with _told(f"{path} cannot be made"):
        try:
            with paths.folder(path, rule):
                return
        except (FileNotFoundError, NotADirectoryError):  # a file in a folder's place is told by its own name
            pass
    parent, name = os.path.split(path)
    make_folders(parent, mode, rule)
    with _opened(parent, f"{path} cannot be made", rule, making=True) as at, _told(f"{path} cannot be made"):
        try:
            _make_folder(at, name, mode)
        except FileExistsError:  # another run was faster, or it is none
            if not stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                raise
            return
        if rule is Rule.WEBROOT:
            _give_folder(at, name)
        sync(at)


def link(path: str, target: str) -> None:
    """Make *path* a symbolic link to *target*, in one instant if there is one already."""
    folder, name = os.path.split(path)
    with _opened(folder, f"{path} cannot be switched") as at:
        try:
            with _told(f"{path} cannot be switched"):
                os.symlink(target, _aside(name), dir_fd=at)
                os.replace(_aside(name), name, src_dir_fd=at, dst_dir_fd=at)
                sync(at)
        except DiskError:
            _drop(at, _aside(name))
            raise


def remove_folder(path: str) -> None:
    """Remove a folder; it disappears in one instant."""
    parent, name = os.path.split(path)
    with _opened(parent, f"{path} cannot be removed") as at, _told(f"{path} cannot be removed"):
        os.rename(name, _aside(name), src_dir_fd=at, dst_dir_fd=at)
        _remove_tree(at, _aside(name))
        sync(at)


def remove_file(path: str, rule: Rule = Rule.SAFE, only_aside: bool = False) -> bool:
    """Remove a file or link, and what was left aside of it, or only that; False if there was none."""
    folder, name = os.path.split(path)
    with _told(f"{path} cannot be removed"):
        try:
            with paths.folder(folder, rule) as at:
                aside = _unlink(at, _aside(name))
                return aside if only_aside else _unlink(at, name)
        except FileNotFoundError:
            return False


def remove_empty(path: str) -> bool:
    """Remove a folder if it is empty and may be removed (a mount point may not); False if it stays."""
    parent, name = os.path.split(path)
    try:
        with paths.folder(parent) as at:
            os.rmdir(name, dir_fd=at)
    except OSError:
        return False
    return True


def sweep(folder: str, name: str | None = None) -> None:
    """Remove what a killed run left aside in *folder*, or only what it left of *name*. Only for folders of our own."""
    with _told(f"what an earlier run left in {folder} cannot be removed"):
        try:
            with paths.folder(folder, Rule.OWN) as at:
                for entry in os.listdir(at):
                    if entry.startswith(".") and entry.endswith(ASIDE) and name in (None, entry[1 : -len(ASIDE)]):
                        _remove_tree(at, entry)
        except (FileNotFoundError, NotADirectoryError):
            return


@contextmanager
def locked(
    path: str,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = _LOCK_PATIENCE,
) -> Iterator[None]:
    """Hold the lock at *path*. The kernel lets go of it when the process ends, however that comes about.

    patience: seconds after which a lock that another holds is a LockedError.
    """
    handle = _open_lock(path)
    try:
        deadline = monotonic() + patience
        while not _try_lock(handle, path):
            if monotonic() >= deadline:
                raise LockedError(
                    f"another run has held {path} for {patience:.0f} seconds: run again when it has ended"
                )
            sleep(0.1)
        yield
    finally:
        os.close(handle)


def claim(path: str) -> int | None:
    """Take the lock at *path* for as long as a process has the handle that this gives; None if another has it.

    Handles that a fork copies are one: the lock is let go of with the last of them.
    """
    handle = _open_lock(path)
    try:
        claimed = _try_lock(handle, path)
    except DiskError:
        os.close(handle)
        raise
    if claimed:
        return handle
    os.close(handle)
    return None


def touch(path: str) -> None:
    """Give a file the present time."""
    folder, name = os.path.split(path)
    with _opened(folder, f"{path} cannot be written") as at, _told(f"{path} cannot be written"):
        os.utime(name, dir_fd=at, follow_symlinks=False)


def _open_lock(path: str) -> int:
    folder, name = os.path.split(path)
    with _opened(folder, f"{path} cannot be locked") as at, _told(f"{path} cannot be locked"):
        # 0600: whoever may open it could hold it.
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=at)


def _try_lock(handle: int, path: str) -> bool:
    with _told(f"{path} cannot be locked"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(explain(error, what)) from None


@contextmanager
def _opened(folder: str, what: str, rule: Rule = Rule.SAFE, making: bool = False) -> Iterator[int]:
    """A descriptor of a folder; an error of opening it is told as *what*."""
    with ExitStack() as stack:
        with _told(what):
            at = stack.enter_context(paths.folder(folder, rule, making))
        yield at


def _aside(name: str) -> str:
    return f".{name}{ASIDE}"


def _write_new(at: int, name: str, content: Content, rule: Rule = Rule.SAFE) -> os.stat_result:
    """Write a new file, and return its status."""
    data, wanted = content
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(name, flags, wanted.mode & 0o600, dir_fd=at)
    try:
        if rule is Rule.WEBROOT:
            _give(at, handle)
        elif (wanted.uid, wanted.gid) != (-1, -1):
            os.fchown(handle, wanted.uid, wanted.gid)
        os.fchmod(handle, wanted.mode)  # after the owner, and whatever the umask is
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
    """Give a folder that was made just now to its parent's owner, unless another has been put in its place since."""
    handle = os.open(name, FOLDER, dir_fd=at)
    try:
        if os.fstat(handle).st_uid == 0 != os.fstat(at).st_uid and not os.listdir(handle):
            _give(at, handle)
    finally:
        os.close(handle)


def _give(at: int, handle: int) -> None:
    """Give an open file or folder to the owner of the folder it is in, where that can be done and is for root to do."""
    if os.geteuid() == 0:
        owner = os.fstat(at)
        with suppress(PermissionError):  # some network file systems let nobody give away anything
            os.fchown(handle, owner.st_uid, owner.st_gid)


def _unlink(at: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return False
    return True


def _remove_tree(at: int, name: str) -> None:
    """Remove a file, link or folder, if it is there. No link is followed, whatever is exchanged on the way down."""
    try:
        inside = os.open(name, FOLDER, dir_fd=at)
    except FileNotFoundError:
        return
    except OSError:  # no folder
        os.unlink(name, dir_fd=at)
        return
    try:
        for entry in os.listdir(inside):
            _remove_tree(inside, entry)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=at)


def _drop(at: int, name: str, remove: Callable[[int, str], object] = _unlink) -> None:
    # While another error is told: what cannot be removed now is swept by the next run.
    with suppress(OSError):
        remove(at, name)
