#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_status_info
short_description: Return whether certificates are revoked, by CRL and OCSP
version_added: 0.3.0
description:
  - Asks for any number of certificates whether their CA has revoked them. It reads the CRL that a certificate names,
    and if there is none that can be used, it asks the OCSP responder that the certificate names.
  - An answer counts only if it is current and signed by the certificate's issuer, or by a responder that the issuer
    appointed. The issuer is the one in the chain that is given with the certificate, or else the one that the
    certificate names the URL of.
  - A CRL is fetched once, however many certificates it is for. Indirect and delta CRLs, and those with unknown critical
    extensions, do not count.
  - A certificate without an answer is V(unknown), with the reason, and does not stop the others. The module fails for
    it only with O(fail_on=unknown).
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
        description: The certificate and its chain, PEM, as in C(fullchain.pem).
        type: str
        required: true
      revoked:
        description:
          - The instant at which it was marked as revoked, RV(certfleet.tls.certificate_info#module:certificates[].live)
            has it as C(revoked). The status is then V(revoked), and nobody is asked. CAs publish a revocation hours
            after it, and answers in O(cache) are older.
        type: str
        version_added: 0.4.0
  cache:
    description:
      - A folder that CRLs and OCSP answers are kept in until their next update. It is made if it does not exist, and
        can be removed at any time. Its files are verified like answers from the network.
    type: path
  cache_max_age:
    description:
      - Seconds after which an answer in O(cache) is fetched again though its next update is still to come, as CAs
        publish revocations before it. If that fails, the answer counts until its next update.
    type: int
    default: 21600
  ca_path:
    description:
      - A file of PEM certificates to verify C(https) servers of CRLs and OCSP answers with, instead of the system's.
        Most servers use plain C(http), as the answers are signed.
    type: path
  timeout:
    description:
      - Seconds for each answer. The whole run may take three times as long, and a tenth of a second more for each
        certificate. A server that does not answer is not asked again.
    type: int
    default: 30
  max_size:
    description:
      - The largest size of a CRL in bytes.
    type: int
    default: 20971520
  fail_on:
    description:
      - Fail, after all certificates have been asked for, if the status of any is one of these.
    type: list
    elements: str
    choices: [revoked, unknown]
    default: []
notes:
  - It runs on the host of its task, and uses that host's network. To ask from the controller in a play over other
    hosts, use C(delegate_to=localhost) and C(run_once=true).
requirements:
  - requests
  - cryptography
seealso:
  - module: certfleet.tls.acme_plan
  - module: certfleet.tls.acme_revoke
"""

EXAMPLES = r"""
- name: Fail if the certificate is revoked
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
      description: O(certificates[].host).
      type: str
      returned: always
      sample: localhost
    name:
      description: O(certificates[].name).
      type: str
      returned: always
      sample: shop
    status:
      description: V(good), V(revoked) or V(unknown).
      type: str
      returned: always
      sample: revoked
    source:
      description: >-
        The kind of answer, V(crl) or V(ocsp), or V(mark) for O(certificates[].revoked); none without an answer.
      type: str
      returned: always
      sample: crl
    url:
      description: URL of the CRL or of the OCSP responder; none without an answer.
      type: str
      returned: always
      sample: http://crl.example.com/7.crl
    reason:
      description: The reason for the revocation (RFC 5280 section 5.3.1); none if it is not revoked, or unknown.
      type: str
      returned: always
      sample: key_compromise
    revoked_at:
      description: The instant of the revocation; none if it is not revoked.
      type: str
      returned: always
      sample: "2026-11-01T00:00:00Z"
    next_update:
      description: The instant until which the answer is valid; none without one.
      type: str
      returned: always
      sample: "2026-11-08T00:00:00Z"
    problem:
      description: The reason why the status is unknown, or an answer is missing; empty if there is none.
      type: str
      returned: always
      sample: ""
"""

from ..module_utils._ansible.status_info import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
