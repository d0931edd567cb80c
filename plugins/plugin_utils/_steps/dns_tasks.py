# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TXT records that are written by tasks of other collections, which are modules on localhost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._dns import provider_options
from ansible_collections.certfleet.tls.plugins.module_utils._dns.entries import is_only_cname

from .._play import localhost, plays
from .run import Run


def verify(run: Run, task: Any, zones: Mapping[str, Any], tasks_file: str) -> None:
    """Raise AnsibleActionFail if there may be such tasks, and extra variables would break them."""
    if not _has_tasks(zones, tasks_file):
        return
    variables = localhost.extra_variables(plays.running(task), run.template)
    problems = localhost.problems(variables, run.variables["ansible_playbook_python"])
    if problems:
        raise AnsibleActionFail(" ".join(problems))


def _has_tasks(zones: Mapping[str, Any], tasks_file: str) -> bool:
    providers = {entry.get("provider") for entry in zones.values() if not is_only_cname(entry)}
    return bool(tasks_file) or not providers <= set(provider_options.BUILT_IN)
