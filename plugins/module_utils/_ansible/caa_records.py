# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CAA records that name servers are asked for. The library for it is loaded only if needed, as that takes long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from .._common.libraries import missing
from .._dns.errors import NotInstalledError

#: Return why CAA records refuse a domain, in one line; empty if they do not. Its other arguments are those of
#: PlannedIssuance. Raises QuestionError.
FindRefusal = Callable[[str, bool, Collection[str], str, str], str]


def refusal_finder(resolver: Sequence[str], timeout: float) -> FindRefusal:
    """Return the function that asks name servers, those of the system if *resolver* has no addresses.

    *timeout*: seconds for a look-up. Raises NotInstalledError, and DnsError for an invalid address.
    """
    absent = missing(("dns",))
    if absent:
        raise NotInstalledError(absent)
    from .._dns.caa import PlannedIssuance, find_refusal
    from .._dns.resolver import Resolver

    servers = Resolver(resolver, timeout)

    def find(domain: str, wildcard: bool, ca_identities: Collection[str], account_uri: str, method: str) -> str:
        return find_refusal(servers, domain, PlannedIssuance(wildcard, ca_identities, account_uri, method))

    return find
