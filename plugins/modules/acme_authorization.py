#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_authorization
short_description: Make an account's authorizations before any order, and deactivate those it has, many at once
version_added: 0.3.0
description:
  - An authorization says that an account has proved control of a name. Orders bring theirs with them
    (M(certfleet.tls.acme_order)), so this is for what goes beyond them, a proof that is wanted before there is an order
    (pre-authorization, RFC 8555 section 7.4.1), and one that is to count no more (section 7.5.2).
  - All go through one HTTP session. One that fails stops no other; the module fails at the end, with all results.
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
      - The directory, the account key and the identifiers are checked. No signed request is sent, so it is not known
        what there is already, and whatever is asked for counts as changed.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A CA may hand out an authorization that the account has instead of making one.
options:
  state:
    description:
      - V(present) makes an authorization for each of O(identifiers), and gives the challenges that are to be answered
        then. Few CAs offer that, Let's Encrypt does not; the directory of one that does has C(newAuthz).
      - V(valid) has the CA validate O(authorizations), whose challenges are answered by now, and waits for it.
      - V(absent) deactivates O(authorizations). A name is then to be proved anew for its next certificate;
        certificates that there are stay as they are.
    type: str
    default: present
    choices: [present, valid, absent]
  identifiers:
    description:
      - The DNS names and IP addresses, for O(state=present). There is none for a wildcard.
      - One of them can be a mapping of C(value) and its own C(challenge).
    type: list
    elements: raw
    default: []
  challenge:
    description:
      - How control of them is proved, where an identifier has no challenge of its own.
    type: str
    default: http-01
    choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
  authorizations:
    description:
      - The authorizations for O(state=valid) and O(state=absent), as O(state=present) returned them, or by their
        C(uri) alone. M(certfleet.tls.acme_order) returns the URLs of those that belong to an order.
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
      status:
        description: Not used; here only so that authorizations can be given as they were returned.
        type: str
      problem:
        description: Not used, likewise.
        type: str
      challenges:
        description: Not used, likewise.
        type: list
        elements: dict
  timeout:
    description:
      - Seconds that an authorization may take.
    type: int
    default: 300
  concurrency:
    description:
      - The greatest number of requests under way at once.
    type: int
    default: 8
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.challenge_response
  - module: certfleet.tls.dns_txt_record
"""

EXAMPLES = r"""
- name: Have names authorized before there is an order
  certfleet.tls.acme_authorization:
    acme_directory: https://ca.internal/acme/directory
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    identifiers: [shop.example.com]
    challenge: dns-01
  register: authorized

- name: Set the TXT records
  certfleet.tls.dns_txt_record:
    records:
      - name: "{{ authorized.authorizations[0].challenges[0].record_name }}"
        value: "{{ authorized.authorizations[0].challenges[0].record_value }}"
    zones: "{{ acme_dns }}"

- name: Have them validated
  certfleet.tls.acme_authorization:
    acme_directory: https://ca.internal/acme/directory
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: valid
    authorizations: "{{ authorized.authorizations }}"

- name: Let an order's proofs count no more, as a name changes hands
  certfleet.tls.acme_authorization:
    acme_directory: letsencrypt
    account_key_src: ~/.config/certfleet.tls/account-key.pem
    state: absent
    authorizations:
      - uri: https://acme-v02.api.letsencrypt.org/acme/authz/1/2
"""

RETURN = r"""
authorizations:
  description:
    - One entry for each identifier or authorization, in the order given.
    - C(challenges) has the challenge that is to be answered, as M(certfleet.tls.acme_order) returns it, for one that is
      pending.
  returned: always
  type: list
  elements: dict
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
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils._acme.errors import AcmeError
from ..module_utils._ansible.authorizations import AUTHORIZATION_SPEC, check_all, failure, work_on_all
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn, with_failure
from ..module_utils._common.identifiers import CHALLENGES, HTTP_01


def run(params: Mapping[str, Any], check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    try:
        if check_mode:
            return {"changed": check_all(params), "authorizations": []}
        items = work_on_all(params)
    except AcmeError as error:
        return {"failed": True, "msg": str(error), "authorizations": []}
    changed = any(item.changed for item in items)
    return with_failure({"changed": changed, "authorizations": [item.to_result() for item in items]}, failure(items))


MODULE = ControllerModule(
    {
        **DIRECTORY_SPEC,
        **ACCOUNT_KEY_SPEC,
        "state": {"type": "str", "default": "present", "choices": ["present", "valid", "absent"]},
        "identifiers": {"type": "list", "elements": "raw", "default": []},
        "challenge": {"type": "str", "default": HTTP_01, "choices": list(CHALLENGES)},
        "authorizations": {"type": "list", "elements": "dict", "default": [], "options": AUTHORIZATION_SPEC},
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
