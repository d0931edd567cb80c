# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloading by every service manager: what runs is reloaded, what does not is started. Configurations tested first."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import services
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.services import HostServices
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import ServiceError
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import COMMAND, SERVICE, Reload
from tests.lab.process import wait

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "{folder}/calls"
[ "$1 $2" = "nginx status" ] && exit {status}
echo "{said}" >&2
exit {code}
"""


class Module:
    """Stand-in for the parts of AnsibleModule that services.py uses, with programs from one folder only."""

    def __init__(self, folder):
        self.folder = folder

    def get_bin_path(self, name, required=False, opt_dirs=()):
        path = shutil.which(name, path=str(self.folder))
        assert path or not required
        return path


@pytest.fixture
def reload(tmp_path, monkeypatch):
    """Reload nginx on a host with these programs; gives what was called."""

    def reload_(*programs, booted_by_systemd=False, status=0, code=0, said="", script="reload)"):
        (tmp_path / "init.d").mkdir()
        monkeypatch.setattr(services, "_SCRIPTS", str(tmp_path / "init.d"))
        if script:
            (tmp_path / "init.d" / "nginx").write_text(script)
        isdir = os.path.isdir
        booted = {"/run/systemd/system": booted_by_systemd}
        monkeypatch.setattr(os.path, "isdir", lambda path: booted[path] if path in booted else isdir(path))
        for program in programs:
            path = tmp_path / program
            path.write_text(PROGRAM.format(folder=tmp_path, status=status, code=code, said=said))
            path.chmod(0o755)
        HostServices(Module(tmp_path)).reload(Reload(SERVICE, "nginx"))
        return (tmp_path / "calls").read_text().splitlines()

    return reload_


ALL = ("systemctl", "rc-service", "service")


@pytest.mark.parametrize("status", [0, 3])
def test_reload_systemd_runs_reload_or_restart(reload, status):
    assert reload(*ALL, booted_by_systemd=True, status=status) == ["systemctl reload-or-restart nginx"]


@pytest.mark.parametrize(
    ("status", "action"), [(0, "reload"), (1, "restart"), (2, "restart"), (3, "restart"), (4, "reload"), (64, "reload")]
)
@pytest.mark.parametrize(("programs", "used"), [(ALL, "rc-service"), (("service",), "service")])
def test_reload_other_managers_ask_status_first(reload, programs, used, status, action):
    assert reload(*programs, status=status) == [f"{used} nginx status", f"{used} nginx {action}"]


@pytest.mark.parametrize(
    ("program", "script", "action"),
    [
        ("service", "case $1 in reload|force-reload)", "reload"),
        ("service", "case $1 in force-reload|reload)", "reload"),
        ("service", "case $1 in restart|force-reload)", "force-reload"),
        ("service", "#!/usr/bin/env /lib/init/init-d-script", "reload"),
        ("service", "", "reload"),
        ("rc-service", "reload() {", "reload"),
        ("rc-service", "reload_quietly() {", "restart"),
        ("rc-service", "command=/usr/sbin/slapd", "restart"),
        ("rc-service", "", "restart"),
    ],
)
def test_reload_script_without_reload_restarts(reload, program, script, action):
    assert reload(program, script=script) == [f"{program} nginx status", f"{program} nginx {action}"]


@pytest.mark.parametrize(
    ("programs", "booted", "command"),
    [
        (ALL, True, "systemctl reload-or-restart nginx"),
        (ALL, False, "rc-service nginx reload"),
        (("service",), False, "service nginx reload"),
    ],
)
def test_reload_failure_message_is_one_line(reload, tmp_path, programs, booted, command):
    with pytest.raises(ServiceError) as raised:
        reload(*programs, booted_by_systemd=booted, code=1, said="it\nwill not")
    assert str(raised.value) == f"service nginx could not be reloaded ({tmp_path}/{command}): it will not"


def test_reload_failure_without_output_has_exit_status(reload):
    with pytest.raises(ServiceError, match=r"exit status 7$"):
        reload("service", code=7)


def test_reload_without_service_manager_raises(reload):
    with pytest.raises(ServiceError, match="there is no systemctl, rc-service or service"):
        reload()


# --- testing the configuration


@pytest.fixture
def tested(tmp_path):
    """Test an entry's configuration on a host with these programs; gives what was called."""

    def tested_(entry, *programs, code=0, said=""):
        for program in programs:
            path = tmp_path / program
            path.write_text(PROGRAM.format(folder=tmp_path, status=0, code=code, said=said))
            path.chmod(0o755)
        HostServices(Module(tmp_path)).test(entry)
        calls = tmp_path / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    return tested_


@pytest.mark.parametrize(
    ("service", "programs", "call"),
    [
        ("nginx", ("nginx",), "nginx -t -q"),
        ("apache2", ("apache2ctl", "apachectl"), "apache2ctl configtest"),
        ("httpd", ("apachectl",), "apachectl configtest"),
        ("haproxy", ("haproxy",), "haproxy -c -f /etc/haproxy/haproxy.cfg"),
    ],
)
def test_tested_command_of_each_server(tested, service, programs, call):
    assert tested(Reload(SERVICE, service), *programs) == [call]


