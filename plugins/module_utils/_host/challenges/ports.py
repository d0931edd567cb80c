# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of this host: opening one, and who has it when that cannot be done. Standard library only."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ListenError
from ..store import files
from ..wanted.listen_address import Listen

# Connections that wait to be taken: a CA comes from several places at once, for many names at once.
_BACKLOG = 128
_LISTENS = "0A"  # TCP_LISTEN in the kernel's table


class Holder(NamedTuple):
    """A process that listens at a port."""

    pid: int
    name: str


def bind(listen: Listen, advice: str) -> socket.socket:
    """A socket that listens. *advice*: what else can be done where the port is taken. Raises ListenError."""
    try:
        return _listening(listen)
    except OSError as error:
        raise ListenError(_told(error, listen, advice)) from None


def holder(listen: Listen) -> Holder | None:
    """The process that has the port; None if none has, or if only root could tell. Of several the oldest."""
    inodes = set(_listening_inodes(listen))
    found = [pid for pid in _pids() if inodes & _sockets(pid)] if inodes else []
    known = [(started, Holder(pid, name)) for pid in found for started, name in _stat(pid)]
    return min(known)[1] if known else None


def _listening(listen: Listen) -> socket.socket:
    if listen.address:
        family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
        return socket.create_server((listen.address, listen.port), family=family, backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", listen.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", listen.port), backlog=_BACKLOG)


def _told(error: OSError, listen: Listen, advice: str) -> str:
    if error.errno == errno.EADDRINUSE:
        by = holder(listen)
        who = f"held by {by.name} (pid {by.pid})" if by else "held by another process"
        return f"{listen} is {who}: stop it, or {advice}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{listen.address} is not an address of this host: choose one that it has, or give the port alone"
    plain = OSError(error.errno, os.strerror(error.errno)) if error.errno else error  # without what Python adds
    return files.explain(plain, f"{listen} cannot be listened at")


def _listening_inodes(listen: Listen) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue  # a kernel without IPv6
        for row in rows:
            address, _colon, port = row[1].partition(":")
            if row[3] == _LISTENS and int(port, 16) == listen.port and _in_the_way(address, listen.address):
                yield row[9]


def _in_the_way(text: str, address: str | None) -> bool:
    """Whether who listens at one address (as the kernel writes it) keeps another from listening at *address*."""
    there = _address(text)
    if address is None or there.is_unspecified:
        return True
    wanted = ipaddress.ip_address(address)
    return wanted.is_unspecified or there == wanted


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # Words of four bytes, each as this machine orders them.
    step = -1 if sys.byteorder == "little" else 1
    data = bytes.fromhex(text)
    return ipaddress.ip_address(b"".join(data[at : at + 4][::step] for at in range(0, len(data), 4)))


def _pids() -> list[int]:
    try:
        return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    except OSError:
        return []


def _sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets; none for one that has ended, or that others than root may not look into."""
    found = set()
    folder = f"/proc/{pid}/fd"
    try:
        for entry in os.listdir(folder):
            target = os.readlink(f"{folder}/{entry}")
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    except OSError:
        pass
    return found


def _stat(pid: int) -> Iterator[tuple[int, str]]:
    """When the process started (clock ticks since boot) and its name; nothing for one that has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # proc(5): the name is in parentheses, and may have some itself.
            _number, _open, rest = file.read().partition(" (")
    except OSError:
        return
    name, _close, fields = rest.rpartition(") ")
    yield int(fields.split()[19]), "".join(char if char.isprintable() else "?" for char in name)
