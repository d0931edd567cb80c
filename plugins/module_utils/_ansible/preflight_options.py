# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the check of challenges before the CA validates them, and the objects that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._acme.client import Client
from .._acme.errors import AcmeError
from .._acme.preflight import Caa, NotVerifiable, Preflight
from .._common.libraries import missing

PREFLIGHT_SPEC: dict[str, Any] = {
    "preflight": {"type": "bool", "default": True},
    "resolver": {"type": "list", "elements": "str", "default": []},
}


def preflight_of(params: Mapping[str, Any]) -> Preflight | None:
    """Return the check that the options of PREFLIGHT_SPEC ask for; None if they ask for none."""
    return Preflight() if params["preflight"] else None


def caa_of(client: Client, resolver: Sequence[str]) -> Caa:
    """Return a function that checks CAA records for the client's CA and account.

    *resolver*: addresses of name servers. Raises AcmeError if one is invalid.
    """
    identities = client.directory.caa_identities
    if not identities:
        return lambda _domain, _wildcard, _kind: ""  # the CA does not say which issuer names are its own
    absent = missing(("dns",))
    # Imported only if needed: the import takes as long as an order.
    from .._dns.caa import PlannedIssuance, find_refusal
    from .._dns.errors import DnsError
    from .._dns.resolver import Resolver

    try:
        server = None if absent else Resolver(resolver)
    except DnsError as error:
        raise AcmeError(str(error)) from None

    def caa(domain: str, wildcard: bool, kind: str) -> str:
        if server is None:
            raise NotVerifiable(f"CAA records are not checked: {absent}")
        try:
            planned = PlannedIssuance(wildcard, identities, client.account_url or "", kind)
            return find_refusal(server, domain, planned)
        except DnsError as error:
            raise NotVerifiable(f"CAA records cannot be checked from here: {error}") from None

    return caa