def test_tested_haproxy_reads_its_folder(tested, tmp_path, monkeypatch):
    monkeypatch.setattr(services, "_HAPROXY_FOLDER", str(tmp_path))
    assert tested(Reload(SERVICE, "haproxy"), "haproxy") == ["haproxy -c -f /etc/haproxy/haproxy.cfg"]
    (tmp_path / "web.cfg").touch()
    assert tested(Reload(SERVICE, "haproxy"))[1].endswith(f"haproxy.cfg -f {tmp_path}")


@pytest.mark.parametrize(
    "entry", [Reload(SERVICE, "postfix"), Reload(SERVICE, "nginx@shop"), Reload(COMMAND, ("nginx", "-s", "reload"))]
)
def test_tested_unknown_service_runs_nothing(tested, entry):
    assert tested(entry, "nginx") == []


@pytest.mark.parametrize("entry", [Reload(SERVICE, "nginx"), Reload(COMMAND, ("true",))])
def test_tested_own_command_replaces_default(tested, tmp_path, entry):
    entry = entry._replace(test=(str(tmp_path / "mine"), "a b"))
    assert tested(entry, "nginx", "mine") == ["mine a b"]


def test_tested_invalid_configuration_raises(tested, tmp_path):
    with pytest.raises(ServiceError) as raised:
        tested(Reload(SERVICE, "nginx"), "nginx", code=1, said="[emerg] unknown directive\n in nginx.conf:7")
    assert str(raised.value) == (
        f"the configuration of nginx is invalid ({tmp_path}/nginx -t -q): [emerg] unknown directive in nginx.conf:7"
    )


# --- commands


def test_command_gets_arguments_unchanged(tmp_path):
    path = tmp_path / "seen"
    program = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    arguments = ("a b", "$HOME", "~", "; id", "")
    HostServices(Module(tmp_path)).reload(Reload(COMMAND, (sys.executable, "-c", program, str(path), *arguments)))
    assert path.read_text() == repr(list(arguments))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo it cannot; exit 3"), "the reload failed (sh -c echo it cannot; exit 3): it cannot"),
        (("/nonexistent/program",), "the reload failed (/nonexistent/program): No such file or directory"),
    ],
)
def test_command_failure_raises(tmp_path, command, said):
    with pytest.raises(ServiceError) as raised:
        HostServices(Module(tmp_path)).reload(Reload(COMMAND, command))
    assert str(raised.value) == said


def test_command_timeout_kills_process_group(tmp_path):
    pid = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid}; echo waiting; wait"
    begun = time.monotonic()
    with pytest.raises(ServiceError) as raised:
        HostServices(Module(tmp_path)).reload(Reload(COMMAND, ("sh", "-c", script), timeout=1))
    assert 1 <= time.monotonic() - begun < 5
    assert str(raised.value) == (
        f"the reload failed (sh -c {script}): it did not end within 1 seconds and was killed: waiting"
    )
    wait(lambda: is_over(pid.read_text()), 10, "it goes on")  # a signal takes its time on a busy machine


@pytest.mark.parametrize("test", [True, False])
def test_tested_and_reload_time_out(tmp_path, monkeypatch, test):
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    for program in ("service", "mine"):
        (tmp_path / program).write_text("#!/bin/sh\nexec sleep 60\n")
        (tmp_path / program).chmod(0o755)
    host = HostServices(Module(tmp_path))
    entry = Reload(SERVICE, "nginx", (str(tmp_path / "mine"),), 1)
    with pytest.raises(ServiceError, match=r"it did not end within 1 seconds and was killed$"):
        host.test(entry) if test else host.reload(entry)


def test_command_background_process_is_not_waited_for(tmp_path):
    pid = tmp_path / "pid"
    begun = time.monotonic()
    command = ("sh", "-c", f"sleep 7 & echo $! > {pid}")
    HostServices(Module(tmp_path)).reload(Reload(COMMAND, command, timeout=60))
    assert time.monotonic() - begun < 5
    assert not is_over(pid.read_text())


def is_over(pid):
    try:
        with open(f"/proc/{pid.strip()}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("much", "begins"), [(2000, "begins"), (300000, "x")])
def test_command_long_output_is_cut_in_the_middle(tmp_path, much, begins):
    script = f"echo begins; head -c {much} /dev/zero | tr '\\0' x; echo; echo ends; exit 1"
    with pytest.raises(ServiceError) as raised:
        HostServices(Module(tmp_path)).reload(Reload(COMMAND, ("sh", "-c", script)))
    assert re.search(rf": {begins}.* \.\.\. x+ ends$", str(raised.value))
    assert len(str(raised.value)) < 700
