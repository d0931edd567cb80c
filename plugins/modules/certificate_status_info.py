#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_status_info
short_description: Whether certificates are revoked, by CRL and OCSP
version_added: 0.3.0
description:
  - Looks for any number of certificates whether their CA has revoked them, first in the CRL that a certificate names,
    then, where that is not there or cannot be used, at the OCSP responder that it names.
  - What is believed is signed by the certificate's issuer, or by a responder that it appointed, and of now. The issuer
    is looked for in the chain given with the certificate, and where it is not, at the place that the certificate names.
  - A CRL is fetched once, however many certificates it is for. Indirect and delta CRLs are not used, nor is what has a
    critical extension that is not known.
  - What cannot be told is V(unknown), with the problem, and stops no other. The module fails for it only if O(fail_on)
    says so.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._attributes
  - certfleet.tls._attributes.info
options:
  certificates:
    description:
      - The certificates to ask for.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host that the certificate is from, for messages.
        type: str
        default: localhost
      name:
        description: The certificate's name, for messages.
        type: str
        required: true
      content:
        description: The certificate and its chain, PEM, as C(fullchain.pem) has them.
        type: str
        required: true
  cache:
    description:
      - A folder on the controller, in which CRLs and OCSP answers are kept until their next update. It is made where it
        does not exist, and may vanish at any time. What is in it is checked like what comes from the network.
    type: path
  cache_max_age:
    description:
      - Seconds after which what is in O(cache) is fetched anew though its next update is still to come, as CAs publish
        revocations before it. Where that fails, it is taken until its next update.
    type: int
    default: 21600
  ca_path:
    description:
      - A file of PEM certificates that servers of CRLs and OCSP are verified with that are C(https), instead of the
        system's. Most are plain C(http), as what they give is signed.
    type: path
  timeout:
    description:
      - Seconds for each answer. All of a run together have three times as long, and a tenth of a second for each
        certificate. A server that does not answer is not asked on.
    type: int
    default: 30
  max_size:
    description:
      - The greatest number of bytes that a CRL may have.
    type: int
    default: 20971520
  fail_on:
    description:
      - Fail, after all have been looked for, if the status of any certificate is one of these.
    type: list
    elements: str
    choices: [revoked, unknown]
    default: []
notes:
  - It runs on the controller and needs its network only. In a play over other hosts use it with
    C(delegate_to=localhost) and C(run_once=true).
requirements:
  - requests
  - cryptography
seealso:
  - module: certfleet.tls.acme_plan
  - module: certfleet.tls.acme_revoke
"""

EXAMPLES = r"""
- name: Is it revoked?
  certfleet.tls.certificate_status_info:
    cache: ~/.cache/certfleet.tls
    certificates:
      - name: shop
        content: "{{ lookup('ansible.builtin.file', 'fullchain.pem') }}"
    fail_on: [revoked]
"""

RETURN = r"""
certificates:
  description: One entry for each certificate, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: As given.
      type: str
      returned: always
      sample: localhost
    name:
      description: As given.
      type: str
      returned: always
      sample: shop
    status:
      description: V(good), V(revoked) or V(unknown).
      type: str
      returned: always
      sample: revoked
    source:
      description: What said so, V(crl) or V(ocsp); none where nothing could be used.
      type: str
      returned: always
      sample: crl
    url:
      description: Where it was.
      type: str
      returned: always
      sample: http://crl.example.com/7.crl
    reason:
      description: Why it was revoked (RFC 5280 section 5.3.1).
      type: str
      returned: always
      sample: key_compromise
    revoked_at:
      description: Since when.
      type: str
      returned: always
      sample: "2026-11-01T00:00:00Z"
    next_update:
      description: Until when the CA lets this be taken for true.
      type: str
      returned: always
      sample: "2026-11-08T00:00:00Z"
    problem:
      description: Why nothing is known, in one line.
      type: str
      returned: always
      sample: ""
"""

from ..module_utils._ansible.status_info import MODULE


def main() -> None:
    """Run as Ansible does."""
    MODULE.main()


if __name__ == "__main__":
    main()
