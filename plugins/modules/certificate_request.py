#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_request
short_description: Make private keys and certificate requests for certificates to be ordered
version_added: 0.1.0
description:
  - Makes for each certificate a pending version with a certificate request and a new private key, which never leaves
    the host. It resumes the pending version of an unfinished run if that was made for the same terms.
  - The live certificates are not touched.
  - For a certificate whose private key comes from another host (O(receive)), it makes a key to seal that to.
  - With O(orders) and O(challenges), it also writes the orders into the journals and then serves the challenges.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.list
  - certfleet.tls._host.certificates
  - certfleet.tls._host.orders
  - certfleet.tls._host.challenges
  - certfleet.tls._host.listener
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
  directory:
    description:
      - URL of the directory of the CA that the certificates will be ordered from, for the journal. A pending version
        for another CA is not resumed.
    type: str
    required: true
  txt_records:
    description:
      - The TXT records that will be set for the orders. The host notes them before, so that a later run can remove what
        a killed one left (M(certfleet.tls.certificate_info)).
    type: list
    elements: dict
    default: []
    version_added: 0.4.0
    suboptions:
      certificate:
        description: The name of the certificate that it is for.
        type: str
        required: true
      name:
        description: The name of the record.
        type: str
        required: true
      value:
        description: Its value.
        type: str
        required: true
      key_authorization:
        description: The key authorization that the value is the digest of.
        type: str
        required: true
  controller_time:
    description:
      - The time of day by the controller's clock, such as V(2026-11-28T12:00:00Z), for the notes of O(txt_records).
        These may be needed for O(listen_timeout) seconds. The default is the host's time.
    type: str
    version_added: 0.4.0
  receive:
    description:
      - Names of certificates whose private key comes from another host, by M(certfleet.tls.certificate_share).
    type: list
    elements: str
    default: []
    version_added: 0.3.0
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.certificate_share
  - module: certfleet.tls.certificate
"""

EXAMPLES = r"""
- name: Make a key and a request
  certfleet.tls.certificate_request:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
  register: request
"""

RETURN = r"""
requests:
  description: The pending versions and their certificate requests.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    identifiers:
      description: The names and addresses in the request, normalized.
      type: list
      elements: str
      returned: always
      sample: [shop.example.com]
    csr_content:
      description: The certificate request, PEM; none in check mode if the version would be new.
      type: str
      returned: always
      sample: "-----BEGIN CERTIFICATE REQUEST-----..."
    profile:
      description: The certificate profile; none for the CA's default.
      type: str
      returned: always
      sample: tlsserver
    order_uri:
      description: URL of the order in the journal; none if there is no order.
      type: str
      returned: always
      sample: https://acme-v02.api.letsencrypt.org/acme/order/1/2
    account_uri:
      description: URL of the account that ordered; none if there is no order.
      type: str
      returned: always
      sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
    version:
      description: The number of the pending version; none in check mode if the version would be new.
      type: str
      returned: always
      sample: "0008"
    reused:
      description: True if the pending version of an earlier run is resumed.
      type: bool
      returned: always
      sample: false
ready:
  description: Names of the certificates whose order is in the journal and whose challenges are served.
  returned: always
  type: list
  elements: str
  sample: [shop]
receivers:
  description:
    - For each certificate of O(receive) the public key to seal its private key to. It is for one run, and is not made
      in check mode.
  returned: always
  type: dict
  sample: {}
  version_added: 0.3.0
failures:
  description: For each certificate that could not be prepared, the reason. The other certificates were prepared.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_request import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
