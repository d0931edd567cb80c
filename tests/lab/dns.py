# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's DNS server: BIND, authoritative for one zone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
from typing import TYPE_CHECKING

from .errors import LabError
from .namespaces import in_network
from .process import Process, wait

if TYPE_CHECKING:
    from .lab import Lab

NAMED_CONF = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on {{ any; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    minimal-responses yes;
    notify no;
    interface-interval 0;
}};
controls {{ }};
zone "{zone}" {{
    type primary;
    file "{directory}/zone";
}};
"""

ZONE = """\
$TTL 1
@ SOA ca hostmaster 1 3600 600 86400 1
@ NS ca
"""
SOA = re.compile(r"^(@ SOA \S+ \S+) (\d+)", re.MULTILINE)


class Dns:
    """The lab's DNS server, at port 53 of the controller's address."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._directory = lab.state / "named"
        self._zone = self._directory / "zone"

    def start(self, records: list[tuple[str, str, str]]) -> None:
        """Start it with these records (name, type, value), beside SOA and NS; return when it answers."""
        self._directory.mkdir()
        named = shutil.which("named", path="/usr/sbin:/usr/local/sbin")
        if not named:
            raise LabError("there is no named: install Debian's bind9 (make system does)")
        # AppArmor's profile of /usr/sbin/named would keep it from reading here; it knows the program by its path.
        program = shutil.copy2(named, self._directory / "named")
        config = self._directory / "named.conf"
        config.write_text(NAMED_CONF.format(directory=self._directory, zone=self._lab.domain))
        self._zone.write_text(ZONE + "".join(f"{' '.join(record)}\n" for record in records))
        self._lab.spawn("named", [program, "-g", "-n", "1", "-c", config])
        self._loaded(1)

    def add(self, name: str, rtype: str, value: str) -> None:
        """Add a record, for example ("www", "A", "10.53.1.1"); a name without a final dot lies in the zone."""
        self._change(self._zone.read_text() + f"{name} {rtype} {value}\n")

    def remove(self, name: str, rtype: str, value: str) -> None:
        """Remove a record that was added."""
        text = self._zone.read_text()
        line = f"{name} {rtype} {value}\n"
        if f"\n{line}" not in text:
            raise LabError(f"the zone has no record {line.strip()}")
        self._change(text.replace(f"\n{line}", "\n", 1))

    def _change(self, text: str) -> None:
        match = SOA.search(text)
        assert match
        serial = int(match[2]) + 1
        aside = self._zone.with_suffix(".new")
        aside.write_text(SOA.sub(rf"\g<1> {serial}", text))
        aside.replace(self._zone)
        process = Process.recorded(self._lab.state / "named.pid")
        if process is None:
            raise LabError(f"named does not run: see {self._lab.log('named')}")
        os.kill(process.pid, signal.SIGHUP)
        self._loaded(serial)

    def _loaded(self, serial: int) -> None:
        wait(lambda: self._serial() == serial, 20, f"named does not load its zone: see {self._lab.log('named')}")

    def _serial(self) -> int | None:
        """The serial of the zone that is being served; None while there is no answer."""
        name = b"".join(bytes([len(label)]) + label.encode() for label in self._lab.domain.split(".")) + b"\0"
        query = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + name + struct.pack("!2H", 6, 1)  # SOA, IN

        def ask() -> int | None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0.5)
                sock.connect((self._lab.controller, 53))
                try:
                    sock.send(query)
                    answer = sock.recv(512)
                except OSError:
                    return None
            # One answer and nothing after it: it ends with serial, refresh, retry, expire, minimum.
            return struct.unpack("!I", answer[-20:-16])[0] if answer[6:12] == b"\0\1\0\0\0\0" else None

        serial: int | None = in_network(self._lab.init.pid, ask)
        return serial
