# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of a CA: the URLs of its resources, and its metadata (RFC 8555 section 7.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common.deadline import Deadline
from .errors import AcmeError, ProtocolError
from .http import Http, Response, texts
from .problem import Problem
from .urls import resolve, verify_url


@dataclass(frozen=True)
class Directory:
    """A parsed directory. Resources that a CA does not have are empty strings."""

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    revoke_cert: str = ""
    new_authz: str = ""
    key_change: str = ""
    renewal_info: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fetch(cls, http: Http, url: str, deadline: Deadline | None = None) -> Directory:
        """Read the directory at *url*, with all attempts before *deadline*, or in the time of one request.

        A CA that does not answer costs a run no more. Raises TransportError, ProtocolError, or AcmeError for a refusal.
        """
        deadline = deadline or Deadline(http.clock, http.timeout)
        answer = http.get(url, deadline=deadline, verify=Response.json)
        if 300 <= answer.status < 400:
            raise AcmeError(f"directory {url} redirects to {answer.headers.get('Location', 'nowhere')}: give that URL")
        if answer.status != 200:
            problem = Problem.of_response(answer.status, answer.body)
            raise AcmeError(f"directory {url} answered HTTP {answer.status} ({problem}): check acme_directory")
        directory = cls.parse(url, answer.json())
        http.compare_clocks(answer, directory.new_nonce, deadline)
        return directory

    @classmethod
    def parse(cls, url: str, document: Mapping[str, Any]) -> Directory:
        """Parse a directory. Unknown fields are ignored; some CAs leave out meta. Raises ProtocolError."""
        missing = [name for name in ("newNonce", "newAccount", "newOrder") if not document.get(name)]
        if missing:
            raise ProtocolError(f"{url} is not an ACME directory: it has no {', '.join(missing)}")
        meta = document.get("meta")
        found = {name: resolve(value, url) for name, value in document.items()}
        return cls(
            url=url,
            new_nonce=verify_url(found["newNonce"], url),
            new_account=verify_url(found["newAccount"], url),
            new_order=verify_url(found["newOrder"], url),
            # These are verified when they are used: orders do not need them.
            revoke_cert=found.get("revokeCert", ""),
            new_authz=found.get("newAuthz", ""),
            key_change=found.get("keyChange", ""),
            renewal_info=found.get("renewalInfo", ""),
            meta=meta if isinstance(meta, Mapping) else {},
        )

    @property
    def terms_of_service(self) -> str:
        """Return the URL of the terms of service, or an empty string."""
        return str(self.meta.get("termsOfService") or "")

    @property
    def external_account_required(self) -> bool:
        """Return True if a new account needs an external account binding (RFC 8555 section 7.3.4)."""
        return self.meta.get("externalAccountRequired") is True

    @property
    def caa_identities(self) -> tuple[str, ...]:
        """Return the names by which CAA records refer to this CA (RFC 8555 section 7.1.1); empty if not given."""
        return texts(self.meta.get("caaIdentities"))

    @property
    def issuer_domain_names(self) -> tuple[str, ...]:
        """Return the names of the CA in records of dns-persist-01 (draft-ietf-acme-dns-persist-02 section 3.2)."""
        return texts(self.meta.get("issuerDomainNames"))

    @property
    def account_hash_prefix(self) -> str:
        """Return the prefix of hashed accounts (draft-ietf-acme-dns-persist-02 section 3), or an empty string."""
        return str(self.meta.get("accountHashPrefix") or "")

    @property
    def profiles(self) -> Mapping[str, str]:
        """Return descriptions of the certificate profiles by name (draft-ietf-acme-profiles)."""
        profiles = self.meta.get("profiles")
        return profiles if isinstance(profiles, Mapping) else {}

    def profile_for(self, wanted: str | None, instead: str | None = None) -> str | None:
        """Return the profile to order with: *wanted*, or *instead* where this CA does not offer it; None for none.

        *instead*: an empty text for none, None if nothing may replace it. Raises AcmeError, which lists the profiles.
        """
        chosen = wanted if instead is None or not wanted or wanted in self.profiles else instead
        self.verify_profile(chosen)
        return chosen or None

    def verify_profile(self, profile: str | None) -> None:
        """Raise AcmeError, which lists the CA's profiles, if *profile* is not one of them."""
        if profile and profile not in self.profiles:
            offered = ", ".join(sorted(self.profiles)) or "none"
            raise AcmeError(f"profile '{profile}' is not offered by {self.url} (offered: {offered})")
