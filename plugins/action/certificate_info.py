# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils.ansible.host_options import CERTIFICATE_SPEC, HOME_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils.pki.formats import (
    passphrase_problems,
    with_digests,
    without_passphrases,
)
from ansible_collections.certfleet.tls.plugins.module_utils.pki.manifest import name_problem


def _as_text(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options with text in the place of paths: ~ and variables in them are the host's."""
    return {
        key: {
            **option,
            **({"type": "str"} if option["type"] == "path" else {}),
            **({"options": _as_text(option["options"])} if "options" in option else {}),
        }
        for key, option in spec.items()
    }


_SPEC = _as_text(CERTIFICATE_SPEC)


class ActionModule(ActionBase):
    """The module's run, of which the host is believed what it has, but not what is wanted of it.

    Orders are made for what is wanted: a host that somebody has taken over would have certificates for any name.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                **HOME_SPEC,
                "certificates": {"type": "list", "elements": "dict", "options": _SPEC},
                "history": {"type": "list", "elements": "str", "default": []},
                "content": {"type": "bool", "default": False},
            }
        )
        arguments = dict(self._task.args)
        if isinstance(arguments.get("certificates"), list):
            # To compare, a host needs no passphrase. Where one were part of a name, its answer would hide the name.
            arguments["certificates"] = [with_digests(option) for option in arguments["certificates"]]
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        # Facts would become variables of the host, and win over the inventory's. The interpreter's place is Ansible's.
        result.pop("ansible_facts", None)
        if self._discovered_interpreter_key:
            result["ansible_facts"] = {self._discovered_interpreter_key: self._discovered_interpreter}
        if not result.get("failed"):
            result["certificates"] = _of(options["certificates"], result.get("certificates"))
            result["unlisted"] = _beside(options["certificates"] or [], result.get("unlisted"))
            result["history"] = _versions(options["history"], result.get("history"))
        return result


def _of(wanted: list[dict[str, Any]] | None, said: Any) -> list[dict[str, Any]]:
    """What a host *said*, with what is *wanted* as it was asked for. Without that, of everything nothing is wanted."""
    if not isinstance(said, list) or not all(isinstance(item, dict) for item in said):
        raise AnsibleActionFail("the host's answer is not one of certificate_info")
    if wanted is None:
        return [{**item, "wanted": None} for item in said]
    if [item.get("name") for item in said] != [option["name"] for option in wanted]:
        raise AnsibleActionFail("the host answers for other certificates than it was asked for")
    # Which the host cannot tell, as it gets digests.
    problems = passphrase_problems(wanted)
    return [
        {
            "live": None,
            "pending": None,
            **item,
            "wanted": without_passphrases(option),
            "invalid": [*_texts(item.get("invalid")), *filter(None, [problems.get(option["name"])])],
        }
        for item, option in zip(said, wanted)
    ]


def _texts(said: Any) -> list[str]:
    return [str(text) for text in said] if isinstance(said, list) else []


def _beside(wanted: list[dict[str, Any]], said: Any) -> list[str]:
    """The names of what a host *said* to have beside what is *wanted*."""
    listed = {option["name"] for option in wanted}
    names = [] if said is None else said
    if not isinstance(names, list) or not all(isinstance(name, str) and not name_problem(name) for name in names):
        raise AnsibleActionFail("the host's answer is not one of certificate_info")
    return sorted(set(names) - listed)


def _versions(names: list[str], said: Any) -> list[dict[str, Any]]:
    """What a host *said* of versions, of the certificates that it was asked for."""
    if said is None:
        return []
    if not isinstance(said, list) or not all(_is_version(item) and item["name"] in names for item in said):
        raise AnsibleActionFail("the host's answer is not one of certificate_info")
    return said


def _is_version(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and all(isinstance(item.get(field), str) for field in ("name", "version", "certificate"))
        and isinstance(item.get("live"), bool)
        and isinstance(item.get("created"), (str, type(None)))
    )
