# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of handlers.py with loaded plays; tests/integration/test_handlers.py compares it with Ansible."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.release import __version__ as CORE  # noqa: N812 - a constant
from ansible.vars.manager import VariableManager

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import handlers
from tests.lab import runs

DEBUG = {"debug": {"msg": "done"}}
PLAY = {
    "hosts": "all",
    "vars": {"service": "nginx"},
    "roles": ["web"],
    "handlers": [
        {"name": "Reload web", "listen": "certificates are new", **DEBUG},
        {"name": "Reload {{ service }}", **DEBUG},
        {"name": "Reload {{ of_the_host }}", "listen": ["one", "two"], **DEBUG},
        {"listen": "without a name", **DEBUG},
        {"import_tasks": "handlers/imported.yml"},
        {"name": "Include", "include_tasks": "handlers/included.yml"},
        {"block": [{"name": "In a block", **DEBUG}], "rescue": [{"name": "In rescue", **DEBUG}]},
    ],
}
FILES = {
    "play.yml": [PLAY],
    "handlers/imported.yml": [{"name": "Imported", **DEBUG}],
    "handlers/included.yml": [{"name": "Included", **DEBUG}],
    "roles/web/defaults/main.yml": {"port": 80},
    "roles/web/handlers/main.yml": [{"name": "Restart port {{ port }}", "listen": "topic of web", **DEBUG}],
    "roles/web/meta/main.yml": {"dependencies": ["base"]},
    "roles/base/handlers/main.yml": [{"name": "Of a dependency", **DEBUG}],
}


@pytest.fixture
def play(tmp_path):
    runs.write(tmp_path, FILES)
    loader = DataLoader()
    variables = VariableManager(loader=loader, inventory=InventoryManager(loader=loader, sources=["web1,"]))
    return Playbook.load(str(tmp_path / "play.yml"), variable_manager=variables, loader=loader).get_plays()[0]


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("Reload web", True),
        ("reload web", False),
        ("Reload", False),
        ("certificates are new", True),
        ("certificates", False),
        ("Reload nginx", True),
        ("Reload {{ service }}", False),
        ("Reload {{ of_the_host }}", False),
        ("two", True),
        ("without a name", True),
        ("Imported", True),
        ("Include", True),
        ("Included", False),
        ("In a block", True),
        ("In rescue", False),
        ("Restart port 80", True),
        ("web : Restart port 80", True),
        ("base : Restart port 80", False),
        ("topic of web", True),
        ("web : topic of web", not CORE.startswith("2.16.")),  # known from ansible-core 2.17 on
        ("Of a dependency", True),
        ("", False),
    ],
)
def test_known_names_and_topics_that_a_handler_has(play, name, is_known):
    assert (name in handlers.known(play)) is is_known


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("Reload Web", ["reload web", "Reload nginx"], " (did you mean 'reload web'?)"),
        ("Relod nginx", ["reload web", "Reload nginx"], " (did you mean 'Reload nginx'?)"),
        ("Restart", ["web : Reload", "topic"], ""),
        ("Restart", [], ""),
    ],
)
def test_problem_unknown_handler_suggests_similar(name, names, hint):
    assert handlers.problem(name, names) == (
        f"reload notifies the handler '{name}', which this play does not have{hint}: no handler or listen topic has "
        "this name. Correct notify, or add the handler to the handlers of the play; the playbooks of certfleet.tls "
        "load them with -e acme_handlers=/path/handlers.yml."
    )
