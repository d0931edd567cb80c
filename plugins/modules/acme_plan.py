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
    V(profile changed), V(issuer changed), V(forced), V(window open) and V(lifetime).
  - The CA is asked for its renewal information (RFC 9773) on what would be kept, all at once and unsigned. Where it
    does not answer, a warning says so and the lifetime decides, at two thirds of it, at one half if that is below ten
    days.
  - It is an action plugin, which runs on the controller and sends nothing to hosts.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls.acme
  - certfleet.tls.attributes
  - certfleet.tls.attributes.info
options:
  certificates:
    description:
      - What M(certfleet.tls.certificate_info) returned, of any number of hosts, each entry with C(host) added.
    type: list
    elements: dict
    required: true
  alternatives:
    description:
      - Other CAs whose certificates are as good, as M(certfleet.tls.acme_order) takes them; C(acme_directory) and
        C(ca_path) are looked at.
    type: list
    elements: dict
    default: []
    version_added: 0.3.0
  force:
    description:
      - Issue everything anew.
    type: bool
    default: false
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
hosts:
  description: For each host the list of its certificates and what is to be done with them.
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
