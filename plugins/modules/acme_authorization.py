#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_authorization
short_description: Make authorizations before any order, validate them, or deactivate them, many at once
version_added: 0.3.0
description:
  - An authorization says that an account has proved control of a name. Orders make their own authorizations
    (M(certfleet.tls.acme_order)). This module makes an authorization before there is an order (RFC 8555 section 7.4.1),
    and deactivates authorizations (section 7.5.2).
  - All authorizations use one HTTP session. One that fails does not stop the others. The module fails at the end, with
    all results.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._acme
  - certfleet.tls._acme.account_key
  - certfleet.tls._attributes
  - certfleet.tls._controller
attributes:
  check_mode:
    support: partial
    details:
      - Reads the directory, the account key and the identifiers. Sends no signed request, so existing authorizations
        are not seen, and all authorizations are reported as changed.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A CA may return an existing authorization of the account instead of a new one.
options:
  state:
    description:
      - V(present) makes an authorization for each of O(identifiers), and returns the challenges that have to be
        answered. Few CAs offer this, and Let's Encrypt does not. The directory of a CA that does has C(newAuthz).
      - V(valid) has the CA validate O(authorizations), whose challenges are already answered, and waits for the result.
      - V(absent) deactivates O(authorizations). The next certificate for such a name needs a new proof. Existing
        certificates stay valid. An authorization that can still be used afterwards has failed.
    type: str
    default: present
    choices: [present, valid, absent]
  identifiers:
    description:
      - The DNS names and IP addresses, for O(state=present). Wildcards cannot be authorized before an order.
      - An identifier can be a mapping of C(value) and its own C(challenge).
    type: list
    elements: raw
    default: []
  challenge:
    description:
      - The type of the challenge for identifiers that do not have their own.
    type: str
    default: http-01
    choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
  authorizations:
    description:
      - The authorizations for O(state=valid) and O(state=absent), as O(state=present) returned them, or by their
        C(uri) alone. M(certfleet.tls.acme_order) returns the URLs of an order's authorizations.
    type: list
    elements: dict
    default: []
    suboptions:
      uri:
        description: URL of the authorization.
        type: str
        required: true
      type:
        description: The type of the challenge that is answered. By default O(challenge).
        type: str
      identifier:
        description: The name, for messages.
        type: str
  timeout:
    description:
      - Time limit in seconds for each authorization.
    type: int
    default: 300
  concurrency:
    description:
      - The greatest number of concurrent requests.
    type: int
    default: 8
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.challenge_response
  - module: certfleet.tls.dns_txt_record
"""

EXAMPLES = r"""
- name: Make an authorization before there is an order
  certfleet.tls.acme_authorization:
    acme_directory: https://ca.internal/acme/directory
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    identifiers: [shop.example.com]
    challenge: dns-01
  register: authorized

- name: Set the TXT record
  certfleet.tls.dns_txt_record:
    records:
      - name: "{{ authorized.authorizations[0].challenges[0].record_name }}"
        value: "{{ authorized.authorizations[0].challenges[0].record_value }}"
    zones: "{{ acme_dns }}"

- name: Validate the authorization
  certfleet.tls.acme_authorization:
    acme_directory: https://ca.internal/acme/directory
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: valid
    authorizations: "{{ authorized.authorizations }}"

- name: Deactivate an authorization, as the name gets another owner
  certfleet.tls.acme_authorization:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: absent
    authorizations:
      - uri: https://acme-v02.api.letsencrypt.org/acme/authz/1/2
"""

RETURN = r"""
authorizations:
  description: One entry for each identifier or authorization, in the order given. Empty in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    uri:
      description: URL of the authorization; empty if it was not made.
      returned: always
      type: str
    identifier:
      description: The name.
      returned: always
      type: str
    type:
      description: The type of the challenge.
      returned: always
      type: str
    status:
      description: The status of the authorization, such as V(pending), V(valid) or V(deactivated), or V(failed).
      returned: always
      type: str
    problem:
      description: The reason why it failed; empty if it did not.
      returned: always
      type: str
    challenges:
      description: With O(state=present), the challenge of a pending authorization, which has to be answered.
      returned: always
      type: list
      elements: dict
      contains:
        type:
          description: The challenge's type, such as V(http-01).
          returned: always
          type: str
        identifier:
          description: The name.
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
  sample:
    - uri: https://ca.internal/acme/authz/1
      identifier: shop.example.com
      type: dns-01
      status: pending
      problem: ""
      challenges:
        - type: dns-01
          identifier: shop.example.com
          url: https://ca.internal/acme/chall/1
          status: pending
          token: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0
          key_authorization: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI
          record_name: _acme-challenge.shop.example.com
          record_value: HBiE1jB4CH7cCGV6Hl6qVQSRVB3zkxNYAXrDg0ZTnFY
          wildcard: false
"""

from ..module_utils._ansible.authorizations import AUTHORIZATION_SPEC, check_all, failure, work_on_all
from ..module_utils._ansible.ca_options import ACCOUNT_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._common.identifiers import CHALLENGES, HTTP_01


def run(params: Params, check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    if check_mode:
        return {"changed": check_all(params), "authorizations": []}
    items = work_on_all(params)
    changed = any(item.changed for item in items)
    return with_failure({"changed": changed, "authorizations": [item.to_result() for item in items]}, failure(items))


MODULE = ControllerModule(
    {
        **ACCOUNT_SPEC,
        "state": {"type": "str", "default": "present", "choices": ["present", "valid", "absent"]},
        "identifiers": {"type": "list", "elements": "raw", "default": []},
        "challenge": {"type": "str", "default": HTTP_01, "choices": list(CHALLENGES)},
        "authorizations": {"type": "list", "elements": "dict", "default": [], "options": AUTHORIZATION_SPEC},
        "timeout": {"type": "int", "default": 300},
        "concurrency": {"type": "int", "default": 8},
    },
    run,
    refused={"authorizations": []},
)

main = MODULE.main


if __name__ == "__main__":
    main()
