#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account_info
short_description: Look an ACME account up by its key
version_added: 0.1.0
description:
  - Tells whether a key has an account at a CA, and what the CA knows of it. Nothing is registered.
  - Given O(account_uri), it is the account there; one of another key is refused by the CA.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._acme
  - certfleet.tls._acme.account_key
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
"""

EXAMPLES = r"""
- name: Is there an account?
  certfleet.tls.acme_account_info:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
  register: account
"""

RETURN = r"""
exists:
  description: Whether the key has an account.
  returned: success
  type: bool
  sample: true
account:
  description: The account.
  returned: when it exists
  type: dict
  sample:
    uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
    status: valid
    contact: [mailto:ops@example.com]
    thumbprint: 9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils._ansible.accounts import describe
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn


def run(params: Mapping[str, Any], _check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    return describe(params)


MODULE = ControllerModule({**DIRECTORY_SPEC, **ACCOUNT_KEY_SPEC}, run)


def main() -> None:
    """Run the module."""
    MODULE.main()


if __name__ == "__main__":
    main()
