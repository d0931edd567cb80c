# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the modules run whose work is the controller's."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    support: full
    description: Has an action plugin.
    details:
      - It does all of the work, on the controller.
  async:
    support: none
    description: Can be run with C(async).
notes:
  - It runs on the controller, in a process of the Python that runs Ansible, whichever host the task is for. It needs no
    C(delegate_to=localhost), and neither C(become) nor connection variables of the host apply. In a play over several
    hosts, C(run_once=true) runs it once instead of once for each host.
  - The C(environment) of the task applies, except for variables that begin with C(PYTHON).
  - With C(delegate_to) set to a host other than C(localhost), such as a bastion, it runs there as a module. That host
    then needs the Python libraries, receives all options with their secrets, and paths are paths on it.
"""
