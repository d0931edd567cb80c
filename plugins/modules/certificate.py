#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: Put certificates in place and have services use them
version_added: 0.1.0
description:
  - Takes for each certificate what became of it at the CA. An issued one is checked (it fits the pending private key,
    has the names that are wanted, is in force, and its chain holds link by link), added to its pending version and
    made the live one by switching one symbolic link; key and chain become visible together or not at all.
  - Each service that uses a new certificate is reloaded once, however many certificates it uses, and the journal says
    so. A reload that an earlier run did not come to is made up for. The configuration of nginx, Apache and HAProxy is
    tested first, that of others by the test of O(certificates[].reload).
  - Where O(certificates[].probe) says so, it then connects and compares what is served with what is on the disk.
  - Where a test, a reload or a probe fails, the version before is made the live one again, services are reloaded once
    more, and the module fails in the end with both serial numbers. The new version stays; the next run switches to it
    anew (the result V(switch)), without the CA.
  - What could not be issued changes nothing here, and makes the module fail at the end, after the others are served.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.list
  - certfleet.tls._host.certificates
  - certfleet.tls._host.challenges
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
  challenges:
    description:
      - The challenges that were served, to be removed first of all.
  results:
    description:
      - What became of each certificate, as M(certfleet.tls.acme_order_finalize) returned it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name, one of O(certificates), unless it is to be removed.
        type: str
        required: true
      status:
        description:
          - V(valid) has been issued. V(failed) has not. V(deferred) has not, and that can wait.
          - V(repair) puts the private key's mode, owner and group right, the formats, and the list that the certificate
            belongs to. V(keep) does nothing.
          - V(remove) removes what is there of a certificate that is not one of O(certificates), private keys and
            formats too; a file that one of O(certificates) has among its formats now stays. No service is told of it.
            A certificate of another O(list) stays, and the module fails.
          - V(switch) makes the pending version the live one, which has its certificate already.
          - V(notified) notes that the handlers that were to be notified for a version have run, if it is live.
        type: str
        required: true
        choices: [valid, failed, deferred, repair, switch, remove, notified, keep]
      problem:
        description: What stopped it.
        type: str
        default: ''
      resumable:
        description: Whether the next run may go on with the order of a certificate that failed.
        type: bool
        default: false
      certificate:
        description: The certificate, PEM.
        type: str
      chain:
        description: The certificates of the chain above it, PEM.
        type: str
      account_uri:
        description: URL of the account that ordered, for the journal.
        type: str
      directory:
        description: The CA of a certificate that another host gave, as the URL of its directory, for the journal.
        type: str
        version_added: 0.3.0
      created:
        description: When the private key of a certificate that another host gave was made, for the journal.
        type: str
        version_added: 0.3.0
      sealed_key:
        description:
          - The private key of a certificate that another host gave, as M(certfleet.tls.certificate_share) sealed it.
            Such a certificate needs no pending version; it is checked like any other.
        type: str
        version_added: 0.3.0
      order_uri:
        description:
          - URL of the order, for the journal. Where another run has put its own certificate in place at the same time,
            and it is what is wanted, that one stays and nothing is changed.
        type: str
      version:
        description: For V(notified), the number of the version.
        type: str
        version_added: 0.3.0
  directories:
    description:
      - The URLs of the directories of the CAs that are wanted. A certificate that another run has put in place at the
        same time stays only if it is from one of them. Empty if that makes no difference.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  keep_versions:
    description:
      - How many versions of a certificate stay on the host, the live one among them. Where this is less than before,
        they go when the next version has been put in place.
    type: int
    default: 3
    version_added: 0.3.0
seealso:
  - module: certfleet.tls.acme_order_finalize
  - module: certfleet.tls.certificate_request
  - module: certfleet.tls.certificate_share
"""

EXAMPLES = r"""
- name: Put the certificate in place
  certfleet.tls.certificate:
    certificates:
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
        reload: [nginx]
    results: "{{ finalized.hosts.localhost }}"

# Where certificates have handlers to notify; what fails before the last of these tasks has the next run notify anew.
- name: Put a certificate in place of which handlers are told
  certfleet.tls.certificate:
    certificates: &listed
      - name: shop
        identifiers: [shop.example.com]
        webroot: /var/www/html
        reload: [{notify: Restart the cluster}]
    results: "{{ finalized.hosts.localhost }}"
  register: deployed
- name: Notify handlers
  ansible.builtin.debug:
    msg: "{{ deployed.notify }}"
  changed_when: deployed.notify | length > 0
  notify: "{{ deployed.notify }}"
- name: Run them
  ansible.builtin.meta: flush_handlers
- name: Note that they have run
  certfleet.tls.certificate:
    certificates: *listed
    results: "{{ deployed.after_handlers }}"
"""

RETURN = r"""
certificates:
  description: What became of each certificate that was put in place or put right.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      changed: true
      version: "0008"
      serial: 4a1f
      not_after: "2026-12-16T00:00:00Z"
      reason: issued
notify:
  description:
    - The handlers to notify, from the entries C(notify) of O(certificates[].reload). No module can notify one; a task
      after this one can. Until RV(after_handlers) is given back, the host counts as one whose reload is outstanding.
  returned: always
  type: list
  elements: str
  sample: []
  version_added: 0.3.0
after_handlers:
  description:
    - The O(results) for another run of this module, when the handlers of RV(notify) have run.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      status: notified
      version: "0008"
  version_added: 0.3.0
reloaded:
  description: The services that were reloaded, and the commands that were run.
  returned: always
  type: list
  elements: str
  sample: [nginx]
failures:
  description: For each certificate that failed, why.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_deploy import MODULE


def main() -> None:
    """Run as Ansible does."""
    MODULE.main()


if __name__ == "__main__":
    main()
