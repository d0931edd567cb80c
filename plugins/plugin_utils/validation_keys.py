# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What validation.py cannot tell without libraries: once for a batch, outside of Ansible's worker, before the order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils.acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils.acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.module_utils.ansible.libraries import missing
from ansible_collections.certfleet.tls.plugins.module_utils.dns.changes import Entries
from ansible_collections.certfleet.tls.plugins.module_utils.dns.errors import DnsError

_TIMEOUT = 30.0  # seconds; nothing is sent


def problems(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each fault in keys and in the providers' own options. *values*: of validation.converted().

    No line has the value of a secret.
    """
    return [*_of_keys(values), *_of_providers(values.get("acme_dns") or {}, values.get("acme_dns_tasks") or "")]


def _of_keys(values: Mapping[str, Any]) -> list[str]:
    absent = missing(("cryptography", "josepy"))
    if absent:
        return [absent]
    listed = values.get("acme_directory")
    own = [ca for ca in (listed if isinstance(listed, list) else [listed]) if isinstance(ca, Mapping)]
    lines = []
    for given, prefix in (
        (values, "acme_account_key"),
        (values, "acme_new_account_key"),
        *((ca, "account_key") for ca in own),
    ):
        content = given.get(f"{prefix}_content")
        # The account's passphrase may be one for all CAs, and in the environment.
        passphrase = given.get(f"{prefix}_passphrase") or values.get("acme_account_key_passphrase")
        passphrase = passphrase or os.environ.get("ACME_ACCOUNT_KEY_PASSPHRASE")
        try:
            if content:
                AccountKey.load(
                    str(content).encode(), str(passphrase) if passphrase else None, f"{prefix}_content", prefix
                )
        except AcmeError as error:
            lines.append(f"{error}.")
    return lines


def _of_providers(zones: Mapping[str, Any], tasks_file: str) -> list[str]:
    lines = []
    try:
        entries = Entries(zones, tasks_file)
    except DnsError as error:
        return [f"{error}."]
    for key in zones:
        try:
            entries.job(key, _TIMEOUT)
        except DnsError as error:
            lines.append(f"{error}.")
    return lines
