# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open folders and files as root on paths that other users can change. Standard library only.

A path is walked one name at a time, and each name is opened in the folder before it. Links are followed here, not by
the kernel. So what is opened is what was verified, even if somebody replaces a part of the path meanwhile.

The rule is that of systemd against unsafe path transitions: only root, or the user that this runs as, may lead a path
into what belongs to somebody else. The owner of a folder can replace everything in it, so what lies in a user's folder
must belong to that user. A user's link must lead to something that belongs to that user, through folders that this
user may enter.

No function waits for what it opens, such as a pipe that somebody put in the place of a file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum

try:
    import pwd
except ImportError:
    pass  # not a POSIX system, where nothing of this is called

_MAX_LINKS = 40  # the limit of Linux
_ATTEMPTS = 10  # to open a file that other runs replace meanwhile
# Open a name without opening what it names, such as a link, pipe or device. Only Linux and FreeBSD can do that; on
# other systems links are refused.
_BY_NAME = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW
#: Flags to open a folder, but not a link to one.
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK = 1 << 16  # bytes


class Rule(Enum):
    """The rules for who may own the parts of a path.

    SAFE: no user leads the path into what belongs to another user.
    OWN: every part belongs to root, or to the user that this runs as, and nobody else may write to it.
    WEBROOT: as SAFE, but parts in a user's folder may also belong to root: a .well-known that certbot made there, or an
        administrator's link in its place. Only for files with names that nobody can guess.
    """

    SAFE = "safe"
    OWN = "own"
    WEBROOT = "webroot"


class UnsafePathError(OSError):
    """A path that somebody else could redirect. strerror says who, where, and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


class _ReplacedError(OSError):
    """A file that was replaced while it was opened, as other runs replace files."""


@contextmanager
def open_folder(path: str, rule: Rule = Rule.SAFE, making: bool = False) -> Iterator[int]:
    """Open the folder *path* (absolute) and yield its descriptor. Raises OSError.

    *making*: the caller is going to create folders in it.
    """
    with closing(_Walk(rule)) as walk:
        walk.to(path)
        if making and walk.by_link:
            raise UnsafePathError(
                f"{walk.by_link} is a link in a user's folder, behind which no folders are created. "
                "Create them yourself"
            )
        handle = os.open(".", FOLDER, dir_fd=walk.handle)
    try:
        yield handle
    finally:
        os.close(handle)


def read(path: str, most: int, rule: Rule = Rule.SAFE, follow: bool = False) -> bytes:
    """Return at most *most* bytes of the regular file *path*. *follow*: it may be a link. Raises OSError."""
    with closing(_Walk(rule)) as walk:
        walk.to(path, follow)
        if not stat.S_ISREG(walk.status.st_mode):
            number = errno.EISDIR if stat.S_ISDIR(walk.status.st_mode) else errno.EINVAL
            raise OSError(number, os.strerror(number), path)
        chunks = []
        while most > 0 and (chunk := os.read(walk.handle, min(most, _CHUNK))):
            chunks.append(chunk)
            most -= len(chunk)
        return b"".join(chunks)


def read_whole(path: str, largest: int, follow: bool = False) -> bytes:
    """Return the bytes of the regular file *path*. Raises OSError, also if it has more than *largest* bytes."""
    data = read(path, largest + 1, follow=follow)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest} bytes", path)
    return data


def entries(folder: str) -> list[str]:
    """Return the names in *folder*; none if it does not exist, or cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def find_problem(path: str, rule: Rule) -> str:
    """Return why somebody could redirect *path*, as far as it exists; an empty text if nobody can."""
    with closing(_Walk(rule)) as walk:
        try:
            walk.to(path)
        except UnsafePathError as error:
            return str(error.strerror)
        except OSError:
            pass  # it does not exist, or is not a folder: whoever uses it reports that
    return ""


def resolve(path: str) -> str:
    """Return *path* with all links resolved; with none resolved if it does not exist or somebody could redirect it."""
    with closing(_Walk(Rule.SAFE)) as walk:
        try:
            walk.to(path)
        except OSError:
            return os.path.normpath(path)
        return walk.path


