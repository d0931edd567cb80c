# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records of dns-persist-01 that have an account's key in them, and so are written again for another key.

By draft 02 the CA goes on to accept records with a key that the account had before, until the account is deactivated
(draft-ietf-acme-dns-persist-02 sections 4.2 and 7.2.1). So another key is no reason to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.issuer_names import advertised
from .._acme.txt_record import PersistentAccount, dns_persist_01
from .._common.contracts import TxtRecord
from .._common.identifiers import IdentifierError, normalize


def records_for(directory: Directory, account_uri: str, thumbprint: str, names: Iterable[str]) -> list[TxtRecord]:
    """Return the records of an account for its key with this *thumbprint*; none at a CA without draft 02.

    *names*: identifiers, such as *.example.com. A wildcard's record is also that of the name itself. Raises AcmeError
    for a name that cannot have a record.
    """
    if not directory.account_hash_prefix or not advertised(directory):
        return []
    issuer = min(advertised(directory))
    account = PersistentAccount(issuer, account_uri, "02", thumbprint, directory.account_hash_prefix)
    try:
        wanted = {normalize(name) for name in names}
    except IdentifierError as error:
        raise AcmeError(f"dns_persist_names: {error}") from None
    domains = {name.removeprefix("*."): f"*.{name}" in wanted or name.startswith("*.") for name in sorted(wanted)}
    return [dns_persist_01(domain, account, is_wildcard) for domain, is_wildcard in domains.items()]


def warning(directory: Directory, account_uri: str, thumbprint: str, records: Iterable[TxtRecord]) -> str:
    """Return one line for people after a change of the key; empty at a CA without draft 02."""
    if not directory.account_hash_prefix:
        return ""
    written = "; ".join(f'{record.name} TXT "{record.value}"' for record in records)
    todo = f"publish {written}" if written else f"publish them again with the thumbprint {thumbprint}"
    return (
        f"account {account_uri} has another key, and its TXT records for dns-persist-01 (draft 02) have the former "
        f"one: {todo}"
    )
