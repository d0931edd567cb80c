# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The place where modules that work on the controller run."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    support: full
    description: Has an action plugin.
    details:
      - The action plugin does all of the work, on the controller.
  async:
    support: none
    description: Can be run with C(async).
notes:
  - The module runs on the controller, in a process of the Python that runs Ansible, for any host of the task. It does
    not need C(delegate_to=localhost), and ignores C(become) and connection variables of the host. In a play with
    several hosts, C(run_once=true) runs it once instead of once for each host.
  - The C(environment) of the task applies, except for variables that begin with C(PYTHON).
  - With C(delegate_to) set to a host other than C(localhost), such as a bastion, the module runs there. That host needs
    the Python libraries and receives all options with their secrets. All paths are then on that host.
"""
