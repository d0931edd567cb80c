#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Return what a host has of its certificates
version_added: 0.1.0
description:
  - Reads the manifests of the live and pending versions, hashes the files, compares the private keys' modes and owners
    with the wanted ones, and reports what would keep the host from getting a new certificate.
  - It needs nothing but Python on the host, changes nothing, and uses no network.
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
      - The certificates that are wanted on this host. Without this option, all certificates in O(home) are reported.
    default: null
  history:
    description:
      - Names of certificates. Each of their versions that has a certificate is returned, with the certificate.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  content:
    description:
      - Return the certificates with their chains, PEM, as C(content) of C(live), and of C(pending) if it has a
        certificate.
    type: bool
    default: false
    version_added: 0.3.0
seealso:
  - module: certfleet.tls.acme_plan
"""

EXAMPLES = r"""
- name: Return all certificates of the host
  certfleet.tls.certificate_info:
  register: found

- name: Compare the host's certificates with the wanted ones
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
    - With O(batch), the same as M(certfleet.tls.acme_batch) returns, by option.
  returned: success
  type: dict
  sample:
    acme_directory: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
  version_added: 0.4.0
certificates:
  description: The certificates, in the order of O(certificates), or all in O(home) without that option.
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
        - The entry of O(certificates), with all its options, defaults filled in; none without O(certificates).
        - Its identifiers are empty if they cannot be ordered, and RV(certificates[].invalid) has
          the reason.
      type: dict
      returned: success
      contains:
        name:
          description: The certificate's name.
          type: str
          returned: success
          sample: shop
        identifiers:
          description: The names and addresses, normalized. One with its own challenge or webroot is a mapping.
          type: list
          elements: raw
          returned: success
          sample: [shop.example.com]
        challenge:
          description: The challenge for identifiers that have none of their own.
          type: str
          returned: success
          sample: http-01
        key_type:
          description: The type of the private key.
          type: str
          returned: success
          sample: ec256
        webroot:
          description: The folder that the web server serves; none without one.
          type: str
          returned: success
          sample: /var/www/html
        http_01_listen:
          description: The address on which a listener answers V(http-01); none without one.
          type: str
          returned: success
          sample: null
        tls_alpn_01_listen:
          description: The address on which a listener answers V(tls-alpn-01).
          type: str
          returned: success
          sample: "443"
        profile:
          description: The profile; none for the CA's default.
          type: str
          returned: success
          sample: null
        not_before:
          description: The instant from which it is to be valid, as given; none for the CA's default.
          type: str
          returned: success
          sample: null
        not_after:
          description: The instant until which it is to be valid, as given; none for the CA's default.
          type: str
          returned: success
          sample: null
        reload:
          description: The services to reload.
          type: list
          elements: raw
          returned: success
          sample: [nginx]
        probe:
          description: The endpoints that serve the certificate, as given.
          type: list
          elements: raw
          returned: success
          sample: []
        formats:
          description: The files in other formats, as given; their passphrases are null.
          type: list
          elements: raw
          returned: success
          sample: []
        shared:
          description: True if hosts of the play share it.
          type: bool
          returned: success
          sample: false
        owner:
          description: The owner of the private key; none for the user that runs the module.
          type: str
          returned: success
          sample: null
        group:
          description: The group of the private key; none for that of the user.
          type: str
          returned: success
          sample: null
        mode:
          description: The mode of the private key.
          type: str
          returned: success
          sample: "0600"
    invalid:
      description: Errors in the entry of O(certificates). Nothing is ordered for it.
      type: list
      elements: str
      returned: success
      sample: ["owner 'www' is not a user of this host"]
    problems:
      description: Reasons why the host could not get a new certificate.
      type: list
      elements: str
      returned: success
      sample: ["webroot /var/www/shop does not exist. Create it, and have the web server serve it"]
    list:
      description:
        - The list that the certificate belongs to; none if the host has nothing of it, or all its manifests are
          damaged.
      type: str
      returned: success
      sample: default
      version_added: 0.4.0
    live:
      description: The live version, from its manifest, with the state of its files; none if no version is live.
      type: dict
      returned: success
      contains:
        version:
          description: The number of the version.
          type: str
          returned: success
          sample: "0007"
        identifiers:
          description: The names and addresses that it was made for.
          type: list
          elements: str
          returned: success
          sample: [shop.example.com]
        key_type:
          description: The type of its private key.
          type: str
          returned: success
          sample: ec256
        profile:
          description: The profile that it was ordered with; none for the CA's default.
          type: str
          returned: success
          sample: tlsserver
        directory:
          description: URL of the directory of its CA.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/directory
        account_uri:
          description: URL of the account that ordered it, if it is known.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
        order_uri:
          description: None, as its order is finished.
          type: str
          returned: success
          sample: null
        created:
          description: The instant at which its private key was made.
          type: str
          returned: success
          sample: "2026-11-01T00:59:30Z"
        serial:
          description: The serial number of its certificate, hexadecimal; none if the manifest is damaged.
          type: str
          returned: success
          sample: 4a1f
        issuer:
          description: The issuer of its certificate.
          type: str
          returned: success
          sample: CN=E7,O=Let's Encrypt,C=US
        not_before:
          description: The instant from which its certificate is valid.
          type: str
          returned: success
          sample: "2026-11-01T00:00:00Z"
        not_after:
          description: The instant until which its certificate is valid.
          type: str
          returned: success
          sample: "2026-12-16T00:00:00Z"
        content:
          description: The certificate and its chain, PEM; empty if the file cannot be read.
          type: str
          returned: with O(content)
          version_added: 0.3.0
          sample: "-----BEGIN CERTIFICATE-----..."
        ari_id:
          description: The identifier of its certificate for renewal information (RFC 9773); none if it has none.
          type: str
          returned: success
          sample: aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE
        reloaded:
          description: True if the services have been reloaded since it became the live one.
          type: bool
          returned: success
          sample: true
        revoked:
          description:
            - The instant at which M(certfleet.tls.certificate_revoke) marked it as revoked; none if it is not marked.
              M(certfleet.tls.acme_plan) has it replaced at once.
          type: str
          returned: success
          version_added: 0.4.0
          sample: null
        missing:
          description: Files that are missing.
          type: list
          elements: str
          returned: success
          sample: []
        damaged:
          description: Files that differ from the manifest, or the manifest itself.
          type: list
          elements: str
          returned: success
          sample: []
        unreadable:
          description: Files that the module may not read.
          type: list
          elements: str
          returned: success
          sample: []
        attributes:
          description: Differences in mode, owner and group of the private key, and in the list.
          type: list
          elements: str
          returned: success
          sample: [privkey.pem mode 0644 instead of 0600]
        formats:
          description: Differences in the files of O(certificates[].formats).
          type: list
          elements: str
          returned: success
          version_added: 0.3.0
          sample: [/etc/haproxy/certs/shop.pem is missing]
    pending:
      description:
        - The version that an unfinished run left; none if there is none. With a C(serial) it has its certificate, and
          only has to become the live one.
      type: dict
      returned: success
      contains:
        version:
          description: The number of the version.
          type: str
          returned: success
          sample: "0008"
        identifiers:
          description: The names and addresses that it was made for.
          type: list
          elements: str
          returned: success
          sample: [shop.example.com]
        key_type:
          description: The type of its private key.
          type: str
          returned: success
          sample: ec256
        profile:
          description: The profile that it was ordered with; none for the CA's default.
          type: str
          returned: success
          sample: tlsserver
        directory:
          description: URL of the directory of its CA.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/directory
        account_uri:
          description: URL of the account that ordered it, if it is known.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/acme/acct/1
        order_uri:
          description: URL of its order; none if it has none, or the order failed.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/acme/order/1/2
        created:
          description: The instant at which its private key was made.
          type: str
          returned: success
          sample: "2026-11-01T00:59:30Z"
        serial:
          description: The serial number of its certificate, hexadecimal; none until the CA has issued it.
          type: str
          returned: success
          sample: 4a1f
        issuer:
          description: The issuer of its certificate.
          type: str
          returned: success
          sample: CN=E7,O=Let's Encrypt,C=US
        not_before:
          description: The instant from which its certificate is valid.
          type: str
          returned: success
          sample: "2026-11-01T00:00:00Z"
        not_after:
          description: The instant until which its certificate is valid.
          type: str
          returned: success
          sample: "2026-12-16T00:00:00Z"
        content:
          description: The certificate and its chain, PEM; empty if the file cannot be read.
          type: str
          returned: with O(content), if there is a certificate
          version_added: 0.3.0
          sample: "-----BEGIN CERTIFICATE-----..."
    issued:
      description:
        - The newest certificate that was ordered, and those of the fifteen days before it, for the rate limits of CAs
          and to see how often the job runs.
      type: list
      elements: dict
      returned: success
      version_added: 0.3.0
      contains:
        at:
          description: The instant at which it was issued.
          type: str
          returned: success
          sample: "2026-11-01T00:59:30Z"
        serial:
          description: Its serial number, hexadecimal.
          type: str
          returned: success
          sample: 4a1f
        directory:
          description: URL of the directory of its CA.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/directory
        identifiers:
          description: Its names and addresses.
          type: list
          elements: str
          returned: success
          sample: [shop.example.com]
        renewal:
          description: True if an earlier certificate was for the same names.
          type: bool
          returned: success
          sample: true
    failed:
      description:
        - The orders that have failed since the last certificate was put in place, one element for each CA and kind of
          failure.
      type: list
      elements: dict
      returned: success
      version_added: 0.4.0
      contains:
        kind:
          description: The kind of failure, as C(failure_kind) of M(certfleet.tls.acme_order_finalize).
          type: str
          returned: success
          sample: validation
        directory:
          description: URL of the directory of the CA; empty if none was asked.
          type: str
          returned: success
          sample: https://acme-v02.api.letsencrypt.org/directory
        count:
          description: The number of failures.
          type: int
          returned: success
          sample: 3
        since:
          description: The instant of the first one.
          type: str
          returned: success
          sample: "2026-11-01T00:59:30Z"
        at:
          description: The instant of the last one.
          type: str
          returned: success
          sample: "2026-11-01T03:59:30Z"
        retry_at:
          description: The instant until which the CA asked to wait; none if it did not.
          type: str
          returned: success
          sample: null
        problem:
          description: The reason of the last one.
          type: str
          returned: success
          sample: "the CA could not validate shop.example.com"
        digest:
          description: The digest of what was ordered.
          type: str
          returned: success
          sample: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
