# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import answers
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction


class ActionModule(HostAction):
    """Run the module on the host."""

    contract = staticmethod(answers.challenge_response)
