#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_order_finalize
short_description: Have challenges validated, finalize ACME orders and download the certificates, many at once
version_added: 0.1.0
description:
  - Takes the orders of M(certfleet.tls.acme_order) once their challenges are in place, tells the CA to validate them,
    hands in the certificate requests, and downloads the chains.
  - Enters each order where its status says, so an order that an earlier run left half done is finished and nothing is
    asked for twice.
  - One order that fails stops no other; the module fails at the end, with all results.
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
    support: full
    details:
      - Nothing is sent to the CA.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A finished order is only downloaded again.
options:
  orders:
    description:
      - The orders, as M(certfleet.tls.acme_order) returned them, each with its certificate request added.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host that the certificate is for; results are grouped by it.
        type: str
        default: localhost
      name:
        description: The certificate's name.
        type: str
        required: true
      status:
        description: The order's status.
        type: str
        required: true
        choices: [pending, ready, processing, valid]
      problem:
        description: Not used; here only so that orders can be given as they were returned.
        type: str
      identifiers:
        description: The names that were ordered.
        type: list
        elements: str
        required: true
      csr_content:
        description: The certificate request, PEM. Its names have to be those of the order.
        type: str
        required: true
      order_uri:
        description: URL of the order.
        type: str
        required: true
      finalize_uri:
        description: URL to hand the certificate request in at.
        type: str
        required: true
      certificate_uri:
        description: URL of the certificate, if the order is valid already.
        type: str
        default: ''
      authorizations:
        description: URLs of the order's authorizations; they are read only if the order fails.
        type: list
        elements: str
        default: []
      challenges:
        description: The challenges that are in place.
        type: list
        elements: dict
        default: []
        suboptions:
          type:
            description: The challenge's type.
            type: str
            required: true
          identifier:
            description: The name that it proves control of.
            type: str
            required: true
          url:
            description: URL at which the CA is told that it is in place.
            type: str
            required: true
          status:
            description: Its status. The CA is told only of one that is still pending.
            type: str
            required: true
          token:
            description: The CA's token.
            type: str
            required: true
          key_authorization:
            description: What is served for the token.
            type: str
            required: true
          record_name:
            description: The name of the TXT record of a challenge by DNS.
            type: str
            default: ''
            version_added: 0.2.0
          record_value:
            description: Its value.
            type: str
            default: ''
            version_added: 0.2.0
          wildcard:
            description: Whether it is for a wildcard.
            type: bool
            default: false
            version_added: 0.2.0
      account_uri:
        description: URL of the account that ordered.
        type: str
        required: true
      directory:
        description: URL of the directory of the CA that the order is with; by default that of O(acme_directory).
        type: str
        version_added: 0.3.0
      can_wait:
        description:
          - A live certificate still serves, so what may pass by itself defers this order instead of failing it.
        type: bool
        default: false
  timeout:
    description:
      - Seconds that an order may take from here until its certificate. What is not done by then is taken up by the
        next run.
    type: int
    default: 300
  preferred_chain:
    description:
      - Where the CA offers several chains, the roots to which it should lead, in order, by common name or by the
        identifier of their key (hexadecimal).
      - Alternate chains are downloaded only where one is preferred, and only as far as it takes. One that cannot be had
        or read counts as not offered.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  preferred_chain_missing:
    description:
      - What to do where no chain leads to any of O(preferred_chain), V(fail), or take the CA's V(default) chain. The
        order stands, so a later run takes the same certificate once this is changed.
    type: str
    default: fail
    choices: [fail, default]
    version_added: 0.3.0
  preflight:
    description:
      - Look at the challenges from here before the CA is told of them, as failed validations count against its limits.
        Does the response answer over HTTP, or by TLS; do CAA records admit this CA and account?
      - What is seen to be wrong fails the order, which a later run takes up; what cannot be seen from here is a
        warning.
      - Redirects are followed as CAs do it, to C(http) and C(https) at their usual ports, at most ten. No request goes
        to loopback, link-local, private, shared and other special-purpose addresses, unless the name itself has
        addresses of that class and no public ones. A name that has both has its own private addresses asked before any
        redirect. Messages contain only the status of an answer and the host that gave it.
    type: bool
    default: true
    version_added: 0.2.0
  resolver:
    description:
      - Name servers to look CAA records up at, C(ADDRESS) or C(ADDRESS:PORT), instead of the system's.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  history:
    description:
      - A file on the controller in which each certificate is recorded as soon as it is downloaded, as a line of JSON
        with the time, C(host), C(name), C(serial), the CA's C(directory), C(account_uri), C(names) and the
        C(certificate). It is made with mode V(0600).
      - The role's entry point C(revoke) and the playbook C(certfleet.tls.compromise) hold what hosts say against it.
      - If it cannot be written, that is a warning.
    type: path
    version_added: 0.4.0
  concurrency:
    description:
      - The greatest number of requests under way at once. Small batches use fewer, as each costs the CA a nonce.
    type: int
    default: 8
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.certificate
"""

EXAMPLES = r"""
- name: Fetch the certificates
  certfleet.tls.acme_order_finalize:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    orders:
      - "{{ ordered.hosts.localhost[0] | combine({'csr_content': lookup('ansible.builtin.file', 'shop.csr')}) }}"
  register: finalized
"""

RETURN = r"""
requests:
  description: How many HTTP requests were sent.
  returned: always
  type: int
  sample: 99
hosts:
  description: For each host the list of its certificates, as M(certfleet.tls.certificate) takes them.
  returned: always
  type: dict
  sample:
    localhost:
      - host: localhost
        name: shop
        status: valid
        problem: ""
        order_uri: https://acme-v02.api.letsencrypt.org/acme/order/1/2
        account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
        certificate: "-----BEGIN CERTIFICATE-----..."
        chain: "-----BEGIN CERTIFICATE-----..."
      - host: localhost
        name: mail
        status: failed
        problem: "mail.example.com: http-01: unauthorized: Invalid response from http://mail.example.com/...: 404"
        resumable: false
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils._acme.errors import AcmeError
from ..module_utils._acme.issuance import describe
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn, with_failure
from ..module_utils._ansible.finalizing import finalize_all, would_change
from ..module_utils._ansible.host_options import BATCH_SPEC
from ..module_utils._ansible.order_options import PREPARED_SPEC, by_host, from_failure, from_options, summary
from ..module_utils._ansible.preflight_options import PREFLIGHT_SPEC


def run(params: Mapping[str, Any], check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    orders = from_options(params["orders"])
    changed = would_change(orders)
    if check_mode:
        return {"changed": changed, "requests": 0, "hosts": {}}
    try:
        requests, finals = finalize_all(params, orders, warn)
    except AcmeError as error:
        failed = describe(error)
        return {"failed": True, "msg": str(error), "hosts": by_host(from_failure(order, failed) for order in orders)}
    return with_failure({"changed": changed, "requests": requests, "hosts": by_host(finals)}, summary(finals))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        **ACCOUNT_KEY_SPEC,
        "orders": {"type": "list", "elements": "dict", "required": True, "options": PREPARED_SPEC},
        "timeout": {"type": "int", "default": 300},
        "preferred_chain": {"type": "list", "elements": "str", "default": []},
        "preferred_chain_missing": {"type": "str", "default": "fail", "choices": ["fail", "default"]},
        **PREFLIGHT_SPEC,
        "history": {"type": "path"},
        "concurrency": {"type": "int", "default": 8},
    },
    run,
)


def main() -> None:
    """Run the module."""
    MODULE.main()


if __name__ == "__main__":
    main()
