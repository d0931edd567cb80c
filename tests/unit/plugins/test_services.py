# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloading by every service manager: what runs is reloaded, what does not is started."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.ansible import services
from ansible_collections.certfleet.tls.plugins.module_utils.pki.errors import ServiceError

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "{folder}/calls"
[ "$1 $2" = "nginx status" ] && exit {status}
echo "{said}" >&2
exit {code}
"""


class Module:
    """What services uses of an AnsibleModule, with programs from one folder only."""

    def __init__(self, folder):
        self.folder = folder

    def get_bin_path(self, name, required=False, opt_dirs=()):
        path = shutil.which(name, path=str(self.folder))
        assert path or not required
        return path

    def run_command(self, command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def reload(tmp_path, monkeypatch):
    """Reload nginx on a host with these programs; gives what was called."""

    def reload_(*programs, booted_by_systemd=False, status=0, code=0, said=""):
        isdir = os.path.isdir
        booted = {"/run/systemd/system": booted_by_systemd}
        monkeypatch.setattr(os.path, "isdir", lambda path: booted[path] if path in booted else isdir(path))
        for program in programs:
            path = tmp_path / program
            path.write_text(PROGRAM.format(folder=tmp_path, status=status, code=code, said=said))
            path.chmod(0o755)
        services.reload(Module(tmp_path), "nginx")
        return (tmp_path / "calls").read_text().splitlines()

    return reload_


ALL = ("systemctl", "rc-service", "service")


@pytest.mark.parametrize("status", [0, 3])
def test_systemd_has_one_command_for_both(reload, status):
    assert reload(*ALL, booted_by_systemd=True, status=status) == ["systemctl reload-or-restart nginx"]


@pytest.mark.parametrize(
    ("status", "action"), [(0, "reload"), (1, "restart"), (2, "restart"), (3, "restart"), (4, "reload"), (64, "reload")]
)
@pytest.mark.parametrize(("programs", "used"), [(ALL, "rc-service"), (("service",), "service")])
def test_others_are_asked_whether_it_runs(reload, programs, used, status, action):
    assert reload(*programs, status=status) == [f"{used} nginx status", f"{used} nginx {action}"]


@pytest.mark.parametrize(
    ("programs", "booted", "command"),
    [
        (ALL, True, "systemctl reload-or-restart nginx"),
        (ALL, False, "rc-service nginx reload"),
        (("service",), False, "service nginx reload"),
    ],
)
def test_what_the_manager_says_is_told_in_one_line(reload, tmp_path, programs, booted, command):
    with pytest.raises(ServiceError) as told:
        reload(*programs, booted_by_systemd=booted, code=1, said="it\nwill not")
    assert str(told.value) == f"service nginx could not be reloaded ({tmp_path}/{command}): it will not"


def test_one_that_says_nothing(reload):
    with pytest.raises(ServiceError, match=r"exit status 7$"):
        reload("service", code=7)


def test_a_host_without_any(reload):
    with pytest.raises(ServiceError, match="neither systemctl, rc-service nor service is here"):
        reload()
