# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role acme: a table that validation and the comparison between hosts use.

A unit test compares it with the role's own files.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.ranges import RANGES
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import ACCOUNT_KEY_TYPES
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import WaitMode


class Variable(NamedTuple):
    """A variable of the role.

    kind: its type, by its name in argument_specs.yml. of_host: each host has its own value; all other variables are of
    the batch, which has one CA, one account and one set of DNS zones, so its hosts must have the same value. secret: it
    may have credentials in it. entry_point: the only entry point that uses it, empty for all. choices: all valid
    values. range: the least and the greatest number.
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
    # An entry for a CA may have an account key, its passphrase and the key of an external account.
    "acme_directory": Variable("raw", "letsencrypt", secret=True),
    "acme_dns": Variable("dict", {}, secret=True),
    "acme_dns_delay": Variable("int", 0, range=RANGES["delay"]),
    "acme_dns_no_log": Variable("bool", True),
    "acme_dns_persist_draft": Variable("str", "", choices=("", "01", "02")),
    "acme_dns_persist_write": Variable("bool", False),
    "acme_dns_resolver": Variable("list", []),
    "acme_dns_tasks": Variable("path", ""),
    "acme_dns_timeout": Variable("int", 120),
    "acme_dns_wait": Variable("str", "authoritative", choices=tuple(mode.value for mode in WaitMode)),
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
    "acme_retry_failed": Variable("bool", False),
    "acme_revoke": Variable("list", [], entry_point="revoke"),
    "acme_revoke_before": Variable("str", "", entry_point="revoke"),
    "acme_revoke_files": Variable("list", [], entry_point="revoke"),
    "acme_revoke_live": Variable("str", "replaced", entry_point="revoke", choices=("replaced", "removed")),
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

#: Options of the batch that may have credentials in them.
SECRET = tuple(name for name, variable in VARIABLES.items() if variable.secret)
#: Options that all hosts of a batch have in common.
BATCH = tuple(name for name, variable in VARIABLES.items() if not variable.of_host)
#: Options of which each host has its own value.
OF_THE_HOST = tuple(name for name, variable in VARIABLES.items() if variable.of_host)
#: Variables that the tasks of the role set. A fact of such a name would replace a result that a host does not have.
INTERNAL = (
    "_acme_account",
    "_acme_adopted",
    "_acme_confirmed",
    "_acme_deployed",
    "_acme_dns_awaited",
    "_acme_dns_change",
    "_acme_dns_task",
    "_acme_dns_unwritten",
    "_acme_dns_written",
    "_acme_finalized",
    "_acme_found",
    "_acme_held",
    "_acme_holders",
    "_acme_mirrored",
    "_acme_ordered",
    "_acme_past_versions",
    "_acme_plan",
    "_acme_reports",
    "_acme_request",
    "_acme_revocations",
    "_acme_sealed",
    "_acme_seen",
    "_acme_signed",
    "acme_dns_deadline",
    "acme_dns_options",
    "acme_dns_record",
    "acme_dns_records",
    "acme_dns_state",
)
ALL = frozenset((*VARIABLES, *INTERNAL))


#: The tasks files that a play may take.
ENTRY_POINTS = ("main", "fleet", "account", "account_deactivate", "account_rollover", "adopt", "replace", "revoke")


def entry_point_of(tasks_file: object) -> str:
    """Return the entry point that a play took with *tasks_file*, which may be a path, as Ansible finds it."""
    return os.path.splitext(os.path.basename(str(tasks_file)))[0]


def of_batch(entry_point: str) -> tuple[str, ...]:
    """Return the options that must have the same value on all hosts of a batch, for an entry point of the role."""
    return tuple(name for name in of(entry_point) if not VARIABLES[name].of_host)


def of(entry_point: str) -> tuple[str, ...]:
    """Return the names of all variables that an entry point of the role uses."""
    return tuple(name for name, variable in VARIABLES.items() if variable.entry_point in ("", entry_point))
