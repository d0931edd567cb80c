# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils.ansible.host_options import CERTIFICATE_SPEC, HOME_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils.pki.formats import (
    passphrase_problems,
    with_digests,
    without_passphrases,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils import batch, contracts, facts, role_variables
from ansible_collections.certfleet.tls.plugins.plugin_utils.host_action import HostAction


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


class ActionModule(HostAction):
    """The module's run on the host, which is believed what it has of certificates, but not what is wanted of it.

    Orders are made for what is wanted: a host that somebody has taken over would have certificates for any name.
    """

    contract = staticmethod(contracts.certificate_info)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                **HOME_SPEC,
                "certificates": {"type": "list", "elements": "dict", "options": _SPEC},
                "history": {"type": "list", "elements": "str", "default": []},
                "content": {"type": "bool", "default": False},
                "batch": {"type": "str", "choices": list(role_variables.OF_ENTRY_POINT)},
            }
        )
        warnings = facts.refuse(task_vars, self._templar, self._task) if options["batch"] else []
        seen = {}
        if options["batch"]:
            seen["batch"] = batch.digests(task_vars, self._templar.template, options["batch"])
        self._wanted = options["certificates"]
        result = super().run(tmp, task_vars)
        if "certificates" in result and not result.get("failed"):
            result.update(certificates=_of(options["certificates"], result["certificates"]), **seen)
            listed = {option["name"] for option in options["certificates"] or ()}
            result["unlisted"] = sorted(set(result["unlisted"]) - listed)
        if warnings:
            result["warnings"] = [*result.get("warnings", ()), *warnings]
        return result

    def arguments(self) -> dict[str, Any]:
        sent = {name: value for name, value in super().arguments().items() if name != "batch"}
        if self._wanted is not None:
            given = sent["certificates"] if isinstance(sent["certificates"], list) else self._wanted
            # To compare, a host needs no passphrase. Where one were part of a name, its answer would hide the name.
            sent["certificates"] = [with_digests(option) for option in given]
        return sent


def _of(wanted: list[dict[str, Any]] | None, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to what a host has *found* what is *wanted*, as the task has it; without that, that nothing is."""
    if wanted is None:
        return [{**item, "wanted": None} for item in found]
    # Which the host cannot tell, as it gets digests.
    problems = passphrase_problems(wanted)
    return [
        {
            **item,
            "wanted": without_passphrases(option),
            "invalid": [*item["invalid"], *filter(None, [problems.get(option["name"])])],
        }
        for item, option in zip(found, wanted)
    ]
