# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that work on the controller: one function of options, which runs in one of two ways.

The action plugin with the module's name runs it in a child process of the controller's Python (answer()). If a task is
delegated to another host, it runs there as a module (main()).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.warnings import get_warning_messages
from ansible.module_utils.errors import UnsupportedError

from .._common.errors import CollectionError
from .._common.libraries import CONTROLLER, missing
from .._common.secret_texts import all_forms, hide
from . import cas, option_problems

Params = Mapping[str, Any]
Result = dict[str, Any]
Warn = Callable[[str], None]
# Keys of results with texts for people.
_FOR_PEOPLE = ("msg", "problem", "warnings", "exception")


@dataclass(frozen=True)
class ControllerModule:
    """A module: its options, its work, and the libraries that it needs.

    run(params, check_mode, warn) returns the result, with `failed` and `msg` if it failed. It may raise any
    CollectionError; the result has the fields of *refused* then.
    """

    argument_spec: Mapping[str, Any]
    run: Callable[[Params, bool, Warn], Result]
    libraries: tuple[str, ...] = CONTROLLER
    refused: Mapping[str, Any] = field(default_factory=dict)

    def main(self) -> None:
        """Run as a module, on whichever host the task is delegated to."""
        module = AnsibleModule(argument_spec=dict(self.argument_spec), supports_check_mode=True)
        secrets = _all_secrets(self.argument_spec, module.params)
        module.no_log_values.update(secrets)  # Ansible does not know the secrets in acme_directory
        found = self._result(module.params, module.check_mode, module.warn)
        # From 2.22 on, ansible-core no longer removes no_log values from results.
        result: dict[str, Any] = _without(secrets, found)
        # AnsibleModule would add the arguments, with secrets that no spec can mark (zones of dns_txt_record).
        result["invocation"] = {}
        if result.pop("failed", False):
            module.fail_json(**result)
        module.exit_json(**result)

    def answer(self, arguments: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
        """Run in this process, with the arguments of a task. Failures are in the result, also those of our own bugs."""
        validated = ArgumentSpecValidator(dict(self.argument_spec)).validate(dict(arguments))
        params = validated.validated_parameters
        warnings: list[str] = []
        if validated.error_messages:
            result = {"failed": True, "msg": "; ".join(map(_refusal, validated.errors))}
        else:
            try:
                result = self._result(params, check_mode, warnings.append)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                result = {"failed": True, "msg": reason, "exception": traceback.format_exc()}
        warnings += get_warning_messages()
        if warnings:
            result["warnings"] = list(dict.fromkeys(warnings))
        shown: dict[str, Any] = _without(_all_secrets(self.argument_spec, params), result)
        return shown

    def _result(self, params: Mapping[str, Any], check_mode: bool, warn: Warn) -> dict[str, Any]:
        absent = missing(self.libraries)
        if absent:
            return {"failed": True, "msg": absent, **self.refused}
        problems = option_problems.problems(params)
        if problems:
            return {"failed": True, "msg": "; ".join(problems), **self.refused}
        try:
            return {"changed": False, **self.run(params, check_mode, warn)}
        except CollectionError as error:
            return {"changed": False, "failed": True, "msg": str(error), **self.refused}


def _refusal(error: Any) -> str:
    # Alone it would be "x. Supported parameters include: ...".
    return f"Unsupported parameters: {error.msg}" if isinstance(error, UnsupportedError) else str(error.msg)


def _all_secrets(spec: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of no_log options in each form that a message may have them in."""
    return all_forms({*_secrets(spec, params), *cas.secrets(params.get("acme_directory"))})


def with_failure(result: Mapping[str, Any], failed: str) -> dict[str, Any]:
    """Return the *result* of run(), marked as failed if the text *failed* is not empty."""
    return {**result, **({"failed": True, "msg": failed} if failed else {})}


def _secrets(spec: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of options with no_log."""
    for name, option in spec.items():
        value = params.get(name)
        if not value:
            continue
        if option.get("no_log"):
            yield str(value)
        for entry in value if isinstance(value, list) else [value]:
            if "options" in option and isinstance(entry, Mapping):
                yield from _secrets(option["options"], entry)


def _without(secrets: Sequence[str], value: Any, for_people: bool = False) -> Any:
    """Return the result without secrets in texts for people, such as where a server repeats one."""
    if isinstance(value, dict):
        return {key: _without(secrets, item, for_people or key in _FOR_PEOPLE) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(secrets, item, for_people) for item in value]
    return hide(value, secrets) if for_people and isinstance(value, str) else value
