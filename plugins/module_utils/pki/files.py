# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only functions that change the disk. What they make appears whole or not at all, with its final mode.

Everything is made aside, under a name of its own that ends in ASIDE, brought to the disk, renamed, and the rename
brought to the disk. What a killed run leaves aside is for sweep(). Every error is a DiskError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from .attributes import Attributes
from .errors import DiskError, LockedError

ASIDE = ".aside"
_PUBLIC = Attributes(0o644)
_PIECE = 1 << 16  # bytes
_LOCK_PATIENCE = 60.0  # seconds; what is done under a lock takes a few at most (an RSA key)

_ADVICE = {
    errno.ENOSPC: "make room there and run again",
    errno.EDQUOT: "make room there and run again",
    errno.EROFS: "mount it writable, or choose another folder",
    errno.EACCES: "does the task lack 'become: true'?",
    errno.EPERM: "does the task lack 'become: true'?",
}


class Content(NamedTuple):
    """A file to be: its bytes and who may read it."""

    data: bytes
    attributes: Attributes = _PUBLIC


def explain(error: OSError, what: str) -> str:
    """One line for people: *what* could not be done, why, and what to do about it where that is known."""
    advice = _ADVICE.get(error.errno or 0)
    return f"{what}: {error.strerror or error}" + (f": {advice}" if advice else "")


def read(path: str) -> bytes:
    """The bytes of a file."""
    with _told(f"{path} cannot be read"), open(path, "rb") as file:
        return file.read()


def holds(path: str, data: bytes) -> bool:
    """Whether *path* is a file that holds just that.

    Others than root may own its folder: nothing that lies there makes this wait, or read without an end.
    """
    return peek(path, len(data) + 1) == data


def peek(path: str, most: int) -> bytes | None:
    """At most so many bytes of the file *path*, without waiting; None if it is none, or cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(handle, most) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def write_all(folder: str, contents: Mapping[str, Content]) -> None:
    """Put files into *folder*: all are on the disk before the first gets its name. Names appear in the order given."""
    try:
        for name, content in contents.items():
            with _told(f"{os.path.join(folder, name)} cannot be written"):
                _write_new(_aside(folder, name), content)
        for name in contents:
            with _told(f"{os.path.join(folder, name)} cannot be written"):
                os.replace(_aside(folder, name), os.path.join(folder, name))
        _sync_folder(folder)
    except DiskError:
        for name in contents:
            _drop(_aside(folder, name))
        raise


def replace(path: str, content: Content) -> None:
    """Put a file at *path* in place of the one there may be; its folder has to be there.

    What not everybody may read in the old one is overwritten once it has no name any more.
    """
    folder, name = os.path.split(path)
    clear(path)
    old = _open_to_overwrite(path)
    try:
        write_all(folder, {name: content})
        if old is not None:
            _overwrite(old, links=0)
    finally:
        if old is not None:
            os.close(old)


def write_folder(path: str, contents: Mapping[str, Content]) -> None:
    """Make the folder *path* with its files; it appears with all of them."""
    parent, name = os.path.split(path)
    aside = _aside(parent, name)
    try:
        with _told(f"{path} cannot be written"):
            _make_folder(aside)
            for file, content in contents.items():
                _write_new(os.path.join(aside, file), content)
            _sync_folder(aside)
            os.rename(aside, path)
            _sync_folder(parent)
    except DiskError:
        _drop(aside, _remove_tree)
        raise


@contextmanager
def passing(folder: str, data: bytes) -> Iterator[str]:
    """The path of a file that only this user can read and that is gone afterwards, for what takes nothing but files."""
    path = _aside(folder, f"{os.getpid()}-{threading.get_ident()}")
    try:
        with _told(f"{path} cannot be written"):
            _write_new(path, Content(data, Attributes(0o600)))
        yield path
    finally:
        _drop(path)


def make_folders(path: str, mode: int = 0o755) -> None:
    """Make the folder *path*, and those above it, where they are missing; *mode* is for those that are made."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_folders(parent, mode)
    with _told(f"{path} cannot be made"):
        try:
            _make_folder(path, mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return  # another run was faster
        _sync_folder(parent)


def link(path: str, target: str) -> None:
    """Make *path* a symbolic link to *target*, in one instant if there is one already."""
    folder, name = os.path.split(path)
    aside = _aside(folder, name)
    try:
        with _told(f"{path} cannot be switched"):
            os.symlink(target, aside)
            os.replace(aside, path)
            _sync_folder(folder)
    except DiskError:
        _drop(aside)
        raise


def set_attributes(path: str, wanted: Attributes) -> None:
    """Give a file its mode, owner and group. On the way nobody may read it who may not before or after."""
    with _told(f"{path} cannot be given its mode, owner and group"):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, os.fstat(handle).st_mode & wanted.mode)
            os.fchown(handle, wanted.uid, wanted.gid)
            os.fchmod(handle, wanted.mode)
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_folder(path: str) -> None:
    """Remove a folder; it disappears in one instant. What not everybody may read in it is overwritten."""
    parent, name = os.path.split(path)
    with _told(f"{path} cannot be removed"):
        os.rename(path, _aside(parent, name))
        _remove_tree(_aside(parent, name))
        _sync_folder(parent)


