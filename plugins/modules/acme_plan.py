#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_plan
short_description: Decide which certificates of a fleet are due, and why
version_added: 0.1.0
description:
  - Decides for every certificate that M(certfleet.tls.certificate_info) reported whether it is kept, issued anew, put
    right on its host, or refused.
  - The reasons to issue are V(missing), V(key does not match), V(damaged), V(identifiers changed), V(key changed),
    V(profile changed), V(issuer changed), V(forced), V(window open), V(lifetime), V(not the one that is shared) and,
    with O(check_revocation), V(revoked). The reasons to put something right are V(attributes), V(formats) and
    V(reload outstanding); one to switch is V(switch outstanding), and one to remove V(not listed).
  - The CA is asked for its renewal information (RFC 9773) on what would be kept, all at once and unsigned. Where it
    does not answer, a warning says so and the lifetime decides, at two thirds of it, at one half if that is below ten
    days.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._acme
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
options:
  certificates:
    description:
      - What M(certfleet.tls.certificate_info) returned, of any number of hosts, each entry with C(host) added.
      - A certificate of which something is missing or malformed is refused.
    type: list
    elements: dict
    required: true
  history:
    description:
      - The controller's record of what it was issued, which M(certfleet.tls.acme_order_finalize) writes. Where it has a
        certificate that hosts share, they get no other one from each other. Where it has all of the last eight days, it
        counts for O(limits), and not what hosts say.
    type: path
    version_added: 0.4.0
  elsewhere:
    description:
      - The same of hosts that nothing is planned for, but that may have a shared certificate which others lack.
    type: list
    elements: dict
    default: []
    version_added: 0.3.0
  unlisted:
    description:
      - For each host the names of certificates that are there and not listed, of which there is a warning.
    type: dict
    default: {}
    version_added: 0.3.0
  remove_unlisted:
    description:
      - The hosts for which to plan to remove O(unlisted), which M(certfleet.tls.certificate) does with V(remove). Hosts
        for which no certificate is listed at all are left alone.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  force:
    description:
      - Issue everything anew.
    type: bool
    default: false
  replace:
    description:
      - Which certificates to issue anew, whatever their dates say, with new keys. One that is replaced already is not
        selected, so that a later run goes on where this one stopped.
      - A mapping of V(all) (a boolean), V(issuer), V(serials), V(serials_src) (a CA's list, on the controller; the
        first column of each line counts), V(names) (of certificates, hosts, or names in certificates), each of which
        selects certificates, and V(before), an instant. Only those whose key was made before it are selected; for any
        but serial numbers it is needed.
    type: dict
    default: {}
    version_added: 0.3.0
  check_revocation:
    description:
      - Whether to ask the CAs, as M(certfleet.tls.certificate_status) does, if the live certificates are revoked,
        and those that await their switch. A live one that is revoked is due at once, and one that awaits its switch is
        not switched to. What cannot be told is a warning.
      - Needed in O(certificates) is C(content) of C(live) and of C(pending), which
        M(certfleet.tls.certificate_info) returns with O(certfleet.tls.certificate_info#module:content).
    type: bool
    default: false
    version_added: 0.3.0
  cache:
    description:
      - A folder on the controller, in which renewal information is kept for as long as the CA asks not to be asked
        again, and what O(check_revocation) fetched, which is taken for six hours, so that a revocation may be seen that
        much later. It is made where it does not exist, and may vanish at any time.
    type: path
    version_added: 0.3.0
  run_interval:
    description:
      - How often this is run, V(30m), V(1h) or V(1d). Certificates are then renewed so early in the CA's window that
        the next run would be in it, too. By default that is not known, and each is renewed at its instant or after it.
    type: str
    default: ""
    version_added: 0.3.0
  limits:
    description:
      - The rate limits of CAs, by short name or URL, each a mapping of V(orders) (of the account),
        V(certificates_per_domain) and V(certificates_per_set) to a count and a span, V(50/7d), or to an empty text for
        none, and V(renewals_exempt), whether only the last one holds for a certificate for the same names as before.
      - Those of Let's Encrypt are known. Of others none are, and nothing is held back.
      - What is ordered is counted together with what the hosts have had lately. The most urgent goes first; what can
        wait does, with a warning that says for how long; what cannot is refused.
    type: dict
    default: {}
    version_added: 0.3.0
  renewal_information:
    description:
      - Whether to ask the CA when it would have certificates renewed.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Look
  certfleet.tls.certificate_info:
  register: found

- name: Decide
  certfleet.tls.acme_plan:
    acme_directory: letsencrypt
    certificates: "{{ found.certificates | map('combine', {'host': inventory_hostname}) }}"
  run_once: true
  register: plan
"""

RETURN = r"""
options:
  description: With O(batch), the role's variables that hold for the whole batch and have no secrets in them.
  returned: success
  type: dict
  sample:
    acme_order_timeout: 300
  version_added: 0.4.0
digests:
  description:
    - With O(batch), a digest of each of the role's variables that may have secrets in them, which compares within one
      run of C(ansible-playbook) only.
  returned: success
  type: dict
  sample:
    acme_eab: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
  version_added: 0.4.0
directory:
  description: The URL of the CA's directory.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/directory
directories:
  description: The URLs of all CAs' directories, the first choice first.
  returned: success
  type: list
  elements: str
  sample: [https://acme-v02.api.letsencrypt.org/directory]
due:
  description: The hosts on which something is to be done.
  returned: success
  type: list
  elements: str
  sample: [web1]
lines:
  description: For people, one line for each certificate with which something is to be done.
  returned: success
  type: list
  elements: str
  sample: ["web1: certificate shop: issue (missing)"]
summary:
  description: For people, what is to come; it is shown in any case.
  returned: success
  type: list
  elements: str
  version_added: 0.4.0
  sample: ["next at 2026-03-01 04:12 UTC: certificate shop of web1; 40 certificates wait"]
coming:
  description: For people, a line for each certificate that is kept, with when it is due. Shown with C(-v).
  returned: success
  type: list
  elements: str
  version_added: 0.4.0
  sample: ["web1: certificate shop: next at 2026-03-01 04:12 UTC"]
replacing:
  description: How many certificates are to be replaced, in this run, and after it; none without O(replace).
  returned: success
  type: dict
  version_added: 0.3.0
  sample: {selected: 200, now: 50, left: 150}
shares:
  description: The shared certificates that hosts get in this run from another, which has them or orders for all.
  returned: success
  type: list
  elements: dict
  version_added: 0.3.0
  sample:
    - name: shop
      owner: web1
      hosts: [web2, web3]
hosts:
  description:
    - For each host the list of its certificates and what is to be done with them.
    - There may be C(directory), the CA to ask first if it is not the first one, C(selected), true for one that is to be
      replaced with a new key, and C(explanation_url), where the CA explains when it would have it renewed.
  returned: success
  type: dict
  sample:
    web1:
      - name: shop
        action: issue
        reason: missing
        message: ""
        can_wait: false
        replaces_cert_id: null
        next: null
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils._ansible.ca_options import DIRECTORY_SPEC
from ..module_utils._ansible.cas import cas_of
from ..module_utils._ansible.controller_module import ControllerModule, Result, Warn
from ..module_utils._ansible.host_options import BATCH_SPEC
from ..module_utils._ansible.libraries import missing
from ..module_utils._fleet.planner import make


def run(params: Mapping[str, Any], _check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    absent = missing(("cryptography",)) if params["check_revocation"] else ""
    ca_paths = {ca.url: ca.ca_path for ca in cas_of(params)}
    return {"failed": True, "msg": absent} if absent else make({**params, "ca_paths": ca_paths}, warn)


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        "certificates": {"type": "list", "elements": "dict", "required": True},
        "history": {"type": "path"},
        "elsewhere": {"type": "list", "elements": "dict", "default": []},
        "unlisted": {"type": "dict", "default": {}},
        "remove_unlisted": {"type": "list", "elements": "str", "default": []},
        "force": {"type": "bool", "default": False},
        "replace": {"type": "dict", "default": {}},
        "renewal_information": {"type": "bool", "default": True},
        "check_revocation": {"type": "bool", "default": False},
        "cache": {"type": "path"},
        "run_interval": {"type": "str", "default": ""},
        "limits": {"type": "dict", "default": {}},
    },
    run,
    ("requests",),
)


def main() -> None:
    """Run the module."""
    MODULE.main()


if __name__ == "__main__":
    main()
