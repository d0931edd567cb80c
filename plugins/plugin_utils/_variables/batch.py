# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the options of the batch between its hosts by digests, and freeze them for the rest of the run.

The first step of each host returns digests of the values that the host sees. The plan compares the digests and returns
the values, which later steps use. No result has a secret: secrets are looked up when they are used, and must still have
the digest from the first step.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._common.text import shortened

from .plain import plain
from .role_variables import SECRET

# One key for the run: ansible-playbook loads the action plugins before it forks, so all of its processes have it.
# Output shows digests, and without the key nobody can guess a secret and compare its digest.
_KEY = secrets.token_bytes(32)

Digests = Mapping[str, str]
Template = Callable[[Any], Any]


def digest(value: Any) -> str:
    """Return the digest of a variable's value. The same value has the same digest within one run only."""
    return blake2b(json.dumps(plain(value), sort_keys=True).encode(), key=_KEY, digest_size=16).hexdigest()


def values(variables: Mapping[str, Any], template: Template, names: Iterable[str]) -> dict[str, Any]:
    """Return the options *names* as one host sees them, templated. Raises AnsibleError that names the variable."""
    return {name: _value(variables, template, name) for name in names}


def difference(by_host: Mapping[str, Digests]) -> tuple[str, str, str] | None:
    """Return the first option in which hosts differ, and two of these hosts; None if they agree."""
    hosts = list(by_host)
    for host in hosts[1:]:
        for name, value in by_host[host].items():
            if by_host[hosts[0]].get(name) != value:
                return name, hosts[0], host
    return None


def agreement(by_host: Sequence[Digests]) -> tuple[list[str], list[str]]:
    """Return the names that have the same digest on all hosts, and the others that some of them have."""
    names = dict.fromkeys(name for digests in by_host for name in digests)
    agreed = [name for name in names if len({digests.get(name) for digests in by_host}) == 1]
    return agreed, [name for name in names if name not in agreed]


def differs(name: str, hosts: Sequence[str], value_on: Callable[[str], Any]) -> str:
    """Return the message for an option that differs between two hosts.

    *value_on* returns the value that a host has. The message shows the values, except those of secrets.
    """
    shown = hosts if name in SECRET else [f"{host} ({shortened(repr(value_on(host)))})" for host in hosts]
    return (
        f"{name} differs between {shown[0]} and {shown[1]}: the hosts of one play are one batch, with one CA and one "
        f"account. Give {name} the same value on all of them, or put the hosts that differ in a play of their own"
    )


def verified(variables: Mapping[str, Any], template: Template, digests: Digests) -> dict[str, Any]:
    """Return the options in *digests* as one host sees them now, templated.

    *digests*: from the first steps. Raises AnsibleError if a value has changed since then.
    """
    current = values(variables, template, digests)
    for name, value in current.items():
        if digests[name] != digest(value):
            raise AnsibleError(
                f"{name} has changed since the run began: something has set it, or its lookup returns another value "
                "each time. Set it once, in the inventory or by extra variables"
            )
    return current


def frozen(options: Mapping[str, Any], digests: Digests) -> dict[str, Any]:
    """Return *options* without secrets, and the digests of the secrets, for the plan's result."""
    return {
        "options": {name: value for name, value in options.items() if name not in SECRET},
        "digests": {name: value for name, value in digests.items() if name in SECRET},
    }


def _value(variables: Mapping[str, Any], template: Template, name: str) -> Any:
    value = variables.get(name)
    if isinstance(value, (bool, int, type(None))):
        return value
    try:
        return template(value)
    except AnsibleError as error:
        raise AnsibleError(f"{name} cannot be used: {error}") from None
