#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_txt_record
short_description: Add or remove many TXT records with any DNS provider
version_added: 0.2.0
description:
  - Finds the zone in which each record is stored. CNAMEs are followed from the name of the record, so that
    C(_acme-challenge) names can be delegated to another zone. The zone that is written to decides which provider and
    credentials are used.
  - Calls the provider of each zone once, with all records of the zone. Several providers are called in parallel.
  - The TXT records of a name are a set. Single values are added and removed, and other values stay.
  - A record that fails stops no other record. The module then fails at the end, with all results, and with one line
    that names each failed record and its reason.
  - Providers for which Ansible has a module are called by tasks, not by this module. RV(task_files) is what these tasks
    have to do. The role C(certfleet.tls.acme) runs them.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._attributes
  - certfleet.tls._controller
attributes:
  check_mode:
    support: full
    details:
      - The module reads the DNS, sends nothing to a provider, and reports what it would change.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A record that a name server has already is reported as V(unchanged). It is sent to the provider again, because
        another name server may have lost it.
requirements:
  - dnspython >= 2.3
  - requests, for the provider C(acme_dns)
  - dns-lexicon >= 3.11, for the provider C(lexicon)
options:
  records:
    description:
      - The TXT records. A name may occur several times, each time with another value.
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
          - The value.
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
  state:
    description:
      - V(present) adds the values, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  zones:
    description:
      - A mapping of zone names to entries. An entry is a mapping with C(provider), the name of a provider, and the
        options of that provider. C(docs/dns-providers.md) of the collection lists all providers and their options.
      - A record belongs to the longest key that is its name or a parent of it, after CNAMEs. The key C(*) is for all
        other records.
      - C(cname_targets) of an entry is a list of the names to which CNAMEs may lead from other zones, or from names of
        other entries. A name allows itself and all names below it, C(LABELS.*) allows names that begin with these
        labels, and C(*) allows all names. The default is C(_acme-challenge.*). Entries with the provider C(acme_dns)
        also allow the name of their subdomain.
      - C(wait) of an entry replaces O(wait) for it. C(cname) is the name that the CNAMEs of its records lead to, so
        that nobody is asked for them. An entry with C(cname) needs no provider if the target has an entry of its own.
      - The provider C(tasks) stands for O(tasks_file), for entries that need C(cname_targets).
    type: raw
  wait:
    description:
      - Whom to ask about the records of entries without a C(wait) of their own, and of those without an entry.
      - With V(authoritative), every authoritative name server of a zone is asked. The controller needs to reach them at
        port 53.
      - With V(resolver) and V(none) none of them is asked. Tasks files that set all values of a
        name then get those of this call alone, and only for names that begin with C(_acme-challenge.).
      - A CNAME of a record is then only looked up if no entry of O(zones) is for the record's own name, because the
        resolver would keep the answer that there is none. C(cname) of an entry replaces the look-up.
    type: str
    choices: [authoritative, resolver, none]
    default: authoritative
    version_added: 0.4.0
  keep_others:
    description:
      - The names of records whose other values have to stay, whatever they are. Such a record fails if O(wait) does not
        allow to ask for these values, and a tasks file would set all values of the name.
      - The role gives the names of records that only hosts have noted.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  tasks_file:
    description:
      - A tasks file of your own for records without an entry in O(zones). CNAMEs of other zones may lead only to names
        that begin with C(_acme-challenge.). The file is searched for in the same places as by
        M(ansible.builtin.include_tasks).
    type: path
  resolver:
    description:
      - The resolvers to ask for zones, their name servers and the addresses of these. The default is the resolvers of
        the controller's system. Each is an IP address, optionally with a port, such as V(192.0.2.1),
        V(192.0.2.1:5353) or V([2001:db8::1]:53).
    type: list
    elements: str
    default: []
  timeout:
    description:
      - The longest time to wait for each answer of a provider, in seconds.
    type: int
    default: 30
  busy_timeout:
    description:
      - The longest time, in seconds, for all pauses before requests that providers refuse for now. Time in which
        several pause counts once. A provider that gets too many requests (HTTP 429, or 503 with Retry-After) is asked
        again when it says, or after growing pauses.
    type: int
    default: 120
seealso:
  - module: certfleet.tls.dns_propagation
