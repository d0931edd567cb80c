# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services and commands: configurations tested, certificates read anew, by whichever service manager the host has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..pki.errors import ServiceError
from ..pki.reloads import COMMAND, Reload

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


# LSB Core 5.0 section 22.2: dead, with its pid file or its lock file left behind, and stopped.
_NOT_RUNNING = (1, 2, 3)
_SBIN = ["/usr/sbin", "/sbin", "/usr/local/sbin"]
# How each server tests its own configuration; the first program that is there.
_APACHE = (("apache2ctl", "configtest"), ("apachectl", "configtest"))
_TESTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "nginx": (("nginx", "-t", "-q"),),
    "apache2": _APACHE,
    "httpd": _APACHE,
    "haproxy": (("haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"),),  # with -q it keeps to itself what is wrong
}
_HAPROXY_FOLDER = "/etc/haproxy/conf.d"


class HostServices:
    """The services of the host that a module runs on."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def test(self, entry: Reload) -> None:
        """Have the configuration tested, where that is known how. Raises ServiceError."""
        command = list(entry.test) or self._own_test(entry)
        if command:
            self._run(command, f"the configuration of {entry} does not hold")

    def reload(self, entry: Reload) -> None:
        """Have a service, or what a command is for, read its certificates anew. Raises ServiceError.

        A service that is not running is started: a web server that could not start for want of its certificate can now.
        """
        if entry.kind == COMMAND:
            self._run(list(entry.what), "the reload failed")
        else:
            self._run(self._reload_command(str(entry)), f"service {entry} could not be reloaded")

    def _own_test(self, entry: Reload) -> list[str]:
        if entry.kind == COMMAND:
            return []
        for program, *arguments in _TESTS.get(str(entry).removesuffix(".service"), ()):
            path = self._module.get_bin_path(program, opt_dirs=_SBIN)
            if path:
                return [path, *arguments, *(_haproxy_folder() if program == "haproxy" else ())]
        return []

    def _reload_command(self, service: str) -> list[str]:
        # sd_booted(3): systemd is there, and it runs this host.
        if os.path.isdir("/run/systemd/system"):
            return [self._module.get_bin_path("systemctl", required=True), "reload-or-restart", service]
        for program in ("rc-service", "service"):
            path = self._module.get_bin_path(program, opt_dirs=_SBIN[:2])
            if path:
                stopped = self._module.run_command([path, service, "status"])[0] in _NOT_RUNNING
                return [path, service, "restart" if stopped else "reload"]
        raise ServiceError(
            f"service {service} could not be reloaded: neither systemctl, rc-service nor service is here"
        )

    def _run(self, command: Sequence[str], what: str) -> None:
        """Run a program without a shell. Raises ServiceError: *what* went wrong, the command, what it said."""
        try:
            # What is in the arguments is nobody's variable; and a program that is not there is no end of the module.
            code, out, err = self._module.run_command(
                list(command), expand_user_and_vars=False, handle_exceptions=False
            )
        except OSError as error:
            raise ServiceError(f"{what} ({' '.join(command)}): {error.strerror or error}") from None
        if code != 0:
            said = " ".join((err.strip() or out.strip()).split()) or f"exit status {code}"
            raise ServiceError(f"{what} ({' '.join(command)}): {said[:500]}")


def _haproxy_folder() -> list[str]:
    """Where a distribution's haproxy reads a folder, too, its main file alone may not hold."""
    try:
        found = any(name.endswith(".cfg") for name in os.listdir(_HAPROXY_FOLDER))
    except OSError:
        found = False
    return ["-f", _HAPROXY_FOLDER] if found else []
