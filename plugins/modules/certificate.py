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
  - Takes what became of each certificate at the CA (O(results)). An issued certificate is verified (it is for the
    pending private key and the wanted names, it is valid now, and each link of its chain is), added to its pending
    version, and made the live one by switching one symbolic link. Key and chain become visible together or not at all.
  - A certificate that is not valid by the host's clock stays pending, and the module fails for it. The next run
    switches to it without another order.
  - Each service that uses a new certificate is reloaded once, however many certificates it uses, and the manifest notes
    that. A reload that an earlier run did not do is done now. The configurations of nginx, Apache and HAProxy are
    tested first, others by the C(test) of O(certificates[].reload).
  - Then it connects to each of O(certificates[].probe), and compares the certificate that is served with the one on
    disk.
  - If a test, a reload or a probe fails, the earlier version becomes the live one again, services are reloaded once
    more, and the module fails with both serial numbers. The new version stays, and the next run switches to it again
    (the action V(switch)), without the CA.
  - A certificate that could not be issued changes nothing here. The module fails for it after the others are in place.
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
      - The challenges that were served. They are removed first.
  txt_records:
    description:
      - The TXT records that were to be removed. The host forgets those that are, and keeps a note of the others for 30
        days.
    type: list
    elements: dict
    default: []
    version_added: 0.4.0
    suboptions:
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
      removed:
        description: True if it is removed, or was not there.
        type: bool
        required: true
  results:
    description:
      - The result for each certificate, as M(certfleet.tls.acme_order_finalize) returned it, or what to do with it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name, one of O(certificates), except for the action V(remove).
        type: str
        required: true
      status:
        description:
          - The state of its order. V(valid) has been issued. V(failed) has not. V(deferred) has not, and can wait for a
            later run.
          - Exactly one of O(results[].status) and O(results[].action) is required.
        type: str
        choices: [valid, failed, deferred]
      action:
        description:
          - The action for a certificate that was not ordered.
          - V(repair) corrects the private key's mode, owner and group, the formats, and the list that the certificate
            belongs to. V(keep) does nothing.
          - V(remove) removes a certificate that is not one of O(certificates), with its private keys and formats. A
            file that one of O(certificates) has among its formats now stays. No service is reloaded. A certificate of
            another O(list) stays, and the module fails.
          - V(switch) makes the pending version, which has its certificate, the live one.
        type: str
        choices: [keep, repair, switch, remove]
        version_added: 0.4.0
      problem:
        description: The reason why it was not issued.
        type: str
        default: ''
      resumable:
        description: Let the next run resume the order of a certificate that failed.
        type: bool
        default: false
      failure_kind:
        description:
          - The kind of failure of a certificate that was not issued. The host then records it, until the certificate is
            issued. Without this option nothing is recorded.
        type: str
        choices: [validation, refusal, certificate, ca, local]
        version_added: 0.4.0
      retry_at:
        description: The instant until which the CA asked to wait, for the record.
        type: str
        version_added: 0.4.0
      digest:
        description:
          - The digest of what was ordered, as M(certfleet.tls.acme_plan) returned it, for the record. Failures with
            another digest are forgotten.
        type: str
        version_added: 0.4.0
      advice:
        description: Text that the message has after O(results[].problem). It is not recorded.
        type: str
        version_added: 0.4.0
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
        description:
          - URL of the directory of the CA that issued it, or that failed to. The journal of a certificate that another
            host gave has it, and the record of a failure.
        type: str
        version_added: 0.3.0
      created:
        description:
          - The instant at which the private key of a certificate that another host gave was made, for the journal.
        type: str
        version_added: 0.3.0
      sealed_key:
        description:
          - The private key of a certificate that another host gave, as M(certfleet.tls.certificate_share) sealed it.
            Such a certificate needs no pending version. It is verified like any other.
        type: str
        version_added: 0.3.0
      order_uri:
        description:
          - URL of the order, for the journal. If another run has put its own certificate in place at the same time, and
            that is what is wanted, it stays and nothing is changed.
        type: str
  after_handlers:
    description:
      - The versions whose handlers have run, as an earlier run of this module returned them (RV(after_handlers)). A
        version that is still live is noted as reloaded.
    type: list
    elements: dict
    default: []
    version_added: 0.4.0
    suboptions:
      name:
        description: The certificate's name, one of O(certificates).
        type: str
        required: true
      version:
        description: The number of the version.
        type: str
        required: true
  directories:
    description:
      - The URLs of the directories of the CAs that are wanted. A certificate that another run has put in place at the
        same time stays only if it is from one of them. If this is empty, it may be from any CA.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  keep_versions:
    description:
      - The number of versions of a certificate that stay on the host, the live one among them. Older versions are
        removed when the next version has been put in place.
    type: int
    default: 3
    version_added: 0.3.0
  controller_time:
    description:
      - The time of day by the controller's clock, such as V(2026-11-28T12:00:00Z). If a certificate is valid at this
        time and not by the host's clock, the message says by how much the clocks differ. The notes of O(txt_records)
        and the record of failures have this time.
    type: str
    version_added: 0.4.0
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

