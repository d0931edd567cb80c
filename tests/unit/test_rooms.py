# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module imports of its own room and of rooms on lower floors only; a module of tests, no other one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"
TESTS = Path(__file__).parents[1]
#: From the ground up; rooms of one line know nothing of each other. docs/architecture.md says what is in each.
FLOORS = (
    ("module_utils/_common",),
    ("module_utils/_x509",),
    ("module_utils/_acme", "module_utils/_host"),
    ("module_utils/_host/wanted",),
    ("module_utils/_host/store",),
    ("module_utils/_host/challenges", "module_utils/_host/services"),
    ("module_utils/_host/steps",),
    ("module_utils/_status", "module_utils/_dns"),
    ("module_utils/_fleet",),
    ("module_utils/_ansible",),
    ("plugin_utils/_variables",),
    ("plugin_utils/_play",),
    ("plugin_utils/_steps",),
    ("modules", "action", "filter", "doc_fragments"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: Rooms that a room may not import, though it is on a lower floor.
APART = (("module_utils/_host", "module_utils/_acme"), ("module_utils/_fleet", "module_utils/_host"))
#: The name of a module, or of what is imported from one.
_TEST_MODULE = re.compile(r"^tests\..*\btest_")
_PACKAGE = ("ansible_collections", "certfleet", "tls", "plugins")


def room_of(parts: tuple[str, ...]) -> str:
    """Return the room that a path or the name of a module, from plugins on, is in."""
    return next("/".join(parts[:end]) for end in range(len(parts), 0, -1) if "/".join(parts[:end]) in FLOOR)


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports of this collection, from plugins on."""
    folder = path.relative_to(PLUGINS).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = (*_PACKAGE, *folder[: len(folder) - node.level + 1], *module)
            names = [(*module, alias.name) for alias in node.names]
        yield from (name[4:] for name in names if name[:4] == _PACKAGE)


def test_rooms_have_every_file():
    assert {room_of(path.relative_to(PLUGINS).parts) for path in PLUGINS.rglob("*.py")} == set(FLOOR)


def test_imports_go_down_only():
    wrong = []
    for path in sorted(PLUGINS.rglob("*.py")):
        own = room_of(path.relative_to(PLUGINS).parts)
        for name in imported(path):
            other = room_of(name)
            below = FLOOR[other] < FLOOR[own]
            kept_apart = any(own.startswith(room) and other.startswith(foreign) for room, foreign in APART)
            if other != own and (not below or kept_apart):
                wrong.append(f"{path.relative_to(PLUGINS)} imports {'.'.join(name)}")
    assert wrong == []


def test_test_modules_import_no_other():
    wrong = []
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None) or ""
                names = [f"{module}.{alias.name}".lstrip(".") for alias in node.names]
                wrong += [f"{path.relative_to(TESTS)} imports {name}" for name in names if _TEST_MODULE.search(name)]
    assert wrong == []