"""

EXAMPLES = r"""
- name: Set the records
  certfleet.tls.dns_txt_record:
    records:
      - name: _acme-challenge.www.example.com
        value: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0
    zones:
      example.com:
        provider: rfc2136
        server: ns1.example.com
        tsig_name: acme
        tsig_secret: "{{ vaulted_tsig_secret }}"
      example.net:
        provider: lexicon
        name: cloudflare
        options:
          auth_token: "{{ vaulted_token }}"
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
      description: The name that the record is stored under, another one than RV(records[].name) if there are CNAMEs.
      returned: always
      type: str
      sample: _acme-challenge.www.example.com
    zone:
      description: The zone of RV(records[].target).
      returned: always
      type: str
      sample: example.com
    aliases:
      description: The names whose CNAMEs lead to RV(records[].target), in order.
      returned: always
      type: list
      elements: str
      sample: []
    status:
      description: >-
        V(changed), also if no name server was asked; V(unchanged) if one has it already, or if none has it and it was
        to be removed; V(tasks) if it is left to RV(task_files); V(failed).
      returned: always
      type: str
      sample: changed
    problem:
      description: The reason of a failure in one line; empty if there is none.
      returned: always
      type: str
      sample: ""
answering:
  description: >-
    If there are several resolvers and one did not answer, their addresses as for O(resolver), with that one at the end;
    else empty.
  returned: when the options are valid, also on failure
  type: list
  elements: str
  sample: []
task_files:
  description: >-
    The work for tasks files: an element for each entry of O(zones) whose provider is a tasks file, and one for
    O(tasks_file).
  returned: when the options are valid, also on failure
  type: list
  elements: dict
  contains:
    provider:
      description: The name of the provider; empty for records without an entry.
      returned: always
      type: str
      sample: route53
    entry:
      description: The key in O(zones) of the entry, which has the options; empty for records without an entry.
      returned: always
      type: str
      sample: example.com
    file:
      description: Absolute path of the tasks file.
      returned: always
      type: str
      sample: /usr/share/ansible/collections/ansible_collections/certfleet/tls/roles/acme/tasks/dns/route53.yml
    records:
      description: The record sets.
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The name that the record set is stored under.
          returned: always
          type: str
          sample: _acme-challenge.www.example.com
        record:
          description: The same name relative to the zone; V(@) for the name of the zone.
          returned: always
          type: str
          sample: _acme-challenge.www
        zone:
          description: The zone.
          returned: always
          type: str
          sample: example.com
        changes:
          description: The values to add or to remove.
          returned: always
          type: list
          elements: str
          sample: [LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0]
        present:
          description: >-
            All values that the set has to have afterwards, of those that are known. If it is empty, the set has to be
            removed.
          returned: always
          type: list
          elements: str
          sample: [LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0]
        before:
          description: All values that the name servers have now; empty if O(wait) does not allow to ask them.
          returned: always
          type: list
          elements: str
          sample: []
"""

from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn, with_failure
from ..module_utils._ansible.record_options import RECORDS_SPEC, zones_of
from ..module_utils._common.clock import Clock
from ..module_utils._common.contracts import TxtRecord, plain
from ..module_utils._common.statuses import WaitMode
from ..module_utils._dns.assignment import Entries
from ..module_utils._dns.changes import change_records
from ..module_utils._dns.errors import DnsError
from ..module_utils._dns.pace import Limits, Pauses
from ..module_utils._dns.resolver import Resolver
from ..module_utils._dns.servers import Authorities
from ..module_utils._dns.wait_rules import Wait


def run(params: Params, check_mode: bool, _warn: Warn) -> Result:
    present = params["state"] == "present"
    limits = Limits(params["timeout"], Pauses(Clock(), params["busy_timeout"]))
    wait = Wait(WaitMode(params["wait"]))
    entries = Entries(zones_of(params), params["tasks_file"] or "", limits, wait)
    problems = entries.problems()
    if problems:
        raise DnsError("; ".join(problems))
    resolver = Resolver(params["resolver"])
    records = TxtRecord.from_options(params["records"], "records")
    changes = change_records(Authorities(resolver), records, entries, present, check_mode, params["keep_others"])
    result = {
        "changed": changes.changed,
        "records": plain(changes.records),
        "task_files": changes.task_files,
        "answering": resolver.answering,
    }
    failed = changes.problems and f"not all TXT records could be {'set' if present else 'removed'}: {changes.problems}"
    return with_failure(result, failed)


MODULE = ControllerModule(
    {
        **RECORDS_SPEC,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "keep_others": {"type": "list", "elements": "str", "default": []},
        "tasks_file": {"type": "path"},
        "timeout": {"type": "int", "default": 30},
        "busy_timeout": {"type": "int", "default": 120},
    },
    run,
    ("dns",),
)

main = MODULE.main


if __name__ == "__main__":
    main()
