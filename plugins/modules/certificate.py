#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: Put certificates in place and have services use them
description:
  - Takes for each certificate what became of it at the CA. An issued one is checked (it fits the pending private key,
    has the names that are wanted, is in force, and its chain holds link by link), added to its pending version and
    made the live one by switching one symbolic link; key and chain become visible together or not at all.
  - Each service that uses a new certificate is reloaded once, however many certificates it uses, and the journal says
    so. A reload that an earlier run did not come to is made up for.
  - What could not be issued changes nothing here, and makes the module fail at the end, after the others are served.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls.host
  - certfleet.tls.host.certificates
  - certfleet.tls.host.challenges
  - certfleet.tls.host.cryptography
  - certfleet.tls.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  challenges:
    description:
      - The challenges that were served, to be removed first of all.
  results:
    description:
      - What became of each certificate, as M(certfleet.tls.acme_order_finalize) returned it.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Whose result it is; not used, and here only so that results can be given as they were returned.
        type: str
      name:
        description: The certificate's name, one of O(certificates).
        type: str
        required: true
      status:
        description:
          - V(valid) has been issued. V(failed) has not. V(deferred) has not, and that can wait.
          - V(repair) puts the private key's mode, owner and group right. V(keep) does nothing.
        type: str
        required: true
        choices: [valid, failed, deferred, repair, keep]
      message:
        description: What stopped it.
        type: str
        default: ''
      resumable:
        description: Whether the next run may go on with the order of a certificate that failed.
        type: bool
        default: false
      certificate:
        description: The certificate, PEM.
        type: str
      chain:
        description: The certificates of the chain above it, PEM.
        type: str
      account_uri:
        description: URL of the account that ordered, for the journal.
        type: str
      order_uri:
        description: URL of the order.
        type: str
seealso:
  - module: certfleet.tls.acme_order_finalize
  - module: certfleet.tls.certificate_request
"""

EXAMPLES = r"""
- name: Put the certificate in place
  certfleet.tls.certificate:
    certificates:
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
        reload: [nginx]
    results: "{{ finalized.hosts.localhost }}"
"""

RETURN = r"""
certificates:
  description: What became of each certificate that was put in place or put right.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      changed: true
      version: "0008"
      serial: 4a1f
      not_after: "2026-12-16T00:00:00Z"
      reason: issued
reloaded:
  description: The services that were reloaded.
  returned: always
  type: list
  elements: str
  sample: [nginx]
failures:
  description: For each certificate that failed, why.
  returned: always
  type: dict
  sample: {}
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ansible import services
from ..module_utils.ansible.host_options import (
    CERTIFICATE_SPEC,
    CHALLENGE_SPEC,
    HOME_SPEC,
    list_of,
    require,
    summary,
    wanted_certificates,
)
from ..module_utils.pki import webroot
from ..module_utils.pki.deployment import Issued, confirm, deploy, reload_outstanding, repair
from ..module_utils.pki.errors import HostError
from ..module_utils.pki.preparation import forget_order

RESULT_SPEC = {
    "host": {"type": "str"},
    "name": {"type": "str", "required": True},
    "status": {"type": "str", "required": True, "choices": ["valid", "failed", "deferred", "repair", "keep"]},
    "message": {"type": "str", "default": ""},
    "resumable": {"type": "bool", "default": False},
    "certificate": {"type": "str"},
    "chain": {"type": "str"},
    "account_uri": {"type": "str"},
    "order_uri": {"type": "str"},
}


