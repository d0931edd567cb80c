# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings that all orders of a batch have in common, without secrets: hosts keep a digest of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import CA_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._dns import task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.entries import COMMON_OPTIONS
from ansible_collections.certfleet.tls.plugins.module_utils._dns.provider_options import BUILT_IN

#: The variables that may be the reason why an order fails, but for those with secrets in them.
NAMES = (
    "acme_account_key_src",
    "acme_account_uri",
    "acme_ca_path",
    "acme_contact",
    "acme_dns_delay",
    "acme_dns_persist_draft",
    "acme_dns_resolver",
    "acme_dns_tasks",
    "acme_dns_timeout",
    "acme_dns_wait",
    "acme_http_01_scope",
    "acme_order_timeout",
    "acme_preferred_chain",
    "acme_preferred_chain_missing",
    "acme_preflight",
    "acme_terms_agreed",
)


def order_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, of the converted *options* of a batch."""
    given = options["acme_directory"]
    return {
        **{name: options[name] for name in NAMES},
        "acme_directory": [_ca(element) for element in (given if isinstance(given, (list, tuple)) else [given])],
        "acme_dns": {str(key): _dns_entry(entry) for key, entry in options["acme_dns"].items()},
        "acme_eab": _eab(options["acme_eab"]),
    }


def _ca(element: Any) -> Any:
    """Return a CA without secrets."""
    if not isinstance(element, Mapping):
        return element
    public = {name: value for name, value in element.items() if not CA_SPEC.get(name, {}).get("no_log")}
    return {**public, "eab": _eab(element.get("eab") or {})}


def _eab(external_account: Mapping[str, Any]) -> Any:
    return external_account.get("kid")


def _dns_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of acme_dns without secrets. Of the user's own tasks, nobody knows which options are secret."""
    provider = str(entry.get("provider"))
    declared = BUILT_IN[provider].options if provider in BUILT_IN else ()
    if not declared and provider in task_files.names():
        declared = task_files.find(provider).options
    public = ("provider", *(option.name for option in (*COMMON_OPTIONS, *declared) if not option.secret))
    return {name: entry[name] for name in public if name in entry}
