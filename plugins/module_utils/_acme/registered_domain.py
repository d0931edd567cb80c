# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registered domain of a name: the part below a public suffix, by the Public Suffix List of tldextract.

Zones are not found in this way, but by asking the DNS.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from .._common.identifiers import is_address
from .._common.libraries import missing
from .errors import AcmeError

if TYPE_CHECKING:
    import tldextract


def counted_by(name: str) -> str:
    """Return what CAs count a normalized identifier by: its registered domain, its IPv4 address or its IPv6 /64."""
    if not is_address(name):
        return registered_domain(name.removeprefix("*."))
    return str(ipaddress.ip_network((name, 64), strict=False)) if ":" in name else name


def registered_domain(name: str) -> str:
    """Return example.co.uk for www.example.co.uk; a public suffix itself, such as co.uk, is returned as given.

    Raises AcmeError if tldextract is not installed.
    """
    found = _extractor()(name)
    if not found.suffix:
        # https://publicsuffix.org/list/: a name that no rule matches has its last label as its public suffix.
        return ".".join(name.split(".")[-2:])
    return f"{found.domain}.{found.suffix}" if found.domain else name


@lru_cache(maxsize=1)
def _extractor() -> tldextract.TLDExtract:
    try:
        import tldextract
    except ImportError:
        raise AcmeError(missing(("tldextract",))) from None
    # The list that comes with the library: none is fetched, and nothing is written.
    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)