def remove_file(path: str) -> bool:
    """Remove a file and what was left aside of it; False if there was none."""
    folder, name = os.path.split(path)
    with _told(f"{path} cannot be removed"):
        _unlink(_aside(folder, name))
        return _unlink(path)


def destroy(path: str) -> None:
    """Remove a file or link, if it is there, in one instant. What not everybody may read is overwritten."""
    folder, name = os.path.split(path)
    with _told(f"{path} cannot be removed"):
        try:
            os.rename(path, _aside(folder, name))
        except FileNotFoundError:
            return
        _remove(_aside(folder, name))
        _sync_folder(folder)


def remove_empty(path: str) -> bool:
    """Remove a folder if it is empty and may be removed (a mount point may not); False if it stays."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def clear(path: str) -> None:
    """Remove what a killed run left aside of the file *path*. A folder in its place, which is nobody's of us, stays."""
    aside = _aside(*os.path.split(path))
    with _told(f"{aside}, which an earlier run left, cannot be removed"):
        _remove(aside)


def sweep(folder: str, name: str | None = None) -> None:
    """Remove what a killed run left aside in *folder*, or only what it left of *name*. Only for folders of our own."""
    with _told(f"what an earlier run left in {folder} cannot be removed"):
        try:
            entries = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.startswith(".") and entry.endswith(ASIDE) and name in (None, entry[1 : -len(ASIDE)]):
                _remove_tree(os.path.join(folder, entry))


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
    with _told(f"{path} cannot be locked"):
        # 0600: whoever may open it could hold it.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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
    with _told(f"{path} cannot be locked"):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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
    with _told(f"{path} cannot be written"):
        os.utime(path)


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


def _aside(folder: str, name: str) -> str:
    return os.path.join(folder, f".{name}{ASIDE}")


def _write_new(path: str, content: Content) -> None:
    data, wanted = content
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, wanted.mode & 0o600)
    try:
        if (wanted.uid, wanted.gid) != (-1, -1):
            os.fchown(handle, wanted.uid, wanted.gid)
        os.fchmod(handle, wanted.mode)  # after the owner, and whatever the umask is
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(path: str, mode: int = 0o755) -> None:
    umask = os.umask(0o022)
    try:
        os.mkdir(path, mode)
    finally:
        os.umask(umask)


def sync_folder(path: str) -> None:
    """Have the names in a folder on the disk for good. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have none for folders
            raise
    finally:
        os.close(handle)


def _sync_folder(path: str) -> None:
    with _told(f"{path} cannot be written"):
        sync_folder(path)


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _remove(path: str) -> None:
    """Remove a file or link, if it is there; a folder is an error."""
    handle = _open_to_overwrite(path)
    if handle is not None:
        try:
            _overwrite(handle, links=1)
        finally:
            os.close(handle)
    _unlink(path)


def _remove_tree(path: str) -> None:
    """Remove a file, link or folder where nobody else may write: who may could lead this elsewhere on the way down."""
    if os.path.islink(path) or not os.path.isdir(path):
        _remove(path)
        return
    for entry in os.listdir(path):
        _remove_tree(os.path.join(path, entry))
    os.rmdir(path)


def _open_to_overwrite(path: str) -> int | None:
    """A handle for _overwrite(); None if there is nothing, or it cannot be opened."""
    for access in (os.O_WRONLY, os.O_RDONLY):
        try:
            return os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
        except PermissionError:
            continue  # mode 0400, and not root
        except OSError:
            return None
    return None


def _overwrite(handle: int, links: int) -> None:
    """Overwrite a file that not everybody may read, such as a private key, in place as it goes.

    links: the names that it has, or it is left alone: one more is not ours. Not every file system writes in place, and
    one that cannot is no reason to keep the file.
    """
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & stat.S_IROTH or found.st_nlink > links:
            return
        if fcntl.fcntl(handle, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR):
            _write_zeros(handle, found.st_size)
            return
        os.fchmod(handle, 0o600)
        writable = os.open(f"/proc/self/fd/{handle}", os.O_WRONLY)  # it may have no name any more
        try:
            _write_zeros(writable, found.st_size)
        finally:
            os.close(writable)
    except OSError:
        pass


def _write_zeros(handle: int, size: int) -> None:
    while size > 0:
        size -= os.write(handle, bytes(min(size, _PIECE)))
    os.fsync(handle)


def _drop(path: str, remove: Callable[[str], None] = _remove) -> None:
    # While another error is told: what cannot be removed now is swept by the next run.
    try:
        remove(path)
    except OSError:
        pass
