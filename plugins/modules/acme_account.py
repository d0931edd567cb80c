#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account
short_description: Register an ACME account, update its contacts, change its key, or deactivate it
version_added: 0.1.0
description:
  - Makes sure that the account key has an account at the CA, with the given contacts.
  - An existing account is found by its key, or at O(account_uri). It is not made again, and its external account
    binding is not sent again.
  - With O(rollover) the account gets another key. With O(state=absent) it is deactivated.
  - If O(acme_directory) lists several CAs, all of this is done at each of them. A CA that fails does not stop the
    others. The module fails at the end, with all results.
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
      - An existing account is looked up, which registers nothing. A missing key is not made, and the CA is then not
        asked. No key is changed, and no account is deactivated.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Each run with O(rollover) and O(account_key_src) changes the key, except that it first completes a change that
        was not finished. With O(new_account_key_content) a second run changes nothing.
options:
  state:
    description:
      - V(present) makes the account if there is none.
      - V(absent) deactivates it, which cannot be undone. Most CAs refuse a new account for the same key. Certificates
        stay valid, but the account can no longer revoke them. The module fails if the account is still valid
        afterwards.
    type: str
    default: present
    choices: [present, absent]
    version_added: 0.3.0
  rollover:
    description:
      - Give the account another key (RFC 8555 section 7.3.5). The account keeps its URL, its orders and its
        authorizations.
      - A key at O(account_key_src) is replaced there. The new key, of O(account_key_type), is made beside it, as
        C(<account_key_src>.new). After the CA has confirmed the new key, it replaces the old one, with its mode, owner
        and passphrase. It is PEM, also if the old one was in another form, so another ACME client may not be able to
        read it. If a run is killed, the next one continues with both keys. All modules of this collection use
        the key that the CA knows.
      - A new key that the CA refuses is removed. Where a CA may have it, such as after a lost answer, it stays, and the
        next run continues with it.
      - A key given in O(account_key_content) cannot be replaced in your vault. Make a new key, and give it in
        O(new_account_key_content). After this module has succeeded, give it as O(account_key_content). Until then, all
        modules that use the account need both keys. A module with the old key alone makes another account.
      - If several CAs are listed, the key is changed at those that have the first CA's key. Others keep their own keys.
      - A TXT record of V(dns-persist-01) by its draft 02 has a hash over the key in it. The CA accepts it also with a
        former key, but the role expects it with the present one. A warning has the records to publish for
        O(dns_persist_names), and so has RV(accounts[].records).
    type: bool
    default: false
    version_added: 0.3.0
  dns_persist_names:
    description:
      - The identifiers that have TXT records of V(dns-persist-01), such as V(*.example.com), for O(rollover).
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  new_account_key_content:
    description:
      - The account's new private key itself for O(rollover), in one of the forms of O(account_key_content). The module
        does not store it.
      - Without O(rollover) no key is changed, and the module uses the key that the CA knows.
    type: str
    version_added: 0.3.0
  contact:
    description:
      - Addresses at which the CA can reach you, as URLs (V(mailto:ops@example.com)) or plain mail addresses.
      - Without this option, the contacts of an existing account are not changed. An empty list removes them.
      - Some CAs, such as Let's Encrypt, do not store contacts. They are then not reported as changed.
    type: list
    elements: str
    default: null
"""

EXAMPLES = r"""
- name: Make the account, and its key if there is none
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    account_key_create: true
    contact: [ops@example.com]
    terms_agreed: true

- name: Make an account at a CA that requires an external account binding
  certfleet.tls.acme_account:
    acme_directory: zerossl
    account_key_content: "{{ vaulted_account_key }}"
    terms_agreed: true
    eab:
      kid: "{{ vaulted_eab_kid }}"
      key: "{{ vaulted_eab_key }}"

- name: Make an account at each of two CAs
  certfleet.tls.acme_account:
    acme_directory:
      - letsencrypt
      - directory: https://ca.internal/acme/directory
        ca_path: /etc/ssl/certs/internal-ca.pem
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    account_key_create: true
    terms_agreed: true

- name: Replace the key of the account in its file
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    rollover: true

- name: Replace a key that is stored in a vault
  certfleet.tls.acme_account:
    acme_directory: letsencrypt
    account_key_content: "{{ vaulted_account_key }}"
    rollover: true
    new_account_key_content: "{{ vaulted_new_account_key }}"

- name: Deactivate the account
  certfleet.tls.acme_account:
    acme_directory: letsencrypt-staging
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: absent
"""

RETURN = r"""
account_uri:
  description: URL of the account at the first CA; null if there is none.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
contact:
  description: The contacts of the account at the first CA.
  returned: success
  type: list
  elements: str
  sample: [mailto:ops@example.com]
accounts:
  description: The account at each CA, in the order of O(acme_directory). With O(rollover), those that had the key.
  returned: success
  type: list
  elements: dict
  contains:
    directory:
      description: URL of the CA's directory.
      returned: always
      type: str
    account_uri:
      description: URL of the account; null if there is none.
      returned: always
      type: str
    contact:
      description: The account's contacts.
      returned: always
      type: list
      elements: str
    changed:
      description: True if the account was changed.
      returned: always
      type: bool
    problem:
      description: The reason why this CA failed; empty if it did not.
      returned: always
      type: str
    records:
      description:
        - The TXT records of V(dns-persist-01) to publish for the account's new key, by draft 02. Empty for a CA that
          does not follow it, and without O(rollover).
      returned: always
      type: list
      elements: dict
      version_added: 0.4.0
      contains:
        name:
          description: The name of the record.
          type: str
          returned: always
          sample: _validation-persist.example.com
        value:
          description: The value of the record.
          type: str
          returned: always
          sample: ca.example; accounturi=https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw
  sample:
    - directory: https://acme-v02.api.letsencrypt.org/directory
      account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
      contact: [mailto:ops@example.com]
      changed: false
      problem: ""
      records: []
"""

from ..module_utils._ansible.accounts import ensure, failure, result
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC, NEW_ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.option_specs import BATCH_SPEC


def run(params: Params, check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    results = ensure(params, check_mode)
    for line in filter(None, (each.warning for each in results)):
        warn(line)
    return with_failure(result(results), failure(results))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **ACCOUNT_SPEC,
        **NEW_ACCOUNT_SPEC,
        "contact": {"type": "list", "elements": "str"},
        "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        "rollover": {"type": "bool", "default": False},
        "dns_persist_names": {"type": "list", "elements": "str", "default": []},
    },
    run,
)

main = MODULE.main


if __name__ == "__main__":
    main()
