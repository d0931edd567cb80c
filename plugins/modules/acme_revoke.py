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
  - Another account may revoke as well, of a CA that admits it, as Let's Encrypt does, if it holds valid authorizations
    for all of the certificate's identifiers, from an order of its own or by M(certfleet.tls.acme_authorization).
  - A certificate that is revoked already is fine. One that cannot be revoked stops no other; the module fails at the
    end.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._acme
  - certfleet.tls._acme.account_key
  - certfleet.tls._acme.alternatives
  - certfleet.tls._attributes
  - certfleet.tls._controller
attributes:
  check_mode:
    support: partial
    details:
      - No signed request is sent, so it is not known which certificates are revoked already.
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
        description: The host that the certificate is from, for messages.
        type: str
        default: localhost
      name:
        description: The certificate's name, for messages.
        type: str
        required: true
      content:
        description: The certificate, PEM. What follows the first one is not looked at.
        type: str
        required: true
      directory:
        description:
          - The CA that issued it, as the URL of its directory. No other CA is asked then. It may be one that neither
            O(acme_directory) nor O(alternatives) names; its account is that of the same account key.
          - Without it, the CAs are asked in their order.
        type: str
        version_added: 0.4.0
  revoke_reason:
    description:
      - Why, by name or by number (RFC 5280).
      - V(key_compromise) makes some CAs, Let's Encrypt among them, refuse the key for ever.
    type: str
    default: unspecified
    choices:
      [unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation, '0', '1', '3', '4', '5']
  private_key_src:
    description:
      - Path on the controller of the certificates' own private key, PEM, to sign with instead of the account key.
    type: path
  private_key_content:
    description:
      - The certificates' own private key itself, PEM.
    type: str
  private_key_passphrase:
    description:
      - What the certificates' own private key is encrypted with.
    type: str
  private_key_permissions:
    description:
      - What to do if users other than the owner can read the file O(private_key_src), as O(account_key_permissions)
        says for the account's.
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
  sample:
    - host: localhost
      name: shop
      status: revoked
      problem: ""
"""

from dataclasses import replace

from ..module_utils._acme.certificate import REASONS, der_of, revoke
from ..module_utils._acme.errors import AcmeError, AcmeOptionError
from ..module_utils._acme.issuance import Failure, describe, run_all
from ..module_utils._acme.known_cas import resolve
from ..module_utils._ansible.ca_options import (
    ACCOUNT_KEY_SPEC,
    ALTERNATIVES_SPEC,
    DIRECTORY_SPEC,
    PERMISSIONS_SPEC,
    account_key,
    each_ca,
    open_client,
    use_account,
)
from ..module_utils._ansible.controller_module import ControllerModule, with_failure
from ..module_utils._ansible.host_options import BATCH_SPEC
from ..module_utils._ansible.order_options import summary
from ..module_utils._common.contracts import Revocation, plain
from ..module_utils._common.schema import Malformed
from ..module_utils._common.statuses import Status

CERTIFICATE_SPEC = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
    "directory": {"type": "str"},
}


def revoke_all(params, wanted):
    """Revoke each certificate, at its own CA or the first one that does. Raises AcmeError for what concerns all."""
    wanted = [replace(item, directory=resolved(item.directory)) for item in wanted]
    results = [None] * len(wanted)
    unreadable = [result if isinstance(result, Failure) else None for result in run_all(wanted, read)]
    cas = cas_of(params, wanted)
    for url, ca in cas.items():
        left = [
            number
            for number, result in enumerate(results)
            if not unreadable[number]
            and (result is None or isinstance(result, Failure))
            and wanted[number].directory in (None, url)
        ]
        given = [wanted[number] for number in left]
        for number, result in zip(left, revoke_at(ca, given, len(cas) > 1) if left else ()):
            # Of two refusals the first CA's word counts: another mostly does not know the certificate.
            results[number] = results[number] if isinstance(result, Failure) and results[number] else result
    return [with_result(item, bad or result) for item, bad, result in zip(wanted, unreadable, results)]


def read(item):
    """Raises AcmeError for what is not a certificate."""
    return bool(der_of(item.content))


def resolved(directory):
    return resolve(directory) if directory else None


def cas_of(params, wanted):
    """By the URL of its directory the options of each CA that is to be asked."""
    cas = each_ca(params)
    named = {item.directory for item in wanted}
    for url in named.difference(cas, [None]):
        cas[url] = {**params, "acme_directory": url, "account_uri": None, "new_account_key_content": None}
    return {url: ca for url, ca in cas.items() if None in named or url in named}


def revoke_at(params, wanted, among_others):
    reason = REASONS.get(params["revoke_reason"])
    if reason is None:
        reason = int(params["revoke_reason"])
    own_key = has_own_key(params)
    try:
        with open_client(params, key_of(params)) as client:
            if not own_key:
                use_account(client, params["account_uri"])
            return run_all(wanted, lambda item: revoke(client, der_of(item.content), reason, own_key))
    except AcmeError as error:
        if not among_others:
            raise
        return [describe(error)] * len(wanted)


def check_all(params, wanted):
    """What can be told without a signed request."""
    key_of(params)
    results = run_all(wanted, read)
    return [with_result(item, result) for item, result in zip(wanted, results)]


def has_own_key(params):
    return bool(params["private_key_src"] or params["private_key_content"])


def key_of(params):
    """The key to sign with: RFC 8555 section 7.6 has the account's, or the certificates' own."""
    return account_key(params, kind="private" if has_own_key(params) else "account")


def with_result(item, result):
    if isinstance(result, Failure):
        return Revocation(item.host, item.name, problem=result.message, status=Status.FAILED)
    return Revocation(item.host, item.name, status=Status.REVOKED if result else Status.ALREADY_REVOKED)


def run(params, check_mode, _warn):
    try:
        wanted = from_options(params["certificates"])
        revocations = (check_all if check_mode else revoke_all)(params, wanted)
    except AcmeError as error:
        return {"failed": True, "msg": str(error), "certificates": []}
    failed = summary(revocations)
    changed = any(item.status == Status.REVOKED for item in revocations)
    return with_failure({"changed": changed, "certificates": plain(revocations)}, failed)


def from_options(options):
    try:
        return [Revocation.from_option(option, f"certificates[{number}]") for number, option in enumerate(options)]
    except Malformed as error:
        raise AcmeOptionError(str(error)) from None


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        **ACCOUNT_KEY_SPEC,
        **ALTERNATIVES_SPEC,
        "certificates": {"type": "list", "elements": "dict", "required": True, "options": CERTIFICATE_SPEC},
        "revoke_reason": {
            "type": "str",
            "default": "unspecified",
            "choices": [*REASONS, *(str(number) for number in REASONS.values())],
        },
        "private_key_src": {"type": "path"},
        "private_key_content": {"type": "str", "no_log": True},
        "private_key_passphrase": {"type": "str", "no_log": True},
        "private_key_permissions": PERMISSIONS_SPEC,
    },
    run,
)


def main():
    MODULE.main()


if __name__ == "__main__":
    main()
