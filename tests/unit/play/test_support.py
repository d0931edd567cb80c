# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of support.py: versions that are too old are refused, and all files name the same versions."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import tomllib
import yaml
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import support
from tests.unit.steps import answers
from tests.unit.steps.host_actions import action_of, run

CHECKOUT = Path(__file__).parents[3]
HINT = "Set ansible_python_interpreter to"
OLD = "host web3: its Python at /usr/bin/python3 is 3.6, and the modules of certfleet.tls need 3.9 or later"


def text(version):
    return ".".join(map(str, version))


@pytest.mark.parametrize(
    ("core", "python", "cryptography", "problem"),
    [
        ("2.16.0", (3, 10), "37.0.2", ""),
        ("2.22.0rc1", (3, 13), "50.0.2", ""),
        ("2.31.4.dev0", (3, 19), "99", ""),
        ("2.16.3", (3, 10), None, ""),
        ("2.15.13", (3, 10), "42.0.8", "ansible-core 2.15.13 is too old, 2.16 is needed"),
        ("2.9.27", (3, 8), "3.2", "Python 3.8 is too old, 3.10 is needed"),
        ("2.16.3", (3, 9), "42.0.8", "Python 3.9 is too old, 3.10 is needed"),
        ("2.16.3", (3, 10), "36.0.1", "the Python library cryptography 36.0.1 is too old, 37 is needed"),
    ],
)
def test_controller_problem_old_version_named(core, python, cryptography, problem):
    line = support.controller_problem(core, python, cryptography)
    assert line.startswith("certfleet.tls does not support this controller: ") if problem else line == ""
    assert problem in line
    assert "\n" not in line


def test_refuse_old_controller_new_versions_accepted():
    support.refuse_old_controller()


def test_run_old_controller_refused_before_host_runs_anything(monkeypatch):
    monkeypatch.setattr(support, "_PROBLEM", "ansible-core 2.15 is too old")
    action = action_of("certificate_info")
    action._execute_module = MagicMock()
    with pytest.raises(AnsibleActionFail, match=r"ansible-core 2\.15 is too old"):
        action.run(task_vars={"inventory_hostname": "web3"})
    action._execute_module.assert_not_called()


@pytest.mark.parametrize(
    ("code", "printed", "problem"),
    [
        (
            0,
            "3.6\r\n",
            "its Python at /usr/bin/python3 is 3.6, and the modules of certfleet.tls need 3.9 or later. " + HINT,
        ),
        (0, "Welcome!\n2.7\n", "its Python at /usr/bin/python3 is 2.7, and"),
        (0, "3.8", "its Python at /usr/bin/python3 is 3.8, and"),
        (127, "", f"there is no Python at /usr/bin/python3. {HINT} one that exists"),
        (0, "3.9\n", ""),
        (0, "3.13\n", ""),
        (0, "3.6 \x1b[2J", ""),
        (0, "9" * 5000, ""),
        (0, "", ""),
        (1, "3.6", ""),
    ],
)
def test_host_problem_old_or_missing_python_named(code, printed, problem):
    line = support.host_problem("web3", "/usr/bin/python3", code, printed)
    assert line.startswith(f"host web3: {problem}") if problem else line == ""


SYNTAX_ERROR = {"module_stderr": "SyntaxError: future feature annotations is not defined", "module_stdout": "", "rc": 1}
# Results of each ansible-core with Python 2.7 to 3.8, shortened.
FAILURES = {
    "2.16: SyntaxError": {
        "failed": True,
        "msg": "MODULE FAILURE\nSee stdout/stderr for the exact error",
        **SYNTAX_ERROR,
    },
    "2.19: SyntaxError": {"failed": True, "msg": "Module result deserialization failed: …", **SYNTAX_ERROR},
    "2.19: exception": {"failed": True, "exception": "(traceback unavailable)"},
    "2.17: refusal": {
        "failed": True,
        "msg": "ansible-core requires a minimum of Python version 3.7. Current version: 3.6",
    },
    "2.22: refusal": {
        "failed": True,
        "msg": "Ansible requires Python 3.9 or newer on the target. Current version: 3.8.18",
    },
}


def run_with_python(answer, version, code=0):
    """Run an action on a host that returns *answer*, with a Python of *version*. Return its result and its commands."""
    action = action_of("certificate")
    action._used_interpreter = "#!/usr/bin/python3"
    action._execute_module = MagicMock(return_value=answer)
    action._low_level_execute_command = MagicMock(return_value={"rc": code, "stdout": f"{version}\n", "stderr": ""})
    return action.run(task_vars={"inventory_hostname": "web3"}), action._low_level_execute_command.call_args_list


