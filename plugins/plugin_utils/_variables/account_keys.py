# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Account keys given as text, of which only their library knows whether they are any: once for a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.libraries import missing


def problems(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each fault in keys. *values*: of validation.converted(). No line has the value of a secret."""
    keys = list(_given(values))
    if not keys:
        return []  # most controllers have theirs in a file, and no need of the libraries in this process
    absent = missing(("cryptography", "josepy"))
    if absent:
        return [absent]
    from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey

    lines = []
    for content, passphrase, option in keys:
        try:
            AccountKey.load(content.encode(), passphrase, f"{option}_content", option)
        except AcmeError as error:
            lines.append(f"{error}.")
    return lines


def _given(values: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str]]:
    """Yield the text of each key, its passphrase, and how the names of its options begin."""
    listed = values.get("acme_directory")
    own = [ca for ca in (listed if isinstance(listed, list) else [listed]) if isinstance(ca, Mapping)]
    of_all = [(values, "acme_account_key"), (values, "acme_new_account_key")]
    for given, option in (*of_all, *((ca, "account_key") for ca in own)):
        content = given.get(f"{option}_content")
        # The account's passphrase may be one for all CAs, and in the environment.
        passphrase = given.get(f"{option}_passphrase") or values.get("acme_account_key_passphrase")
        passphrase = passphrase or os.environ.get("ACME_ACCOUNT_KEY_PASSPHRASE")
        if content:
            yield str(content), str(passphrase) if passphrase else None, option
