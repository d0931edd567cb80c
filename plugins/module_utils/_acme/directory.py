# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory: where a CA's resources are and what it says of itself (RFC 8555 section 7.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import AcmeError, ProtocolError
from .http import Http
from .problem import Problem
from .urls import verify_url


@dataclass(frozen=True)
class Directory:
    """A directory, read. Resources that a CA lacks are empty strings."""

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
    def fetch(cls, http: Http, url: str) -> Directory:
        """Read the directory at *url*. Raises TransportError, ProtocolError, or AcmeError for a refusal."""
        answer = http.get(url)
        if 300 <= answer.status < 400:
            raise AcmeError(f"directory {url} redirects to {answer.headers.get('Location', 'nowhere')}: name that URL")
        if answer.status != 200:
            problem = Problem.of_response(answer.status, answer.body)
            raise AcmeError(f"directory {url} answered HTTP {answer.status} ({problem}): check acme_directory")
        return cls.parse(url, answer.json())

    @classmethod
    def parse(cls, url: str, document: Mapping[str, Any]) -> Directory:
        """What is not known is ignored; meta may be missing (some CAs leave it out)."""
        missing = [name for name in ("newNonce", "newAccount", "newOrder") if not document.get(name)]
        if missing:
            raise ProtocolError(f"{url} is not an ACME directory: it has no {', '.join(missing)}")
        meta = document.get("meta")
        return cls(
            url=url,
            new_nonce=verify_url(document["newNonce"], url),
            new_account=verify_url(document["newAccount"], url),
            new_order=verify_url(document["newOrder"], url),
            # These are checked when they are used: orders do without them.
            revoke_cert=str(document.get("revokeCert") or ""),
            new_authz=str(document.get("newAuthz") or ""),
            key_change=str(document.get("keyChange") or ""),
            renewal_info=str(document.get("renewalInfo") or ""),
            meta=meta if isinstance(meta, Mapping) else {},
        )

    @property
    def terms_of_service(self) -> str:
        """URL of the terms, or an empty string."""
        return str(self.meta.get("termsOfService") or "")

    @property
    def external_account_required(self) -> bool:
        """Whether a new account needs an external account binding (RFC 8555 section 7.3.4)."""
        return self.meta.get("externalAccountRequired") is True

    @property
    def caa_identities(self) -> list[str]:
        """The names by which CAA records mean this CA (RFC 8555 section 7.1.1); empty where it does not say."""
        identities = self.meta.get("caaIdentities")
        return [str(item) for item in identities] if isinstance(identities, list) else []

    @property
    def account_hash_prefix(self) -> str:
        """What hashed accounts begin with (draft-ietf-acme-dns-persist-02 section 3), or an empty string."""
        return str(self.meta.get("accountHashPrefix") or "")

    @property
    def profiles(self) -> Mapping[str, str]:
        """The certificate profiles offered, by name (draft-ietf-acme-profiles)."""
        profiles = self.meta.get("profiles")
        return profiles if isinstance(profiles, Mapping) else {}

    def verify_profile(self, profile: str | None) -> None:
        """Raise AcmeError, with what is offered, for a profile that the CA does not list."""
        if profile and profile not in self.profiles:
            offered = ", ".join(sorted(self.profiles)) or "none"
            raise AcmeError(f"profile '{profile}' is not offered by {self.url} (offered: {offered})")
