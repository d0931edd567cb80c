# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""BIND's servers of a lab, each in a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LabError
from .process import Process, wait

if TYPE_CHECKING:
    from .lab import Lab

SECOND_PORT = 5300  # of every server, for changes where a firewall closes 53
# Changes reach other servers at once.
OPTIONS = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on {{ {addresses} }};
    listen-on port {second_port} {{ {addresses} }};
    listen-on-v6 {{ {addresses6} }};
    dnssec-validation no;
    minimal-responses yes;
    notify no;
    notify-rate 1000;
    serial-query-rate 1000;
    interface-interval 0;
    {recursion}
}};
controls {{ }};
"""
NO_RECURSION = "recursion no;"
# It remembers answers for no longer than the second in which it got them, or they would hide a fresh TXT record.
RECURSION = "recursion yes; allow-recursion { any; }; max-cache-ttl 0; max-ncache-ttl 0; servfail-ttl 0; lame-ttl 0;"


def options(directory: str, addresses: Sequence[str], addresses6: Sequence[str], recursion: str = NO_RECURSION) -> str:
    """Return the start of its configuration. directory: as the server sees it. recursion: statements about it."""
    return OPTIONS.format(
        directory=directory,
        second_port=SECOND_PORT,
        addresses="".join(f"{address}; " for address in addresses),
        addresses6="".join(f"{address}; " for address in addresses6),
        recursion=recursion,
    )


def start(lab: Lab, name: str, directory: Path, config: str) -> None:
    """Start a server with this configuration. Its log is lab.log(name)."""
    named = shutil.which("named", path="/usr/sbin:/usr/local/sbin")
    if not named:
        raise LabError("there is no named: install Debian's bind9 (make system does)")
    # AppArmor's profile of /usr/sbin/named would keep it from reading here; it knows the program by its path.
    shutil.copy2(named, directory / "named")
    (directory / "named.conf").write_text(config)
    seen = lab.seen(directory)
    lab.spawn(name, [f"{seen}/named", "-g", "-n", "1", "-c", f"{seen}/named.conf"])


def reconfigure(lab: Lab, name: str, directory: Path, config: str) -> None:
    """Have a server use another configuration; return when it does."""
    (directory / "named.conf").write_text(config)
    log = lab.log(name)
    mark = log.stat().st_size
    reload(lab, name)

    def reloaded() -> bool:
        with log.open("rb") as said:
            said.seek(mark)
            return b"reloading zones succeeded" in said.read()

    wait(reloaded, 20, f"{name} does not take its configuration: see {log}")


def reload(lab: Lab, name: str) -> None:
    """Have a server read configuration and zones again, in the background."""
    os.kill(process(lab, name).pid, signal.SIGHUP)


def process(lab: Lab, name: str) -> Process:
    """Return the process of a server. Raises LabError when it has ended."""
    found = Process.recorded(lab.state / f"{name}.pid")
    if found is None:
        raise LabError(f"{name} does not run: see {lab.log(name)}")
    return found
