# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    unused: ClassVar[Mapping[str, Collection[str]]] = {"authorizations": ("status", "problem", "challenges")}
