# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""acme-dns: a name server only for challenges, to which _acme-challenge names are delegated by CNAME."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..._acme.errors import AcmeError, UntrustedError
from ..._acme.http import Http, Response
from ..._acme.retry import is_busy, is_retryable
from ..._common.contracts import TxtRecord
from .. import provider_options
from ..errors import BusyError, DnsError, Unusable
from ..pace import Limits
from .base import Provider


class AcmeDns(Provider):
    """The HTTP API of an acme-dns server."""

    name = "acme_dns"
    title = "An acme-dns server"
    notes = (
        "It keeps the newest two values of a name and cannot remove any. That is enough for a domain with its "
        "wildcard. If the certificates of one run need more values of a name, the first ones get theirs, and the "
        "others wait for later runs; several names in one run need a registration each. Removing records changes "
        "nothing."
    )
    libraries = ("requests",)
    options = provider_options.ACME_DNS
    most_values = 2
    removes = False

    def __init__(self, options: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(options, limits)
        self._url = provider_options.parse_acme_dns_url(options)

    def is_delegated(self, name: str) -> bool:
        return name.split(".")[0] == str(self.values["subdomain"]).lower()

    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        if not present:
            return {}  # it cannot remove any
        subdomain = self.values["subdomain"]
        http: Http | None = None

        def update(record: TxtRecord) -> None:
            nonlocal http
            if not self.is_delegated(record.name):
                raise DnsError(
                    f"{record.name} is not the name of the subdomain {subdomain}: let it lead by CNAME to the full "
                    "domain of the registration, and add an entry for each registration"
                )
            if http is None:
                http = self._connect()
            self._verify(self._post(http, {"subdomain": subdomain, "txt": record.value}), http.clock.now())

        try:
            return self.one_by_one(records, update)
        finally:
            if http:
                http.close()

    def _connect(self) -> Http:
        try:
            return Http(self.clock, self._url, self.values["ca_path"], self.timeout)
        except AcmeError as error:
            raise Unusable(str(error)) from None

    def _post(self, http: Http, document: dict[str, str]) -> Response:
        headers = {
            "Content-Type": "application/json",
            "X-Api-User": self.values["username"],
            "X-Api-Key": self.values["password"],
        }
        try:
            return http.request_once("POST", self._url, json.dumps(document).encode(), headers)
        except UntrustedError as error:
            reason = str(error).split(";", maxsplit=1)[0]
            raise Unusable(f"{self.scrub(reason)}; set 'ca_path' to the CA bundle that it is signed with") from None
        except AcmeError as error:
            raise Unusable(self.scrub(error)) from None

    def _verify(self, answer: Response, now: datetime) -> None:
        if answer.status == 200:
            return
        said = f"{self._url} answers HTTP {answer.status}"
        try:
            said += f" ({self.scrub(json.loads(answer.body)['error'])})"
        except (ValueError, LookupError, TypeError, RecursionError):
            pass
        if answer.status in (401, 403):
            raise Unusable(f"{said}: username, password and subdomain do not match, or this machine is not allowed")
        retry_after = answer.retry_after(now)
        if is_busy(answer.status, retry_after):
            raise BusyError(said, retry_after)
        if is_retryable(answer.status):
            raise Unusable(f"{said}: try again later")
        raise DnsError(said)
