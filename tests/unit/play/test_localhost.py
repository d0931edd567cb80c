# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of localhost.py; tests/integration/test_localhost.py runs the tasks of a DNS provider."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import localhost

PYTHON = "/opt/ansible/bin/python"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, ""),
        ({"ansible_become": True}, "the tasks of the DNS provider would become another user"),
        ({"ansible_become": "yes"}, "the tasks of the DNS provider would become another user"),
        ({"ansible_become": ""}, "the tasks of the DNS provider would become another user"),
        ({"ansible_become": "false"}, ""),
        ({"ansible_become": None}, ""),
        ({"ansible_become_method": "su", "ansible_user": "deploy", "ansible_host": "192.0.2.1"}, ""),
        ({"ansible_connection": "ssh"}, "the tasks of the DNS provider would not run on the controller"),
        ({"ansible_connection": "smart"}, "the tasks of the DNS provider would not run on the controller"),
        ({"ansible_connection": "local"}, ""),
        ({"ansible_connection": "ansible.builtin.local"}, ""),
        ({"ansible_connection": "mitogen_local"}, ""),
        ({"ansible_python_interpreter": PYTHON}, ""),
        ({"ansible_python_interpreter": "/opt/ansible/../ansible/bin/python"}, ""),
        ({"ansible_python_interpreter": "/usr/bin/python3"}, "the tasks of the DNS provider need the Python of the "),
        ({"ansible_python_interpreter": "auto"}, "the tasks of the DNS provider need the Python of the controller"),
        ({"ansible_remote_tmp": "/usable"}, ""),
        ({"ansible_remote_tmp": "/read-only"}, "the tasks of the DNS provider cannot make their temporary folders"),
    ],
)
def test_problems_extra_variable_named_with_value(monkeypatch, variables, reason):
    monkeypatch.setattr(localhost, "_can_write_in", lambda folder: folder == "/usable")
    lines = localhost.problems(variables, PYTHON)
    if not reason:
        assert lines == []
        return
    ((name, value),) = variables.items()
    (line,) = lines
    given = f"{name} is '{value}' in the extra variables (-e), which apply to localhost as well"
    assert line.startswith(f"{given}: {reason}")
    assert line.endswith("instead.")


def test_problems_several_variables_all_named():
    given = {"ansible_become": True, "ansible_connection": "ssh", "ansible_python_interpreter": "auto"}
    assert [line.split()[0] for line in localhost.problems(given, PYTHON)] == list(given)


def test_problems_other_name_of_same_python_accepted(tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python3").symlink_to("/usr/bin/env")
        (tmp_path / folder / "python").symlink_to("python3")
    own = str(tmp_path / "one" / "python")
    assert localhost.problems({"ansible_python_interpreter": str(tmp_path / "one" / "python3")}, own) == []
    assert localhost.problems({"ansible_python_interpreter": str(tmp_path / "other" / "python")}, own)


@pytest.mark.parametrize(
    ("folder", "is_usable"), [(".", True), ("new/and/deep", True), ("$HOME/x", True), ("~/x", True), ("file/x", False)]
)
def test_problems_temporary_folder_writable_accepted(tmp_path, monkeypatch, folder, is_usable):
    (tmp_path / "file").touch(mode=0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = folder if folder[0] in "$~" else str(tmp_path / folder)
    assert (localhost.problems({"ansible_remote_tmp": path}, PYTHON) == []) is is_usable
