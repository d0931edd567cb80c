# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test and reload services and commands, by the service manager of the host."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from .._common import programs
from .._host.errors import ServiceError
from .._host.wanted.reloads import COMMAND, Reload
from .host_module import HostTask

# LSB Core 5.0 section 22.2: dead, with its pid file or its lock file left behind, and stopped.
_NOT_RUNNING = (1, 2, 3)
_SBIN = ["/usr/sbin", "/sbin", "/usr/local/sbin"]
# The commands with which each server tests its own configuration; the first program that is there is used.
_APACHE = (("apache2ctl", "configtest"), ("apachectl", "configtest"))
_TESTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "nginx": (("nginx", "-t", "-q"),),
    "apache2": _APACHE,
    "httpd": _APACHE,
    "haproxy": (("haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"),),  # with -q it prints no errors
}
_SCRIPTS = "/etc/init.d"
_MOST_READ = 1 << 16  # bytes
_MOST_SAID = 500  # characters
_HAPROXY_FOLDER = "/etc/haproxy/conf.d"


class HostServices:
    """The services of the host that a module runs on."""

    def __init__(self, task: HostTask) -> None:
        self._task = task

    def test(self, entry: Reload) -> None:
        """Test the configuration, if the entry or its service has a test. Raises ServiceError."""
        command = list(entry.test) or self._own_test(entry)
        if command:
            _run(command, f"the configuration of {entry} is invalid", entry.timeout)

    def reload(self, entry: Reload) -> None:
        """Have a service, or what a command is for, read its certificates again. Raises ServiceError.

        A service that is not running is started: a web server may not have started without its certificate.
        """
        if entry.kind == COMMAND:
            _run(list(entry.what), "the reload failed", entry.timeout)
        else:
            what = f"service {entry} could not be reloaded"
            _run(self._reload_command(str(entry), what, entry.timeout), what, entry.timeout)

    def _own_test(self, entry: Reload) -> list[str]:
        if entry.kind == COMMAND:
            return []
        for program, *arguments in _TESTS.get(str(entry), ()):
            path = self._task.get_bin_path(program, opt_dirs=_SBIN)
            if path:
                return [path, *arguments, *(_haproxy_folder() if program == "haproxy" else ())]
        return []

    def _reload_command(self, service: str, what: str, timeout: int) -> list[str]:
        # sd_booted(3): systemd is there, and it runs this host.
        if os.path.isdir("/run/systemd/system"):
            return [str(self._task.get_bin_path("systemctl", required=True)), "reload-or-restart", service]
        for program in ("rc-service", "service"):
            path = self._task.get_bin_path(program, opt_dirs=_SBIN[:2])
            if path:
                stopped = _ended([path, service, "status"], what, timeout)[0] in _NOT_RUNNING
                return [path, service, "restart" if stopped else _action(program, service)]
        raise ServiceError(f"{what}: there is no systemctl, rc-service or service")


def _action(program: str, service: str) -> str:
    """Return the action of a service's script that is like systemctl's reload-or-restart; not all can reload."""
    try:
        with open(os.path.join(_SCRIPTS, service), encoding="utf-8", errors="replace") as file:
            known = set(re.findall(r"[\w-]*reload\b", file.read(_MOST_READ)))
    except OSError:
        known = set()
    if "reload" not in known and "force-reload" in known:
        return "force-reload"  # LSB Core 5.0 section 22.2: which restarts it then
    # OpenRC knows no reload but that of the script itself.
    return "restart" if program == "rc-service" and "reload" not in known else "reload"


def _run(command: Sequence[str], what: str, timeout: int) -> None:
    """Run a program without a shell. Raises ServiceError with *what* failed, the command, and its output."""
    code, said = _ended(command, what, timeout)
    if code != 0:
        raise _error(command, what, said or f"exit status {code}")


def _ended(command: Sequence[str], what: str, timeout: int) -> tuple[int, str]:
    """Run a program and return its exit status and its output, in one line. Raises ServiceError.

    One that takes longer than its timeout (seconds) is killed with all that it started in its process group.
    """
    try:
        # Without a shell, the inventory's own command or one made of names of services that it lists.
        ended = programs.run(command, timeout)
    except OSError as error:
        raise _error(command, what, error.strerror or str(error)) from None
    said = _line(ended.err) or _line(ended.out)
    if ended.status is None:
        raise _error(command, what, f"it did not end within {timeout} seconds and was killed", said)
    return ended.status, said


def _error(command: Sequence[str], what: str, *said: str) -> ServiceError:
    return ServiceError(": ".join([f"{what} ({' '.join(command)})", *filter(None, said)]))


def _line(output: bytes) -> str:
    """Return the beginning and the end of an output in one line: the error may be in either."""
    text = " ".join(output.decode("utf-8", "replace").split())
    return text if len(text) <= _MOST_SAID else f"{text[: _MOST_SAID // 2]} ... {text[-_MOST_SAID // 2 :]}"


def _haproxy_folder() -> list[str]:
    """Return the arguments for a folder that a distribution's haproxy also reads; its main file may need that."""
    try:
        found = any(name.endswith(".cfg") for name in os.listdir(_HAPROXY_FOLDER))
    except OSError:
        found = False
    return ["-f", _HAPROXY_FOLDER] if found else []
