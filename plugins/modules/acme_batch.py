#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_batch
short_description: Tell what a host sees of the options that hold for a whole batch
version_added: 0.4.0
description:
  - Part of the wiring of the role P(certfleet.tls.acme#role). Returns a digest of each of the role's variables that the
    hosts of a batch have to agree in, which M(certfleet.tls.acme_plan) compares.
  - Fails for a host whose facts have the names of the role's variables, since facts win over the inventory, and a host
    chooses its own facts.
  - It is an action plugin, which runs on the controller and sends nothing to hosts.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._attributes
  - certfleet.tls._attributes.info
options:
  holders:
    description:
      - Return instead which hosts of earlier batches of the play (C(serial)) may have a certificate that hosts of this
        one share.
    type: bool
    default: false
seealso:
  - module: certfleet.tls.acme_plan
"""

EXAMPLES = r"""
- name: Compare the options of the batch
  certfleet.tls.acme_batch:
  register: _acme_seen

- name: Freeze them
  certfleet.tls.acme_plan:
    batch: true
  run_once: true
  register: _acme_plan
"""

RETURN = r"""
batch:
  description: The digests by variable. They compare within one run of C(ansible-playbook) only.
  returned: success
  type: dict
  sample:
    acme_directory: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
options:
  description: The options that each host has for itself, but for its certificates, which may have passphrases.
  returned: success
  type: dict
  sample:
    acme_home: /etc/acme
inclusion:
  description: Which inclusion of the role in the play this is. Results of another one do not count.
  returned: success
  type: str
  sample: 260f5986-c52c-dda4-60a6-000000000007
holders:
  description: Hosts to look at, with where and for how long, and the certificates to look for.
  returned: with O(holders)
  type: list
  elements: dict
  sample:
    - host: web1
      home: /etc/acme
      timeout: 900
      certificates: []
"""
