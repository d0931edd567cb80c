#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_share
short_description: Seal private keys for other hosts that share a certificate
version_added: 0.3.0
description:
  - Seals the private key of a certificate to each of the hosts that share it, so that only they can open it. The result
    may pass through the controller and its logs.
  - Each receiver has made a key for that by O(certfleet.tls.certificate_request#module:receive), and opens what it gets
    by O(certfleet.tls.certificate#module:results[].sealed_key).
  - A private key is sealed by a key agreement on P-256 with keys that are made for this purpose, HKDF with SHA-256, and
    AES-256-GCM.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.cryptography
  - certfleet.tls._attributes
  - certfleet.tls._attributes.info
options:
  shares:
    description:
      - The certificates that are shared.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The certificate's name.
        type: str
        required: true
      serial:
        description:
          - The serial number of the version whose private key is given, as M(certfleet.tls.certificate_info) returns
            it.
          - Without it, that is the pending version, which has no certificate yet.
        type: str
      receivers:
        description: For each host that gets the private key, the public key that it made.
        type: dict
        required: true
seealso:
  - module: certfleet.tls.certificate_request
  - module: certfleet.tls.certificate
"""

EXAMPLES = r"""
- name: Give web2 the private key of the live certificate
  certfleet.tls.certificate_share:
    shares:
      - name: shop
        serial: 4a1f
        receivers:
          web2: "{{ hostvars.web2.request.receivers.shop }}"
  register: given
"""

RETURN = r"""
shares:
  description: The certificates whose private keys were sealed.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    certificate:
      description: The certificate, PEM; empty without O(shares[].serial).
      type: str
      returned: always
      sample: "-----BEGIN CERTIFICATE-----..."
    chain:
      description: The chain, PEM; empty without O(shares[].serial).
      type: str
      returned: always
      sample: "-----BEGIN CERTIFICATE-----..."
    sealed:
      description: For each receiver, the sealed private key.
      type: dict
      returned: always
      sample:
        web2: BLq2Vx8=
    refused:
      description: For each receiver whose public key cannot be used, the reason. The other receivers get the key.
      type: dict
      returned: always
      sample: {}
    created:
      description: The instant at which the private key was made; empty if it is unknown.
      type: str
      returned: always
      sample: "2026-11-01T00:59:30Z"
failures:
  description: For each certificate whose private key could not be sealed, the reason.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_share import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
