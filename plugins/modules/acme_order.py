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
  - Creates the orders for any number of certificates, or takes up those that an earlier run left behind, and gives the
    challenges that are to be answered before M(certfleet.tls.acme_order_finalize) can go on.
  - All orders go through one HTTP session. One that fails stops no other; the module fails at the end, with all
    results.
  - The account is made first where the key has none.
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
      - The directory, the account key and the identifiers are checked; no signed request is sent, and what is
        returned are the orders that would be made.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - An order whose O(orders[].order_uri) is given is taken up instead of a new one being made.
options:
  orders:
    description:
      - The certificates to order.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host that the certificate is for; results are grouped by it.
        type: str
        default: localhost
      name:
        description: The certificate's name, for results and messages.
        type: str
        required: true
      identifiers:
        description:
          - The DNS names and IP addresses to be in the certificate.
          - One of them can be a mapping of C(value) and its own C(challenge).
        type: list
        elements: raw
        required: true
      challenge:
        description:
          - How control of the names is proved, where an identifier has no challenge of its own.
        type: str
        default: http-01
        choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
      profile:
        description: The certificate profile, one of those in the directory's C(meta.profiles).
        type: str
      not_before:
        description:
          - From when the certificate is to be valid, for a CA that takes such wishes; others refuse the order.
          - An instant with its zone, V(2026-01-31T12:00:00Z), or a span from now, V(+12h).
        type: str
        version_added: 0.3.0
      not_after:
        description:
          - Until when it is to be valid, likewise; V(+30d) asks for thirty days.
        type: str
        version_added: 0.3.0
      replaces_cert_id:
        description:
          - The ARI id (RFC 9773) of the certificate that this one succeeds. It is sent only to a CA with renewal
            information, and left out where the CA does not take it.
        type: str
      replaces_directory:
        description: The CA that issued it, as the URL of its directory. By default it is sent to any.
        type: str
        version_added: 0.3.0
      replaces_account:
        description: The URL of the account that ordered it. By default it is sent for any.
        type: str
        version_added: 0.3.0
      directory:
        description:
          - The CA that O(orders[].order_uri) is with, as the URL of its directory; it is asked first.
        type: str
        version_added: 0.3.0
      order_uri:
        description: The order of an earlier run, from its journal. It is resumed if it still can be.
        type: str
      account_uri:
        description: The account that O(orders[].order_uri) belongs to. Another account's order is not resumed.
        type: str
      can_wait:
        description:
          - A live certificate still serves, so a rate limit or a CA that is down defers this order instead of
            failing it.
        type: bool
        default: false
  dns_persist_draft:
    description:
      - The draft of V(dns-persist-01) that is spoken, V(01) for those up to 01, whose record has the account's URL, and
        V(02), whose record has a hash. By default whichever the CA speaks.
    type: str
    choices: ["01", "02"]
    version_added: 0.2.0
  timeout:
    description:
      - Seconds after which nothing more is waited for or asked again for the account, or for an order.
    type: int
    default: 300
    version_added: 0.2.0
  concurrency:
    description:
      - The greatest number of requests under way at once. Small batches use fewer, as each costs the CA a nonce.
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

- name: Order a certificate for a name and all below it
  certfleet.tls.acme_order:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    terms_agreed: true
    orders:
      - name: all
        identifiers: [example.com, "*.example.com"]
        challenge: dns-01
  register: ordered
"""

RETURN = r"""
account_uri:
  description: URL of the account.
  returned: when the account is known
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
requests:
  description: How many HTTP requests were sent.
  returned: always
  type: int
  sample: 44
hosts:
  description: For each host the list of its orders, as M(certfleet.tls.acme_order_finalize) takes them.
  returned: always
  type: dict
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

from collections.abc import Mapping
from typing import Any

from ..module_utils._acme.errors import AcmeError
from ..module_utils._acme.issuance import describe
from ..module_utils._acme.txt_record import PERSIST_DRAFTS
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC, NEW_ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn, with_failure
from ..module_utils._ansible.host_options import BATCH_SPEC
from ..module_utils._ansible.order_options import ORDER_SPEC, by_host, from_failure, from_options, summary
from ..module_utils._ansible.ordering import check_all, order_all


def run(params: Mapping[str, Any], check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    asked = from_options(params["orders"])
    try:
        totals, orders = (check_all if check_mode else order_all)(params, asked)
    except AcmeError as error:
        failed = describe(error)
        return {"failed": True, "msg": str(error), "hosts": by_host(from_failure(order, failed) for order in asked)}
    return with_failure({**totals.to_result(), "hosts": by_host(orders)}, summary(orders))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        **ACCOUNT_KEY_SPEC,
        **NEW_ACCOUNT_SPEC,
        "orders": {"type": "list", "elements": "dict", "required": True, "options": ORDER_SPEC},
        "dns_persist_draft": {"type": "str", "choices": list(PERSIST_DRAFTS)},
        "timeout": {"type": "int", "default": 300},
        "concurrency": {"type": "int", "default": 8},
    },
    run,
)


def main() -> None:
    """Run the module."""
    MODULE.main()


if __name__ == "__main__":
    main()
