# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import OPTIONS
from ansible_collections.certfleet.tls.plugins.plugin_utils._play import facts
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import (
    flow,
    left_records,
    outcomes,
    replaced,
    shared,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import (
    account_options,
    all_variables,
    batch,
    order_settings,
)


class ActionModule(ControllerAction):
    """Make one plan for all hosts of the batch, on the controller. In the role it also freezes the batch's options."""

    _frozen: Mapping[str, Any] | None = None
    _differing: Sequence[str] = ()

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plan, and show the next runs on stderr, as stdout may be for a program."""
        answer = super().work(arguments, task_vars)
        for line in answer.get("summary", ()):
            self._display.display(f"certfleet.tls: {line}", stderr=True)
        for line in answer.get("coming", ()):
            self._display.v(line)
        return answer

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the options and the certificates of all hosts of the batch; None without a host."""
        if not run.hosts and any(run.first(host).get("unserved") for host in run.variables["ansible_play_batch"]):
            return None  # all have failed in the first step, and that is noted (acme_fail) or ignored
        if run.left_out and self._is_noted_somewhere(run):
            raise AnsibleActionFail(
                f"a condition on 'tasks_from: fleet' has skipped {', '.join(run.left_out)}: what failed there before "
                "is lost by that, and with acme_fail: warn the run would end green. Take the role by roles:, "
                "import_role or include_role without 'tasks_from: fleet', where each host's own condition counts"
            )
        options = self._freeze(run)
        problems = account_options.problems_of_contents(options)
        if problems:
            raise AnsibleActionFail(" ".join(problems))
        given: dict[str, Any] = {
            "acme_directory": options["acme_directory"],
            "ca_path": options["acme_ca_path"] or None,
            "certificates": flow.host_certificates(run.hosts, run.results),
        }
        if run.entry_point not in all_variables.ORDERING:
            return given
        if run.hosts and not self._are_listed(run):
            raise AnsibleActionFail(all_variables.undefined(run.hosts, ()))
        is_replacing = run.entry_point == "replace"
        selecting = OPTIONS if is_replacing else ()
        return {
            **given,
            "elsewhere": shared.held(run.result("_acme_held")),
            "unlisted": flow.unlisted(run.hosts, run.results),
            "unanswered": replaced.unanswered(run) if is_replacing else [],
            "remove_unlisted": [host for host in run.hosts if run.option_of(host, "acme_remove_unlisted")],
            "force": options["acme_force_renewal"],
            "replace": {name: options[f"acme_replace_{name}"] for name in selecting},
            "renewal_information": options["acme_renewal_information"],
            "check_revocation": options["acme_check_revocation"],
            "cache": options["acme_cache"] or None,
            "resolver": options["acme_dns_resolver"],
            "terms_agreed": options["acme_terms_agreed"],
            "run_interval": options["acme_run_interval"],
            "limits": options["acme_limits"],
            "history": options["acme_history"] or None,
            "settings": order_settings.order_settings(options),
            "retry_failed": options["acme_retry_failed"],
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the plan with the frozen options. Without a plan all hosts continue, and the last step fails them."""
        result = super().conclude(run, answer)
        if "problem" in result:
            return {**result, "due": run.hosts or run.variables["ansible_play_batch"], "lines": []}
        if self._frozen is None:
            return {**result, "due": [], "lines": []}
        if self._differing:
            warning = (
                f"environment: {', '.join(self._differing)} is not the same for all hosts of the play, so the work on "
                "the controller is done without. Give all hosts the same value where the controller needs it"
            )
            result["warnings"] = [*result.get("warnings", ()), warning]
        if run.entry_point in all_variables.ORDERING:
            left = left_records.find_left(run.hosts, run.results, outcomes.time_of(result))
            result = left_records.with_plan(result, left) if left else result
        return {**self._frozen, **result, "options": self._frozen["options"]}

    def _is_noted_somewhere(self, run: Run) -> bool:
        """Return True if a host of the batch, also one that the condition has skipped, fails in the end only."""
        if any(run.option_of(host, "acme_fail") == "warn" for host in run.hosts):
            return True
        return any(self._value_on(run, host, "acme_fail") == "warn" for host in run.left_out)

    def _freeze(self, run: Run) -> dict[str, Any]:
        """Freeze the batch's options for the next steps, and return them. Raises AnsibleError if hosts differ."""
        digests = {host: run.first(host)["batch"] for host in run.hosts}
        if not digests:
            raise AnsibleActionFail(
                "no host of the play has done the role's first step. Run the play without --start-at-task: the role's "
                "state is in the results of its steps"
            )
        differing = batch.difference(digests)
        if differing:
            name, *hosts = differing
            raise AnsibleActionFail(batch.differs(name, hosts, lambda host: self._value_on(run, host, name)))
        agreed = digests[run.hosts[0]]
        options = all_variables.convert(batch.verified(run.variables, run.template, agreed))
        names, self._differing = batch.agreement([run.first(host).get("environment", {}) for host in run.hosts])
        self._frozen = {**batch.frozen(options, agreed), "environment": names}
        return options

    def agreed_environment(self) -> Collection[str] | None:
        """Return the names in the environment in which all hosts of the batch agree; None outside of a batch."""
        return None if self._frozen is None else self._frozen["environment"]

    def _are_listed(self, run: Run) -> bool:
        """Return True if a host of the play has the variable acme_certificates, in this batch (serial) or another."""
        if any(run.first(host)["lists_certificates"] for host in run.hosts):
            return True
        others = set(run.variables["ansible_play_hosts_all"]).difference(run.hosts)
        hostvars = run.variables["hostvars"]
        return any("acme_certificates" in facts.variables_of(host, hostvars, self._task) for host in others)

    def _value_on(self, run: Run, host: str, name: str) -> Any:
        """Return the value that a variable has on a host."""
        variables = facts.variables_of(host, run.variables["hostvars"], self._task)
        return self._templar.copy_with_new_env(available_variables=variables).template(variables.get(name))
