#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_revoke
short_description: Sign revocations with certificates' own keys, and mark what is revoked
version_added: 0.4.0
description:
  - Signs requests to revoke certificates with their own private keys (RFC 8555 section 7.6), which
    M(certfleet.tls.acme_revoke) sends. The keys do not leave the host, and the host needs no network access to the CA.
    Only a signature is returned, of a request to the given URL whose payload is the revocation of just this
    certificate.
  - Marks versions as revoked. M(certfleet.tls.certificate_info) reports the mark, M(certfleet.tls.acme_plan) has such a
    live version replaced at once, and no version that is marked becomes live again.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.cryptography
  - certfleet.tls._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  sign:
    description:
      - The certificates whose revocation is to be signed. A certificate with an RSA, P-256 or P-384 key can sign.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name.
        type: str
        required: true
      serial:
        description: The serial number of the certificate, hexadecimal, as M(certfleet.tls.certificate_info) returns it.
        type: str
        required: true
      reason:
        description: The code of the reason (RFC 5280 section 5.3.1).
        type: int
        default: 0
        choices: [0, 1, 3, 4, 5]
      nonces:
        description: A nonce of the CA by the URL of its C(revokeCert), for each CA that may be asked.
        type: dict
        required: true
  revoked:
    description:
      - The certificates that are revoked and whose versions are to be marked.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name.
        type: str
        required: true
      serial:
        description: The serial number of the certificate, hexadecimal.
        type: str
        required: true
  live:
    description:
      - The fate of a live version in O(revoked). With V(replaced) it stays until the next run replaces it.
      - With V(removed) its link and its O(certfleet.tls.certificate#module:certificates[].formats) are removed, and the
        versions stay. Services are not reloaded.
    type: str
    default: replaced
    choices: [replaced, removed]
seealso:
  - module: certfleet.tls.acme_revoke
  - module: certfleet.tls.certificate_info
"""

EXAMPLES = r"""
- name: Sign the revocation of a certificate with its own key
  certfleet.tls.certificate_revoke:
    sign:
      - name: shop
        serial: 4a1f
        reason: 1
        nonces: "{{ revocations.certificates[0].nonces }}"
  register: signed

- name: Mark the certificate, and take it out of service
  certfleet.tls.certificate_revoke:
    revoked:
      - name: shop
        serial: 4a1f
    live: removed
"""

RETURN = r"""
signed:
  description: One entry for each certificate in O(sign), in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    serial:
      description: The serial number of the certificate, hexadecimal.
      type: str
      returned: always
      sample: 4a1f
    signatures:
      description: The signature for each URL in O(sign[].nonces), base64url; empty if the host cannot sign.
      type: dict
      returned: always
      sample:
        https://ca.example/acme/revoke-cert: sFy7pJXpEIMBxlgy
    problem:
      description: The reason why the host cannot sign; empty if it can.
      type: str
      returned: always
      sample: ""
marked:
  description: One entry for each certificate in O(revoked), in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    serial:
      description: The serial number of the certificate, hexadecimal.
      type: str
      returned: always
      sample: 4a1f
    changed:
      description: True if something was marked or removed.
      type: bool
      returned: always
      sample: true
    removed:
      description: True if the live link was removed.
      type: bool
      returned: always
      sample: false
    problem:
      description: The reason why it could not be marked; empty if it was.
      type: str
      returned: always
      sample: ""
failures:
  description: For each certificate that could not be signed or marked, the reason.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_revoke import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
