#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_order_finalize
short_description: Validate challenges, finalize ACME orders and download the certificates, many at once
version_added: 0.1.0
description:
  - Takes the orders of M(certfleet.tls.acme_order) whose challenges are in place. Asks the CA to validate the
    challenges, sends the certificate requests, and downloads the chains.
  - Continues each order from its status, so an order of an earlier run that was killed is completed, and no step is
    repeated.
  - An order that fails does not stop the others. The module fails at the end, with all results.
  - Several certificates may have the same O(orders[].order_uri), as some CAs answer a new order with a pending one for
    the same identifiers. Each of them gets an order of its own, one after another.
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
      - Sends no request to the CA. Compares the certificate requests with their orders.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A valid order is only downloaded again, also if O(orders[].status) is that from before.
options:
  orders:
    description:
      - The orders, as M(certfleet.tls.acme_order) returned them, each with its certificate request added.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host of the certificate. Results are grouped by host.
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
      identifiers:
        description: The identifiers of the order.
        type: list
        elements: str
        required: true
      profile:
        description: The profile, as given to M(certfleet.tls.acme_order). Used if another order is made.
        type: str
        version_added: 0.4.0
      not_before:
        description:
          - The wanted beginning of the validity, as returned by M(certfleet.tls.acme_order). An instant is compared
            with the certificate.
        type: str
        version_added: 0.4.0
      not_after:
        description: The wanted end of the validity, likewise.
        type: str
        version_added: 0.4.0
      replaces_ari_id:
        description: The identifier of the certificate to replace, as given to M(certfleet.tls.acme_order).
        type: str
        version_added: 0.4.0
      replaces_directory:
        description: The CA of that certificate, as given to M(certfleet.tls.acme_order).
        type: str
        version_added: 0.4.0
      replaces_account:
        description: The account of that certificate, as given to M(certfleet.tls.acme_order).
        type: str
        version_added: 0.4.0
      csr_content:
        description: The certificate request, PEM. Its names have to be those of the order.
        type: str
        required: true
      order_uri:
        description: URL of the order.
        type: str
        required: true
      finalize_uri:
        description: URL to which the certificate request is sent.
        type: str
        required: true
      certificate_uri:
        description: URL of the certificate, if the order is already valid.
        type: str
        default: ''
      authorizations:
        description: URLs of the order's authorizations. They are read only if the order fails.
        type: list
        elements: str
        default: []
      deviations:
        description: Deviations of the CA from what it was asked for, for the result.
        type: list
        elements: str
        default: []
        version_added: 0.4.0
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
            description: The identifier, without C(*.).
            type: str
            required: true
          url:
            description: URL of the challenge.
            type: str
            required: true
          status:
            description: The challenge's status. The CA is asked to validate pending challenges only.
            type: str
            required: true
          token:
            description: The CA's token.
            type: str
            required: true
          key_authorization:
            description: The answer to the challenge.
            type: str
            required: true
          record_name:
            description: The name of the TXT record of a challenge by DNS.
            type: str
            default: ''
            version_added: 0.2.0
          record_value:
            description: The value of the TXT record of a challenge by DNS.
            type: str
            default: ''
            version_added: 0.2.0
          wildcard:
            description: True if the challenge is for a wildcard.
            type: bool
            default: false
            version_added: 0.2.0
      account_uri:
        description: URL of the account that made the order.
        type: str
        required: true
      directory:
        description: URL of the directory of the CA that has the order. By default the first CA of O(acme_directory).
        type: str
        version_added: 0.3.0
      not_first:
        description: The reason why the first CA does not have the order, for the result.
        type: str
        version_added: 0.4.0
      can_wait:
        description:
          - Set to true if a live certificate is still valid. An order that brings no certificate is then deferred to a
            later run, whatever the reason is, and does not fail.
        type: bool
        default: false
  timeout:
    description:
      - Time limit in seconds for each order. The next run resumes an order that is not finished by then. The limit does
        not include the wait for requests of other orders.
    type: int
    default: 300
  preferred_chain:
    description:
      - If the CA offers several chains, the preferred roots, in order, by common name or by the identifier of their key
        (hexadecimal). They are those of the first CA; an element of O(acme_directory) has its own.
      - Alternate chains are downloaded only if this is set, and only until one matches. A chain that cannot be
        downloaded or parsed counts as not offered.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  preferred_chain_missing:
    description:
      - The action if no chain ends in any of O(preferred_chain). V(fail) fails the order, V(default) uses the CA's
        default chain. A failed order remains at the CA, so a later run downloads the same certificate after you have
        changed this option. An order whose certificate has come due by then is given up.
    type: str
    default: fail
    choices: [fail, default]
    version_added: 0.3.0
  preflight:
    description:
      - Check the challenges from the controller before the CA validates them, as failed validations count against the
        CA's limits. The check requests the answer over HTTP or TLS at each address of a name, and compares CAA records
        with this CA and account.
      - All names of all orders are checked side by side, for at most 30 seconds. Then the time of the orders begins
        (O(timeout)).
      - A wrong answer fails the order, which a later run resumes, and so does a connection that all addresses refuse.
        The message has all names that are wrong, with the addresses that were asked.
      - There is one warning about all names that cannot be checked from the controller, as where there is no answer, or
        where a public CA asks another address than the private one that the controller sees.
      - Redirects are followed as CAs follow them, to C(http) and C(https) at their usual ports, at most ten. No request
        goes to loopback, link-local, private, shared and other special-purpose addresses, unless the name itself has
        addresses of that class and no public ones. If a name has both, its own private addresses are asked before any
        redirect. Messages contain only the status of an answer and the host that gave it.
    type: bool
    default: true
    version_added: 0.2.0
  resolver:
    description:
      - Name servers for the look-up of CAA records, C(ADDRESS) or C(ADDRESS:PORT), instead of the system's.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  history:
    description:
      - A file on the controller in which each certificate is recorded once it is downloaded, as a line of JSON
        with the time, C(host), C(name), C(serial), the CA's C(directory), C(account_uri), C(names) and the
        C(certificate). It is made with mode V(0600).
      - The role's entry point C(revoke) and the playbook C(certfleet.tls.compromise) compare the answers of hosts with
        this record.
      - If it cannot be written, there is a warning.
    type: path
    version_added: 0.4.0
  concurrency:
    description:
      - The greatest number of concurrent requests. Small batches use fewer, as each connection needs a nonce of its
        own, and more if the CA is slow. Requests that take far longer than others do not count, up to 64 of them.
    type: int
    default: 8
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.certificate
"""

EXAMPLES = r"""
- name: Finalize the orders and download the certificates
  certfleet.tls.acme_order_finalize:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    orders:
      - "{{ ordered.hosts.localhost[0] | combine({'csr_content': lookup('ansible.builtin.file', 'shop.csr')}) }}"
  register: finalized
