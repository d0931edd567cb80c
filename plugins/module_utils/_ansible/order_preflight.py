# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight of acme_order_finalize: once for all orders at a CA, before the time of the first one begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from .._acme.client import Client
from .._acme.errors import AcmeError, PreflightError
from .._acme.issuance import PreparedOrder
from .._acme.preflight import Caa, Preflight
from .._acme.preflight_findings import NotVerifiable
from .._common.contracts import CertificateOrder
from .._common.statuses import FailureKind, Status
from .._dns.errors import DnsError, NotInstalledError, QuestionError
from .caa_records import refusal_finder

# Seconds for a question, with the tries that follow a lost packet. The usual limit would be a third of the budget.
_CAA_TIMEOUT = 5.0


class OrderPreflight:
    """The preflight of a run. Several CAs share its budget."""

    def __init__(self, resolver: Sequence[str], has_other_cas: bool = False) -> None:
        """*resolver*: addresses of name servers for CAA records; if empty, the system's.

        *has_other_cas*: an order that is refused at one CA may be made at another one.
        """
        self._preflight = Preflight()
        self._has_other_cas = has_other_cas
        self._resolver = resolver

    @property
    def warning(self) -> str:
        """Return one line about all names that could not be verified; empty without any."""
        return self._preflight.warning

    def verify(self, client: Client, orders: Sequence[CertificateOrder]) -> Callable[[PreparedOrder], None]:
        """Verify the challenges of the pending orders at a CA.

        Return a function that raises PreflightError for an order that would fail. Raises AcmeError for an invalid name
        server.
        """
        # Orders with the same URL have the same challenges.
        pending = {order.order_uri or "": order for order in orders if order.status == Status.PENDING}
        host = urlsplit(client.directory.url).hostname or ""
        challenges = [order.challenges or () for order in pending.values()]
        refused: set[tuple[str, bool, str]] = set()
        verify_records = _caa_of(client, self._resolver)

        def caa(domain: str, wildcard: bool, kind: str) -> str:
            refusal = verify_records(domain, wildcard, kind)
            if refusal:
                refused.add((domain, wildcard, kind))
            return refusal

        failures = dict(zip(pending, self._preflight.verify_all(challenges, caa, host)))

        def refuse(prepared: PreparedOrder) -> None:
            failure = failures.get(prepared.order.url)
            if failure and prepared.order.status == Status.PENDING:
                asked = {(one.identifier, one.wildcard, one.type) for one in prepared.challenges}
                # CAA records that do not allow this CA may allow the next one.
                is_of_ca = self._has_other_cas and asked & refused
                raise PreflightError(failure, FailureKind.REFUSAL if is_of_ca else FailureKind.LOCAL)

        return refuse


def _caa_of(client: Client, resolver: Sequence[str]) -> Caa:
    """Return a function that verifies CAA records for the client's CA and account.

    *resolver*: addresses of name servers. Raises AcmeError if one is invalid.
    """
    identities = client.directory.caa_identities
    if not identities:
        return lambda _domain, _wildcard, _kind: ""  # the CA does not say which issuer names are its own
    try:
        find = refusal_finder(resolver, _CAA_TIMEOUT)
    except NotInstalledError as error:
        return _refusing(NotVerifiable(error))
    except DnsError as error:
        raise AcmeError(str(error)) from None

    def caa(domain: str, wildcard: bool, kind: str) -> str:
        try:
            return find(domain, wildcard, identities, client.account_uri or "", kind)
        except QuestionError as error:
            raise NotVerifiable(error.answer) from None

    return caa


def _refusing(error: NotVerifiable) -> Caa:
    def caa(_domain: str, _wildcard: bool, _kind: str) -> str:
        raise error

    return caa
