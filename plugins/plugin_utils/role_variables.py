# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role acme, by what they are for. A unit test holds this against the role's own files."""

from __future__ import annotations

#: Options of the whole batch that have credentials in them, or may have.
SECRET = (
    "acme_account_key_content",
    "acme_account_key_passphrase",
    "acme_directory",  # an entry for a CA may have an account key, its passphrase and an external account's key
    "acme_dns",
    "acme_eab",
    "acme_new_account_key_content",
    "acme_new_account_key_passphrase",
)
#: Options of the whole batch, which has one CA, one account and one set of DNS zones.
OPEN = (
    "acme_account_key_create",
    "acme_account_key_permissions",
    "acme_account_key_src",
    "acme_account_key_type",
    "acme_account_uri",
    "acme_ca_path",
    "acme_cache",
    "acme_check_revocation",
    "acme_concurrency",
    "acme_contact",
    "acme_dns_no_log",
    "acme_dns_persist_draft",
    "acme_dns_persist_write",
    "acme_dns_resolver",
    "acme_dns_tasks",
    "acme_dns_timeout",
    "acme_force_renewal",
    "acme_history",
    "acme_http_01_scope",
    "acme_limits",
    "acme_order_timeout",
    "acme_preferred_chain",
    "acme_preferred_chain_missing",
    "acme_preflight",
    "acme_remove_unlisted",
    "acme_renewal_information",
    "acme_run_interval",
    "acme_terms_agreed",
)
#: The same of entry points beside main.
OF_ENTRY_POINT = {
    "main": (),
    "replace": (
        "acme_replace_all",
        "acme_replace_before",
        "acme_replace_issuer",
        "acme_replace_names",
        "acme_replace_serials",
        "acme_replace_serials_src",
    ),
    "revoke": (
        "acme_revoke",
        "acme_revoke_before",
        "acme_revoke_files",
        "acme_revoke_reason",
        "acme_revoke_serials",
        "acme_revoke_unverified",
    ),
}
BATCH = (*SECRET, *OPEN, *OF_ENTRY_POINT["replace"], *OF_ENTRY_POINT["revoke"])
#: What each host has for itself.
OF_THE_HOST = (
    "acme_adopt_files",
    "acme_adopt_folders",
    "acme_certificates",
    "acme_home",
    "acme_host_timeout",
    "acme_keep_versions",
    "acme_shadowing_facts",
    "acme_shadowing_facts_allowed",
)
#: What the role's own tasks set. Facts of these names would count on a host that a task has not reached.
INTERNAL = (
    "acme_account",
    "acme_adopted",
    "acme_challenges",
    "acme_deployed",
    "acme_dns_awaited",
    "acme_dns_left",
    "acme_dns_options",
    "acme_dns_problems",
    "acme_dns_record",
    "acme_dns_records",
    "acme_dns_state",
    "acme_dns_task",
    "acme_dns_unwritten",
    "acme_dns_wanted",
    "acme_dns_written",
    "acme_finalized",
    "acme_found",
    "acme_looked",
    "acme_looked_at",
    "acme_not_revoked",
    "acme_ordered",
    "acme_plan",
    "acme_request",
    "acme_revocations",
    "acme_sealed",
    "acme_seen",
    "acme_shared",
    "acme_to_revoke",
)
ALL = frozenset((*BATCH, *OF_THE_HOST, *INTERNAL))


def of_batch(entry_point: str) -> tuple[str, ...]:
    """Return the options that the hosts of a batch have to agree in for an entry point of the role."""
    return (*SECRET, *OPEN, *OF_ENTRY_POINT[entry_point])
