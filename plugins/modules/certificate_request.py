#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_request
short_description: Make private keys and certificate requests for certificates to be ordered
version_added: 0.1.0
description:
  - Makes for each certificate a pending version with a new private key, which never leaves the host, and a certificate
    request; or takes up the pending version that an unfinished run left, if it is what is wanted.
  - The live certificates are not touched.
  - Where a certificate's private key comes from another host (O(receive)), it makes a key to have that sealed to.
  - Given O(orders) and O(challenges), it also writes the orders into the journals and, after that, serves the
    challenges, in the same run.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.list
  - certfleet.tls._host.certificates
  - certfleet.tls._host.orders
  - certfleet.tls._host.challenges
  - certfleet.tls._host.listener
  - certfleet.tls._host.cryptography
  - certfleet.tls._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directory:
    description:
      - URL of the directory of the CA that the certificates will be ordered from, for the journal. A pending version
        for another CA is not taken up.
    type: str
    required: true
  receive:
    description:
      - Names of certificates whose private key another host gives, by M(certfleet.tls.certificate_share).
    type: list
    elements: str
    default: []
    version_added: 0.3.0
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.certificate_share
  - module: certfleet.tls.certificate
"""

EXAMPLES = r"""
- name: Make a key and a request
  certfleet.tls.certificate_request:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
  register: request
"""

RETURN = r"""
requests:
  description: The pending versions and their certificate requests.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      identifiers: [shop.example.com]
      csr_content: "-----BEGIN CERTIFICATE REQUEST-----..."
      profile: null
      order_uri: https://acme-v02.api.letsencrypt.org/acme/order/1/2
      account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
      version: "0008"
      reused: false
ready:
  description: Names of the certificates whose order is in the journal and whose challenges are served.
  returned: always
  type: list
  elements: str
  sample: [shop]
receivers:
  description:
    - For each certificate of O(receive) the public key to seal its private key to. It is good for one run, and not made
      in check mode.
  returned: always
  type: dict
  sample: {}
  version_added: 0.3.0
failures:
  description: For each certificate that could not be prepared, why. The others were.
  returned: always
  type: dict
  sample: {}
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible.host_options import (
    BATCH_SPEC,
    CERTIFICATE_SPEC,
    CHALLENGE_SPEC,
    HOME_SPEC,
    JOURNAL_SPEC,
    LIST_SPEC,
    LISTEN_SPEC,
    list_of,
    refuse_out_of_range,
    require,
    summary,
    wanted_certificates,
)
from ..module_utils._common.errors import CollectionError
from ..module_utils._host.challenges import challenge_responses
from ..module_utils._host.steps import key_transfer
from ..module_utils._host.steps.preparation import Asked, JournaledOrder, prepare
from ..module_utils._host.wanted.claim import Claim


def prepare_all(module, certificates):
    """Prepare each; gives requests, whether anything changed, the diff, and failures by name."""
    params = module.params
    orders = {item["name"]: JournaledOrder(item["order_uri"], item["account_uri"]) for item in params["orders"]}
    directories = {item["name"]: item["directory"] for item in params["orders"]}
    new_keys = {item["name"] for item in params["orders"] if item["new_key"]}
    now = datetime.now(timezone.utc)
    requests, changed, diff, failures = [], False, [], {}
    for name, wanted in certificates.items():
        try:
            directory = directories.get(name) or params["directory"]
            asked = Asked(wanted, directory, orders.get(name), name in new_keys)
            prepared = prepare(params["home"], asked, now, module.check_mode)
        except CollectionError as error:
            failures[name] = str(error)
            continue
        changed = changed or prepared.changed
        diff.append(difference(name, prepared))
        requests.append(
            {
                "name": name,
                "identifiers": wanted.identifiers,
                "csr_content": prepared.request.decode() if prepared.request else None,
                "profile": wanted.profile,
                "order_uri": (prepared.order.order_uri or None) if prepared.order else None,
                "account_uri": prepared.order.account_uri if prepared.order else None,
                "version": prepared.version,
                "reused": prepared.reused,
            }
        )
    return requests, changed, diff, failures


def receive_all(module, failures):
    """The public keys of what is to be received, by name; failures by name are added."""
    receivers = {}
    for name in [] if module.check_mode else module.params["receive"]:
        try:
            receivers[name] = key_transfer.await_key(module.params["home"], name)
        except CollectionError as error:
            failures[name] = str(error)
    return receivers


def difference(name, prepared):
    after = [f"pending version of {name}"] if prepared.reused or prepared.changed else []
    if prepared.order and prepared.order.order_uri and prepared.changed:
        after.append(f"order {prepared.order.order_uri}")
    return {"before": after[0] + "\n" if prepared.reused else "", "after": "".join(line + "\n" for line in after)}


def main():
    module = AnsibleModule(
        argument_spec={
            **BATCH_SPEC,
            **HOME_SPEC,
            **LIST_SPEC,
            "directory": {"type": "str", "required": True},
            "certificates": list_of(CERTIFICATE_SPEC),
            "orders": list_of(JOURNAL_SPEC),
            "challenges": list_of(CHALLENGE_SPEC),
            "receive": {"type": "list", "elements": "str", "default": []},
            **LISTEN_SPEC,
        },
        supports_check_mode=True,
    )
    refuse_out_of_range(module)
    require(module)
    try:
        certificates = wanted_certificates(module.params["certificates"], Claim.of(module.params))
        params = module.params
        challenges = challenge_responses.parse_challenges(
            params["challenges"], True, params["home"], params["listen_timeout"]
        )
    except CollectionError as error:
        module.fail_json(msg=str(error), requests=[], ready=[], receivers={}, failures={})
    requests, changed, diff, failures = prepare_all(module, certificates)
    receivers = receive_all(module, failures)
    # The journal comes first: what the CA is told to validate must be known to the next run.
    failures = {**challenge_responses.find_conflicts(challenges), **failures}
    for response in challenges:
        if response.name in failures:
            continue
        try:
            changed |= not response.in_place()
            if not module.check_mode:
                response.put()
        except CollectionError as error:
            failures[response.name] = str(error)
    result = {
        "changed": changed or bool(params["receive"]),
        "diff": diff,
        "requests": requests,
        "receivers": receivers,
        "ready": [item["name"] for item in requests if item["order_uri"] and item["name"] not in failures],
        "failures": failures,
    }
    if failures:
        module.fail_json(msg=summary(failures), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
