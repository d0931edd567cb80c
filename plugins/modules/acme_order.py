#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_order
short_description: Create or resume ACME orders, many at once
version_added: 0.1.0
description:
  - Creates the orders for any number of certificates, or resumes the orders of an earlier run. Returns the challenges
    that have to be answered before M(certfleet.tls.acme_order_finalize) can continue.
  - All orders use one HTTP session. An order that fails does not stop the others. The module fails at the end, with all
    results.
  - If the key has no account, the account is made first.
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
      - Reads the directory, the account key and the identifiers. Sends no signed request, and returns the orders that
        would be made.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - An order with O(orders[].order_uri) is resumed, and no new order is made.
options:
  orders:
    description:
      - The certificates to order.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host of the certificate. Results are grouped by host.
        type: str
        default: localhost
      name:
        description: The certificate's name, for results and messages.
        type: str
        required: true
      identifiers:
        description:
          - The DNS names and IP addresses in the certificate.
          - An identifier can be a mapping of C(value) and its own C(challenge).
        type: list
        elements: raw
        required: true
      challenge:
        description:
          - The type of the challenge for identifiers that do not have their own.
        type: str
        default: http-01
        choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
      profile:
        description: The certificate profile, one of those in the directory's C(meta.profiles).
        type: str
      not_before:
        description:
          - Start of the certificate's validity. Many CAs do not support this and refuse the order.
          - An instant with its time zone, V(2026-01-31T12:00:00Z), or a duration from now, V(+12h).
        type: str
        version_added: 0.3.0
      not_after:
        description:
          - End of the certificate's validity, in the same form. V(+30d) asks for thirty days.
        type: str
        version_added: 0.3.0
      replaces_ari_id:
        description:
          - The ARI id (RFC 9773) of the certificate that the new one replaces. It is sent only to a CA that offers
            renewal information. If the CA refuses it, the order is made without it.
        type: str
      replaces_directory:
        description:
          - The CA that issued the certificate to replace, as the URL of its directory. By default
            O(orders[].replaces_ari_id) is sent to any CA.
        type: str
        version_added: 0.3.0
      replaces_account:
        description:
          - The URL of the account that ordered the certificate to replace. By default O(orders[].replaces_ari_id) is
            sent for any account.
        type: str
        version_added: 0.3.0
      directory:
        description:
          - The CA that is asked first, as the URL of its directory. That is mostly the one that has
            O(orders[].order_uri).
        type: str
        version_added: 0.3.0
      other_directories:
        description:
          - The CAs to ask after O(orders[].directory), in order, as the URLs of their directories. By default these are
            all others of O(acme_directory).
        type: list
        elements: str
        version_added: 0.4.0
      not_first:
        description: The reason why the first CA is not asked first, for the result.
        type: str
        version_added: 0.4.0
      order_uri:
        description: The order of an earlier run, from its journal. It is resumed if that is still possible.
        type: str
      account_uri:
        description: The account that made O(orders[].order_uri). The order of another account is not resumed.
        type: str
      can_wait:
        description:
          - Set to true if a live certificate is still valid. An order that brings no certificate is then deferred to a
            later run, whatever the reason is, and does not fail.
        type: bool
        default: false
      forced:
        description:
          - Do not resume the order at O(orders[].order_uri) if it is finalized, as its certificate is not wanted, or if
            it cannot be read.
        type: bool
        default: false
        version_added: 0.4.0
  dns_persist_draft:
    description:
      - The draft of V(dns-persist-01) that the CA has to follow. V(01) is for drafts up to 01, whose record has the
        account's URL. V(02) is for the draft whose record has a hash. By default any draft is accepted.
    type: str
    choices: ["01", "02"]
    version_added: 0.2.0
  timeout:
    description:
      - Time limit in seconds for the account and for each order, with all waits and retries. It does not include the
        wait for requests of other orders.
    type: int
    default: 300
    version_added: 0.2.0
  concurrency:
    description:
      - The greatest number of concurrent requests. Small batches use fewer, as each connection needs a nonce of its
        own, and more if the CA is slow. Requests that take far longer than others do not count, up to 64 of them.
    type: int
    default: 8
seealso:
  - module: certfleet.tls.acme_order_finalize
  - module: certfleet.tls.challenge_response
"""

EXAMPLES = r"""
- name: Order two certificates
  certfleet.tls.acme_order:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    terms_agreed: true
    orders:
      - name: shop
        identifiers: [shop.example.com, www.shop.example.com]
      - name: mail
        identifiers: [mail.example.com]
  register: ordered

- name: Order a wildcard certificate
  certfleet.tls.acme_order:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    terms_agreed: true
    orders:
      - name: all
        identifiers: [example.com, "*.example.com"]
        challenge: dns-01
  register: ordered

- name: Order from a second CA if the first one cannot accept the order
  certfleet.tls.acme_order:
    acme_directory:
      - letsencrypt
      - directory: zerossl
        eab:
          kid: "{{ vaulted_eab_kid }}"
          key: "{{ vaulted_eab_key }}"
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    terms_agreed: true
    orders:
      - name: shop
        identifiers: [shop.example.com]
  register: ordered
"""

RETURN = r"""
account_uri:
  description: URL of the account, at the first CA that was asked.
  returned: when the account is known
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
requests:
  description: Number of HTTP requests that were sent.
  returned: always
  type: int
  sample: 44
