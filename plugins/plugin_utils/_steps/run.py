# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of the role as its steps see it: the hosts that take part, their options, the plan, what was found before.

A play may have the role several times, in a loop or with two lists. Each of these inclusions has an identity of its
own, which is in the results of its steps; those of another one do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.ranges import LONGEST

from .._variables import account_options, all_variables, batch, certificate_entries, role_variables
from .._variables.role_variables import INTERNAL

Item = Mapping[str, Any]
_NONE: Item = {}
#: Options of modules that use accounts, and of those that make accounts; the role's variables have the prefix acme_.
_ACCOUNT = ("ca_path", "account_key_src", "account_key_permissions", "account_uri")
_NEW_ACCOUNT = ("account_key_create", "account_key_type", "contact", "terms_agreed")
_SECRETS = (
    "account_key_content",
    "account_key_passphrase",
    "new_account_key_content",
    "new_account_key_passphrase",
)


class Run:
    """One inclusion of the role, as the host sees it that a task is run for."""

    def __init__(self, task: Any, templar: Any, task_vars: Mapping[str, Any]) -> None:
        if task._role is None:
            raise AnsibleActionFail(
                "batch is for the tasks of the role certfleet.tls.acme only: give the other options"
            )
        self.inclusion: str = task._role._uuid
        self._from_files: Item = task._role._from_files
        self.host: str = task_vars["inventory_hostname"]
        self.variables = task_vars
        self.check_mode: bool = task.check_mode
        self.template: Callable[[Any], Any] = templar.template
        self.results = Results(task_vars["hostvars"], self.inclusion)

    @property
    def entry_point(self) -> str:
        """Return the role's entry point, which says which options count: the tasks file that the play took.

        Raises AnsibleError if it is another file of the role: its steps would work with the options of none.
        """
        name = role_variables.entry_point_of(self._from_files.get("tasks", "main"))
        if name not in role_variables.ENTRY_POINTS:
            known = ", ".join(role_variables.ENTRY_POINTS)
            raise AnsibleActionFail(f"tasks_from: '{name}' is not an entry point of the role. Use one of {known}")
        return name

    @cached_property
    def hosts(self) -> list[str]:
        """Return the hosts of the play's batch that have taken the first step, and not failed since."""
        # A failure that was ignored or rescued leaves a host in the batch.
        first = {host: self.first(host) for host in self.variables["ansible_play_batch"]}
        return [host for host, result in first.items() if "batch" in result and not result.get("failed")]

    @property
    def left_out(self) -> list[str]:
        """Return the hosts where a condition has skipped the first step, as only 'tasks_from: fleet' allows."""
        batch = self.variables["ansible_play_batch"]
        return [host for host in batch if self.results.of_all(host).get("_acme_found", _NONE).get("skipped")]

    def first(self, host: str) -> Item:
        """Return the result of a host's first step; an empty one where it has not taken it."""
        of_host = self.results[host]
        found: Item = of_host.get("_acme_found") or of_host.get("_acme_seen") or _NONE
        return found

    @property
    def plan(self) -> Item:
        """The plan. Raises AnsibleActionFail where there is none, or none that could be made."""
        plan = self.result("_acme_plan")
        if not plan:
            raise AnsibleActionFail(
                "the plan was not made: it is made once for all hosts, and a condition on the role that is false for "
                "the first of them skips it for all. Take the role by roles:, import_role or include_role without "
                "'tasks_from: fleet', where each host's own condition counts, and without --start-at-task"
            )
        if plan.get("problem"):
            raise AnsibleActionFail(plan["problem"])
        return plan

    def result(self, name: str) -> Item:
        """Return a result that the host has in this run; an empty one where it has none."""
        found: Item = self.results[self.host].get(name, _NONE)
        return found

    def option(self, name: str) -> Any:
        """Return an option of the batch, as the plan froze it."""
        return self.plan["options"][name]

    def resolver(self) -> list[str]:
        """Return the addresses of resolvers; one that did not answer an earlier step of this run is the last."""
        answering: list[str] = self.result("_acme_dns_written").get("answering") or self.option("acme_dns_resolver")
        return answering

    def variable(self, name: str) -> Any:
        """Return a variable as the host sees it now; None where it cannot be used."""
        try:
            return self._value(name)
        except AnsibleError:
            return None

    def option_of(self, host: str, name: str) -> Any:
        """Return an option that each host has for itself, as its first step saw it."""
        return self.first(host)["options"][name]

    def place(self) -> dict[str, Any]:
        """Return the options of modules on the host that say where certificates lie, and which list they are of."""
        options = {"home": "acme_home", "list": "acme_list", "reassign": "acme_reassign"}
        return {name: self.option_of(self.host, variable) for name, variable in options.items()}

    def secret(self, name: str) -> Any:
        """Return an option with credentials, looked up now and converted.

        Raises AnsibleError where it is not what it was.
        """
        digests = {name: self.plan["digests"][name]}
        return all_variables.convert(batch.verified(self.variables, self.template, digests))[name]

    def certificates(self) -> list[dict[str, Any]]:
        """Return the host's acme_certificates, as it sees them now: they may hold passphrases, which no result has.

        Converted, and without those that the first step has refused.
        """
        home, refused = self.option_of(self.host, "acme_home"), self.first(self.host).get("refused", ())
        entries = certificate_entries.parse_valid(self._value("acme_certificates") or [], home)
        return [entry for entry in entries if entry["name"] not in refused]

    def listen_timeout(self, ordered: Item) -> int:
        """Return for how many seconds a listener has to last: until the CA has looked, and what comes before that.

        *ordered*: the result of acme_order.
        """
        # The pauses that providers ask for, the name servers, then a resolver.
        by_dns = 3 * self.option("acme_dns_timeout") + max(self.option("acme_dns_delay"), ordered.get("dns_delay", 0))
        return min(LONGEST, 600 + int(by_dns + self.option("acme_order_timeout")))

    def account(self, make: bool = True) -> dict[str, Any]:
        """Return the options of a module that say which CAs and which account. *make*: how it would be made, too."""
        names = _ACCOUNT + (_NEW_ACCOUNT if make else ())
        # RFC 8555 section 7.3.4: an external account is for a new account only.
        secrets = [f"acme_{name}" for name in _SECRETS + (("eab",) if make else ())]
        given = account_options.with_environment({name: self.secret(name) for name in secrets})
        options = {
            "acme_directory": self.secret("acme_directory"),
            **{name: self.option(f"acme_{name}") for name in names},
            **{name.removeprefix("acme_"): value for name, value in given.items()},
        }
        return {name: value for name, value in options.items() if value not in ("", None, {})}

    def _value(self, name: str) -> Any:
        """Return a variable as the host sees it now. Raises AnsibleError where it cannot be used."""
        return batch.values(self.variables, self.template, (name,))[name]


class Results(Mapping[str, dict[str, Any]]):
    """Results that the steps of one inclusion have registered, by host; without an inclusion, those of any."""

    def __init__(self, hostvars: Any, inclusion: str = "") -> None:
        # ansible-core has no public way to ask that does not put all variables of a host together.
        self._registered = hostvars._variable_manager._nonpersistent_fact_cache
        self._inclusion = inclusion

    def __getitem__(self, host: str) -> dict[str, Any]:
        found = self._registered.get(host) or {}
        return {name: found[name] for name in INTERNAL if name in found and self._counts(found[name])}

    def of_all(self, host: str) -> Mapping[str, Any]:
        """Return what a host has registered in any inclusion, and elsewhere."""
        found: Mapping[str, Any] = self._registered.get(host) or {}
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)

    def _counts(self, result: Any) -> bool:
        if not isinstance(result, Mapping):
            return False
        items = result["results"] if isinstance(result.get("results"), (list, tuple)) else (result,)
        inclusions = [item["inclusion"] for item in items if isinstance(item, Mapping) and "inclusion" in item]
        return self._inclusion in inclusions if self._inclusion else bool(inclusions)
