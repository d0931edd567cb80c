# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reloading services, by whichever service manager the host has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..pki.errors import ServiceError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


# LSB Core 5.0 section 22.2: dead, with its pid file or its lock file left behind, and stopped.
_NOT_RUNNING = (1, 2, 3)


def reload(module: AnsibleModule, service: str) -> None:
    """Have a service, whose name wanted.services() has checked, read its certificates anew. Raises ServiceError.

    One that is not running is started: a web server that could not start for want of its certificate can now.
    """
    command = _command(module, service)
    code, out, err = module.run_command(command)
    if code != 0:
        said = " ".join((err.strip() or out.strip()).split()) or f"exit status {code}"
        raise ServiceError(f"service {service} could not be reloaded ({' '.join(command)}): {said[:500]}")


def _command(module: AnsibleModule, service: str) -> list[str]:
    # sd_booted(3): systemd is there, and it runs this host.
    if os.path.isdir("/run/systemd/system"):
        return [module.get_bin_path("systemctl", required=True), "reload-or-restart", service]
    for program in ("rc-service", "service"):
        path = module.get_bin_path(program, opt_dirs=["/usr/sbin", "/sbin"])
        if path:
            stopped = module.run_command([path, service, "status"])[0] in _NOT_RUNNING
            return [path, service, "restart" if stopped else "reload"]
    raise ServiceError(f"service {service} could not be reloaded: neither systemctl, rc-service nor service is here")
