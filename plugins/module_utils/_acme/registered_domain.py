# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CAs count a name's certificates by: the part of it that is bought from a registrar.

By the Public Suffix List where the library tldextract is installed (dns-lexicon brings it along), and guessed else.
Zones are not found in this way, but by asking the DNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from .._common.identifiers import is_address

# Second-level labels under which country registries sell names.
_SECOND_LEVEL = ("ac", "co", "com", "edu", "gob", "gouv", "gov", "gv", "ne", "net", "nom", "or", "org", "sch")


def counter() -> Callable[[str], str]:
    """Gives the registered domain of a name (normalized), or what an IP address is counted by."""
    by_list = _by_list()

    def registered_domain(name: str) -> str:
        if is_address(name):
            return _network(name)
        name = name.removeprefix("*.")
        return by_list(name) or likely_registered_domain(name)

    return registered_domain


def _network(address: str) -> str:
    """An IPv4 address, or the /64 that an IPv6 address is in."""
    parsed = ipaddress.ip_address(address)
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def _by_list() -> Callable[[str], str]:
    try:
        import tldextract
    except ImportError:
        return likely_registered_domain
    # The list that comes with the library: none is fetched, and nothing is written.
    extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)

    def by_list(name: str) -> str:
        found = extract(name)
        return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else ""

    return by_list


def likely_registered_domain(name: str) -> str:
    """Return the registered domain by the look of the name, without a list."""
    labels = name.split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if country else -2 :])
