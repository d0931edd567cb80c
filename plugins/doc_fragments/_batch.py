# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option of modules that are steps of the role."""

    DOCUMENTATION = r"""
options:
  batch:
    description:
      - For the tasks of the role P(certfleet.tls.acme#role) only, where all that a module needs follows from the role's
        variables and from what the steps before have found. Nothing else need be given then.
    type: bool
    default: false
    version_added: 0.4.0
"""
