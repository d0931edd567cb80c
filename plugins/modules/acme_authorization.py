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

from ..module_utils._acme.authorization import Authorization
from ..module_utils._acme.challenge_data import describe as challenge_of
from ..module_utils._acme.errors import AcmeError, AcmeOptionError
from ..module_utils._acme.issuance import Failure, answer, connections_for, run_all
from ..module_utils._ansible.ca_options import ACCOUNT_KEY_SPEC, DIRECTORY_SPEC, account_key, open_client, use_account
from ..module_utils._ansible.controller_module import ControllerModule, with_failure
from ..module_utils._common.deadline import Deadline
from ..module_utils._common.identifiers import CHALLENGES, HTTP_01, IdentifierError, check
from ..module_utils._common.statuses import Status

AUTHORIZATION_SPEC = {
    "uri": {"type": "str", "required": True},
    "type": {"type": "str"},
    "identifier": {"type": "str"},
    "status": {"type": "str"},
    "problem": {"type": "str"},
    "challenges": {"type": "list", "elements": "dict"},
}


def wanted(params):
    """What is to be worked on, each with the kind of its challenge. Raises AcmeError for what cannot be asked for."""
    if params["state"] != "present":
        if params["identifiers"]:
            raise AcmeOptionError("identifiers go with state present: give authorizations")
        return [
            {"uri": item["uri"], "identifier": item["identifier"] or "", "type": item["type"] or params["challenge"]}
            for item in params["authorizations"]
        ]
    if params["authorizations"]:
        raise AcmeOptionError("authorizations go with the states valid and absent: give identifiers")
    try:
        identifiers = check(params["identifiers"], params["challenge"]) if params["identifiers"] else []
    except IdentifierError as error:
        raise AcmeOptionError(str(error)) from None
    for identifier in identifiers:
        if identifier.name.startswith("*."):
            # RFC 8555 section 7.4.1
            raise AcmeOptionError(
                f"identifier '{identifier.name}' is a wildcard, which is authorized by its order only"
            )
    return [{"uri": "", "identifier": item.name, "type": item.challenge} for item in identifiers]


def work_on_all(params):
    """Each authorization in its new state, or what went wrong with it. Raises AcmeError for what concerns them all."""
    items = wanted(params)
    if not items:
        return {"changed": False, "authorizations": []}
    work = {"present": make, "valid": validate, "absent": deactivate}[params["state"]]
    with open_client(params, account_key(params), connections_for(len(items), params["concurrency"])) as client:
        use_account(client, params["account_uri"])

        def one(item):
            return work(client.within(Deadline(client.clock, params["timeout"])), item, params["timeout"])

        results = run_all(items, one)
    found = [failed(item, result) if isinstance(result, Failure) else result for item, result in zip(items, results)]
    return {
        "changed": any(item.pop("changed", False) for item in found),
        "authorizations": found,
    }


def make(client, item, _timeout):
    authorization = Authorization.create(client, item["identifier"])
    pending = authorization.status == Status.PENDING
    challenges = [challenge_of(client, authorization, item["type"]).to_result()] if pending else []
    return told(item, authorization, changed=pending, challenges=challenges)


def validate(client, item, timeout):
    authorization = Authorization.fetch(client, item["uri"])
    pending = authorization.status == Status.PENDING
    if pending:
        challenge = challenge_of(client, authorization, item["type"])
        if challenge.status == Status.PENDING:
            answer(client, challenge)
        authorization = authorization.wait_past_pending(client, Deadline(client.clock, timeout))
    if authorization.status != Status.VALID:
        raise AcmeError(authorization.failure() or f"{authorization.identifier}: it is {authorization.status}")
    return told(item, authorization, changed=pending)


def deactivate(client, item, _timeout):
    authorization = Authorization.fetch(client, item["uri"])
    # RFC 8555 section 7.1.6: the others are at their end.
    counts = authorization.status in (Status.PENDING, Status.VALID)
    return told(item, authorization.deactivate(client) if counts else authorization, changed=counts)


def told(item, authorization, changed, challenges=()):
    return {
        "uri": authorization.url,
        "identifier": authorization.identifier or item["identifier"],
        "type": item["type"],
        "status": authorization.status,
        "problem": "",
        "challenges": list(challenges),
        "changed": changed,
    }


def failed(item, failure):
    name = item["identifier"] or item["uri"]
    problem = failure.message if failure.message.startswith(name) else f"{name}: {failure.message}"
    return {**item, "status": Status.FAILED.value, "problem": problem, "challenges": []}


def run(params, check_mode, _warn):
    try:
        if check_mode:
            with open_client(params, account_key(params)):
                return {"changed": bool(wanted(params)), "authorizations": []}
        result = work_on_all(params)
    except AcmeError as error:
        return {"failed": True, "msg": str(error), "authorizations": []}
    problems = [item["problem"] for item in result["authorizations"] if item["status"] == Status.FAILED]
    return with_failure(result, "; ".join(problems))


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


def main():
    MODULE.main()


if __name__ == "__main__":
    main()
