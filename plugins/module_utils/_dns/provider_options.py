# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the providers that are written in Python, as entries of acme_dns have them.

Standard library only: the variables of the role are validated with it for every host, without the libraries of the
providers.
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
from .options import DICT, INT, LIST, Option, parse_options

_ALGORITHMS = ("hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1", "hmac-md5")
_PROTOCOLS = ("tcp", "udp")
_IPV6 = r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?"
# NAME, NAME:PORT, IPV4, IPV4:PORT, IPV6, [IPV6], [IPV6]:PORT
_SERVER = re.compile(rf"(?P<bare>{_IPV6})|(?:\[(?P<ipv6>{_IPV6})\]|(?P<name>[\w.-]+))(?::(?P<port>\d{{1,5}}))?")
# One DNS name. The argument of `nsupdate -y`, with algorithm and secret, is none.
_KEY_NAME = re.compile(r"""[^\s.:;"']{1,63}(\.[^\s.:;"']{1,63})*\.?""")
# Of acme-dns, at the end of a URL.
_ENDPOINT = re.compile(r"(/update|/register)?/*$")
_MAX_TTL = 2**31 - 1  # RFC 2181 section 8


def _algorithm(text: str) -> str:
    """Return the name of a TSIG algorithm in the form of _ALGORITHMS, from "HMAC-SHA512" or "hmac-sha512."."""
    # RFC 8945 section 6 has the longer name for the oldest algorithm.
    return text.strip().lower().removesuffix(".").removesuffix(".sig-alg.reg.int")


RFC2136 = (
    Option(
        "server",
        "IP address or host name of the zone's primary server, also with a port, as in `ns1.example.com:5353` or "
        "`[2001:db8::1]:5353`.",
        required=True,
        clean=str.strip,
    ),
    Option("port", "Its port, 53 if `server` has none.", type=INT),
    Option(
        "protocol",
        "The protocol of updates. With `udp` each record is a message of its own, and one that is lost is sent again.",
        default="tcp",
        choices=_PROTOCOLS,
        clean=str.lower,
    ),
    Option("tsig_name", "The name of the TSIG key. Without it, updates are not signed.", clean=str.strip),
    Option("tsig_secret", "The TSIG key in base64.", secret=True, clean=lambda text: "".join(text.split())),
    Option("tsig_algorithm", "The algorithm of the key.", default="hmac-sha256", choices=_ALGORITHMS, clean=_algorithm),
    Option("ttl", "TTL of the records in seconds.", type=INT, default=60),
)
LEXICON = (
    Option("name", "The name of the provider in dns-lexicon.", required=True),
    Option("options", "The options of that provider, with underscores.", type=DICT, default={}, secret=True),
    Option("ttl", "TTL of the records in seconds, if the provider supports it.", type=INT),
)
ACME_DNS = (
    Option("url", "The URL of the server's API, https (http only for loopback addresses).", required=True),
    Option("username", "The user name from the registration.", required=True, secret=True),
    Option("password", "The password from the registration.", required=True, secret=True),
    Option("subdomain", "The subdomain from the registration, the first label of the name.", required=True),
    Option("ca_path", "A file of PEM certificates to verify the server with, instead of those of the system."),
)
EXEC = (
    Option("program", "Absolute path of the program.", required=True),
    Option("args", "Arguments before `present` or `absent`.", type=LIST, default=()),
    Option("environment", "Environment variables besides PATH and HOME.", type=DICT, default={}, secret=True),
)


def verify_rfc2136(values: Mapping[str, Any]) -> None:
    """Raise DnsError for invalid values."""
    parse_server(values)
    parse_tsig_secret(values)
    _verify_ttl("rfc2136", values["ttl"])


def parse_server(values: Mapping[str, Any]) -> tuple[str, int]:
    """Return host and port of the server that accepts updates. Raises DnsError."""
    found = _SERVER.fullmatch(values["server"])
    if not found:
        raise DnsError(
            "rfc2136 has an invalid 'server': expected a host name or an IP address, optionally with :PORT "
            "([IPV6]:PORT)"
        )
    ports = {port for port in (values["port"], int(found["port"]) if found["port"] else None) if port is not None}
    wrong = [port for port in ports if not 0 < port < 65536]
    if wrong:
        raise DnsError(f"rfc2136 has an invalid 'port' {wrong[0]}: expected 1 to 65535")
    if len(ports) > 1:
        raise DnsError(f"rfc2136 has port {found['port']} in 'server' and {values['port']} as 'port': keep one of them")
    return found["bare"] or found["ipv6"] or found["name"], ports.pop() if ports else 53


def parse_tsig_secret(values: Mapping[str, Any]) -> bytes:
    """Return the TSIG key, empty for none. Raises DnsError."""
    name, secret = values["tsig_name"], values["tsig_secret"]
    if bool(name) != bool(secret):
        raise DnsError("rfc2136 needs 'tsig_name' and 'tsig_secret' together")
    if name and not _KEY_NAME.fullmatch(name):
        raise DnsError("rfc2136 has an invalid 'tsig_name': expected a DNS name, without algorithm and secret")
    try:
        return b64decode(secret, validate=True) if secret else b""
    except (binascii.Error, ValueError):
        raise DnsError(
            "rfc2136 has an invalid 'tsig_secret': expected base64, as after 'secret' in the key file"
        ) from None


def verify_lexicon(values: Mapping[str, Any]) -> None:
    """Raise DnsError for invalid values. Only lexicon knows the options of its providers."""
    _verify_ttl("lexicon", values["ttl"])


def parse_acme_dns_url(values: Mapping[str, Any]) -> str:
    """Return the URL for updates, from that of the API or of updates. Raises DnsError."""
    if "." in values["subdomain"]:
        raise DnsError(
            "acme_dns has an invalid 'subdomain': expected the subdomain of the registration, the first label of its "
            "fulldomain"
        )
    try:
        return verify_url(_ENDPOINT.sub("", values["url"]) + "/update")
    except ProtocolError:
        raise DnsError(
            "acme_dns has an invalid 'url': expected an https URL (http only for loopback addresses)"
        ) from None


def parse_environment(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the additional environment of the program. Raises DnsError."""
    if not os.path.isabs(values["program"]):
        raise DnsError("exec has an invalid 'program': expected an absolute path")
    for name, value in values["environment"].items():
        if isinstance(value, (Mapping, list, tuple)) or value is None or not name or "=" in name or "\0" in name:
            raise DnsError("exec has an invalid 'environment': expected a mapping of names to texts")
    return {name: str(value) for name, value in values["environment"].items()}


def _verify_ttl(provider: str, ttl: int | None) -> None:
    if ttl is not None and not 0 <= ttl <= _MAX_TTL:
        raise DnsError(f"{provider} has an invalid 'ttl' {ttl}: expected seconds from 0 to {_MAX_TTL}")


class ProviderOptions(NamedTuple):
    """The options of a provider. verify: raises DnsError for invalid values."""

    options: Sequence[Option]
    verify: Callable[[Mapping[str, Any]], Any]

    def parse(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with defaults and converted values. Raises DnsError, without any secret in it."""
        values = parse_options(self.options, given, name)
        self.verify(values)
        return values


#: By the name in `provider` of an entry.
BUILT_IN = {
    "rfc2136": ProviderOptions(RFC2136, verify_rfc2136),
    "lexicon": ProviderOptions(LEXICON, verify_lexicon),
    "acme_dns": ProviderOptions(ACME_DNS, parse_acme_dns_url),
    "exec": ProviderOptions(EXEC, parse_environment),
}