def user_name(uid: int) -> str:
    """Return the name of a user for messages; the number of a user without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class _Walk:
    """A walk along a path, which begins at '/', and the place that it has reached.

    handle: a descriptor of the place, opened by name. status: its status. path: its path without links. by_link: a link
    of root's in a user's folder, if one was followed.
    """

    def __init__(self, rule: Rule) -> None:
        self.handle = -1
        self.by_link = ""
        self._rule = rule
        self._trusted = frozenset({0, os.geteuid()})  # the users who may lead the path anywhere
        self._links = 0
        self._leader = 0  # the owner of the link that is being followed
        self._begin()

    def close(self) -> None:
        os.close(self.handle)

    def to(self, path: str, follow: bool = True) -> None:
        """Walk to *path* (absolute). Raises OSError."""
        if not os.path.isabs(path):
            raise OSError(errno.EINVAL, "the path is not absolute", path)
        self._along(path, follow)

    def _along(self, path: str, follow: bool = True) -> None:
        names = [name for name in path.split("/") if name not in ("", ".")]
        for index, name in enumerate(names):
            self._step(name, follow or index < len(names) - 1)

    def _step(self, name: str, follow: bool) -> None:
        if not stat.S_ISDIR(self.status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.path)
        path = os.path.dirname(self.path) if name == ".." else f"{self.path.rstrip('/')}/{name}"
        if self._leader not in self._trusted and not _can_search(self._leader, self.status):
            raise UnsafePathError(
                f"a link of {user_name(self._leader)}'s leads through {self.path}, which this user may not enter"
            )
        handle, status = self._open(name, path)
        if not stat.S_ISLNK(status.st_mode):
            self._go(handle, path, status)
            return
        try:
            if not follow:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink("", dir_fd=handle)
        finally:
            os.close(handle)
        self._follow(target, status.st_uid, path)

    def _open(self, name: str, path: str) -> tuple[int, os.stat_result]:
        """Open and verify what *name* is in the folder that was reached; a regular file for reading."""
        for _unused in range(_ATTEMPTS - 1):
            with suppress(_ReplacedError):
                return self._open_once(name, path)
        return self._open_once(name, path)

    def _open_once(self, name: str, path: str) -> tuple[int, os.stat_result]:
        handle = os.open(name, _BY_NAME, dir_fd=self.handle)
        try:
            status = os.fstat(handle)
            self._verify(status, path, name == "..")
            if stat.S_ISREG(status.st_mode):
                handle = _reopen(name, self.handle, handle, status)
        except BaseException:
            os.close(handle)
            raise
        return handle, status

    def _follow(self, target: str, owner: int, path: str) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        if owner in self._trusted and self.status.st_uid not in self._trusted:
            self.by_link = self.by_link or path
        if target.startswith("/"):
            self._begin()
        if owner in self._trusted:
            self._along(target)
            return
        before, self._leader = self._leader, owner
        self._along(target)
        self._leader = before
        if self.status.st_uid != owner:
            raise UnsafePathError(
                f"{path} is a link of {user_name(owner)}'s that leads to what belongs to "
                f"{user_name(self.status.st_uid)}. "
                f"Name {self.path} itself, or have root own the link"
            )

    def _verify(self, status: os.stat_result, path: str, up: bool) -> None:
        """Raise UnsafePathError unless the walk may go on to *path*. up: it is the folder above."""
        if self._rule is Rule.OWN:
            self._verify_owned(status, path)
        keeper = self.status.st_uid
        # Nobody can replace the folder above. A file is the end of the path: its owner matters to whoever reads it.
        if up or keeper in self._trusted or status.st_uid == keeper or stat.S_ISREG(status.st_mode):
            return
        if self._rule is Rule.WEBROOT and status.st_uid in self._trusted:
            return
        raise UnsafePathError(
            f"{self.path} belongs to {user_name(keeper)}, who could replace {path} of {user_name(status.st_uid)}. "
            "Let both have one owner, or root own the folder above"
        )

    def _verify_owned(self, status: os.stat_result, path: str) -> None:
        if status.st_uid not in self._trusted:
            raise UnsafePathError(
                f"{path} belongs to {user_name(status.st_uid)}, who could redirect this path. "
                "Have root own it, or choose a place where root owns everything"
            )
        if not stat.S_ISLNK(status.st_mode) and _others_write(status):
            raise UnsafePathError(
                f"{path} is writable by other users. Remove that permission (chmod go-w), or choose another place"
            )

    def _begin(self) -> None:
        handle = os.open("/", _BY_NAME | os.O_DIRECTORY)
        self._go(handle, "/", os.fstat(handle))

    def _go(self, handle: int, path: str, status: os.stat_result) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle, self.path, self.status = handle, path, status


def _others_write(status: os.stat_result) -> bool:
    """Return True if users other than its owner and root can write a file, or replace what is in a folder."""
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False
    # If this does not run as root, the user's own group is trusted: many systems have one for each user.
    groups = {0} if os.geteuid() == 0 else {0, os.getegid()}
    return bool(status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid not in groups))


def _can_search(uid: int, status: os.stat_result) -> bool:
    """Return True if a user may enter a folder."""
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_mode & stat.S_IXOTH:
        return True
    try:
        entry = pwd.getpwuid(uid)
        return bool(status.st_mode & stat.S_IXGRP) and status.st_gid in os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:
        return False


def _reopen(name: str, folder: int, handle: int, status: os.stat_result) -> int:
    """Open for reading what was opened by name, and close the first descriptor. Raises OSError."""
    reading = os.open(name, _FILE, dir_fd=folder)
    if not os.path.samestat(os.fstat(reading), status):
        os.close(reading)
        raise _ReplacedError(errno.ESTALE, "another file was put in its place while it was opened")
    os.close(handle)
    return reading
