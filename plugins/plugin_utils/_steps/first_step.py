# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first step of an entry point for a host: validate its variables before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._common.names import DEFAULT_LIST
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line

from .._play import facts, handlers, inclusions, keywords, plays
from .._variables import all_variables, batch, role_variables
from .._variables.certificate_entries import Fault
from .run import Run

_CERTIFICATES = "acme_certificates"
#: Keys that only the plan reads, of hosts that have not failed (Run.hosts).
_FOR_THE_PLAN = ("batch", "environment", "lists_certificates")
# Entry points that ask a CA only, and do nothing on hosts.
_OF_ACCOUNTS = ("account", "account_deactivate", "account_rollover")


class MisconfiguredError(AnsibleActionFail):  # type: ignore[misc]  # ansible-core has no types
    """The variables of one host are wrong, and facts have no part in it: acme_fail says what that means for others."""


@dataclass(frozen=True)
class HostVariables:
    """The variables of the role as one host has them: digests of the batch's, and its own.

    is_partial: these may not be all certificates that the host wants. faults: by the name of a certificate, why it
    alone cannot be served. refused: the names of those whose entries are invalid.
    """

    digests: Mapping[str, str]
    options: Mapping[str, Any]
    lists_certificates: bool
    is_partial: bool = False
    check_revocation: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)
    refused: Collection[str] = ()
    warnings: list[str] = field(default_factory=list)

    def result(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """Return what the steps to come know of it. *environment*: that of the task, which may have secrets."""
        # Certificates may have passphrases.
        of_the_host = {name: value for name, value in self.options.items() if name != _CERTIFICATES}
        result = {"batch": dict(self.digests), "options": of_the_host, "lists_certificates": self.lists_certificates}
        if self.refused:
            result["refused"] = list(self.refused)
        if environment:
            result["environment"] = {name: batch.digest(value) for name, value in environment.items()}
        return result


def concluded(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the *result* of a first step; one that failed without digests, between which nobody finds its message."""
    return {name: value for name, value in result.items() if not (result.get("failed") and name in _FOR_THE_PLAN)}


def validate(run: Run, templar: Any, task: Any) -> HostVariables:
    """Validate the variables of a host, and return them.

    Raises MisconfiguredError if they are wrong, and AnsibleError if the host is to be left out for another reason.
    """
    play = plays.running(task)
    refusal = keywords.problem_of_strategy(play)
    if not refusal and run.entry_point not in _OF_ACCOUNTS:
        hosts = len(run.variables["ansible_play_batch"])
        refusal = keywords.problem(task, run.host, hosts, run.template)
    if refusal:
        raise AnsibleActionFail(refusal)
    warnings = facts.refuse(run.variables, templar, task)
    entry_point, defined = run.entry_point, run.variables.keys()
    names = [name for name in role_variables.of(entry_point) if name in defined]
    try:
        values = batch.values(run.variables, run.template, names)
    except AnsibleError as error:
        where = _unusable_entry(run) if str(error).startswith(_CERTIFICATES) else ""
        raise MisconfiguredError(f"host {run.host}: {where}{error}") from None
    problems = all_variables.validate(values, run.host, entry_point, defined)
    faults = _faults_of_some(problems, values.get(_CERTIFICATES))
    if problems and not faults:
        raise MisconfiguredError(" ".join(problems))
    needs_certificates = entry_point in all_variables.WITH_CERTIFICATES
    needed = {name: value for name, value in values.items() if needs_certificates or name != _CERTIFICATES}
    options = all_variables.convert(needed)
    right = [entry for entry in options.get(_CERTIFICATES) or () if entry["name"] not in faults]
    if _CERTIFICATES in options:
        options[_CERTIFICATES] = right
    is_own_list = options["acme_list"] != DEFAULT_LIST and inclusions.names_list(task)
    is_partial = not is_own_list and inclusions.are_several(play, task)
    if is_partial and options["acme_remove_unlisted"]:
        warnings.append(
            f"host {run.host}: nothing is removed (acme_remove_unlisted): the play has the role several times, or "
            "may have it so, and what is not listed in one may be in another. Give each list a name of its own, where "
            "the play takes the role (acme_list among the role's parameters, or in vars of the include)."
        )
    return HostVariables(
        digests={name: batch.digest(values.get(name)) for name in role_variables.of_batch(entry_point)},
        options={name: options[name] for name in role_variables.OF_THE_HOST if name in options},
        lists_certificates=_CERTIFICATES in values,
        is_partial=is_partial,
        check_revocation=options.get("acme_check_revocation", False),
        faults={**_unknown_handlers(right, play), **faults},
        refused=tuple(faults),
        warnings=[*warnings, *all_variables.warn_of_misspelled(defined, entry_point)],
    )


def _unusable_entry(run: Run) -> str:
    """Return what names the first certificate whose templates cannot be used; empty where they are not in an entry."""
    listed = run.variables.get(_CERTIFICATES)
    for number, entry in enumerate(listed if isinstance(listed, list) else (), 1):
        try:
            run.template(entry)
        except AnsibleError:
            name = entry.get("name") if isinstance(entry, Mapping) else None
            return f"certificate {one_line(name, 60) if isinstance(name, str) else f'number {number}'}: "
    return ""


def _faults_of_some(problems: list[str], certificates: Any) -> dict[str, str]:
    """Return by certificate what is wrong with it, if others of the host are right, and nothing else is wrong."""
    listed = certificates if isinstance(certificates, list) else []
    names = {str(entry.get("name")) for entry in listed if isinstance(entry, Mapping)}
    lines_by_certificate: dict[str, list[str]] = {}
    for line in problems:
        if not isinstance(line, Fault) or line.certificate not in names:
            return {}
        lines_by_certificate.setdefault(line.certificate, []).append(line.text)
    if not names - set(lines_by_certificate):
        return {}
    return {name: " ".join(lines) for name, lines in lines_by_certificate.items()}


def _unknown_handlers(certificates: Any, play: Any) -> dict[str, str]:
    """Return for each certificate that notifies a handler which the play does not have, a line about it."""
    named = {
        entry["name"]: [
            item["notify"].strip() for item in entry["reload"] if isinstance(item, Mapping) and "notify" in item
        ]
        for entry in certificates
    }
    known = handlers.known(play) if any(named.values()) else set()  # reading the handlers takes a few milliseconds
    return {
        certificate: " ".join(handlers.problem(name, known) for name in names if name not in known)
        for certificate, names in named.items()
        if not known.issuperset(names)
    }
