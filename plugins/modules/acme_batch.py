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
  - certfleet.tls.attributes
  - certfleet.tls.attributes.info
options:
  entry_point:
    description:
      - The role's entry point, which says what options there are beside those that all have.
    type: str
    choices: [main, replace, revoke]
    default: main
seealso:
  - module: certfleet.tls.acme_plan
"""

EXAMPLES = r"""
- name: Compare the options of the batch
  certfleet.tls.acme_batch:
  register: seen

- name: Freeze them
  certfleet.tls.acme_plan:
    acme_directory: letsencrypt
    certificates: []
    batch: seen
  run_once: true
  register: plan
"""

RETURN = r"""
batch:
  description: The digests by variable. They compare within one run of C(ansible-playbook) only.
  returned: success
  type: dict
  sample:
    acme_directory: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
"""
