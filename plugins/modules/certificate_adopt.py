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
  - Searches the usual folders of certbot, acme.sh, lego and dehydrated, O(folders) and O(files) for certificates. One
    that has exactly the identifiers of a wanted certificate becomes its first version. Nothing is issued, and the other
    client's files are not changed.
  - A certificate is taken over only if it is for its private key, each link of its chain is valid, and it has not
    expired. Of several, one with a chain is preferred, then one whose key has the wanted type, then the one that
    expires last.
  - A certificate that has a live version is left alone.
  - The other client goes on renewing its certificates until you disable it.
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
      - The URLs of the directories of the CAs that are wanted. A certificate whose CA is unknown counts as one of the
        first CA. The next run replaces a certificate that is from another CA.
    type: list
    elements: str
    required: true
  folders:
    description:
      - Folders of other clients, in addition to the usual ones.
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
          The folder that the client keeps everything in: C(--config-dir) of certbot, C(--home) of acme.sh, C(--path)
          of lego, the folder of C(config) of dehydrated.
        type: path
        required: true
  files:
    description:
      - Files of certificates that no client is known for. They come first.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The certificate, PEM; its chain can follow it.
        type: path
        required: true
      key:
        description: Its private key, PEM without a passphrase.
        type: path
        required: true
      chain:
        description: The certificates of its chain, if they are in a file of their own.
        type: path
seealso:
  - module: certfleet.tls.certificate_info
"""

EXAMPLES = r"""
- name: Take over what certbot has issued
  certfleet.tls.certificate_adopt:
    directories: [https://acme-v02.api.letsencrypt.org/directory]
    certificates:
      - name: shop
        identifiers: [shop.example.com, www.shop.example.com]
        webroot: /var/www/html

- name: Return all certificates of other clients
  certfleet.tls.certificate_adopt:
    directories: [https://acme-v02.api.letsencrypt.org/directory]
  check_mode: true
  register: there
"""

RETURN = r"""
certificates:
  description: The outcome for each of the wanted certificates.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    changed:
      description: True if it was taken over in this run.
      type: bool
      returned: always
      sample: true
    version:
      description: The number of the version that was made; none if nothing was, or in check mode.
      type: str
      returned: always
      sample: "0001"
    serial:
      description: The serial number of the certificate that was taken over, hexadecimal; none if nothing was.
      type: str
      returned: always
      sample: 4a1f
    not_after:
      description: The instant until which that certificate is valid; none if nothing was taken over.
      type: str
      returned: always
      sample: "2026-12-16T00:00:00Z"
    client:
      description: The client that the certificate was taken over from, in this run or before; none if it is unknown.
      type: str
      returned: always
      sample: certbot
    source:
      description: The file of that client; none if it is not there any more.
      type: str
      returned: always
      sample: /etc/letsencrypt/live/shop.example.com/cert.pem
    problem:
      description: The reason why nothing was taken over; empty if it was, or did not have to be.
      type: str
      returned: always
      sample: ""
found:
  description: All certificates of other clients, with what an entry for O(certificates) needs.
  returned: always
  type: list
  elements: dict
  contains:
    client:
      description: The client, or V(files) for those that O(files) names.
      type: str
      returned: always
      sample: certbot
    name:
      description: The client's name for the certificate.
      type: str
      returned: always
      sample: shop.example.com
    certificate:
      description: The file of the certificate.
      type: str
      returned: always
      sample: /etc/letsencrypt/live/shop.example.com/cert.pem
    identifiers:
      description: Its names and addresses; empty if the file cannot be read.
      type: list
      elements: str
      returned: always
      sample: [shop.example.com, www.shop.example.com]
    key_type:
      description: The type of its private key; none if it cannot be taken over.
      type: str
      returned: always
      sample: ec256
    not_after:
      description: The instant until which it is valid; none if it cannot be taken over.
      type: str
      returned: always
      sample: "2026-12-16T00:00:00Z"
    directory:
      description: URL of the directory of its CA; none if the client does not say it.
      type: str
      returned: always
      sample: https://acme-v02.api.letsencrypt.org/directory
    webroot:
      description: The webroot that the client uses; none if the client does not say it.
      type: str
      returned: always
      sample: /var/www/html
    problem:
      description: The reason why it cannot be taken over; empty if it can.
      type: str
      returned: always
      sample: ""
    adopted:
      description: The name of the certificate that it is the first version of, since this run or an earlier one.
      type: str
      returned: always
      sample: shop
failures:
  description:
    - For each certificate that could not be put in place, the reason. A certificate for which nothing was found is not
      among them.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_adopt import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
