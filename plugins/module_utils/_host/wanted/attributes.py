# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mode, owner and group of a private key or another file. Standard library only."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..._common.errors import OptionError
from ..._common.paths import user_name

try:
    import grp
    import pwd
except ImportError:
    pass  # not a POSIX system; there is nothing here for one

_NO_ID = 2**32 - 1  # chown() leaves the owner with this number; greater ones do not fit


class Attributes(NamedTuple):
    """mode: permission bits. uid, gid: -1 leaves them as they are."""

    mode: int
    uid: int = -1
    gid: int = -1


def resolve(wanted: Mapping[str, Any], secret: bool = True) -> Attributes:
    """Parse the options mode, owner and group. Raises OptionError."""
    return Attributes(
        parse_mode(wanted["mode"], secret),
        _id("owner", wanted["owner"], "user", lambda name: pwd.getpwnam(name).pw_uid),
        _id("group", wanted["group"], "group", lambda name: grp.getgrnam(name).gr_gid),
    )


def parse_mode(text: str, secret: bool = True) -> int:
    """Parse permission bits in octal. *secret*: the file contains a private key. Raises OptionError."""
    # A leading zero is required: YAML reads an unquoted 0640 as 416, which could be an octal number, too.
    if not re.fullmatch(r"0[0-7]{3}", text):
        raise OptionError(f"mode {text!r} is invalid: give four octal digits in quotes, such as '0640'")
    mode = int(text, 8)
    if secret and mode & 0o007:
        raise OptionError(
            f"mode '{text}' would let every user of the host read the private key: use '0640' and a group"
        )
    return mode


def drift(path: str, wanted: Attributes, name: str = "") -> list[str]:
    """Return the differences of the file at *path* from *wanted*, for people; none if it does not exist.

    *name*: the file's name in these texts, by default the last part of its path.
    """
    try:
        found = os.lstat(path)
    except OSError:
        return []
    name = name or os.path.basename(path)
    texts = []
    if stat.S_IMODE(found.st_mode) != wanted.mode:
        texts.append(f"{name} mode {stat.S_IMODE(found.st_mode):04o} instead of {wanted.mode:04o}")
    if wanted.uid not in (-1, found.st_uid):
        texts.append(f"{name} owner {user_name(found.st_uid)} instead of {user_name(wanted.uid)}")
    if wanted.gid not in (-1, found.st_gid):
        texts.append(f"{name} group {_group(found.st_gid)} instead of {_group(wanted.gid)}")
    return texts


def completed(path: str, wanted: Attributes) -> Attributes:
    """Return *wanted* with owner and group of the file at *path*, which is replaced, where none are wanted."""
    try:
        found = os.lstat(path)
    except OSError:
        return wanted
    uid = found.st_uid if wanted.uid == -1 else wanted.uid
    gid = found.st_gid if wanted.gid == -1 else wanted.gid
    mine = (uid, gid) == (os.geteuid(), os.getegid())
    return Attributes(wanted.mode) if mine else Attributes(wanted.mode, uid, gid)


def _id(option: str, name: str | None, kind: str, find: Callable[[str], int]) -> int:
    if not name:
        return -1
    try:
        return find(name)
    except KeyError:
        if name.isdecimal() and int(name) < _NO_ID:
            return int(name)
        raise OptionError(f"{option} {name!r} is not a {kind} of this host") from None


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