# For certificates with handlers to notify. If a task fails before the last one, the next run notifies them again.
- name: Put a certificate in place that handlers are notified of
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
- name: Record that the handlers have run
  certfleet.tls.certificate:
    certificates: *listed
    after_handlers: "{{ deployed.after_handlers }}"
"""

RETURN = r"""
certificates:
  description: The certificates that were put in place, repaired or removed, and those that are so already.
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
      description: True if anything was changed for it.
      type: bool
      returned: always
      sample: true
    version:
      description: The number of the live version.
      type: str
      returned: always
      sample: "0008"
    serial:
      description: The serial number of its certificate, hexadecimal.
      type: str
      returned: always
      sample: 4a1f
    not_after:
      description: The instant until which its certificate is valid.
      type: str
      returned: always
      sample: "2026-12-16T00:00:00Z"
    reason:
      description: The repaired differences, or else C(issued), C(switched), C(received), C(removed) or C(unchanged).
      type: str
      returned: always
      sample: issued
    directory:
      description: URL of the directory of the CA that issued it.
      type: str
      returned: if it was issued in this run, as O(results[].directory)
      sample: https://acme-v02.api.letsencrypt.org/directory
      version_added: 0.4.0
    deviations:
      description: Deviations of the CA from what it was asked for, as M(certfleet.tls.acme_order_finalize) returned it.
      type: list
      elements: str
      returned: if it was issued in this run, and if there are any
      sample: ["not_after 2026-12-01T00:00:00Z was asked for, and the certificate ends at 2027-02-01T00:00:00Z"]
      version_added: 0.4.0
    not_first:
      description: The reason why the first CA did not issue it.
      type: str
      returned: if another CA issued it in this run
      sample: "https://ca.internal/acme/directory: newOrder: rateLimited: too many certificates for these names"
      version_added: 0.4.0
notify:
  description:
    - The handlers to notify, from the entries C(notify) of O(certificates[].reload). A module cannot notify a handler,
      but a task after it can. Until O(after_handlers) has RV(after_handlers), the reload counts as outstanding.
  returned: always
  type: list
  elements: str
  sample: []
  version_added: 0.3.0
after_handlers:
  description:
    - The O(after_handlers) for another run of this module after the handlers of RV(notify) have run.
  returned: always
  type: list
  elements: dict
  version_added: 0.3.0
  contains:
    name:
      description: The certificate's name.
      type: str
      returned: always
      sample: shop
    version:
      description: The number of the version that the handlers are for.
      type: str
      returned: always
      sample: "0008"
reloaded:
  description: The services that were reloaded, and the commands that were run.
  returned: always
  type: list
  elements: str
  sample: [nginx]
failures:
  description: For each certificate that failed, the reason.
  returned: always
  type: dict
  sample: {}
deferred:
  description: For each certificate that is deferred to a later run, the reason. Such a certificate fails no host.
  returned: always
  type: dict
  sample: {}
  version_added: 0.4.0
"""

from ..module_utils._ansible.host_deploy import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
