# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and files opened for root, along paths in which other users may have a hand. Standard library only.

A path is walked one name at a time, each opened in the folder before it; links are followed here, not by the kernel.
What is opened is what was checked: whoever exchanges something in the meantime changes nothing of that.

The rule is systemd's against unsafe path transitions: nobody but root, or the user that this runs as, may lead the way
into what is somebody else's. An owner of a folder may exchange whatever is in it, so what is found in a user's folder
has to be that user's. A user's link has to lead to what is that user's, on a way that this user can go.

Nothing here waits for what it opens, such as a pipe that somebody put in a file's place.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum

try:
    import pwd
except ImportError:
    pass  # not a POSIX system; there is nothing here for one

_MOST_LINKS = 40  # as Linux has it
# A name is opened without opening what it names: any link, pipe or device. Only Linux and FreeBSD have that; elsewhere
# links are refused.
_BY_NAME = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW
#: For opening a folder, and no link to one.
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_PIECE = 1 << 16  # bytes


class Rule(Enum):
    """The rules for what may lie on the way.

    SAFE: no user leads into what is another's.
    OWN: everything is root's, or of the user that this runs as, and nobody else may write it; for what nobody else may
        have a hand in.
    WEBROOT: as SAFE, but in a user's folder what is root's may be passed, too: a .well-known that certbot made there,
        or an administrator's link in its place. Only for files with names that nobody could have guessed.
    """

    SAFE = "safe"
    OWN = "own"
    WEBROOT = "webroot"


