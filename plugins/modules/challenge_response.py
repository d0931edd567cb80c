#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: challenge_response
short_description: Serve ACME challenges on the host
version_added: 0.1.0
description:
  - Writes the files that the CA fetches to see who controls a name (RFC 8555 section 8.3), or removes them.
  - On a host without a web server, and for V(tls-alpn-01) (RFC 8737), it starts a listener that answers the CA for as
    long as the validation takes. The listener ends when its challenges are removed or their time is over, whatever
    becomes of the controller. Where another process has the port, the message says which.
  - Given O(orders), it writes these into the journals of the pending versions first, so that a run that is killed
    after the CA has been asked to validate is taken up where it stopped.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.orders
  - certfleet.tls._host.challenges
  - certfleet.tls._host.listener
  - certfleet.tls._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - Whether the challenges are to be served or not.
      - With V(absent) the folders C(.well-known/acme-challenge) are removed, too, where they are empty then, and
        a port that was listened to is free when the module returns.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.acme_order_finalize
"""

EXAMPLES = r"""
- name: Serve the challenge
  certfleet.tls.challenge_response:
    orders:
      - name: shop
        order_uri: "{{ ordered.hosts.localhost[0].order_uri }}"
        account_uri: "{{ ordered.hosts.localhost[0].account_uri }}"
    challenges:
      - "{{ ordered.hosts.localhost[0].challenges[0] | combine({'webroot': '/var/www/html'}) }}"

- name: Answer at port 443 of a host that has no web server, for five minutes at most
  certfleet.tls.challenge_response:
    listen_timeout: 300
    challenges:
      - "{{ ordered.hosts.localhost[0].challenges[0] }}"
"""

RETURN = r"""
paths:
  description: The files that are served, or are no longer. Those of a listener are in O(home).
  returned: success
  type: list
  elements: str
  sample: [/var/www/html/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0]
failures:
  description: By token, why its response could not be served or removed.
  returned: always
  type: dict
  sample: {}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible.host_options import (
    BATCH_SPEC,
    CHALLENGE_SPEC,
    HOME_SPEC,
    JOURNAL_SPEC,
    LISTEN_SPEC,
    list_of,
    refuse_out_of_range,
    summary,
)
from ..module_utils._common.errors import CollectionError
from ..module_utils._common.names import verify_name
from ..module_utils._host.challenges import challenge_responses
from ..module_utils._host.steps.preparation import JournaledOrder, journal
from ..module_utils._host.wanted.wanted import check_home


def journal_all(params, check):
    """Write the orders down; whether anything changed. Raises CollectionError."""
    for item in params["orders"]:
        verify_name(item["name"])
    changed = False
    for item in params["orders"]:
        try:
            changed |= journal(
                params["home"], item["name"], JournaledOrder(item["order_uri"], item["account_uri"]), check
            )
        except CollectionError as error:
            raise CollectionError(summary({item["name"]: str(error)})) from None
    return changed


def put_all(wanted, check):
    """The paths that were not there before, and by token what could not be put there. One that fails stops no other."""
    rivals = challenge_responses.find_conflicts(wanted)
    if rivals:
        raise CollectionError("; ".join(rivals.values()))
    new = [response for response in wanted if not response.in_place()]
    failures = {} if check else each(wanted, lambda response: response.put())
    return [response.path for response in new if response.token not in failures], failures


def remove_all(unwanted, check):
    """The paths that are there no more, and by token what is there still."""
    there = [response for response in unwanted if response.exists()]
    failures = {} if check else each(unwanted, lambda response: response.remove())
    return [response.path for response in there if response.token not in failures], failures


def each(items, work):
    failures = {}
    for response in items:
        try:
            work(response)
        except CollectionError as error:
            failures[response.token] = str(error)
    return failures


def main():
    module = AnsibleModule(
        argument_spec={
            **BATCH_SPEC,
            **HOME_SPEC,
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "orders": list_of(JOURNAL_SPEC),
            "challenges": list_of(CHALLENGE_SPEC),
            **LISTEN_SPEC,
        },
        supports_check_mode=True,
    )
    refuse_out_of_range(module)
    present = module.params["state"] == "present"
    try:
        check_home(module.params["home"])
        challenges = challenge_responses.parse_challenges(
            module.params["challenges"], present, module.params["home"], module.params["listen_timeout"]
        )
        journaled = present and journal_all(module.params, module.check_mode)
        paths, failures = (put_all if present else remove_all)(challenges, module.check_mode)
    except CollectionError as error:
        module.fail_json(msg=str(error), failures={})
    listed = "".join(f"{path}\n" for path in paths)
    result = {
        "changed": bool(paths) or journaled,
        "paths": sorted(response.path for response in challenges),
        "diff": {"before": "" if present else listed, "after": listed if present else ""},
        "failures": failures,
    }
    if failures:
        module.fail_json(msg="; ".join(dict.fromkeys(failures.values())), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
