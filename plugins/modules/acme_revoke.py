#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_revoke
short_description: Revoke certificates
version_added: 0.1.0
description:
  - Revokes any number of certificates, with the key of the account that ordered them or with their own key.
  - Some CAs, such as Let's Encrypt, also accept another account with valid authorizations for all of the certificate's
    identifiers, from its own order or from M(certfleet.tls.acme_authorization).
  - The private key of a certificate may also be on its host, and stay there. With O(certificates[].can_sign) the result
    has nonces for it, M(certfleet.tls.certificate_revoke) signs on the host, and this module is called again with the
    signatures. With O(revoke_reason=key_compromise) this is tried before the account, since it also blocks the key at
    the CA; for any other reason it is tried after the account.
  - Some CAs, such as Let's Encrypt, take each revocation that a certificate's own key signed for V(key_compromise),
    whatever O(revoke_reason) says.
  - A certificate that was already revoked is not an error. A certificate that cannot be revoked does not stop the
    others. The module fails at the end.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._acme
  - certfleet.tls._acme.account_key
  - certfleet.tls._attributes
  - certfleet.tls._controller
attributes:
  check_mode:
    support: partial
    details:
      - Sends no signed request, so certificates that were already revoked are reported as changed.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  certificates:
    description:
      - The certificates to revoke.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host of the certificate, for messages.
        type: str
        default: localhost
      name:
        description: The certificate's name, for messages.
        type: str
        required: true
      content:
        description: The certificate, PEM. If the text has several certificates, the first one is revoked.
        type: str
        required: true
      directory:
        description:
          - The CA that issued the certificate, as the URL of its directory or a short name. No other CA is asked. It
            can be a CA that O(acme_directory) does not list. The account key is then that of the first CA.
          - By default the CAs are asked in the order of O(acme_directory).
        type: str
        version_added: 0.4.0
      can_sign:
        description: The certificate's host can be asked to sign.
        type: bool
        version_added: 0.4.0
      nonces:
        description: RV(certificates[].nonces) of the call before.
        type: dict
        version_added: 0.4.0
      signatures:
        description: >-
          RV(certfleet.tls.certificate_revoke#module:signed[].signatures), the signatures with O(certificates[].nonces).
        type: dict
        version_added: 0.4.0
      is_last:
        description: RV(certificates[].is_last) of the call before.
        type: bool
        version_added: 0.4.0
      refusals:
        description: >-
          RV(certificates[].refusals) of the call before. A host that cannot sign adds the reason as C(own key).
        type: dict
        version_added: 0.4.0
  history:
    description:
      - A file on the controller in which each revocation is recorded, as a line of JSON. It is the one of
        O(certfleet.tls.acme_order_finalize#module:history), and M(certfleet.tls.acme_plan) reads it.
      - If it cannot be written, there is a warning.
    type: path
    version_added: 0.4.0
  revoke_reason:
    description:
      - The reason, by name or by number (RFC 5280).
      - After V(key_compromise) some CAs, such as Let's Encrypt, never accept the key again.
    type: str
    default: unspecified
    choices:
      [unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation, '0', '1', '3', '4', '5']
  private_key_src:
    description:
      - Path on the controller of the certificates' own private key, PEM, which signs instead of the account key.
    type: path
  private_key_content:
    description:
      - The certificates' own private key itself, PEM.
    type: str
  private_key_passphrase:
    description:
      - Passphrase of the certificates' own private key.
    type: str
  private_key_permissions:
    description:
      - The action if users other than the owner can read the file O(private_key_src). The values are those of
        O(account_key_permissions).
    type: str
    default: strict
    choices: [strict, warn]
    version_added: 0.4.0
"""

EXAMPLES = r"""
- name: Revoke a certificate that is no longer used
  certfleet.tls.acme_revoke:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    revoke_reason: cessation_of_operation
    certificates:
      - name: shop
        content: "{{ lookup('ansible.builtin.file', 'shop.pem') }}"
"""

RETURN = r"""
certificates:
  description: One entry for each certificate, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The host of the certificate.
      returned: always
      type: str
    name:
      description: The certificate's name.
      returned: always
      type: str
    status:
      description: V(revoked), V(already revoked), V(unsigned) if its host is to sign, or V(failed).
      returned: always
      type: str
    way:
      description: The key that signed the request, V(account) or V(own key).
      returned: if it is revoked
      type: str
    nonces:
      description: The nonces that the host is to sign with, by the URL of the CA's C(revokeCert).
      returned: if the status is V(unsigned)
      type: dict
    is_last:
      description: The host is asked for the last time. A CA may refuse a nonce, for example because it is old.
      returned: if the status is V(unsigned)
      type: bool
    refusals:
      description: The reasons why it was not revoked so far, by V(account) and V(own key).
      returned: if the status is V(unsigned)
      type: dict
    problem:
      description: The reason why the certificate was not revoked; empty if it was.
      returned: always
      type: str
  sample:
    - host: localhost
      name: shop
      status: revoked
      way: account
      problem: ""
"""

from ..module_utils._acme.certificate import REASONS
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC, PERMISSIONS_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.option_specs import BATCH_SPEC
from ..module_utils._ansible.order_options import summary
from ..module_utils._ansible.revocations import REVOCATION_SPEC, check_all, revocations_of, revoke_all
from ..module_utils._common.contracts import plain
from ..module_utils._common.statuses import RevocationResult


def run(params: Params, check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    given = revocations_of(params["certificates"])
    revocations = check_all(params, given) if check_mode else revoke_all(params, given, warn)
    changed = any(item.status == RevocationResult.REVOKED for item in revocations)
    return with_failure({"changed": changed, "certificates": plain(revocations)}, summary(revocations))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **ACCOUNT_SPEC,
        "certificates": {"type": "list", "elements": "dict", "required": True, "options": REVOCATION_SPEC},
        "revoke_reason": {
            "type": "str",
            "default": "unspecified",
            "choices": [*REASONS, *(str(number) for number in REASONS.values())],
        },
        "history": {"type": "path"},
        "private_key_src": {"type": "path"},
        "private_key_content": {"type": "str", "no_log": True},
        "private_key_passphrase": {"type": "str", "no_log": True},
        "private_key_permissions": PERMISSIONS_SPEC,
    },
    run,
    refused={"certificates": []},
)

main = MODULE.main


if __name__ == "__main__":
    main()
