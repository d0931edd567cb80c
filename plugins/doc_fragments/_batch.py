# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option `batch` of modules that are steps of the role."""

    DOCUMENTATION = r"""
options:
  batch:
    description:
      - For tasks of the role P(certfleet.tls.acme#role) only. The module then takes its options from the role's
        variables and from the results of the steps before.
    type: bool
    default: false
    version_added: 0.4.0
notes:
  - With O(batch), the result has more keys, such as C(inclusion), for later steps of the role only. They may change in
    any release.
"""
