# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_directory, which may be a list of CAs, as options of the modules.

One option of the first CA at a time: a mapping of them all would be templated anew for each option that is taken of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

_SAME = (
    "ca_path",
    "account_key_src",
    "account_key_content",
    "account_key_passphrase",
    "account_uri",
    "contact",
    "terms_agreed",
)
# An entry of acme_directory, and what the modules call it.
_OPTIONS = {
    "directory": "acme_directory",
    "eab": "external_account_binding",
    **{name: name for name in _SAME},
}


def ca(directory: Any, option: str, default: Any = None) -> Any:
    """An option of the first CA; *default*, what the role's variables say, where it has none of its own."""
    return with_own({option: default}, _entries(directory)[0])[option]


def alternatives(directory: Any, role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The CAs after the first; *role* is what the role's variables say of all, by the names that entries have."""
    return [
        {_OPTIONS[key]: value for key, value in with_own(role, own).items() if value} for own in _entries(directory)[1:]
    ]


def _entries(directory: Any) -> list[Mapping[str, Any]]:
    """A CA is a name or a URL, or a mapping of directory and what is the CA's own."""
    given = directory if isinstance(directory, (list, tuple)) else [directory]
    if not given:
        raise AnsibleActionFail("acme_directory is an empty list: name a CA")
    entries = [entry if isinstance(entry, Mapping) else {"directory": str(entry)} for entry in given]
    for entry in entries:
        unknown = sorted(set(entry) - set(_OPTIONS))
        if unknown or "directory" not in entry:
            what = f"has {unknown[0]!r}" if unknown else "lacks 'directory'"
            raise AnsibleActionFail(f"an entry of acme_directory {what}; it takes {', '.join(_OPTIONS)}")
    return entries


def with_own(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a CA: what all have in *common*, and over it what it has of its *own*."""
    # A key that is given itself wins over a file's: it is not common to a CA with a file of its own.
    has_file = own.get("account_key_src") and not own.get("account_key_content")
    return {**common, **({"account_key_content": ""} if has_file else {}), **own}
