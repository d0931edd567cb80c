# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address that a listener of a host answers on: PORT, ADDRESS:PORT or [IPV6]:PORT. Standard library only."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from ..._common.errors import OptionError

_FORM = re.compile(r"(?:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):)?(?P<port>[0-9]{1,5})")


class Listen(NamedTuple):
    """A port and an address. address: None for all addresses of the host."""

    port: int
    address: str | None = None

    @classmethod
    def of(cls, text: str) -> Listen:
        """Parse the text of an option. Raises OptionError."""
        found = _FORM.fullmatch(text.strip())
        try:
            if not found or not 0 < int(found["port"]) < 65536:
                raise ValueError
            address = None
            if found["v6"]:
                address = ipaddress.IPv6Address(found["v6"]).compressed
            elif found["v4"]:
                address = ipaddress.IPv4Address(found["v4"]).compressed
        except ValueError:
            raise OptionError(
                f"invalid listen address {text[:80]!r}: expected PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT"
            ) from None
        return cls(int(found["port"]), address)

    def __str__(self) -> str:
        return f"port {self.port}" + (f" of {self.address}" if self.address else "")
