#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Look at the certificates of a host
version_added: 0.1.0
description:
  - Reads the manifests of the live and pending versions, hashes the files, compares the private keys' modes and owners
    with what is wanted, and finds what would keep the host from getting a new certificate.
  - It needs nothing but Python on the host. Nothing is changed, and no network is used.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.list
  - certfleet.tls._host.certificates
  - certfleet.tls._attributes
  - certfleet.tls._attributes.info
options:
  certificates:
    description:
      - The certificates that are wanted on this host. Without this option everything that is there is reported.
    default: null
  history:
    description:
      - Names of certificates of which every version that has a certificate is wanted, with it.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  content:
    description:
      - Whether to return the certificates themselves, with their chains, PEM, as C(content) of C(live), and of
        C(pending) if it awaits its switch. It is empty where that file cannot be read.
    type: bool
    default: false
    version_added: 0.3.0
seealso:
  - module: certfleet.tls.acme_plan
"""

EXAMPLES = r"""
- name: What is there?
  certfleet.tls.certificate_info:
  register: found

- name: How does it compare with what is wanted?
  certfleet.tls.certificate_info:
    certificates:
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
        reload: [nginx]
  register: found
"""

RETURN = r"""
batch:
  description:
    - With O(batch), what M(certfleet.tls.acme_batch) returns.
  returned: success
  type: dict
  sample:
    acme_directory: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
  version_added: 0.4.0
certificates:
  description: What there is of each certificate.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: success
      sample: shop
    wanted:
      description:
        - The entry of O(certificates), with defaults filled in and C(identifiers) normalized; none without
          O(certificates). C(identifiers) is empty where they cannot be ordered, and C(invalid) says why.
      type: dict
      returned: success
    invalid:
      description: What is wrong with the entry of O(certificates) itself.
      type: list
      elements: str
      returned: success
      sample: ["owner 'www' is not a user of this host"]
    problems:
      description: What would keep the host from getting a new certificate.
      type: list
      elements: str
      returned: success
      sample: ["webroot /var/www/shop does not exist. Create it, and have the web server serve it"]
    list:
      description:
        - The list that the certificate belongs to; none if there is nothing of it, or its manifests are damaged.
      type: str
      returned: success
      sample: default
      version_added: 0.4.0
    live:
      description:
        - The live version, from its manifest, and what became of its files; none if there is none.
        - With O(content) there is C(content) in it, too.
      type: dict
      returned: success
      sample:
        version: "0007"
        identifiers: [shop.example.com]
        key_type: ec256
        profile: null
        directory: https://acme-v02.api.letsencrypt.org/directory
        account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
        serial: 4a1f
        issuer: CN=E7,O=Let's Encrypt,C=US
        not_before: "2026-11-01T00:00:00Z"
        not_after: "2026-12-16T00:00:00Z"
        ari_id: aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE
        created: "2026-11-01T00:59:30Z"
        order_uri: null
        reloaded: true
        missing: []
        damaged: []
        unreadable: []
        attributes: [privkey.pem mode 0644 instead of 0600]
        formats: [/etc/haproxy/certs/shop.pem is missing]
    pending:
      description:
        - The version that an unfinished run left; none if there is none. With a C(serial) it has its certificate, and
          lacks only the switch.
      type: dict
      returned: success
      sample:
        version: "0008"
        identifiers: [shop.example.com]
        key_type: ec256
        profile: null
        directory: https://acme-v02.api.letsencrypt.org/directory
        account_uri: https://acme-v02.api.letsencrypt.org/acme/acct/1
        order_uri: https://acme-v02.api.letsencrypt.org/acme/order/1/2
        created: "2026-11-28T00:00:00Z"
        serial: null
        issuer: null
        not_before: null
        not_after: null
    issued:
      description: The newest certificate that was ordered, and those of the days before it, as CAs count them.
      type: list
      elements: dict
      returned: success
      version_added: 0.3.0
      sample:
        - at: "2026-11-01T00:59:30Z"
          serial: 4a1f
          directory: https://acme-v02.api.letsencrypt.org/directory
          identifiers: [shop.example.com]
          renewal: true
history:
  description: The versions of the certificates named in O(history), the oldest of each first.
  returned: success
  type: list
  elements: dict
  version_added: 0.3.0
  sample:
    - name: shop
      version: "0007"
      live: true
      serial: 4a1f
      created: "2026-11-01T00:59:30Z"
      not_after: "2026-12-16T00:00:00Z"
      certificate: |
        -----BEGIN CERTIFICATE-----
        ...
unlisted:
  description:
    - The names of certificates of this O(list) that are there and not in O(certificates), if that is given.
    - One that a newer release of this collection wrote, or whose manifests are all damaged, is not among them.
  returned: success
  type: list
  elements: str
  sample: [oldshop]
  version_added: 0.3.0
"""

from ..module_utils._ansible.host_info import MODULE


def main() -> None:
    """Run as Ansible does."""
    MODULE.main()


if __name__ == "__main__":
    main()
