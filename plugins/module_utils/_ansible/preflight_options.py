# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a look at the challenges before the CA's, and how they become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._acme.client import Client
from .._acme.errors import AcmeError
from .._acme.preflight import Caa, Preflight, Unseen
from .libraries import missing

PREFLIGHT_SPEC: dict[str, Any] = {
    "preflight": {"type": "bool", "default": True},
    "resolver": {"type": "list", "elements": "str", "default": []},
}


def preflight_of(params: Mapping[str, Any]) -> Preflight | None:
    """The look that PREFLIGHT_SPEC asks for; None for none."""
    return Preflight() if params["preflight"] else None


def caa_of(client: Client, resolver: Sequence[str]) -> Caa:
    """CAA as it concerns the client's CA and account. Raises AcmeError for a resolver that is none."""
    identities = client.directory.caa_identities
    if not identities:
        return lambda _domain, _wildcard, _kind: ""  # the CA does not say which records mean it
    absent = missing(("dns",))
    # Not imported where it is not needed: it takes as long as a certificate.
    from .._dns.caa import check
    from .._dns.errors import DnsError
    from .._dns.resolver import Resolver

    try:
        server = None if absent else Resolver(resolver)
    except DnsError as error:
        raise AcmeError(str(error)) from None

    def caa(domain: str, wildcard: bool, kind: str) -> str:
        if server is None:
            raise Unseen(f"CAA records are not looked at: {absent}")
        try:
            return check(server, domain, wildcard, identities, client.account_uri or "", kind)
        except DnsError as error:
            raise Unseen(f"CAA records cannot be looked at from here: {error}") from None

    return caa
