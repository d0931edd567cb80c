# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile host of the lab edits what modules answer, and nobody else notices."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.lab import Lab, cores
from tests.lab.hostile import edited, make_honest, make_hostile

PLAY = """\
- hosts: web
  gather_facts: true
  tasks:
    - certfleet.tls.challenge_response:
        home: /etc/acme
      become: true
      register: challenges
    - ansible.builtin.ping:
      register: answer
      ignore_errors: true
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ dict(groups.web | zip(groups.web | map('extract', hostvars))) | to_json }}"
        dest: "{{ seen }}"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), hosts=2) as lab:
        yield lab


@pytest.fixture
def hostile(lab):
    yield lambda *plan: make_hostile(lab, "web1", plan)
    make_honest(lab, "web1")


@pytest.fixture
def play(lab, tmp_path):
    """Return a function that runs the play and returns the variables of the hosts after it."""

    def run(program="ansible-playbook", user="root", pipelining=True):
        path, seen = tmp_path / "play.yml", tmp_path / "seen.json"
        path.write_text(PLAY)
        env = lab.environment() | {"ANSIBLE_PIPELINING": str(pipelining)}
        command = [program, path, "-u", user, "-e", f"seen={seen}"]
        done = lab.run(command, env=env, capture_output=True, text=True)
        print(done.stdout, done.stderr)
        return json.loads(seen.read_text())

    return run


@pytest.mark.parametrize("pipelining", [True, pytest.param(False, marks=pytest.mark.hard)])
@pytest.mark.parametrize("core", [cores.parameter(core="oldest", hard=True), cores.parameter(core="newest")])
def test_hostile_host_edits_answers_with_every_core(lab, hostile, play, core, pipelining):
    hostile(
        {"module": "setup", "set": {"/ansible_facts/planted": "fact"}},
        {"module": "challenge_response", "set": {"/changed": True}},
        {"module": "ping", "set": {"/ping": [1], "/new/deep": {"a/b": [2]}}},
        {"module": "ping", "remove": ["/new/deep/a~1b"]},
        {"module": "ping", "set": {"/ping/0": 3}},
        {"module": "ping", "remove": ["/nothing"]},
    )
    seen = play(cores.program(core), "deploy", pipelining)
    assert edited(lab, "web1") == ["setup", "challenge_response", "ping"]
    assert edited(lab, "web2") == []
    assert seen["web1"]["planted"] == "fact"
    assert seen["web1"]["challenges"]["changed"]
    assert seen["web1"]["answer"]["ping"] == [3]
    assert seen["web1"]["answer"]["new"] == {"deep": {}}
    assert "planted" not in seen["web2"]
    assert not seen["web2"]["challenges"]["changed"]
    assert seen["web2"]["answer"]["ping"] == "pong"
    assert Path("/usr/bin/python3").is_symlink()
    assert lab.path("web2", "/usr/bin/python3").is_symlink()


@pytest.mark.hard
def test_hostile_host_replaces_its_answer_or_gives_none(hostile, play):
    hostile({"module": "ping", "answer": {"planted": "\0"}})
    assert play()["web1"]["answer"]["planted"] == "\0"
    hostile({"module": "ping", "text": "\udcff\udcfe"})
    seen = play()["web1"]["answer"]
    assert seen["failed"]
    assert "ping" not in seen
    hostile({"module": "ping", "sleep": 2})
    start = time.monotonic()
    assert play()["web1"]["answer"]["failed"]
    assert time.monotonic() - start > 2


def test_honest_host_has_its_python_again(lab, hostile, play):
    hostile({"module": "*", "text": ""})
    # A command that is no module of Ansible's is run unchanged.
    command = ["python3", "-c", "import sys; print(sys.argv, sys.stdin.read())", "x"]
    done = lab.exec("web1", command, input="in", capture_output=True, text=True)
    assert done.stdout == "['-c', 'x'] in\n"
    assert lab.exec("web1", ["python3"], input="print(1)", capture_output=True, text=True).stdout == "1\n"
    make_honest(lab, "web1")
    assert lab.path("web1", "/usr/bin/python3").is_symlink()
    assert play()["web1"]["answer"]["ping"] == "pong"
