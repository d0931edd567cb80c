#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account_info
short_description: Look up an ACME account by its key
version_added: 0.1.0
description:
  - Reports whether a key has an account at a CA, and the CA's data of that account. Registers nothing.
  - With O(account_uri), the account at that URL is looked up. The CA refuses a key that belongs to another account.
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
- name: Look up the account
  certfleet.tls.acme_account_info:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
  register: account
"""

RETURN = r"""
exists:
  description: True if the key has an account.
  returned: success
  type: bool
  sample: true
account:
  description: The account.
  returned: if it exists
  type: dict
  contains:
    uri:
      description: URL of the account.
      returned: always
      type: str
    status:
      description: The account's status, such as V(valid).
      returned: always
      type: str
    contact:
      description: The account's contacts.
      returned: always
      type: list
      elements: str
    thumbprint:
      description: The thumbprint of the key (RFC 7638).
      returned: always
      type: str
  sample:
    uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
    status: valid
    contact: [mailto:ops@example.com]
    thumbprint: 9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI
"""

from ..module_utils._ansible.accounts import describe
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn


def run(params: Params, _check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    return describe(params)


MODULE = ControllerModule(ACCOUNT_SPEC, run)

main = MODULE.main


if __name__ == "__main__":
    main()
