# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What modules can do besides their work; each says how far."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing it.
  diff_mode:
    description: Tells in diff mode what it changes, or in check mode would.
  idempotent:
    description: Run twice with the same options it changes nothing the second time.
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - It changes nothing in any case.
  diff_mode:
    support: N/A
    details:
      - It changes nothing.
  idempotent:
    support: full
    details:
      - It changes nothing.
"""
