# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the role refuses each wrong input of the unit tests before any network request or change.

There is a host for each input, since a host with a fault does not stop the others.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.lab import runs
from tests.unit.variables.variables import GOOD, OF_EXISTING_ACCOUNTS
from tests.unit.variables.wrong_inputs_account import ACCOUNTS
from tests.unit.variables.wrong_inputs_dns import DNS
from tests.unit.variables.wrong_inputs_entries import CERTIFICATES, LISTS
from tests.unit.variables.wrong_inputs_entry_points import ENTRY_POINTS
from tests.unit.variables.wrong_inputs_variables import VARIABLES

# Entry points that the inputs are given to.
NAMES = ("main", "replace", "revoke", "adopt", "account", "account_deactivate", "account_rollover")


def rows(table: pytest.MarkDecorator) -> list[tuple[Any, ...]]:
    """Return the rows of a table."""
    return [getattr(row, "values", row) for row in table.args[1]]


def inputs() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield entry point, variables, and the start of the message."""
    for given, expected in (*rows(VARIABLES), *rows(DNS)):
        yield "main", given, expected
    yield from (*rows(ACCOUNTS), *rows(ENTRY_POINTS))
    for change, expected in rows(CERTIFICATES):
        yield "main", {"acme_certificates": [{**GOOD, **change}]}, expected
    for given, expected in rows(LISTS):
        yield "main", {"acme_certificates": given}, expected


def fits_inventory(value: Any) -> bool:
    """Return True for a value that JSON can represent, without a template."""
    try:
        return "{{" not in json.dumps(value)
    except TypeError:
        return False


INPUTS = [row for row in inputs() if row[0] in NAMES and fits_inventory(row[1])]


def test_inputs_tables_of_unit_tests_read():
    assert len(INPUTS) >= 300


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Yield a listener that is the proxy for all CAs, and that must get no connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize(
    ("core", "check", "part"),
    [
        ("", False, 12),
        pytest.param("", False, 1, marks=pytest.mark.hard),
        pytest.param("", True, 1, marks=pytest.mark.hard),
        pytest.param("oldest", True, 4, marks=pytest.mark.hard),
        pytest.param("newest", False, 4, marks=pytest.mark.hard),
    ],
)
def test_role_wrong_inputs_refused_before_any_request(tmp_path, listener, core, check, part):
    """*part*: every which of the inputs is given to the role."""
    hosts: dict[str, Any] = {}
    expected: dict[str, str] = {}
    plays = []
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "acme_terms_agreed": True,
        "acme_account_key_src": "/nowhere/key.pem",
        "acme_certificates": [GOOD],
    }
    groups: dict[str, list[str]] = {}
    for number, (entry_point, given, line) in list(enumerate(INPUTS))[::part]:
        host = f"host{number:03}"
        key = {"acme_account_key_src": str(tmp_path / "play.yml")} if entry_point in OF_EXISTING_ACCOUNTS else {}
        hosts[host] = {**key, **given}
        expected[host] = line
        groups.setdefault(entry_point, []).append(host)
    for entry_point, names in groups.items():
        task = {"include_role": {"name": "certfleet.tls.acme", "tasks_from": entry_point}}
        plays.append({"hosts": ",".join(names), "gather_facts": False, "tasks": [task]})
    inventory = {"all": {"hosts": hosts, "vars": common}}
    runs.write(tmp_path, {"inventory": json.dumps(inventory), "play.yml": plays})
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name in groups:
        done = runs.run(
            tmp_path,
            core,
            "play.yml",
            *(["--check"] if check else []),
            "-l",
            ",".join(groups[name]),
            HTTP_PROXY=proxy,
            HTTPS_PROXY=proxy,
        )
        assert "TASK [certfleet.tls.acme : Plan]" not in done.text
        assert "Traceback" not in done.text
        for host in groups[name]:
            (message,) = done.failures(host)
            assert message.startswith(f"host {host}: {expected[host]}"), hosts[host]
            assert "\n" not in message
    with pytest.raises(BlockingIOError):
        listener.accept()
