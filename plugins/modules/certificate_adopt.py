#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_adopt
short_description: Take over certificates that another ACME client left on a host
version_added: 0.3.0
description:
  - Looks for the certificates of certbot, acme.sh, lego and dehydrated where they usually are, and in O(folders) and
    O(files), and makes the one that has just the identifiers of a wanted certificate its first version. Nothing is
    issued for that, and what is found stays as it is.
  - One is taken over only if its key fits, its chain holds link by link, and it is still in force. If several do, it is
    one that has a chain, of those one whose key is of the wanted type, and of those the one that ends last.
  - Certificates that have a live version already are left alone.
  - The other client goes on renewing what it has until it is told not to.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.list
  - certfleet.tls._host.certificates
  - certfleet.tls._host.cryptography
  - certfleet.tls._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directories:
    description:
      - The URLs of the directories of the CAs that are wanted. What says nowhere which CA it is from is taken for a
        certificate of the first one; what is from none of them is issued anew by the next run.
    type: list
    elements: str
    required: true
  folders:
    description:
      - Folders of other clients, beside those that are usual.
    type: list
    elements: dict
    default: []
    suboptions:
      client:
        description: The client.
        type: str
        required: true
        choices: [certbot, acme.sh, lego, dehydrated]
      path:
        description: >-
          The folder that the client keeps everything in, as C(--config-dir) of certbot, C(--home) of acme.sh, C(--path)
          of lego, and where the C(config) of dehydrated is.
        type: path
        required: true
  files:
    description:
      - Certificates that lie anywhere, as files of PEM.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The certificate. If its chain is in the file, too, it comes after it.
        type: path
        required: true
      key:
        description: Its private key, not encrypted.
        type: path
        required: true
      chain:
        description: The certificates of its chain, if they are in a file of their own.
        type: path
seealso:
  - module: certfleet.tls.certificate_info
"""

EXAMPLES = r"""
- name: Go on with what certbot has issued
  certfleet.tls.certificate_adopt:
    directories: [https://acme-v02.api.letsencrypt.org/directory]
    certificates:
      - name: shop
        identifiers: [shop.example.com, www.shop.example.com]
        webroot: /var/www/html

- name: What is there?
  certfleet.tls.certificate_adopt:
    directories: [https://acme-v02.api.letsencrypt.org/directory]
  check_mode: true
  register: there
"""

RETURN = r"""
certificates:
  description: What became of each of the wanted certificates.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      changed: true
      version: "0001"
      serial: 4a1f
      not_after: "2026-12-16T00:00:00Z"
      client: certbot
      source: /etc/letsencrypt/live/shop.example.com/cert.pem
      problem: ""
found:
  description:
    - All certificates of other clients, with what an entry for O(certificates) needs; C(problem) says why one cannot be
      taken over, C(adopted) names the certificate that it was made the first version of, in this run or before.
  returned: always
  type: list
  elements: dict
  sample:
    - client: certbot
      name: shop.example.com
      certificate: /etc/letsencrypt/live/shop.example.com/cert.pem
      identifiers: [shop.example.com, www.shop.example.com]
      key_type: ec256
      not_after: "2026-12-16T00:00:00Z"
      directory: https://acme-v02.api.letsencrypt.org/directory
      webroot: /var/www/html
      problem: ""
      adopted: shop
failures:
  description: For each certificate that could not be put in place, why. One for which nothing was found is none.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_adopt import MODULE


def main() -> None:
    """Run as Ansible does."""
    MODULE.main()


if __name__ == "__main__":
    main()
