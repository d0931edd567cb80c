#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_directory_info
short_description: Read the directories of ACME CAs
version_added: 0.1.0
description:
  - Reads the directory of one CA or of several. No account is needed.
  - Of a CA's own options in O(acme_directory), C(ca_path) counts. A CA without its own has O(ca_path).
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._acme
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
"""

EXAMPLES = r"""
- name: Read the directory of a CA
  certfleet.tls.acme_directory_info:
    acme_directory: letsencrypt-staging
  register: ca

- name: Show its profiles
  ansible.builtin.debug:
    var: ca.directories[0].profiles
"""

RETURN = r"""
directories:
  description: One entry for each CA, in the order of O(acme_directory).
  returned: success
  type: list
  elements: dict
  contains:
    url:
      description: URL of the directory.
      returned: always
      type: str
    terms_of_service:
      description: URL of the terms of service; empty if the directory has none.
      returned: always
      type: str
    external_account_required:
      description: True if a new account needs an external account binding.
      returned: always
      type: bool
    renewal_information:
      description: True if the CA offers renewal information (RFC 9773).
      returned: always
      type: bool
    profiles:
      description: The certificate profiles, each with the URL or text of its description.
      returned: always
      type: dict
    meta:
      description: The C(meta) of the directory (RFC 8555 section 7.1.1).
      returned: always
      type: dict
  sample:
    - url: https://acme-v02.api.letsencrypt.org/directory
      terms_of_service: https://letsencrypt.org/documents/LE-SA-v1.6-August-18-2025.pdf
      external_account_required: false
      renewal_information: true
      profiles:
        classic: https://letsencrypt.org/docs/profiles#classic
      meta:
        caaIdentities: [letsencrypt.org]
"""

from ..module_utils._ansible.ca_options import DIRECTORY_SPEC
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn
from ..module_utils._ansible.directories import describe_all


def run(params: Params, _check_mode: bool, _warn: Warn) -> Result:
    """Return the module's result."""
    return {"directories": describe_all(params)}


MODULE = ControllerModule(DIRECTORY_SPEC, run, ("requests", "tldextract"))

main = MODULE.main


if __name__ == "__main__":
    main()