txt_records:
  description:
    - The TXT records that runs have set for this O(list), or were about to set, and that are not known to be removed.
  returned: success
  type: list
  elements: dict
  version_added: 0.4.0
  contains:
    name:
      description: The name of the record.
      type: str
      returned: success
      sample: _acme-challenge.www.example.com
    value:
      description: Its value.
      type: str
      returned: success
      sample: LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo
    key_authorization:
      description: The key authorization that the value is the digest of (RFC 8555 section 8.4).
      type: str
      returned: success
      sample: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI
    noted:
      description: The instant at which it was noted.
      type: str
      returned: success
      sample: "2026-11-01T00:59:30Z"
    until:
      description: The instant until which the run that noted it may need it.
      type: str
      returned: success
      sample: "2026-11-01T01:16:30Z"
history:
  description: The versions of the certificates in O(history), the oldest of each first.
  returned: success
  type: list
  elements: dict
  version_added: 0.3.0
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: success
      sample: shop
    version:
      description: The number of the version.
      type: str
      returned: success
      sample: "0007"
    live:
      description: True if it is the live version.
      type: bool
      returned: success
      sample: true
    serial:
      description: The serial number of its certificate, hexadecimal; none if its manifest is damaged.
      type: str
      returned: success
      sample: 4a1f
    created:
      description: The instant at which its private key was made; none if its manifest is damaged.
      type: str
      returned: success
      sample: "2026-11-01T00:59:30Z"
    not_after:
      description: The instant until which its certificate is valid; none if its manifest is damaged.
      type: str
      returned: success
      sample: "2026-12-16T00:00:00Z"
    certificate:
      description: The certificate, PEM.
      type: str
      returned: success
      sample: |
        -----BEGIN CERTIFICATE-----
        ...
unlisted:
  description:
    - The names of certificates of this O(list) that the host has and O(certificates) has not. Empty without
      O(certificates).
    - A certificate that a newer release of this collection wrote, or whose manifests are all damaged, is not among
      them.
  returned: success
  type: list
  elements: str
  sample: [oldshop]
  version_added: 0.3.0
"""

from ..module_utils._ansible.host_info import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
