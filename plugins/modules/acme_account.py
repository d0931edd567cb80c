#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account
short_description: Register an ACME account, keep its contacts, change its key, or give it up
version_added: 0.1.0
description:
  - Makes sure that the account key has an account at the CA, with the contacts given.
  - An account that exists is found by its key, or at O(account_uri); it is not made again and its external account
    binding is not sent again.
  - With O(rollover) the account gets another key, with O(state=absent) it is deactivated.
  - With several CAs it does the same at each of the CAs. One that fails stops no other; the module fails at the
    end, with all results.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._acme
  - certfleet.tls._acme.account_key
  - certfleet.tls._acme.new_account
  - certfleet.tls._attributes
  - certfleet.tls._controller
attributes:
  check_mode:
    support: full
    details:
      - An account that exists is looked up, which registers nothing. A key that would have to be made is not made,
        and nothing is then asked of the CA. No key is changed, and no account is deactivated.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Each run with O(rollover) and O(account_key_src) changes the key, but for one that was not finished, which the
        next run finishes. With O(new_account_key_content) a second run finds it changed.
options:
  state:
    description:
      - V(present) makes the account if need be.
      - V(absent) deactivates it, which cannot be taken back. Its key has no account from then on, and most CAs let it
        have none again. Certificates stay valid; it can no longer revoke them.
    type: str
    default: present
    choices: [present, absent]
    version_added: 0.3.0
  rollover:
    description:
      - Give the account another key (RFC 8555 section 7.3.5). It stays what it is otherwise, with its URL, its orders
        and its authorizations.
      - A key at O(account_key_src) is replaced there. The new one, of O(account_key_type), is made beside it, as
        C(<account_key_src>.new). Once the CA has said that it knows the new key, that takes the place of the old one,
        with its mode, owner and passphrase. Whenever a run is killed, the next one goes on with both, and all modules
        here take the one that the CA knows.
      - A key given in O(account_key_content) cannot be replaced where it comes from. Make a new one, give it in
        O(new_account_key_content), and as O(account_key_content) once this module has succeeded. In between, all
        modules that use the account need both; what has the old one alone makes another account.
      - Of several CAs, the key is changed at those that have the same; others keep theirs.
      - Where V(dns-persist-01) is spoken by its draft 02, its TXT records have a hash over the key in them, and are to
        be written anew.
    type: bool
    default: false
    version_added: 0.3.0
  new_account_key_content:
    description:
      - The account's new private key itself, PEM, for O(rollover). It is stored nowhere.
      - Without O(rollover) nothing is changed, and whichever of both keys the CA knows is used.
    type: str
    version_added: 0.3.0
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
    eab:
      kid: "{{ vaulted_eab_kid }}"
      key: "{{ vaulted_eab_key }}"

- name: Another key for the account, and in the place of the old one
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    rollover: true

- name: A key out of a vault for the account, which had another one out of it
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_content: "{{ vaulted_account_key }}"
    rollover: true
    new_account_key_content: "{{ vaulted_new_account_key }}"

- name: Give the account up
  certfleet.tls.acme_account:
    acme_directory: letsencrypt-staging
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: absent
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
accounts:
  description: The account at each CA, that of O(acme_directory) first. With O(rollover), those whose key it was.
  returned: success
  type: list
  elements: dict
  sample:
    - directory: https://acme-v02.api.letsencrypt.org/directory
      account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
      contact: [mailto:ops@example.com]
      changed: false
      problem: ""
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils._ansible.accounts import ensure, failure, result
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC, NEW_ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn, with_failure
from ..module_utils._ansible.host_options import BATCH_SPEC


def run(params: Mapping[str, Any], check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    outcomes = ensure(params, check_mode)
    return with_failure(result(outcomes), failure(outcomes))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        **ACCOUNT_KEY_SPEC,
        **NEW_ACCOUNT_SPEC,
        "contact": {"type": "list", "elements": "str"},
        "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        "rollover": {"type": "bool", "default": False},
    },
    run,
)


def main() -> None:
    """Run the module."""
    MODULE.main()


if __name__ == "__main__":
    main()
