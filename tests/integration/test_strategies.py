# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of keywords.py in plays that run under the strategies."""

from __future__ import annotations

import pytest

from tests.lab import cores, runs

# The one that differs most from the tests' own; that one and the newest only in the longer tests.
CORES = [
    cores.parameter(core="oldest"),
    cores.parameter(core="", hard=True),
    cores.parameter(core="newest", hard=True),
]
PLUGIN = """
from ansible.plugins.action import ActionBase
from ansible_collections.certfleet.tls.plugins.plugin_utils._play import keywords, plays

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        return {**result, "msg": f"problem: [{keywords.problem_of_strategy(plays.running(self._task))}]"}
"""
# Made as mitogen_linear: a mix-in, then the class that the loader has for linear.
MIXED = """
DOCUMENTATION = "name: {name}\\nshort_description: of a test\\ndescription: of a test\\nauthor: none"
from ansible.plugins.loader import strategy_loader

class Mixin:
    def run(self, iterator, play_context, result=0):
        return super().run(iterator, play_context)

class StrategyModule(Mixin, strategy_loader.get("{base}", class_only=True)):
    pass
"""
IMPORTED = """
DOCUMENTATION = "name: {name}\\nshort_description: of a test\\ndescription: of a test\\nauthor: none"
from ansible.plugins.strategy.{base} import StrategyModule as Base

class StrategyModule(Base):
    pass
"""
OWN = {
    "mixed_linear": MIXED.format(name="mixed_linear", base="linear"),
    "imported_linear": IMPORTED.format(name="imported_linear", base="linear"),
    "mixed_free": MIXED.format(name="mixed_free", base="free"),
    "linear_by_name_only": IMPORTED.format(name="linear_by_name_only", base="host_pinned"),
}
STRATEGIES = {
    None: True,
    "linear": True,
    "ansible.builtin.linear": True,
    "ansible.legacy.linear": True,
    "debug": True,
    "{{ chosen }}": True,
    "mixed_linear": True,
    "imported_linear": True,
    "free": False,
    "ansible.builtin.free": False,
    "host_pinned": False,
    "mixed_free": False,
    "linear_by_name_only": False,
}


def ask(folder, core, *strategies):
    """Return the messages of a run that has a play for each of these strategies."""
    play = {"hosts": "web1", "gather_facts": False, "vars": {"chosen": "linear"}, "tasks": [{"ask": None}]}
    plays = [{**play, **({"strategy": name} if name else {})} for name in strategies]
    plugins = {f"strategies/{name}.py": text for name, text in OWN.items()}
    runs.write(folder, {"play.yml": plays, "action_plugins/ask.py": PLUGIN, **plugins})
    done = runs.run(folder, core, "play.yml", "-v", ANSIBLE_STRATEGY_PLUGINS=str(folder / "strategies"))
    assert done.code == 0, done.text
    return [part.split("]")[0] for part in done.text.split("problem: [")[1:]]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("strategy", ["debug", "mixed_linear", "imported_linear", "linear", "host_pinned"])
def test_problem_one_strategy_loaded_as_with_others(tmp_path, strategy, core):
    (line,) = ask(tmp_path, core, strategy)
    assert (not line) is STRATEGIES[strategy]


@pytest.mark.parametrize("core", CORES)
def test_problem_strategies_that_separate_hosts_refused(tmp_path, core):
    lines = ask(tmp_path, core, *STRATEGIES)
    assert [not line for line in lines] == list(STRATEGIES.values())
    refused = [(name, line) for (name, fits), line in zip(STRATEGIES.items(), lines) if not fits]
    for name, line in refused:
        assert line.startswith(f"the role cannot run with 'strategy: {name}': each host runs through the tasks by ")
        assert "Set 'strategy: linear'" in line
