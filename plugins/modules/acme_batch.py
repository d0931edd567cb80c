#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_batch
short_description: Return digests of the options that the hosts of a batch share
version_added: 0.4.0
description:
  - For tasks of the role P(certfleet.tls.acme#role) only. Returns a digest of each of the role's variables that must
    have the same value for all hosts of a batch. M(certfleet.tls.acme_plan) compares the digests.
  - Fails for a host whose facts have the names of the role's variables. Facts have precedence over the inventory, and a
    host chooses its own facts.
  - This is an action plugin, which runs on the controller and sends nothing to hosts.
notes:
  - The result has more keys, for later steps of the role only. They may change in any release.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._attributes
  - certfleet.tls._attributes.info
options:
  holders:
    description:
      - Return instead the hosts of earlier batches of the play (C(serial)) that may have a certificate that hosts of
        this batch share.
    type: bool
    default: false
  replaced:
    description:
      - Return instead what became of the certificates that were to be replaced, and show it.
    type: bool
    default: false
seealso:
  - module: certfleet.tls.acme_plan
"""

EXAMPLES = r"""
- name: Compare the options of the batch
  certfleet.tls.acme_batch:
  register: _acme_seen

- name: Freeze the options
  certfleet.tls.acme_plan:
    batch: true
  run_once: true
  register: _acme_plan
"""

RETURN = r"""
batch:
  description: The digests, by variable. They are comparable within one run of C(ansible-playbook) only.
  returned: success
  type: dict
  sample:
    acme_directory: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
options:
  description:
    - The variables that each host has for itself, by name, without C(acme_certificates), which may contain passphrases.
  returned: success
  type: dict
  sample:
    acme_home: /etc/acme
inclusion:
  description: The identity of the role's inclusion in the play. Results of other inclusions are not used.
  returned: success
  type: str
  sample: 260f5986-c52c-dda4-60a6-000000000007
replaced:
  description: The number of certificates that are replaced.
  returned: with O(replaced), if certificates were to be replaced
  type: int
  sample: 18
left:
  description: For each certificate that is not replaced, the host, its name and the reason.
  returned: with O(replaced), if certificates were to be replaced
  type: list
  elements: str
  sample: [certificate shop of web3 (the host gave no answer)]
holders:
  description: The hosts to ask for certificates that they may share.
  returned: with O(holders)
  type: list
  elements: dict
  contains:
    host:
      description: The host.
      returned: always
      type: str
    home:
      description: The folder of its certificates.
      returned: always
      type: str
    list:
      description: The name of its list of certificates.
      returned: always
      type: str
    timeout:
      description: Time limit in seconds for the host's answer.
      returned: always
      type: int
    certificates:
      description: The certificates to look for, each as C(wanted) of M(certfleet.tls.certificate_info).
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The certificate's name.
          type: str
          returned: always
        identifiers:
          description: The names and addresses, normalized. One with its own challenge or webroot is a mapping.
          type: list
          elements: raw
          returned: always
        challenge:
          description: The challenge for identifiers that have none of their own.
          type: str
          returned: always
        key_type:
          description: The type of the private key.
          type: str
          returned: always
        webroot:
          description: The folder that the web server serves; none without one.
          type: str
          returned: always
        http_01_listen:
          description: The address on which a listener answers V(http-01); none without one.
          type: str
          returned: always
        tls_alpn_01_listen:
          description: The address on which a listener answers V(tls-alpn-01).
          type: str
          returned: always
        profile:
          description: The profile; none for the CA's default.
          type: str
          returned: always
        not_before:
          description: The instant from which it is to be valid, as given; none for the CA's default.
          type: str
          returned: always
        not_after:
          description: The instant until which it is to be valid, as given; none for the CA's default.
          type: str
          returned: always
        reload:
          description: The services to reload.
          type: list
          elements: raw
          returned: always
        probe:
          description: The endpoints that serve the certificate, as given.
          type: list
          elements: raw
          returned: always
        formats:
          description: The files in other formats, as given; their passphrases are null.
          type: list
          elements: raw
          returned: always
        shared:
          description: True if hosts of the play share it.
          type: bool
          returned: always
        owner:
          description: The owner of the private key; none for the user that runs the module.
          type: str
          returned: always
        group:
          description: The group of the private key; none for that of the user.
          type: str
          returned: always
        mode:
          description: The mode of the private key.
          type: str
          returned: always
  sample:
    - host: web1
      home: /etc/acme
      list: default
      timeout: 900
      certificates:
        - name: shop
          identifiers: [shop.example.com]
          challenge: dns-01
          key_type: ec256
          webroot: null
          http_01_listen: null
          tls_alpn_01_listen: "443"
          profile: null
          not_before: null
          not_after: null
          reload: [nginx]
          probe: []
          formats: []
          shared: true
          owner: null
          group: null
          mode: "0600"
"""
