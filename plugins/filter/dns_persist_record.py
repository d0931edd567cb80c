# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that returns the record to publish for dns-persist-01."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.txt_record import PersistentAccount, dns_persist_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import IdentifierError, normalize


def dns_persist_record(
    identifier: str,
    account_uri: str,
    issuer: str,
    persist_until: int | None = None,
    thumbprint: str = "",
    hash_prefix: str = "",
) -> dict[str, str]:
    """Return the record to publish for dns-persist-01, by draft 02 with *hash_prefix*, and else by draft 01."""
    try:
        name = normalize(identifier)
        domain = name.removeprefix("*.")
        draft = "02" if hash_prefix else "01"
        account = PersistentAccount(issuer, account_uri, draft, thumbprint, hash_prefix)
        record = dns_persist_01(domain, account, name != domain, persist_until)
    except (AcmeError, IdentifierError) as error:
        raise AnsibleFilterError(f"dns_persist_record: {error}") from None
    return {"name": record.name, "value": record.value}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"dns_persist_record": dns_persist_record}
