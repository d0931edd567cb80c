# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that handlers.py finds the same handlers in a running play as Ansible does."""

from __future__ import annotations

import json

import pytest

from tests.lab import cores, runs

# The one that differs most from the tests' own; that one and the newest only in the longer tests.
CORES = [
    cores.parameter(core="oldest"),
    cores.parameter(core="", hard=True),
    cores.parameter(core="newest", hard=True),
]
DEBUG = {"ansible.builtin.debug": {"msg": "done"}}
PLUGIN = """
import json
from ansible.plugins.action import ActionBase
from ansible_collections.certfleet.tls.plugins.plugin_utils._play import handlers, plays

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        known = handlers.known(plays.running(self._task))
        unknown = [name for name in self._task.args["names"] if name not in known]
        return {**result, "msg": "unknown: " + json.dumps(unknown) + "."}
"""
NAMES = {
    "Main": True,
    "main": False,
    "topic of main": True,
    "Main of the play": True,
    "Main of web1": False,
    "topic of web1": True,
    "Imported": True,
    "Include": True,
    "Included": False,
    "In a block": True,
    "In rescue": False,
    "Of listed": True,
    "listed : Of listed": True,
    "topic of listed": True,
    "Of listed, port 80": True,
    "Of before": True,
    "before : Of before": True,
    "topic of before": True,
    "Of before, port 80": True,
    "Of after": False,
    "Of nothing": False,
}


def role(name):
    return {
        f"roles/{name}/defaults/main.yml": {f"{name}_port": 80},
        f"roles/{name}/tasks/main.yml": [],
        f"roles/{name}/handlers/main.yml": [
            {"name": f"Of {name}", "listen": f"topic of {name}", **DEBUG},
            {"name": f"Of {name}, port {{{{ {name}_port }}}}", **DEBUG},
        ],
    }


ASKING = [
    {"ask": {"names": "{{ names }}"}},
    {"debug": {"msg": "notified"}, "changed_when": True, "notify": "{{ item }}", "loop": "{{ names }}"},
]
MAIN = [
    {"name": "Main", "listen": "topic of main", **DEBUG},
    {"name": "Main of {{ whose }}", **DEBUG},
    {"name": "Main of {{ of_the_host }}", "listen": "topic of web1", **DEBUG},
    {"import_tasks": "handlers/imported.yml"},
    {"name": "Include", "include_tasks": "handlers/included.yml"},
    {"block": [{"name": "In a block", **DEBUG}], "rescue": [{"name": "In rescue", **DEBUG}]},
]


@pytest.mark.parametrize("how", ["import_role", "include_role", "roles", "tasks"])
@pytest.mark.parametrize("core", CORES)
def test_unknown_running_play_same_as_ansible(tmp_path, how, core):
    before, after = ({"include_role": {"name": name}} for name in ("before", "after"))
    play = {
        "hosts": "web1",
        "gather_facts": False,
        "vars": {"whose": "the play", "names": list(NAMES)},
        "roles": ["listed", *(["asking"] if how == "roles" else [])],
        "handlers": MAIN,
        "pre_tasks": [before],
        "tasks": [*{"tasks": ASKING, "roles": []}.get(how, [{how: {"name": "asking"}}]), after],
    }
    runs.write(
        tmp_path,
        {
            "play.yml": [play],
            "action_plugins/ask.py": PLUGIN,
            "handlers/imported.yml": [{"name": "Imported", **DEBUG}],
            "handlers/included.yml": [{"name": "Included", **DEBUG}],
            **{name: file for each in ("listed", "before", "after") for name, file in role(each).items()},
            "roles/asking/tasks/main.yml": ASKING,
            "host_vars/web1.yml": {"of_the_host": "web1"},
        },
    )
    done = runs.run(tmp_path, core, "play.yml", "-v", ANSIBLE_ERROR_ON_MISSING_HANDLER="false")
    assert done.code == 0, done.text
    text = " ".join(done.text.replace('\\"', '"').split())
    unknown = json.JSONDecoder().raw_decode(text, text.index("unknown: ") + len("unknown: "))[0]
    missing = [name for name in NAMES if f"The requested handler '{name}' was not found" in text]
    assert unknown == missing == [name for name, is_found in NAMES.items() if not is_found]
