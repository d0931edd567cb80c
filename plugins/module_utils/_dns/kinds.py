# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries of acme_dns for the kinds of provider that are written in Python may have.

Standard library only: the role's variables are checked with it for every host, without the libraries of the providers.
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .._acme.errors import ProtocolError
from .._acme.urls import verify_url
from .errors import DnsError
from .options import DICT, INT, LIST, Option, check

_ALGORITHMS = ("hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1", "hmac-md5")
_SERVER = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?")
_LONGEST_TTL = 2**31 - 1  # RFC 2181 section 8

RFC2136 = (
    Option("server", "Address or name of the zone's primary server.", required=True),
    Option("port", "Its TCP port.", kind=INT, default=53),
    Option("tsig_name", "Name of the TSIG key. Without, updates are not signed."),
    Option("tsig_secret", "The TSIG key in base64.", secret=True),
    Option("tsig_algorithm", "The key's algorithm.", default="hmac-sha256", choices=_ALGORITHMS),
    Option("ttl", "Seconds that the records may be remembered.", kind=INT, default=60),
)
LEXICON = (
    Option("name", "dns-lexicon's name of the provider.", required=True),
    Option("options", "The options of that provider, with underscores.", kind=DICT, default={}, secret=True),
    Option("ttl", "Seconds that the records may be remembered; not every provider takes any.", kind=INT),
)
ACME_DNS = (
    Option("url", "The server's API, https (http for loopback addresses only).", required=True),
    Option("username", "What its registration gave.", required=True, secret=True),
    Option("password", "What its registration gave.", required=True, secret=True),
    Option("subdomain", "What its registration gave, the first label of the name.", required=True),
    Option("ca_path", "A file of PEM certificates that the server is verified with, instead of the system's."),
)
EXEC = (
    Option("program", "Absolute path of the program.", required=True),
    Option("args", "Arguments before `present` or `absent`.", kind=LIST, default=()),
    Option("environment", "More of its environment; it has PATH and HOME.", kind=DICT, default={}, secret=True),
)


def check_rfc2136(values: Mapping[str, Any]) -> bytes:
    """Return the TSIG key, empty for none. Raises DnsError."""
    if not _SERVER.fullmatch(values["server"]):
        raise DnsError("rfc2136 needs a name or an IP address as 'server', and the port as 'port'")
    if not 0 < values["port"] < 65536:
        raise DnsError(f"rfc2136 needs a port from 1 to 65535 as 'port', not {values['port']}")
    _check_ttl("rfc2136", values["ttl"])
    name, secret = values["tsig_name"], values["tsig_secret"]
    if bool(name) != bool(secret):
        raise DnsError("rfc2136 needs 'tsig_name' and 'tsig_secret' together")
    try:
        return b64decode(secret, validate=True) if secret else b""
    except (binascii.Error, ValueError):
        raise DnsError("rfc2136 needs base64 as 'tsig_secret', as the key's file has it") from None


def check_lexicon(values: Mapping[str, Any]) -> None:
    """Raise DnsError for values that cannot be right; the options of lexicon's provider are known to lexicon alone."""
    _check_ttl("lexicon", values["ttl"])


def check_acme_dns(values: Mapping[str, Any]) -> str:
    """Return the URL of the server's API. Raises DnsError."""
    try:
        return verify_url(values["url"].rstrip("/") + "/update")
    except ProtocolError:
        raise DnsError("acme_dns needs an https URL as 'url'; http is taken for loopback addresses only") from None


def check_exec(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the additional environment of the program. Raises DnsError."""
    if not os.path.isabs(values["program"]):
        raise DnsError("exec needs an absolute path as 'program'")
    for name, value in values["environment"].items():
        if isinstance(value, (Mapping, list, tuple)) or value is None or not name or "=" in name or "\0" in name:
            raise DnsError("exec needs names and texts as 'environment'")
    return {name: str(value) for name, value in values["environment"].items()}


def _check_ttl(kind: str, ttl: int | None) -> None:
    if ttl is not None and not 0 <= ttl <= _LONGEST_TTL:
        raise DnsError(f"{kind} needs a number of seconds from 0 to {_LONGEST_TTL} as 'ttl', not {ttl}")


class Kind(NamedTuple):
    """The options of a kind of provider, and what raises DnsError for values that cannot be right."""

    options: Sequence[Option]
    check: Callable[[Mapping[str, Any]], Any]

    def parse(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with defaults and of the declared kinds. Raises DnsError, in which no secret is told."""
        values = check(self.options, given, name)
        self.check(values)
        return values


#: By the name that an entry of acme_dns has for the kind.
KINDS = {
    "rfc2136": Kind(RFC2136, check_rfc2136),
    "lexicon": Kind(LEXICON, check_lexicon),
    "acme_dns": Kind(ACME_DNS, check_acme_dns),
    "exec": Kind(EXEC, check_exec),
}
