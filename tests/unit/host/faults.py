# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the os module in _host/store/files.py: counts each change of the disk, and has one of them fail.

It models the losses of a power cut, too: bytes that were written and not synced are cut off.
"""

from __future__ import annotations

import errno
import os
import signal

# Calls that change the disk, or sync a change to it.
CHANGES = frozenset(
    ["write", "fsync", "rename", "replace", "symlink", "mkdir", "unlink", "rmdir", "fchmod", "fchown", "utime"]
)
# Calls that need free space, for a full disk.
GROWING = frozenset(["create", "write", "fsync", "rename", "replace", "symlink", "mkdir"])
HARMLESS = frozenset(["close", "listdir", "fstat", "stat", "umask", "path", "getpid", "geteuid"])
# Calls after which a reader may see a difference.
VISIBLE = frozenset(["create", "rename", "replace", "symlink", "fchmod", "fchown"])
# Bytes that one write takes: short writes are part of every run.
PIECE = 500


class Crash(BaseException):
    """The process ends here; nothing but finally clauses runs after it, and those change nothing."""


class Disk:
    """Counts the changes. at: number of the change, from 1, before which *fault* is called; it may raise."""

    def __init__(self, at=0, fault=None, full=False, watch=None):
        self.at = at
        self.fault = fault
        self.full = full
        self.watch = watch
        self.changes = []  # (operation, what it was called with)
        self.struck = ""  # the first change that went wrong
        self._dirty = {}  # inode: a handle of its own, while there are bytes that are not on the disk

    def __getattr__(self, name):
        if name == "open":
            return self._open
        if name in CHANGES:
            return lambda *arguments, **options: self._change(name, arguments, options)
        # A function that is new in files.py has to be sorted in here: a change that is not counted is not tested.
        assert name in HARMLESS or name.startswith("O_"), (
            f"os.{name} is used in files.py: put it into CHANGES or HARMLESS"
        )
        return getattr(os, name)

    def _open(self, path, flags, *mode, dir_fd=None):
        if not flags & os.O_CREAT or (not flags & os.O_EXCL and exists(path, dir_fd)):
            return os.open(path, flags, *mode, dir_fd=dir_fd)
        return self._change("create", (path, flags, *mode), {"dir_fd": dir_fd})

    def _change(self, name, arguments, options):
        self._strike(name)
        self.changes.append((name, arguments))
        if name == "fsync":
            result = None  # the disk itself is of no interest here
            self._clean(arguments[0])
        elif name == "write":
            result = os.write(arguments[0], arguments[1][:PIECE])
            self._soil(arguments[0])
        elif name == "create":
            result = os.open(*arguments, **options)
        else:
            result = getattr(os, name)(*arguments, **options)
        if self.watch and name in VISIBLE:
            self.watch()
        return result

    def _strike(self, name):
        due = not self.struck and len(self.changes) + 1 == self.at
        if due or (self.full and self.struck and name in GROWING):
            self.struck = self.struck or name
            if self.fault:
                self.fault()

    def _soil(self, handle):
        inode = os.fstat(handle).st_ino
        if inode not in self._dirty:
            self._dirty[inode] = os.dup(handle)

    def _clean(self, handle):
        own = self._dirty.pop(os.fstat(handle).st_ino, None)
        if own is not None:
            os.close(own)

    def end(self, power=True):
        """The run has ended. Without power, what was not brought to the disk is gone."""
        for handle in self._dirty.values():
            if not power:
                os.ftruncate(handle, 0)
            os.close(handle)
        self._dirty.clear()


def exists(path, dir_fd):
    try:
        os.stat(path, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def crash():
    raise Crash


def no_space():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kill():
    os.kill(os.getpid(), signal.SIGKILL)
