#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_propagation
short_description: Wait until TXT records are published
version_added: 0.2.0
description:
  - By default every authoritative name server has to have the records. O(wait) has other ways, for controllers that
    cannot reach these servers.
  - Finds the zone in which each record is stored. Up to eight CNAMEs are followed from the name of the record. A CNAME
    from a wildcard is not followed, because a record at the name itself replaces it.
  - Asks every name server of each zone, at all its IPv4 and IPv6 addresses, until all have all values. There is one
    wait for all records, and only servers that lack a value are asked again.
  - An address without a route from the controller, or one that has never answered, does not count if another address
    of the same server answers. A server that has never answered for the zone at any address does not count, with a
    warning, if all others have the values ten seconds after the beginning.
  - The module fails at the deadline and reports which server lacks which value, or what else is wrong with it.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
requirements:
  - dnspython >= 2.3
options:
  records:
    description:
      - The TXT records to wait for. A name may occur several times, each time with another value.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name of the record. International labels are written as A-labels.
        type: str
        required: true
      value:
        description:
          - The value. Other values of the same name do not matter.
        type: str
        required: true
      target:
        description:
          - The name that the record is stored under, as an earlier run of M(certfleet.tls.dns_txt_record) or
            M(certfleet.tls.dns_propagation) returned it. Given together with O(records[].zone) and
            O(records[].aliases) of the same result, no CNAME and no zone is looked up for the record.
        type: str
      zone:
        description:
          - The zone of O(records[].target), from the same result. If it is empty or missing, all three are looked up.
        type: str
      aliases:
        description:
          - The names whose CNAMEs lead to O(records[].target), from the same result.
        type: list
        elements: str
  resolver:
    description:
      - The resolvers to ask for zones, their name servers and the addresses of these. The default is the resolvers of
        the controller's system. Each is an IP address, optionally with a port, such as V(192.0.2.1),
        V(192.0.2.1:5353) or V([2001:db8::1]:53).
    type: list
    elements: str
    default: []
  zones:
    description:
      - The entries of the option O(certfleet.tls.dns_txt_record#module:zones). Only C(wait), C(delay), C(cname) and the
        presence of C(provider) count here, so credentials can be left out.
    type: raw
    version_added: 0.4.0
  wait:
    description:
      - Whom to ask about the records of entries without a C(wait) of their own, and of those without an entry.
      - With V(authoritative), every authoritative name server of a zone is asked. The controller needs to reach them at
        port 53.
      - With V(resolver), only O(resolver) is asked, by the names of the records, and not before O(delay) has passed. A
        resolver that was asked too early by anybody keeps the answer that there is no record, for the negative TTL of
        the zone.
      - With V(none), nobody is asked. The module waits for O(delay) alone.
    type: str
    choices: [authoritative, resolver, none]
    default: authoritative
    version_added: 0.4.0
  delay:
    description:
      - Seconds to wait besides. With V(authoritative), they begin when all servers have the records, for servers that
        share an address. With V(resolver) and V(none) they begin at once.
      - There is one delay for all records, the longest that any of them needs. C(delay) of an entry of O(zones)
        replaces it for the records of the entry.
    type: int
    default: 0
    version_added: 0.4.0
  timeout:
    description:
      - The longest time until the name servers, or the resolver, have the records, in seconds. O(delay) comes on top.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Wait for the name servers
  certfleet.tls.dns_propagation:
    records:
      - name: _acme-challenge.www.example.com
        value: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0
  run_once: true
"""

RETURN = r"""
records:
  description: The records in the order given.
  returned: when the options are valid, also on failure
  type: list
  elements: dict
  contains:
    name:
      description: As given.
      returned: always
      type: str
      sample: _acme-challenge.www.example.com
    value:
      description: As given.
      returned: always
      type: str
      sample: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0
    target:
      description: >-
        The name that the record is stored under, another one than RV(records[].name) if there are CNAMEs. Empty if it
        was not given, and no name server may be asked.
      returned: always
      type: str
      sample: www.acme.example.net
    zone:
      description: The zone of RV(records[].target).
      returned: always
      type: str
      sample: acme.example.net
    aliases:
      description: The names whose CNAMEs lead to RV(records[].target), in order.
      returned: always
      type: list
      elements: str
      sample: [_acme-challenge.www.example.com]
    propagated:
      description: >-
        True if all servers, or the resolver, have all wanted values of this name, also if nobody had to be asked.
      returned: always
      type: bool
      sample: false
    problem:
      description: The servers that lack a value, or another reason; empty if there is no problem.
      returned: always
      type: str
      sample: ns2.example.net (192.0.2.2) lacks 'LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0'
    lacking:
      description: The servers that the problem is about.
      returned: always
      type: list
      elements: str
      sample: ["ns2.example.net (192.0.2.2)"]
others:
  description: >-
    Other values than the wanted ones, which an earlier run may have left. The keys are the names of the records as
    given.
  returned: when the options are valid, also on failure
  type: dict
  sample:
    _acme-challenge.www.example.com:
      - gfj9Xq1zqyz9dQVq8eXkUPnvQ5qK1DHR2oM5JSL1Rk0
"""

from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.record_options import RECORDS_SPEC, zones_of
from ..module_utils._common.clock import Clock
from ..module_utils._common.contracts import TxtRecord, plain
from ..module_utils._common.statuses import WaitMode
from ..module_utils._dns.record_waits import await_records
from ..module_utils._dns.resolver import Resolver
from ..module_utils._dns.servers import Authorities
from ..module_utils._dns.wait_rules import Wait, WaitRules


def run(params: Params, _check_mode: bool, warn: Warn) -> Result:
    rules = WaitRules(zones_of(params), Wait(WaitMode(params["wait"]), params["delay"]))
    authorities = Authorities(Resolver(params["resolver"]))
    records = TxtRecord.from_options(params["records"], "records")
    report = await_records(authorities, rules, records, params["timeout"], Clock())
    for line in report.warnings:
        warn(line)
    problems = report.problems
    failed = problems and f"not all TXT records were seen: {problems}"
    return with_failure({"records": plain(report.records), "others": report.others}, failed)


MODULE = ControllerModule(
    {
        **RECORDS_SPEC,
        "delay": {"type": "int", "default": 0},
        "timeout": {"type": "int", "default": 120},
    },
    run,
    ("dns",),
)

main = MODULE.main


if __name__ == "__main__":
    main()
