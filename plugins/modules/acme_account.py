#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account
short_description: Register an ACME account and keep its contacts
version_added: 0.1.0
description:
  - Makes sure that the account key has an account at the CA, with the contacts given.
  - An account that exists is found by its key, or at O(account_uri); it is not made again and its external account
    binding is not sent again.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls.acme
  - certfleet.tls.acme.account_key
  - certfleet.tls.acme.new_account
  - certfleet.tls.attributes
attributes:
  check_mode:
    support: full
    details:
      - An account that exists is looked up, which registers nothing. A key that would have to be made is not made,
        and nothing is then asked of the CA.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  contact:
    description:
      - Where the CA may write to, as URLs (V(mailto:ops@example.com)) or plain mail addresses.
      - Left out, the contacts of an account that exists stay as they are. An empty list removes them.
      - Some CAs, Let's Encrypt among them, keep no contacts; these are never reported as changed twice.
    type: list
    elements: str
    default: null
"""

EXAMPLES = r"""
- name: Make the account, and its key if need be
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    account_key_create: true
    contact: [ops@example.com]
    terms_agreed: true

- name: An account at a CA that knows its customers
  certfleet.tls.acme_account:
    acme_directory: zerossl
    account_key_content: "{{ vaulted_account_key }}"
    terms_agreed: true
    external_account_binding:
      kid: "{{ vaulted_eab_kid }}"
      key: "{{ vaulted_eab_key }}"
"""

RETURN = r"""
account_uri:
  description: URL of the account.
  returned: when there is one
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
contact:
  description: The account's contacts.
  returned: success
  type: list
  elements: str
  sample: [mailto:ops@example.com]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.acme.account import contacts, find, update_contact
from ..module_utils.acme.errors import AcmeError
from ..module_utils.ansible.ca_options import (
    ACCOUNT_KEY_SPEC,
    DIRECTORY_SPEC,
    NEW_ACCOUNT_SPEC,
    key_would_be_made,
    open_account,
    open_customer,
)
from ..module_utils.ansible.libraries import require_libraries


def ensure(params, check_mode):
    """The account as wanted, and what had to be changed for that."""
    wanted = None if params["contact"] is None else contacts(params["contact"])
    params = {**params, "contact": params["contact"] or []}
    if check_mode and key_would_be_made(params):
        return difference(True, None, None, wanted or [])
    uri = params["account_uri"]
    with open_customer(params) as client:
        account = find(client, uri) if check_mode or uri else open_account(client, params)
        if uri and account is None:
            raise AcmeError(f"{client.directory.url} knows no account {uri}")
        if account is None or account.created:
            return difference(True, account, None, wanted or [])
        before = list(account.contact)
        changed = wanted is not None and set(wanted) != set(before)
        if changed and not check_mode:
            account = update_contact(client, account, wanted)
            # A CA that drops contacts would have them "changed" in every run.
            changed = set(account.contact) != set(before)
        return difference(changed, account, before, wanted if changed else before)


def difference(changed, account, before, after):
    return {
        "changed": changed,
        "account_uri": account.uri if account else None,
        "contact": after,
        "diff": {
            "before": {} if before is None else {"contact": before},
            "after": {"contact": after},
        },
    }


def main():
    module = AnsibleModule(
        argument_spec={
            **DIRECTORY_SPEC,
            **ACCOUNT_KEY_SPEC,
            **NEW_ACCOUNT_SPEC,
            "contact": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    require_libraries(module)
    try:
        module.exit_json(**ensure(module.params, module.check_mode))
    except AcmeError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