hosts:
  description:
    - For each host the list of its orders, as M(certfleet.tls.acme_order_finalize) takes them.
    - Each order has the keys below.
  returned: always
  type: dict
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
      description:
        - The status of the order, V(pending), V(ready), V(processing) or V(valid).
        - V(failed) for an order that was not made, and V(deferred) for one with O(orders[].can_wait).
      returned: always
      type: str
    problem:
      description: The reason why the order was not made; empty if it was.
      returned: always
      type: str
    failure_kind:
      description:
        - The kind of the failure. V(validation) if the CA could not validate an identifier. V(refusal) if it refuses
          this certificate. V(ca) if it cannot be used now, or not by this account. V(local) if it was not asked.
      returned: for an order that was not made
      type: str
    retry_at:
      description: The instant until which the CA asks to wait.
      returned: for an order that was not made, if the CA said so
      type: str
    resumable:
      description: True if a later run can resume the order at RV(hosts.order_uri).
      returned: for an order that was not made
      type: bool
    identifiers:
      description: The identifiers of the order.
      returned: for an order that was made
      type: list
      elements: str
    order_uri:
      description: URL of the order. Some CAs give several certificates for the same identifiers the same order.
      returned: when the order is known
      type: str
    finalize_uri:
      description: URL to which the certificate request is sent.
      returned: for an order that was made
      type: str
    certificate_uri:
      description: URL of the certificate; empty if the order is not valid yet.
      returned: for an order that was made
      type: str
    authorizations:
      description: URLs of the order's authorizations.
      returned: for an order that was made
      type: list
      elements: str
    account_uri:
      description: URL of the account that made the order.
      returned: when the order is known
      type: str
    directory:
      description: URL of the directory of the CA that has the order; of an order that was not made, of the first one
        asked.
      returned: always
      type: str
    not_first:
      description: The reason why the first CA does not have the order.
      returned: if another one has it
      type: str
      version_added: 0.4.0
    deviations:
      description:
        - Deviations of the CA from what it was asked for, such as an order without C(replaces) or without the profile.
          They are reported once, and not again if a later run resumes the order.
      returned: for an order that was made, if there are any
      type: list
      elements: str
      version_added: 0.4.0
    can_wait:
      description: The value of O(orders[].can_wait).
      returned: for an order that was made
      type: bool
    profile:
      description: The profile that was asked for, O(orders[].profile) or the CA's own one.
      returned: if there is one
      type: str
    not_before:
      description: The value of O(orders[].not_before); of a new order as an instant.
      returned: if it was given
      type: str
    not_after:
      description: The value of O(orders[].not_after); of a new order as an instant.
      returned: if it was given
      type: str
    replaces_ari_id:
      description: The value of O(orders[].replaces_ari_id).
      returned: if it was given
      type: str
    replaces_directory:
      description: The value of O(orders[].replaces_directory).
      returned: if it was given
      type: str
    replaces_account:
      description: The value of O(orders[].replaces_account).
      returned: if it was given
      type: str
    challenges:
      description:
        - The challenges that have to be answered.
        - A challenge with the status V(stale) belongs to an earlier order. Its TXT record has to be removed.
      returned: for an order that was made
      type: list
      elements: dict
      contains:
        type:
          description: The challenge's type, such as V(http-01).
          returned: always
          type: str
        identifier:
          description: The identifier, without C(*.).
          returned: always
          type: str
        url:
          description: URL of the challenge.
          returned: always
          type: str
        status:
          description: The challenge's status.
          returned: always
          type: str
        token:
          description: The CA's token; empty for V(dns-persist-01).
          returned: always
          type: str
        key_authorization:
          description: The answer to the challenge; empty for V(dns-persist-01).
          returned: always
          type: str
        record_name:
          description: The name of the TXT record of a challenge by DNS; empty for others.
          returned: always
          type: str
        record_value:
          description: The value of the TXT record of a challenge by DNS; empty for others.
          returned: always
          type: str
        wildcard:
          description: True if the challenge is for a wildcard.
          returned: always
          type: bool
    challenge:
      description: The value of O(orders[].challenge).
      returned: in check mode
      type: str
  sample:
    localhost:
      - host: localhost
        name: mail
        status: pending
        problem: ""
        identifiers: [mail.example.com]
        order_uri: https://acme-v02.api.letsencrypt.org/acme/order/1/2
        finalize_uri: https://acme-v02.api.letsencrypt.org/acme/finalize/1/2
        certificate_uri: ""
        authorizations: [https://acme-v02.api.letsencrypt.org/acme/authz/1/2]
        account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
        directory: https://acme-v02.api.letsencrypt.org/directory
        can_wait: false
        challenges:
          - type: http-01
            identifier: mail.example.com
            url: https://acme-v02.api.letsencrypt.org/acme/chall/1/2/rS6vXA
            status: pending
            token: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0
            key_authorization: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI
            record_name: ""
            record_value: ""
            wildcard: false
"""

from ..module_utils._acme.errors import AcmeError
from ..module_utils._acme.txt_record import PERSIST_DRAFTS
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC, NEW_ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.option_specs import BATCH_SPEC
from ..module_utils._ansible.order_options import ORDER_SPEC, all_failed, by_host, summary, with_urls_once
from ..module_utils._ansible.ordering import check_all, order_all
from ..module_utils._common.contracts import CertificateOrder


def run(params: Params, check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    asked = CertificateOrder.from_options(params["orders"], "orders")
    try:
        totals, orders = (check_all if check_mode else order_all)(params, asked)
    except AcmeError as error:
        return all_failed(asked, error)
    orders = with_urls_once(orders)
    return with_failure({**totals.to_result(), "hosts": by_host(orders)}, summary(orders))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **ACCOUNT_SPEC,
        **NEW_ACCOUNT_SPEC,
        "orders": {"type": "list", "elements": "dict", "required": True, "options": ORDER_SPEC},
        "dns_persist_draft": {"type": "str", "choices": list(PERSIST_DRAFTS)},
        "timeout": {"type": "int", "default": 300},
        "concurrency": {"type": "int", "default": 8},
    },
    run,
)

main = MODULE.main


if __name__ == "__main__":
    main()
