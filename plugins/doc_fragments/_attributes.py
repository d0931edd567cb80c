# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules; each module documents its own support."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode, and reports what it would change without changing it.
  diff_mode:
    description: Reports in diff mode what it changes, or what it would change in check mode.
  idempotent:
    description: A second run with the same options changes nothing.
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module never changes anything.
  diff_mode:
    support: N/A
    details:
      - The module never changes anything.
  idempotent:
    support: full
    details:
      - The module never changes anything.
"""
