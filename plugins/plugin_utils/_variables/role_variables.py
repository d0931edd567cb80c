# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role acme: one table from which everything else follows.

validation.py checks what users give by it. A unit test compares it with the role's own files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.ranges import RANGES
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import ACCOUNT_KEY_TYPES


class Variable(NamedTuple):
    """A variable of the role.

    kind: its type, by the name that argument_specs.yml has for it. of_host: each host has its own; all others are of
    the batch, which has one CA, one account and one set of DNS zones, so that its hosts have to agree in them. secret:
    there are credentials in it, or may be. entry_point: the only one that knows it. choices: all values that it may
    have. range: the least and the greatest value of a number.
    """

    kind: str
    default: Any = None
    of_host: bool = False
    secret: bool = False
    entry_point: str = ""
    choices: tuple[str, ...] = ()
    range: tuple[int, int] = RANGES["timeout"]


#: Each variable that a user may set.
VARIABLES = {
    "acme_account_key_content": Variable("str", "", secret=True),
    "acme_account_key_create": Variable("bool", True),
    "acme_account_key_passphrase": Variable("str", "", secret=True),
    "acme_account_key_permissions": Variable("str", "strict", choices=("strict", "warn")),
    "acme_account_key_src": Variable("path", "~/.config/certfleet.tls/account-key.pem"),
    "acme_account_key_type": Variable("str", "ec256", choices=ACCOUNT_KEY_TYPES),
    "acme_account_uri": Variable("str", ""),
    "acme_adopt_files": Variable("list", [], of_host=True),
    "acme_adopt_folders": Variable("list", [], of_host=True),
    "acme_ca_path": Variable("path", ""),
    "acme_cache": Variable("path", ""),
    "acme_certificates": Variable("list", of_host=True),
    "acme_check_revocation": Variable("bool", False),
    "acme_concurrency": Variable("int", 8, range=RANGES["concurrency"]),
    "acme_contact": Variable("list", []),
    # An entry for a CA may have an account key, its passphrase and an external account's key.
    "acme_directory": Variable("raw", "letsencrypt", secret=True),
    "acme_dns": Variable("dict", {}, secret=True),
    "acme_dns_no_log": Variable("bool", True),
    "acme_dns_persist_draft": Variable("str", "", choices=("", "01", "02")),
    "acme_dns_persist_write": Variable("bool", False),
    "acme_dns_resolver": Variable("list", []),
    "acme_dns_tasks": Variable("path", ""),
    "acme_dns_timeout": Variable("int", 120),
    "acme_eab": Variable("dict", {}, secret=True),
    "acme_fail": Variable("str", "fail", of_host=True, choices=("fail", "warn")),
    "acme_force_renewal": Variable("bool", False),
    "acme_history": Variable("path", "~/.config/certfleet.tls/history.jsonl"),
    "acme_home": Variable("path", "/etc/acme", of_host=True),
    "acme_host_timeout": Variable("int", 900, of_host=True),
    "acme_http_01_scope": Variable("str", "host", choices=("host", "play")),
    "acme_keep_versions": Variable("int", 3, of_host=True, range=RANGES["keep_versions"]),
    "acme_limits": Variable("dict", {}),
    "acme_list": Variable("str", "default", of_host=True),
    "acme_new_account_key_content": Variable("str", "", secret=True),
    "acme_new_account_key_passphrase": Variable("str", "", secret=True),
    "acme_order_timeout": Variable("int", 300),
    "acme_preferred_chain": Variable("list", []),
    "acme_preferred_chain_missing": Variable("str", "fail", choices=("fail", "default")),
    "acme_preflight": Variable("bool", True),
    "acme_reassign": Variable("bool", False, of_host=True),
    "acme_remove_unlisted": Variable("bool", False, of_host=True),
    "acme_renewal_information": Variable("bool", True),
    "acme_replace_all": Variable("bool", False, entry_point="replace"),
    "acme_replace_before": Variable("str", "", entry_point="replace"),
    "acme_replace_issuer": Variable("str", "", entry_point="replace"),
    "acme_replace_names": Variable("list", [], entry_point="replace"),
    "acme_replace_serials": Variable("list", [], entry_point="replace"),
    "acme_replace_serials_src": Variable("path", "", entry_point="replace"),
    "acme_revoke": Variable("list", [], entry_point="revoke"),
    "acme_revoke_before": Variable("str", "", entry_point="revoke"),
    "acme_revoke_files": Variable("list", [], entry_point="revoke"),
    "acme_revoke_reason": Variable(
        "str",
        "unspecified",
        entry_point="revoke",
        choices=("unspecified", "key_compromise", "affiliation_changed", "superseded", "cessation_of_operation"),
    ),
    "acme_revoke_serials": Variable("list", [], entry_point="revoke"),
    "acme_revoke_unverified": Variable("bool", False, entry_point="revoke"),
    "acme_run_interval": Variable("str", ""),
    "acme_shadowing_facts": Variable("str", "warn", of_host=True, choices=("warn", "fail")),
    "acme_shadowing_facts_allowed": Variable("list", ["packages", "services"], of_host=True),
    "acme_terms_agreed": Variable("bool", False),
}

#: Options of the whole batch that have credentials in them, or may have.
SECRET = tuple(name for name, variable in VARIABLES.items() if variable.secret)
#: Options of the whole batch of every entry point, without credentials.
OPEN = tuple(
    name for name, variable in VARIABLES.items() if not (variable.of_host or variable.secret or variable.entry_point)
)
#: The same of entry points beside main.
OF_ENTRY_POINT = {
    entry_point: tuple(name for name, variable in VARIABLES.items() if variable.entry_point == entry_point)
    for entry_point in ("main", "replace", "revoke")
}
BATCH = tuple(name for name, variable in VARIABLES.items() if not variable.of_host)
#: What each host has for itself.
OF_THE_HOST = tuple(name for name, variable in VARIABLES.items() if variable.of_host)
#: What the role's own tasks set. Facts of these names would count on a host that a task has not reached.
INTERNAL = (
    "_acme_account",
    "_acme_adopted",
    "_acme_confirmed",
    "_acme_deployed",
    "_acme_dns_awaited",
    "_acme_dns_unwritten",
    "_acme_dns_written",
    "_acme_finalized",
    "_acme_found",
    "_acme_holders",
    "_acme_looked",
    "_acme_looked_at",
    "_acme_ordered",
    "_acme_plan",
    "_acme_request",
    "_acme_revocations",
    "_acme_sealed",
    "_acme_seen",
    "_acme_shared",
    "acme_dns_options",
    "acme_dns_record",
    "acme_dns_records",
    "acme_dns_state",
    "acme_dns_task",
)
ALL = frozenset((*VARIABLES, *INTERNAL))


def of_batch(entry_point: str) -> tuple[str, ...]:
    """Return the options that the hosts of a batch have to agree in for an entry point of the role."""
    return (*SECRET, *OPEN, *OF_ENTRY_POINT.get(entry_point, ()))


def of(entry_point: str) -> tuple[str, ...]:
    """Return all variables that an entry point of the role knows."""
    return tuple(name for name, variable in VARIABLES.items() if variable.entry_point in ("", entry_point))
