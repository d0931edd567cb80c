# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import host_info
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CertificateEntry, HostCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import IdentifierError
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.formats import (
    passphrase_problems,
    with_digests,
    without_passphrases,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import answers, failures, first_step, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.step import environment_of


def _as_text(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with text in the place of paths: ~ and variables in them are the host's."""
    return {
        key: {
            **option,
            **({"type": "str"} if option["type"] == "path" else {}),
            **({"options": _as_text(option["options"])} if "options" in option else {}),
        }
        for key, option in spec.items()
    }


_SPEC = ArgumentSpecValidator(_as_text(host_info.SPEC))


class ActionModule(HostAction):
    """Run the module on the host. It says what the host has of certificates, and the task says what is wanted.

    Orders are made for what is wanted: else a host that somebody has taken over could get certificates for any name.
    """

    contract = staticmethod(answers.certificate_info)
    _variables: first_step.HostVariables | None = None
    _is_misconfigured = False
    _wanted: list[dict[str, Any]] | None = None

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a host has of certificates, with their entries."""
        validated = _SPEC.validate(dict(arguments))
        if validated.error_messages:
            raise AnsibleActionFail("; ".join(validated.error_messages))
        self._wanted = validated.validated_parameters["certificates"]
        return super().work(_sent(arguments, self._wanted), task_vars)

    def complete(self, accepted: dict[str, Any]) -> dict[str, Any]:
        """Return the answer with the task's own options as `wanted`."""
        if self._wanted is None or accepted.get("failed") or "certificates" not in accepted:
            return accepted
        found = zip(accepted["certificates"], self._wanted)
        # The host cannot find these, as it gets digests.
        problems = passphrase_problems(self._wanted)
        return {
            **accepted,
            "certificates": [_with_entry(item, option, problems.get(option["name"], "")) for item, option in found],
            "unlisted": sorted(set(accepted["unlisted"]).difference(option["name"] for option in self._wanted)),
        }

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the host's acme_certificates; for a revocation, the names whose history is needed."""
        if "certificates" in arguments:
            return arguments  # of a look at another host; home and list may be there by module_defaults
        if run.entry_point == "revoke":
            names = run.option("acme_revoke")
            return {**run.place(), "certificates": [], "history": names} if names else None
        try:
            self._variables = first_step.validate(run, self._templar, self._task)
        except first_step.MisconfiguredError:
            self._is_misconfigured = True
            raise
        options = self._variables.options
        return {
            "home": options["acme_home"],
            "list": options["acme_list"],
            "reassign": options["acme_reassign"],
            # Not defined for this host, it may be for others: the plan refuses it where no host has it.
            "certificates": [*(options.get("acme_certificates") or ()), *map(_stand_in, self._variables.refused)],
            "content": self._variables.check_revocation,
        }

    def is_noted(self, run: Run) -> bool:
        """Return True if the host says so in acme_fail."""
        return self._variables is not None and failures.are_noted(self._variables.options)

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what was found, and what the steps to come know of the host's options."""
        if self._is_misconfigured:
            return failures.conclude(run, answer, {"acme_fail": run.variable("acme_fail")})
        variables = self._variables
        if variables is None:
            return answer
        if variables.warnings:
            answer["warnings"] = [*answer.get("warnings", ()), *variables.warnings]
        if "certificates" in answer:
            answer.update(_with_faults(answer, variables))
        result = failures.conclude(run, answer, variables.options)
        result = first_step.concluded({**result, **variables.result(environment_of(self))})
        # Registered results of an inclusion before are replaced by those of this one.
        shared_before = shared.before(run.results.of_all(run.host).get("_acme_found", {}))
        return {**result, "shared_before": shared_before} if shared_before else result


def _sent(arguments: Mapping[str, Any], wanted: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return the arguments as the host gets them: to compare, it needs no passphrase."""
    if wanted is None:
        return dict(arguments)
    given = arguments["certificates"] if isinstance(arguments["certificates"], list) else wanted
    # Where a passphrase were part of a name, the host's answer would hide the name.
    return {**arguments, "certificates": [with_digests(option) for option in given]}


def _with_entry(found: HostCertificate, option: Mapping[str, Any], problem: str) -> HostCertificate:
    """Return what a host has with its entry, an *option* of the task. *problem*: of its passphrases, or empty."""
    shown, place, unusable = without_passphrases(option), f"certificate {found.name}", ""
    try:
        entry = CertificateEntry.parse(shown, place)
    except IdentifierError as error:
        entry, unusable = CertificateEntry.from_result({**shown, "identifiers": []}, place), str(error)
    # The host may have found the same.
    invalid = dict.fromkeys(filter(None, (*found.invalid, problem, unusable)))
    return replace(found, wanted=entry, invalid=tuple(invalid))


def _with_faults(answer: Mapping[str, Any], variables: first_step.HostVariables) -> dict[str, Any]:
    """Return the certificates with the faults that the first step found."""
    certificates = []
    for item in answer["certificates"]:
        fault = variables.faults.get(item["name"])
        if item["name"] in variables.refused:
            item = {**item, "wanted": None, "invalid": [fault]}
        elif fault:
            # The host may have found the same, in its own words.
            item = {**item, "invalid": item["invalid"] or [fault]}
        certificates.append(item)
    return {"certificates": certificates, "unlisted": [] if variables.is_partial else answer.get("unlisted", [])}


def _stand_in(name: str) -> dict[str, Any]:
    """Return an entry for a certificate whose own is invalid: the host may have versions, which count for others."""
    return {"name": name, "identifiers": ["refused.invalid"]}
