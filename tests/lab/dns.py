# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's DNS server: BIND, authoritative for the lab's zone."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import bind
from .errors import LabError
from .namespaces import in_network
from .process import wait

if TYPE_CHECKING:
    from .lab import Lab

# Outside of the lab there is nothing.
CONFIG = """\
zone "{zone}" {{
    type primary;
    file "{directory}/zone";
}};
zone "." {{
    type primary;
    file "{directory}/root";
}};
"""
# Answers cached for the controller are not used for the CA.
RECURSIVE_CONFIG = """\
view "lab" {{
    match-destinations {{ !{for_ca}; any; }};
    zone "{zone}" {{
        type primary;
        file "{directory}/zone";
    }};
    zone "." {{
        type primary;
        file "{directory}/root";
    }};
}};
view "ca" {{
    zone "{zone}" {{ in-view "lab"; }};
    zone "." {{ in-view "lab"; }};
}};
"""
FOR_CA = 6  # the last part of the address for the CA's questions
ROOT = """\
$TTL 1
. SOA ca.{zone}. hostmaster.{zone}. 1 3600 600 86400 1
. NS ca.{zone}.
ca.{zone}. A {address}
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

    @property
    def for_ca(self) -> str:
        """The address at which the CA asks it."""
        controller = self._lab.controller
        return f"{controller.rpartition('.')[0]}.{FOR_CA}" if self._lab.options.dns_zones else controller

    def start(self, records: list[tuple[str, str, str]]) -> None:
        """Start it with these records (name, type, value), beside SOA and NS; return when it answers.

        In a lab with dns_zones it looks up what lies in zones that the records delegate.
        """
        lab, directory = self._lab, self._directory
        directory.mkdir()
        addresses, zones, recursion = ["127.0.0.1", lab.controller], CONFIG, lab.options.dns_zones
        if recursion:
            lab.ip("address", "add", f"{self.for_ca}/32", "dev", "bridge")
            addresses, zones = [*addresses, self.for_ca], RECURSIVE_CONFIG
        (directory / "root").write_text(ROOT.format(zone=lab.domain, address=lab.controller))
        seen = lab.seen(directory)
        mode = bind.RECURSION if recursion else bind.NO_RECURSION
        config = bind.options(seen, addresses, ["::1", lab.controller6], mode)
        config += zones.format(directory=seen, zone=lab.domain, for_ca=self.for_ca)
        self._zone.write_text(ZONE + "".join(f"{' '.join(record)}\n" for record in records))
        bind.start(lab, "named", directory, config)
        self._loaded(1)

    def add(self, name: str, rtype: str, value: str) -> None:
        """Add a record, for example ("www", "A", "10.53.1.1"); a name without a final dot lies in the zone."""
        self.add_all([(name, rtype, value)])

    def add_all(self, records: Sequence[tuple[str, str, str]]) -> None:
        """Add records (name, type, value) at once."""
        self._change(self._zone.read_text() + "".join(f"{' '.join(record)}\n" for record in records))

    def remove(self, name: str, rtype: str, value: str) -> None:
        """Remove a record that was added."""
        self.remove_all([(name, rtype, value)])

    def remove_all(self, records: Sequence[tuple[str, str, str]]) -> None:
        """Remove records that were added, at once."""
        text = self._zone.read_text()
        for record in records:
            line = f"{' '.join(record)}\n"
            if f"\n{line}" not in text:
                raise LabError(f"the zone has no record {line.strip()}")
            text = text.replace(f"\n{line}", "\n", 1)
        self._change(text)

    def _change(self, text: str) -> None:
        match = SOA.search(text)
        assert match
        serial = int(match[2]) + 1
        aside = self._zone.with_suffix(".new")
        aside.write_text(SOA.sub(rf"\g<1> {serial}", text))
        aside.replace(self._zone)
        bind.reload(self._lab, "named")
        self._loaded(serial)

    def _loaded(self, serial: int) -> None:
        wait(lambda: self._serial() == serial, 20, f"named does not load its zone: see {self._lab.log('named')}")

    def _serial(self) -> int | None:
        """Return the serial of the zone that is being served; None while there is no answer."""
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
