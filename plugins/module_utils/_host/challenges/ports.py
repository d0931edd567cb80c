# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listen on a port of this host, and find the process that uses it. Standard library only."""

from __future__ import annotations

import errno
import glob
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ListenError
from ..store import files
from ..wanted.listen_address import Listen

# Connections that wait to be accepted: a CA connects from several places, and for many names, at once.
_BACKLOG = 128
_LISTENING = "0A"  # TCP_LISTEN in the kernel's table


class PortUser(NamedTuple):
    """A process that listens on a port."""

    pid: int
    name: str


def bind(listen: Listen, advice: str) -> socket.socket:
    """Return a socket that listens. *advice*: what else to do if the port is in use. Raises ListenError."""
    try:
        return _listening(listen)
    except OSError as error:
        raise ListenError(_explain(error, listen, advice)) from None


def find_user(listen: Listen) -> PortUser | None:
    """Return the process that uses the port, the oldest of several; None if none does, or if only root can see it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(listen)}
    if not sockets:
        return None
    pids = {path.split("/")[2] for path in glob.iglob("/proc/[0-9]*/fd/*") if _target(path) in sockets}
    users = [(started, PortUser(int(pid), name)) for pid in pids for started, name in _stat(pid)]
    return min(users)[1] if users else None


def _listening(listen: Listen) -> socket.socket:
    if listen.address:
        family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
        return socket.create_server((listen.address, listen.port), family=family, backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", listen.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", listen.port), backlog=_BACKLOG)


def _explain(error: OSError, listen: Listen, advice: str) -> str:
    failed = f"cannot listen on {listen}"
    if error.errno == errno.EADDRINUSE:
        user = find_user(listen)
        who = f"{user.name} (pid {user.pid})" if user else "another process"
        return f"{failed}: {who} is using it. Stop it, or {advice}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{failed}: this host does not have the address. Choose one that it has, or give the port only"
    plain = OSError(error.errno, os.strerror(error.errno)) if error.errno else error  # without the text of Python
    return files.explain(plain, failed)


def _listening_inodes(listen: Listen) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue  # the kernel has no IPv6
        for row in rows:
            address, _colon, port = row[1].partition(":")
            if row[3] == _LISTENING and int(port, 16) == listen.port and _blocks(address, listen.address):
                yield row[9]


def _blocks(text: str, address: str | None) -> bool:
    """Return True if a listener on one address (*text*, as the kernel writes it) blocks another on *address*."""
    used = _parse_address(text)
    if address is None or used.is_unspecified:
        return True
    asked = ipaddress.ip_address(address)
    return asked.is_unspecified or used == asked


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # Words of four bytes, each in the byte order of this machine.
    step = -1 if sys.byteorder == "little" else 1
    data = bytes.fromhex(text)
    return ipaddress.ip_address(b"".join(data[at : at + 4][::step] for at in range(0, len(data), 4)))


def _target(path: str) -> str:
    """Return what a link leads to; an empty text if it has disappeared, or if only root may read it."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _stat(pid: str) -> Iterator[tuple[int, str]]:
    """Yield when a process started (clock ticks since boot) and its name; nothing if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # proc(5): the name is in parentheses, and may contain some.
            _number, _open, rest = file.read().partition(" (")
    except OSError:
        return
    name, _close, fields = rest.rpartition(") ")
    yield int(fields.split()[19]), "".join(char if char.isprintable() else "?" for char in name)