class Deployment:
    """One run over a host's certificates: what is done for each, and what came of it."""

    def __init__(self, module, certificates):
        self.module = module
        self.check = module.check_mode
        self.home = module.params["home"]
        self.certificates = certificates
        self.changed = False
        self.deployed = {}
        self.failures = {}

    def remove(self, response):
        """What cannot be removed is no reason to leave a new certificate out."""
        if not webroot.exists(response):
            return
        self.changed = True
        if self.check:
            return
        try:
            webroot.remove(response)
        except HostError as error:
            self.module.warn(str(error))

    def take(self, result):
        name, status = result["name"], result["status"]
        try:
            if status == "valid":
                issued = Issued(result["certificate"] or "", result["chain"] or "", result["account_uri"])
                self.note(name, deploy(self.home, self.certificates[name], issued, now(), self.check))
            elif status == "repair":
                self.note(name, repair(self.home, self.certificates[name], self.check))
            elif status == "deferred":
                self.module.warn(f"certificate {name} is put off to a later run: {result['message']}")
            elif status == "failed":
                self.failures[name] = result["message"]
                if not result["resumable"]:
                    self.changed |= forget_order(self.home, name, result["order_uri"], self.check)
        except HostError as error:
            self.failures[name] = "; ".join(filter(None, (self.failures.get(name), str(error))))

    def note(self, name, deployed):
        if deployed is None:
            return
        self.deployed[name] = deployed
        self.changed |= deployed.changed
        if deployed.warning:
            self.module.warn(f"certificate {name}: {deployed.warning}")

    def reload(self):
        """Reload each service once that a new certificate names, then write down that it was; gives the services."""
        new = [name for name, deployed in self.deployed.items() if self.is_new(name, deployed)]
        failed = {}
        names = dict.fromkeys(service for name in new for service in self.certificates[name].services)
        for service in names:
            self.changed = True
            try:
                if not self.check:
                    services.reload(self.module, service)
            except HostError as error:
                failed[service] = str(error)
        for name in new:
            stopped = [failed[service] for service in self.certificates[name].services if service in failed]
            if stopped:
                self.failures[name] = "; ".join(stopped)
            elif not self.check:
                self.confirm(name)
        return [service for service in names if service not in failed]

    def is_new(self, name, deployed):
        if self.check and deployed.reason == "issued":
            return True
        return reload_outstanding(self.home, name)

    def confirm(self, name):
        try:
            confirm(self.home, name)
        except HostError as error:
            self.failures[name] = str(error)

    def diff(self):
        return [
            {
                "before_header": name,
                "after_header": name,
                "before": "",
                "after": f"version {deployed.version}\nserial {deployed.serial}\nuntil {deployed.not_after}\n",
            }
            for name, deployed in self.deployed.items()
            if deployed.changed
        ]


def now():
    return datetime.now(timezone.utc)


def check_results(results, certificates):
    """Raise HostError for a result that belongs to no wanted certificate."""
    for result in results:
        if result["name"] not in certificates and result["status"] != "failed":
            raise HostError(f"results has certificate {result['name']}, which certificates has not")


def main():
    module = AnsibleModule(
        argument_spec={
            **HOME_SPEC,
            "certificates": list_of(CERTIFICATE_SPEC),
            "results": list_of(RESULT_SPEC),
            "challenges": list_of(CHALLENGE_SPEC),
        },
        supports_check_mode=True,
    )
    params = module.params
    if any(result["status"] != "failed" for result in params["results"]):
        require(module)
    try:
        concerned = {result["name"] for result in params["results"] if result["status"] != "failed"}
        certificates = wanted_certificates(item for item in params["certificates"] if item["name"] in concerned)
        check_results(params["results"], certificates)
        responses = webroot.responses(params["challenges"], present=False)
    except HostError as error:
        module.fail_json(msg=str(error), certificates=[], reloaded=[], failures={})
    deployment = Deployment(module, certificates)
    for response in responses:
        deployment.remove(response)
    for result in params["results"]:
        deployment.take(result)
    reloaded = deployment.reload()
    result = {
        "changed": deployment.changed,
        "diff": deployment.diff(),
        "certificates": [{"name": name, **deployed_result(item)} for name, item in deployment.deployed.items()],
        "reloaded": reloaded,
        "failures": deployment.failures,
    }
    if deployment.failures:
        module.fail_json(msg=summary(deployment.failures), **result)
    module.exit_json(**result)


def deployed_result(deployed):
    fields = ("changed", "version", "serial", "not_after", "reason")
    return {field: getattr(deployed, field) for field in fields}


if __name__ == "__main__":
    main()
