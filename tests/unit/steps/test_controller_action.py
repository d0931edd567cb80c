# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work of the controller in a separate process, which returns its result only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import controller_action
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.plain import plain
from tests.unit.steps import steps

PLAN = {"acme_directory": "letsencrypt", "certificates": []}


# The program, with work that does not end.
CHILD_THAT_WORKS = f"""
from runpy import run_path
child = run_path({str(controller_action._CHILD)!r})
import time
child["main"].__globals__["_work"] = lambda request: time.sleep(60)
child["main"]()
"""


@pytest.fixture
def instead(monkeypatch, tmp_path):
    """Have another program in the place of the child's."""

    def put(program: str) -> None:
        path = tmp_path / "child.py"
        path.write_text("import json, os, sys\nrequest = json.load(sys.stdin)\n" + program)
        monkeypatch.setattr(controller_action, "_CHILD", path)

    return put


def work(module="acme_plan", environment=(), **arguments):
    action = steps.action_of(module, **arguments)
    action._compute_environment_string = lambda found: found.update(environment)
    return action.run(task_vars=steps.task_vars())


def test_work_returns_result_of_module():
    result = work(**PLAN)
    assert not result.get("failed"), result
    assert result["directory"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert (result["due"], result["hosts"]) == ([], {})


def test_work_missing_argument_fails():
    result = work(acme_directory="letsencrypt")
    assert result["failed"]
    assert "certificates" in result["msg"]


def test_work_bad_option_fails_in_one_line():
    result = work(**{**PLAN, "run_interval": "often"})
    assert result["failed"]
    assert "often" in result["msg"]
    assert "exception" not in result


def test_work_unexpected_exception_fails_with_traceback():
    result = work(**{**PLAN, "unlisted": {"web1": 5}})
    assert result["failed"]
    assert "TypeError" in result["msg"]
    assert "Traceback" in result["exception"]


def test_run_unexpected_exception_of_step_fails_no_host():
    action = steps.action_of("acme_order", batch=True)
    action.arguments_of = MagicMock(side_effect=KeyError("shop"))
    result = action.run(task_vars=steps.task_vars(registered={"web3": {"_acme_plan": steps.plan()}}))
    assert "failed" not in result
    assert result["problem"] == "KeyError: 'shop'"
    assert "Traceback" in result["exception"]


def test_work_process_has_no_secret_in_arguments_or_environment(instead):
    instead("print(json.dumps({'seen': [sys.argv, dict(os.environ), request['arguments']['account_key_content']]}))")
    arguments, environment, content = work("acme_account", account_key_content="sesame")["seen"]
    assert content == "sesame"
    assert "sesame" not in str(arguments) + str(environment)


def test_work_process_has_environment_of_play_and_libraries(instead):
    instead("print(json.dumps({'seen': [os.environ['HTTPS_PROXY'], os.environ['HOME'], request['path']]}))")
    proxy, home, path = work(environment={"HTTPS_PROXY": "http://proxy"}, **PLAN)["seen"]
    assert (proxy, home, path) == ("http://proxy", os.environ["HOME"], sys.path)


@pytest.mark.parametrize(
    ("resolv_conf", "expected"),
    [("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "timeout:1 attempts:5 rotate"), (None, "rotate")],
)
def test_work_process_has_options_of_resolvers_of_system(instead, monkeypatch, tmp_path, resolv_conf, expected):
    if resolv_conf:
        (tmp_path / "resolv.conf").write_text(resolv_conf)
    monkeypatch.setattr(controller_action, "_RESOLV_CONF", tmp_path / "resolv.conf")
    instead("print(json.dumps({'seen': os.environ['RES_OPTIONS']}))")
    assert work(environment={"RES_OPTIONS": "rotate"}, **PLAN)["seen"] == expected


def test_work_process_has_check_mode(instead):
    instead("print(json.dumps({'seen': request['check_mode']}))")
    assert steps.action_of("acme_plan", check_mode=True, **PLAN).run(task_vars=steps.task_vars())["seen"] is True


def test_work_output_of_library_is_ignored(tmp_path):
    program = f"""
import sys
sys.argv = [{str(controller_action._CHILD)!r}]
from runpy import run_path
import builtins
child = run_path(sys.argv[0])
def work(request):
    print("a library's greeting")
    return {{"changed": False}}
child["main"].__globals__["_work"] = work
child["main"]()
"""
    path = tmp_path / "program.py"
    path.write_text(program)
    original = controller_action._CHILD
    try:
        controller_action._CHILD = path
        request = {"parent": os.getpid()}
        assert controller_action.in_child("acme_plan", request, os.environ) == {"changed": False}
    finally:
        controller_action._CHILD = original


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (
            "os.kill(os.getpid(), 9)",
            "acme_plan gave no answer: its process on the controller was ended by signal 9 (Killed)",
        ),
        ("sys.exit('no such library')", "acme_plan gave no answer: no such library"),
        ("sys.exit(3)", "acme_plan gave no answer: its process on the controller ended with 3"),
        ("print('{')", "acme_plan gave no answer: its process on the controller ended with 0"),
    ],
)
def test_work_process_without_answer_fails_in_one_line(instead, program, told):
    instead(program)
    result = work(**PLAN)
    assert (result["failed"], result["msg"]) == (True, told)


def test_work_background_process_is_not_waited_for(instead):
    instead("import subprocess; print(json.dumps({'pid': subprocess.Popen(['sleep', '60']).pid}), flush=True)")
    start = time.monotonic()
    result = work(**PLAN)
    os.kill(result["pid"], signal.SIGKILL)
    assert time.monotonic() - start < 20


def test_work_slow_large_answer_is_returned_whole(instead, monkeypatch):
    monkeypatch.setattr(controller_action, "_PATIENCE", 0.1)
    instead("import time; time.sleep(0.3); print(json.dumps({'seen': 'x' * 5_000_000}))")
    assert len(work(**PLAN)["seen"]) == 5_000_000


@pytest.mark.parametrize("name", ["PYTHONHOME", "PYTHONPATH"])
def test_work_python_variables_of_play_are_ignored(tmp_path, name):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong library')")
    result = work(environment={name: str(tmp_path)}, **PLAN)
    assert not result.get("failed"), result


def test_work_paths_are_utf_8_in_every_locale(instead, monkeypatch):
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    instead("print(json.dumps({'seen': sys.getfilesystemencoding()}))")
    assert work(environment={"LC_ALL": "C"}, **PLAN)["seen"] == "utf-8"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_work_texts_are_unchanged_in_every_encoding(monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    result = work(**{**PLAN, "run_interval": "öfter \u4e16"})
    assert "öfter \u4e16" in result["msg"]


@pytest.mark.parametrize("environment", [{"A": "a\0b"}, {"A=B": "c"}, {"A": "x" * 10_000_000}])
def test_work_process_that_cannot_be_started_fails_in_one_line(environment):
    result = work(environment=environment, **PLAN)
    assert result["failed"]
    assert result["msg"].startswith(f"acme_plan: {sys.executable} cannot be started: ")


def test_work_process_ends_with_process_of_task():
    worker = f"""
import json, os, subprocess, sys, time
request = {{"parent": os.getpid()}}
child = subprocess.Popen([sys.executable, "-c", {CHILD_THAT_WORKS!r}], stdin=subprocess.PIPE)
child.stdin.write(json.dumps(request).encode())
child.stdin.close()
print(child.pid, flush=True)
time.sleep(60)
"""
    started = subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE)
    pid = int(started.stdout.readline())
    time.sleep(1)
    os.kill(pid, 0)  # it works on as long as its parent is there
    started.kill()
    started.wait()
    started.stdout.close()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_child_folder_has_no_name_of_standard_library():
    # Before it has its parent's, its first imports look in its own folder.
    names = {path.stem for path in controller_action._CHILD.parent.iterdir()}
    assert "step" in names
    assert not names & sys.stdlib_module_names


def test_work_process_ends_at_timeout_of_task(instead, monkeypatch):
    instead("import time; time.sleep(60)")
    real, children = controller_action.subprocess.Popen, []

    class Over(BaseException):
        """Stand-in for a task's timeout."""

    def start(*arguments, **options):
        children.append(real(*arguments, **options))
        children[0].communicate = MagicMock(side_effect=Over)
        return children[0]

    monkeypatch.setattr(controller_action.subprocess, "Popen", start)
    with pytest.raises(Over):
        work(**PLAN)
    assert children[0].returncode == -9


@pytest.mark.parametrize("host", ["bastion", "web1"])
def test_run_delegated_to_other_host_runs_module_there(host):
    action = steps.action_of("acme_plan", **PLAN)
    action._task.delegate_to = host
    said = {"changed": False, "directory": "d", "ansible_facts": {"acme_dns": {}}, "add_host": {}, "invocation": {}}
    action._execute_module = MagicMock(return_value=said)
    result = action.run(task_vars=steps.task_vars())
    assert action._execute_module.call_args.kwargs["module_args"] == PLAN
    assert result["directory"] == "d"
    assert not {"ansible_facts", "add_host", "invocation"} & set(result)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_run_delegated_to_localhost_runs_no_module(host):
    action = steps.action_of("acme_plan", **PLAN)
    action._task.delegate_to = host
    action._execute_module = MagicMock()
    action._compute_environment_string = lambda found: None
    assert not action.run(task_vars=steps.task_vars()).get("failed")
    action._execute_module.assert_not_called()


def test_plain_marked_texts_become_texts():
    class Marked(str):
        pass

    value = plain({"a": [Marked("x")], Marked("b"): ({"c"}, 1, None, True, 1.5)})
    assert json.loads(json.dumps(value)) == {"a": ["x"], "b": [["c"], 1, None, True, 1.5]}
    assert value["a"][0].__class__ is str


def test_action_plugins_for_all_controller_modules():
    modules = Path(controller_action.__file__).parents[2] / "modules"
    ours = {path.stem for path in modules.glob("*.py") if "ControllerModule(" in path.read_text()}
    assert ours >= {"acme_order", "acme_plan", "dns_txt_record"}
    for module in ours:
        assert isinstance(steps.action_of(module), controller_action.ControllerAction), module
