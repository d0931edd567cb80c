# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of hosts with one value replaced by a random one."""

from __future__ import annotations

import copy

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables

JUNK = (
    *(None, True, False, 0, -1, 10**400, 1.5, float("nan"), "", "x", "shop", "bank", "web1", "{{ 1 }}", "\ud800"),
    *("\0", "\x1b[2J", "../../etc/shadow", "https://evil.example/", "2026-02-31T00:00:00Z", "x" * 70_000),
    *([], {}, [[]], [{}], ["shop"], {"shop": "x"}, {"web1": "x"}, {"web1": {"x": 1}}, [None] * 1001),
)


def junk(dice):
    return copy.deepcopy(dice.choice(JUNK))


def deep(levels):
    value = []
    for _unused in range(levels):
        value = [value]
    return value


def places(value, path=()):
    """Yield all paths in a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def mutated(answer, dice):
    """Return the answer with one to three changes: a value replaced, removed or doubled, or a hostile key added."""
    for _unused in range(dice.randint(1, 3)):
        path = dice.choice([path for path in places(answer) if path] or [()])
        kind = dice.randrange(6)
        parent = answer
        for step in path[:-1]:
            parent = parent[step]
        if not path or kind == 0:
            answer = {**answer, dice.choice(sorted(role_variables.ALL)): junk(dice)}
        elif kind == 1:
            del parent[path[-1]]
        elif kind == 2 and isinstance(parent, list):
            parent.append(parent[path[-1]])
        elif kind == 3:
            answer = {
                **answer,
                dice.choice(["ansible_facts", "add_host", "failed", "msg", "skipped", "unreachable"]): junk(dice),
            }
        elif kind == 4:
            parent[path[-1]] = deep(dice.choice([3, 400]))
        else:
            parent[path[-1]] = junk(dice)
    return answer