"""

RETURN = r"""
requests:
  description: Number of HTTP requests that were sent.
  returned: always
  type: int
  sample: 99
hosts:
  description:
    - For each host the list of its certificates, as M(certfleet.tls.certificate) takes them. In check mode, only
      those that would fail.
    - Each certificate has the keys below.
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
      description: V(valid), V(failed), or V(deferred) for one that failed and has O(orders[].can_wait).
      returned: always
      type: str
    problem:
      description: The reason why there is no certificate; empty if there is one.
      returned: always
      type: str
    failure_kind:
      description:
        - The kind of the failure. V(validation) if the CA could not validate an identifier. V(refusal) if it refuses
          this certificate. V(certificate) if it issued one that cannot be used, such as for other names. V(ca) if it
          cannot be used now, or not by this account. V(local) if it was not asked.
      returned: if there is no certificate
      type: str
    directory:
      description: URL of the directory of the CA that issued it, or that failed to.
      returned: if O(orders[].directory) was given
      type: str
      version_added: 0.4.0
    retry_at:
      description: The instant until which the CA asks to wait.
      returned: if there is no certificate, if the CA said so
      type: str
    resumable:
      description: True if a later run can resume the order.
      returned: if there is no certificate
      type: bool
    not_first:
      description: The reason why the first CA did not issue it, as O(orders[].not_first).
      returned: if that was given
      type: str
      version_added: 0.4.0
    order_uri:
      description:
        - URL of the order that has the certificate. It differs from O(orders[].order_uri) if another order was made.
      returned: always
      type: str
    account_uri:
      description: URL of the account that made the order.
      returned: always
      type: str
    deviations:
      description:
        - Deviations of the CA from what it was asked for, such as other dates, an order without C(replaces) or without
          the profile. There is a warning, too. Deviations of an order are reported by the run that made it, and not
          again if a later run resumes it.
      returned: if the status is V(valid), if there are any
      type: list
      elements: str
      version_added: 0.4.0
    certificate:
      description: The certificate, PEM.
      returned: if the status is V(valid)
      type: str
    chain:
      description: The certificates of the issuers, PEM.
      returned: if the status is V(valid)
      type: str
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

from ..module_utils._acme.errors import AcmeError
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC, CHAIN_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.finalizing import check_all, finalize_all
from ..module_utils._ansible.option_specs import BATCH_SPEC
from ..module_utils._ansible.order_options import PREPARED_SPEC, all_failed, by_host, summary, with_urls_once
from ..module_utils._common.contracts import CertificateOrder


def run(params: Params, check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    orders = CertificateOrder.from_options(params["orders"], "orders")
    try:
        totals, finals = check_all(orders) if check_mode else finalize_all(params, orders, warn)
    except AcmeError as error:
        return all_failed(orders, error)
    finals = with_urls_once(finals)
    return with_failure({**totals.to_result(), "hosts": by_host(finals)}, summary(finals))


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **ACCOUNT_SPEC,
        "orders": {"type": "list", "elements": "dict", "required": True, "options": PREPARED_SPEC},
        "timeout": {"type": "int", "default": 300},
        **CHAIN_SPEC,
        "preflight": {"type": "bool", "default": True},
        "resolver": {"type": "list", "elements": "str", "default": []},
        "history": {"type": "path"},
        "concurrency": {"type": "int", "default": 8},
    },
    run,
)

main = MODULE.main


if __name__ == "__main__":
    main()
