# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of one module as options of another, which needs some of their fields only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import CHALLENGE_SPEC, RESULT_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CertificateOrder, ChallengeData

#: By option, the shape of its elements as they were returned, and what the module takes of them.
_OPTIONS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "challenges": (ChallengeData, CHALLENGE_SPEC),
    "results": (CertificateOrder, RESULT_SPEC),
}


def narrowed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's *arguments* without the fields of results that the module has no option for.

    All else stays, so that the module refuses what nobody returned.
    """
    return {name: _narrowed(name, value) for name, value in arguments.items()}


def _narrowed(name: str, value: Any) -> Any:
    if name not in _OPTIONS or not isinstance(value, (list, tuple)):
        return value
    shape, spec = _OPTIONS[name]
    unused = {field.name for field in fields(shape)}.difference(spec)
    return [_without(item, unused) if isinstance(item, Mapping) else item for item in value]


def _without(item: Mapping[str, Any], unused: set[str]) -> dict[str, Any]:
    return {field: given for field, given in item.items() if field not in unused}