class UnsafePathError(OSError):
    """Somebody else could lead this path elsewhere. strerror says who, where, and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


@contextmanager
def folder(path: str, rule: Rule = Rule.SAFE, making: bool = False) -> Iterator[int]:
    """Open the folder *path*, which is absolute; *making*: folders are to be made in it. Raises OSError."""
    with closing(_Walk(rule)) as walk:
        walk.to(path)
        if making and walk.by_link:
            raise UnsafePathError(
                f"{walk.by_link} is a link in a user's folder, behind which no folders are made. Make them yourself"
            )
        handle = os.open(".", FOLDER, dir_fd=walk.handle)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def file(path: str, rule: Rule = Rule.SAFE, follow: bool = False) -> Iterator[int]:
    """Open the regular file *path* for reading. follow: it may be a link. Raises OSError."""
    with closing(_Walk(rule)) as walk:
        walk.to(path, follow)
        if not stat.S_ISREG(walk.found.st_mode):
            number = errno.EISDIR if stat.S_ISDIR(walk.found.st_mode) else errno.EINVAL
            raise OSError(number, os.strerror(number), path)
        yield walk.handle


def read(path: str, most: int, rule: Rule = Rule.SAFE, follow: bool = False) -> bytes:
    """Return at most so many bytes of the regular file *path*. Raises OSError."""
    with file(path, rule, follow) as handle:
        return pull(handle, most)


def pull(handle: int, most: int) -> bytes:
    """Read at most so many bytes from a descriptor. Raises OSError."""
    pieces = []
    while most > 0 and (piece := os.read(handle, min(most, _PIECE))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def problem(path: str, rule: Rule) -> str:
    """Return why *path*, as far as it exists, could lead elsewhere; empty if it could not."""
    with closing(_Walk(rule)) as walk:
        try:
            walk.to(path)
        except UnsafePathError as error:
            return str(error.strerror)
        except OSError:
            pass  # it does not exist, or is no folder: told by whoever wants to use it
    return ""


def resolve(path: str) -> str:
    """Return *path* without links; as it is where somebody could lead it elsewhere, or it does not exist."""
    with closing(_Walk(Rule.SAFE)) as walk:
        try:
            walk.to(path)
        except OSError:
            return os.path.normpath(path)
        return walk.path


def user(uid: int) -> str:
    """Return the name of a user, for messages; the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class _Walk:
    """The way along a path, and where it has come to. Begins at '/'.

    handle: the place, opened by name; found: its status; path: of it, without links; by_link: a link of root's in a
    user's folder, if one was followed.
    """

    def __init__(self, rule: Rule) -> None:
        self.handle = -1
        self.by_link = ""
        self._rule = rule
        self._trusted = frozenset({0, os.geteuid()})  # the users who may lead anywhere
        self._links = 0
        self._leader = 0  # whose link is followed right now
        self._begin()

    def close(self) -> None:
        os.close(self.handle)

    def to(self, path: str, follow: bool = True) -> None:
        """Go to *path*, which is absolute. Raises OSError."""
        if not os.path.isabs(path):
            raise OSError(errno.EINVAL, "it is no absolute path", path)
        self._along(path, follow)

    def _along(self, path: str, follow: bool = True) -> None:
        names = [name for name in path.split("/") if name not in ("", ".")]
        for index, name in enumerate(names):
            self._step(name, follow or index < len(names) - 1)

    def _step(self, name: str, follow: bool) -> None:
        if not stat.S_ISDIR(self.found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.path)
        path = os.path.dirname(self.path) if name == ".." else f"{self.path.rstrip('/')}/{name}"
        if self._leader not in self._trusted and not _can_search(self._leader, self.found):
            raise UnsafePathError(
                f"a link of {user(self._leader)}'s leads through {self.path}, which is closed to them"
            )
        handle = os.open(name, _BY_NAME, dir_fd=self.handle)
        target = ""
        try:
            found = os.fstat(handle)
            self._check(found, path, name == "..")
            if stat.S_ISREG(found.st_mode):
                handle = _reopened(name, self.handle, handle, found)
            elif stat.S_ISLNK(found.st_mode):
                if not follow:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink("", dir_fd=handle)
        except BaseException:
            os.close(handle)
            raise
        if target:
            os.close(handle)
            self._follow(target, found.st_uid, path)
        else:
            self._go(handle, path, found)

    def _follow(self, target: str, owner: int, path: str) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        if owner in self._trusted and self.found.st_uid not in self._trusted:
            self.by_link = self.by_link or path
        if target.startswith("/"):
            self._begin()
        if owner in self._trusted:
            self._along(target)
            return
        before, self._leader = self._leader, owner
        self._along(target)
        self._leader = before
        if self.found.st_uid != owner:
            raise UnsafePathError(
                f"{path} is a link of {user(owner)}'s that leads to what belongs to {user(self.found.st_uid)}. "
                f"Name {self.path} itself, or have root own the link"
            )

    def _check(self, found: os.stat_result, path: str, up: bool) -> None:
        """Raise UnsafePathError unless the way may go on to *path*. up: it is the folder above."""
        if self._rule is Rule.OWN:
            self._check_own(found, path)
        keeper = self.found.st_uid
        # Nobody can exchange the folder above. A file is the end of the way: its owner matters to whoever reads it.
        if up or keeper in self._trusted or found.st_uid == keeper or stat.S_ISREG(found.st_mode):
            return
        if self._rule is Rule.WEBROOT and found.st_uid in self._trusted:
            return
        raise UnsafePathError(
            f"{self.path} belongs to {user(keeper)}, and {path} to {user(found.st_uid)}: {user(keeper)} could put "
            "another in its place. Let both have one owner, or root own the folder above"
        )

    def _check_own(self, found: os.stat_result, path: str) -> None:
        if found.st_uid not in self._trusted:
            raise UnsafePathError(
                f"{path} belongs to {user(found.st_uid)}, who could lead this elsewhere. "
                "Have root own it, or choose a place where root owns everything"
            )
        if not stat.S_ISLNK(found.st_mode) and _others_write(found):
            raise UnsafePathError(f"{path} is open to others to write. Close it (chmod go-w), or choose another place")

    def _begin(self) -> None:
        handle = os.open("/", _BY_NAME | os.O_DIRECTORY)
        self._go(handle, "/", os.fstat(handle))

    def _go(self, handle: int, path: str, found: os.stat_result) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle, self.path, self.found = handle, path, found


def _others_write(found: os.stat_result) -> bool:
    """Return True if others than its owner and root can write a file, or exchange what is in a folder."""
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return False
    # A user's own group, where this runs as no root: many systems have one for each user.
    groups = {0} if os.geteuid() == 0 else {0, os.getegid()}
    return bool(found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid not in groups))


def _can_search(uid: int, found: os.stat_result) -> bool:
    """Return True if a user may go through a folder."""
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_mode & stat.S_IXOTH:
        return True
    try:
        entry = pwd.getpwuid(uid)
        return bool(found.st_mode & stat.S_IXGRP) and found.st_gid in os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:
        return False


def _reopened(name: str, folder: int, handle: int, found: os.stat_result) -> int:
    """Open for reading what was opened by name, and close that. Raises OSError."""
    reading = os.open(name, _FILE, dir_fd=folder)
    if not os.path.samestat(os.fstat(reading), found):
        os.close(reading)
        raise OSError(errno.ESTALE, "it was exchanged for another in this moment")
    os.close(handle)
    return reading
