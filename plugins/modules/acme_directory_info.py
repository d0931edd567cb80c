#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_directory_info
short_description: What an ACME CA says of itself
version_added: 0.1.0
description:
  - Reads the directory of one CA or of several. No account is needed.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._acme
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
options:
  acme_directory:
    description:
      - The CAs, each as the URL of its directory or by a short name (see M(certfleet.tls.acme_order)).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Which profiles are there?
  certfleet.tls.acme_directory_info:
    acme_directory: letsencrypt-staging
  register: ca

- ansible.builtin.debug:
    var: ca.directories[0].profiles
"""

RETURN = r"""
directories:
  description: One entry for each CA, in the order asked for.
  returned: success
  type: list
  elements: dict
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

from ..module_utils._acme.known_cas import resolve
from ..module_utils._ansible.ca_options import DIRECTORY_SPEC, open_directory
from ..module_utils._ansible.controller_module import ControllerModule


def fetch(params, url):
    with open_directory({**params, "acme_directory": url}) as (_http, directory):
        return directory


def describe(directory):
    return {
        "url": directory.url,
        "terms_of_service": directory.terms_of_service,
        "external_account_required": directory.external_account_required,
        "renewal_information": bool(directory.renewal_info),
        "profiles": dict(directory.profiles),
        "meta": dict(directory.meta),
    }


def run(params, _check_mode, _warn):
    urls = [resolve(name) for name in params["acme_directory"]]
    return {"directories": [describe(fetch(params, url)) for url in urls]}


MODULE = ControllerModule(
    {**DIRECTORY_SPEC, "acme_directory": {"type": "list", "elements": "str", "required": True}}, run, ("requests",)
)


def main():
    MODULE.main()


if __name__ == "__main__":
    main()