@pytest.mark.parametrize("name", FAILURES)
def test_run_old_python_refused_in_one_line(name):
    result, commands = run_with_python(FAILURES[name], "3.6")
    assert result == {"failed": True, "msg": f"{OLD}. {HINT} a newer one, such as /usr/bin/python3.11"}
    assert [call.args[0] for call in commands] == [f"/usr/bin/python3 -c '{support.QUESTION}'"]


@pytest.mark.parametrize("name", FAILURES)
def test_run_new_python_failure_unchanged(name):
    result, _commands = run_with_python(FAILURES[name], "3.9")
    assert result["failed"]
    assert HINT not in result["msg"]


@pytest.mark.parametrize(
    "answer",
    [
        answers.answer("certificate"),
        {"failed": True, "msg": "the disk is full"},
        {"failed": True, "msg": "", "unreachable": True},
        "no mapping",
    ],
)
def test_run_other_results_no_version_asked(answer):
    _result, commands = run_with_python(answer, "3.6")
    assert commands == []


def test_run_host_lost_before_version_failure_unchanged():
    action = action_of("certificate")
    action._used_interpreter = "#!/usr/bin/python3"
    action._execute_module = MagicMock(return_value=FAILURES["2.16: SyntaxError"])
    action._low_level_execute_command = MagicMock(side_effect=AnsibleConnectionFailure("lost"))
    result = action.run(task_vars={"inventory_hostname": "web3"})
    assert "SyntaxError" in result["msg"]


def test_run_exception_object_becomes_message():
    """From ansible-core 2.19 on, a result may have an exception and nothing else."""
    exception = MagicMock(event=MagicMock(msg="'ABCMeta' object is not\x1b subscriptable"))
    result = run("certificate", {"failed": True, "exception": exception})
    assert result["msg"] == "'ABCMeta' object is not? subscriptable"


def table():
    """Return the table of README.md: the other columns of each row, by the first."""
    section = (CHECKOUT / "README.md").read_text().partition("## Supported versions\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def test_versions_same_in_all_files():
    core, host_python = text(support.CORE), text(support.HOST_PYTHON)
    rows = table()
    assert rows["ansible-core"] == [f"{core} to {text(support.NEWEST_TESTED_CORE)}", "-"]
    assert [cell.split(" ")[0] for cell in rows["Python"]] == [text(support.CONTROLLER_PYTHON), host_python]
    assert [cell.split(" ")[0] for cell in rows["cryptography"]] == [
        text(support.CONTROLLER_CRYPTOGRAPHY),
        text(support.HOST_CRYPTOGRAPHY),
    ]

    def read(path):
        return yaml.safe_load((CHECKOUT / path).read_text())

    assert read("meta/runtime.yml")["requires_ansible"] == f">={core}.0"
    assert read("roles/acme/meta/main.yml")["galaxy_info"]["min_ansible_version"] == core
    assert read("tests/config.yml")["modules"]["python_requires"] == f">={host_python}"
    assert (
        f"cryptography>={text(support.CONTROLLER_CRYPTOGRAPHY)}"
        in (CHECKOUT / "meta/ee-requirements.txt").read_text().split()
    )
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]
    assert settings["ruff"]["target-version"] == f"py{host_python.replace('.', '')}"
    assert settings["mypy"]["python_version"] == text(support.CONTROLLER_PYTHON)
    fragment = (CHECKOUT / "plugins/doc_fragments/_host.py").read_text()
    assert f"cryptography >= {text(support.HOST_CRYPTOGRAPHY)} on the host" in fragment
    library = (CHECKOUT / "plugins/module_utils/_x509/availability.py").read_text()
    assert f"python3-cryptography {text(support.HOST_CRYPTOGRAPHY)} or later" in library


def test_role_readme_has_what_galaxy_requires():
    text = (CHECKOUT / "roles/acme/README.md").read_text()
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert all(name in text for name in galaxy["license"])
    assert not any(pattern in ("roles", "*.md") for pattern in galaxy["build_ignore"])
    (play,) = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert play["roles"] == ["certfleet.tls.acme"]


@pytest.mark.parametrize(
    ("pins", "core", "cryptography"),
    [
        ("oldest-controller", support.CORE, support.CONTROLLER_CRYPTOGRAPHY),
        ("newest-controller", support.NEWEST_TESTED_CORE, None),
        ("oldest-host", None, support.HOST_CRYPTOGRAPHY),
    ],
)
def test_versions_in_table_pinned_for_tests(pins, core, cryptography):
    for name, version in (("ansible-core", core), ("cryptography", cryptography)):
        if version:
            pin = re.search(
                rf"(?m)^{name}==({re.escape(text(version))}\..*)$", (CHECKOUT / f"tests/setup/{pins}.txt").read_text()
            )
            assert pin, (pins, name)
