# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All wrong inputs that the unit tests know, given to the role: each is refused before anybody is asked.

One host for each of them: what is wrong with one says nothing of another.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.lab import runs
from tests.unit.variables import (
    test_validation_account,
    test_validation_dns,
    test_validation_entries,
    test_validation_entry_points,
    test_validation_variables,
)
from tests.unit.variables.variables import GOOD

ENTRY_POINTS = ("main", "replace", "revoke", "adopt", "account", "account_rollover")


def rows(test: Any) -> list[tuple[Any, ...]]:
    """The rows of a table test."""
    (mark,) = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    return [getattr(row, "values", row) for row in mark.args[1]]


def inputs() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Entry point, variables, and how the line begins."""
    for test in (test_validation_variables.test_problems_of_a_variable, test_validation_dns.test_problems_of_acme_dns):
        for given, expected in rows(test):
            yield "main", given, expected
    for test in (
        test_validation_account.test_problems_of_an_account,
        test_validation_entry_points.test_problems_of_an_entry_point,
    ):
        yield from rows(test)
    for change, expected in rows(test_validation_entries.test_problems_of_a_certificate):
        yield "main", {"acme_certificates": [{**GOOD, **change}]}, expected
    for given, expected in rows(test_validation_entries.test_problems_of_the_list):
        yield "main", {"acme_certificates": given}, expected


def as_inventory_has_it(value: Any) -> bool:
    """Return True if JSON has it, and no template is in it."""
    try:
        return "{{" not in json.dumps(value)
    except TypeError:
        return False


INPUTS = [row for row in inputs() if row[0] in ENTRY_POINTS and as_inventory_has_it(row[1])]


def test_there_are_many():
    assert len(INPUTS) >= 300


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The way to all CAs, which nobody has to take."""
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
def test_each_is_refused_by_one_line_before_anybody_is_asked(tmp_path, listener, core, check, part):
    """*part*: each how many of the inputs is tried."""
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
        hosts[host] = given
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
