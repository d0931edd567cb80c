# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of keywords.py: keywords that would break the role."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import keywords

RUN_ONCE = "the role cannot run with 'run_once: true': it would run for web1 and no other host of the play."
DELEGATE_TO = "the role cannot run with 'delegate_to: {}': its steps run on the host that needs "


def task(delegate_to=None, run_once=False, include=False, block=None):
    """Return a task in an include in a block. None: a block without run_once."""
    outer = SimpleNamespace(run_once=block, _parent=None)
    return SimpleNamespace(
        delegate_to=delegate_to, run_once=run_once, _parent=SimpleNamespace(run_once=include, _parent=outer)
    )


@pytest.mark.parametrize(
    ("given", "hosts", "refused"),
    [
        ({}, 3, ""),
        ({"run_once": True}, 3, RUN_ONCE),
        ({"include": True}, 3, RUN_ONCE),
        ({"include": "{{ once }}"}, 3, RUN_ONCE),
        ({"block": True}, 3, RUN_ONCE),
        ({"run_once": True}, 1, ""),
        ({"delegate_to": "web2"}, 1, DELEGATE_TO.format("web2")),
        ({"delegate_to": "web2", "run_once": True}, 3, DELEGATE_TO.format("web2")),
        ({"delegate_to": "web1"}, 3, DELEGATE_TO.format("web1")),
    ],
    ids=str,
)
def test_problem_run_once_or_delegate_to_refused(given, hosts, refused):
    line = keywords.problem(task(**given), "web1", hosts, {"{{ once }}": "yes", True: True, False: False}.get)
    assert line.startswith(refused)
    assert bool(line) == bool(refused)
