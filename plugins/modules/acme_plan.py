#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_plan
short_description: Decide which certificates of a fleet are due, and why
version_added: 0.1.0
description:
  - Decides for each certificate that M(certfleet.tls.certificate_info) reported whether it is kept, issued again,
    repaired on its host, or refused.
  - The reasons to issue are V(missing), V(key does not match), V(damaged), V(identifiers changed), V(key changed),
    V(profile changed), V(issuer changed), V(forced), V(window open), V(lifetime), V(not the one that is shared) and,
    with O(check_revocation), V(revoked). The reasons to repair are V(attributes), V(formats) and V(reload outstanding).
    The reason to switch is V(switch outstanding), and the reason to remove is V(not listed).
  - The CA is asked for renewal information (RFC 9773) about all certificates that would be kept, in unsigned requests.
    If it does not answer, there is a warning, and the window that it gave last counts where O(cache) has it. Otherwise
    the lifetime decides. A certificate is then due after two thirds of its lifetime, or after one half if the lifetime
    is below ten days.
  - If O(acme_directory) lists several CAs, those behind the first are looked at before they are needed. A warning says
    why one could not take over. It is about the directory, the terms of service, the external account binding, the
    profiles, the preferred chain and, if C(dnspython) is installed, the CAA records of the names. With O(cache), that
    is done once a day. Without, it is done for certificates that are due, in each run that has any.
  - An order that failed before waits for its next attempt, whatever its reason is. After failed validations, and if the
    CA refused the certificate, that is after 1, 2, 4 and up to 24 hours, and sooner near the end of the live
    certificate and after it. A CA that asked to wait is waited for, a day at most. With O(retry_failed), and if the
    certificate or O(settings) have changed, there is no pause.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._acme
  - certfleet.tls._attributes
  - certfleet.tls._controller
  - certfleet.tls._attributes.info
options:
  certificates:
    description:
      - The certificates that M(certfleet.tls.certificate_info) returned, of any number of hosts, each entry with
        C(host) added.
      - A certificate with missing or malformed data is refused.
    type: list
    elements: dict
    required: true
  history:
    description:
      - The controller's record of issued certificates, which M(certfleet.tls.acme_order_finalize) writes. If it has a
        certificate that hosts share, they get no other one from each other. If it covers the last eight days, it counts
        for O(limits) instead of the data of hosts. A live certificate that M(certfleet.tls.acme_revoke) has recorded
        there as revoked is due at once.
    type: path
    version_added: 0.4.0
  elsewhere:
    description:
      - Certificates of hosts for which nothing is planned, but that may have a shared certificate that others lack. The
        format is that of O(certificates).
    type: list
    elements: dict
    default: []
    version_added: 0.3.0
  unlisted:
    description:
      - For each host the names of certificates on its disk that are not listed. There is a warning about them.
    type: dict
    default: {}
    version_added: 0.3.0
  remove_unlisted:
    description:
      - The hosts for which to plan the removal of O(unlisted), which M(certfleet.tls.certificate) does with V(remove).
        Nothing is removed from hosts for which no certificate is listed.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  unanswered:
    description:
      - The hosts that did not say what they have. The summary of O(replace) names them.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  force:
    description:
      - Issue all certificates again. There is no pause after certificates that could not be used; other orders that
        failed wait without O(retry_failed).
    type: bool
    default: false
  replace:
    description:
      - The certificates to issue again with new keys, whatever their dates are. A certificate that was replaced already
        is not selected, so a later run continues where this one stopped.
      - A mapping. V(all) (a boolean), V(issuer), V(serials), V(serials_src) (a list from the CA, on the controller, of
        which the first column counts) and V(names) (of certificates, hosts, or names in certificates) each select
        certificates.
      - V(before) is an instant. Only certificates whose key was made before it are selected. It is required unless
        certificates are selected by serial number.
    type: dict
    default: {}
    version_added: 0.3.0
  check_revocation:
    description:
      - Ask the CAs, as M(certfleet.tls.certificate_status_info) does, if the live certificates and those
        that await their switch are revoked. A live certificate that is revoked is due at once. A revoked certificate
        that awaits its switch is not used. If the status cannot be determined, there is a warning.
      - Certificates that their hosts or O(history) have marked as revoked count as such without this option.
      - O(certificates) then needs C(content) of C(live) and of C(pending), which M(certfleet.tls.certificate_info)
        returns with O(certfleet.tls.certificate_info#module:content).
    type: bool
    default: false
    version_added: 0.3.0
  cache:
    description:
      - A folder on the controller for renewal information, for as long as the CA allows, or 30 days while the CA does
        not answer, for what other CAs and name servers said, for a day, and for the data that O(check_revocation)
        fetched, for six hours. A revocation may thus be seen six hours late. The folder is made if it does not exist,
        and can be removed at any time.
    type: path
    version_added: 0.3.0
  resolver:
    description:
      - Name servers for the look-up of CAA records, C(ADDRESS) or C(ADDRESS:PORT), instead of the system's.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  terms_agreed:
    description:
      - Set to true if you agree to the terms of service of the CAs. Only used for the warnings about other CAs.
    type: bool
    default: false
    version_added: 0.4.0
  run_interval:
    description:
      - The interval between runs, V(30m), V(1h) or V(1d). A certificate is then renewed so early in the CA's window
        that the next run would still be within the window. Where the next run would come too late, it is renewed
        earlier; where no run is early enough, there is a warning. By default the interval is unknown, and each
        certificate is renewed at or after its instant.
    type: str
    default: ""
    version_added: 0.3.0
  limits:
    description:
      - The rate limits of CAs, by short name or URL. Each is a mapping of V(orders) (of the account),
        V(certificates_per_domain) and V(certificates_per_set) to a count and a duration, V(50/7d), or to an empty text
        for no limit. V(renewals_exempt) says that a certificate for the same names as before counts for
        V(certificates_per_set) only.
      - The limits of Let's Encrypt are the defaults. For other CAs there is no limit by default.
      - Orders of this run count together with recent orders of the hosts. The most urgent certificates come first. A
        certificate that can wait is deferred, with a warning that says for how long. One that cannot wait is refused.
    type: dict
    default: {}
    version_added: 0.3.0
  settings:
    description:
      - Settings that all orders have in common, such as those of DNS providers, without secrets. Hosts keep a digest of
        them with an order that failed, and another digest means that the next attempt may succeed.
    type: dict
    default: {}
    version_added: 0.4.0
  retry_failed:
    description:
      - Order now what waits for its next attempt because its last orders have failed.
    type: bool
    default: false
    version_added: 0.4.0
  renewal_information:
    description:
      - Ask the CA for its renewal information.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Read the certificates of the hosts
  certfleet.tls.certificate_info:
  register: found

- name: Decide which certificates are due
  certfleet.tls.acme_plan:
    acme_directory: letsencrypt
    certificates: "{{ found.certificates | map('combine', {'host': inventory_hostname}) }}"
  run_once: true
  register: plan
"""

RETURN = r"""
options:
  description:
    - With O(batch), the role's variables that have the same value for the whole batch and contain no secrets, by name.
  returned: success
  type: dict
  sample:
    acme_order_timeout: 300
  version_added: 0.4.0
digests:
  description:
    - With O(batch), a digest of each of the role's variables that may contain secrets, by name. Digests are comparable
      within one run of C(ansible-playbook) only.
  returned: success
  type: dict
  sample:
    acme_eab: 3f0c8a51e4d9b7260b7f6a0b5ad7c2e1
  version_added: 0.4.0
directory:
  description: The URL of the first CA's directory.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/directory
directories:
  description: The URLs of all CAs' directories, the first choice first.
  returned: success
  type: list
  elements: str
  sample: [https://acme-v02.api.letsencrypt.org/directory]
controller_ahead:
  description:
    - The number of seconds by which the controller's clock is ahead of the time that the plan was made by, that of the
      CA. Below zero if it is behind, zero if the difference is small.
  returned: success
  type: int
  sample: 0
  version_added: 0.4.0
due:
  description: The hosts for which there is work to do.
  returned: success
  type: list
  elements: str
  sample: [web1]
lines:
  description: For people, one line for each certificate for which there is work to do.
  returned: success
  type: list
  elements: str
  sample: ["web1: certificate shop: issue (missing)"]
summary:
  description: For people, a summary of the next runs. It is always shown.
  returned: success
  type: list
  elements: str
  version_added: 0.4.0
  sample: ["next at 2026-03-01 04:12 UTC: certificate shop of web1; 40 certificates wait"]
coming:
  description:
    - For people, a line for each certificate that is kept, with the instant at which it is due. Shown with C(-v).
  returned: success
  type: list
  elements: str
  version_added: 0.4.0
  sample: ["web1: certificate shop: next at 2026-03-01 04:12 UTC"]
replacing:
  description: The number of certificates to be replaced; null without O(replace).
  returned: success
  type: dict
  version_added: 0.3.0
  contains:
    selected:
      description: Certificates that O(replace) selects.
      returned: always
      type: int
    now:
      description: Certificates that this run replaces.
      returned: always
      type: int
    left:
      description: Certificates that remain for later runs.
      returned: always
      type: int
    before:
      description: The instant of O(replace).
      returned: always
      type: str
  sample: {selected: 200, now: 50, left: 150, before: "2026-01-31T12:00:00Z"}
shares:
  description: The shared certificates that hosts get in this run from the host that has them or orders them.
  returned: success
  type: list
  elements: dict
  version_added: 0.3.0
  contains:
    name:
      description: The certificate's name.
      returned: always
      type: str
    giver:
      description: The host that has the certificate, or that orders it, and gives its key to the others.
      returned: always
      type: str
    hosts:
      description: The hosts that get the certificate.
      returned: always
      type: list
      elements: str
    serial:
      description: The serial number of the certificate that the giver has.
      returned: if the giver has it
      type: str
    directory:
      description: URL of the directory of the CA that issued it.
      returned: if the giver has it
      type: str
    account_uri:
      description: URL of the account that ordered it.
      returned: if the giver has it
      type: str
    certificate:
      description: The certificate, PEM.
      returned: if O(history) has it
      type: str
    chain:
      description: The certificates of the issuers, PEM.
      returned: if O(history) has it
      type: str
    created:
      description: The instant at which its key was made.
      returned: if the giver has it
      type: str
  sample:
    - name: shop
      giver: web1
      hosts: [web2, web3]
hosts:
  description:
    - For each host the list of its certificates and the work to do for them.
    - Each certificate has the keys below.
  returned: success
  type: dict
  contains:
    name:
      description: The certificate's name.
      returned: always
      type: str
    action:
      description: The work to do, such as V(keep), V(issue), V(repair), V(switch), V(receive), V(remove) or V(refuse).
      returned: always
      type: str
    reason:
      description: The reason for the action; empty for certificates that are kept or refused.
      returned: always
      type: str
    message:
      description: Details of the reason, or the reason why the certificate is refused or has to wait.
      returned: always
      type: str
    can_wait:
      description: True if the live certificate is for all wanted names, is not revoked, and does not end soon.
      returned: always
      type: bool
    replaces_ari_id:
      description: The ARI id (RFC 9773) of the live certificate, for the new order; null without one.
      returned: always
      type: str
    next:
      description: The instant at which a certificate that is kept is due; null for others.
      returned: always
      type: str
    directory:
      description: URL of the directory of the CA to ask first.
      returned: if that is neither the CA that has an order for the certificate nor the first one
      type: str
    other_directories:
      description: URLs of the directories of the CAs to ask after that one, in order.
      returned: if there are several CAs
      type: list
      elements: str
      version_added: 0.4.0
    not_first:
      description: The reason why the first CA is not asked first.
      returned: if another one is
      type: str
      version_added: 0.4.0
    selected:
      description: True if the certificate is to be replaced with a new key.
      returned: if O(replace) selects it
      type: bool
    explanation_url:
      description: URL of the page on which the CA explains its renewal information.
      returned: if the CA gives it
      type: str
    digest:
      description: The digest of what the order is made with, for O(certfleet.tls.certificate#module:results[].digest).
      returned: for RV(hosts.action) V(issue)
      type: str
  sample:
    web1:
      - name: shop
        action: issue
        reason: missing
        message: ""
        can_wait: false
        replaces_ari_id: null
        next: null
"""

from ..module_utils._ansible.ca_options import DIRECTORY_SPEC
from ..module_utils._ansible.cas import cas_of
from ..module_utils._ansible.controller_module import ControllerModule, Params, Result, Warn
from ..module_utils._ansible.option_specs import BATCH_SPEC
from ..module_utils._ansible.standby import Standby
from ..module_utils._ansible.standby_facts import Facts
from ..module_utils._common.clock import Clock
from ..module_utils._common.libraries import missing
from ..module_utils._fleet.planner import make_plan


def run(params: Params, _check_mode: bool, warn: Warn) -> Result:
    """Return the module's result."""
    absent = missing(("cryptography",)) if params["check_revocation"] else ""
    cas = cas_of(params)
    own = {
        "ca_paths": {ca.directory: ca.ca_path for ca in cas},
        "profiles": {ca.directory: ca.profile for ca in cas if ca.profile is not None},
        "ca_limits": {ca.directory: ca.limits for ca in cas},
    }
    clock = Clock()
    standby = Standby(cas, Facts(params["cache"], clock.now()), clock, params["resolver"])
    if absent:
        return {"failed": True, "msg": absent}
    return make_plan({**params, **own}, warn, clock, standby.warnings)


MODULE = ControllerModule(
    {
        **BATCH_SPEC,
        **DIRECTORY_SPEC,
        "certificates": {"type": "list", "elements": "dict", "required": True},
        "history": {"type": "path"},
        "elsewhere": {"type": "list", "elements": "dict", "default": []},
        "unlisted": {"type": "dict", "default": {}},
        "remove_unlisted": {"type": "list", "elements": "str", "default": []},
        "unanswered": {"type": "list", "elements": "str", "default": []},
        "force": {"type": "bool", "default": False},
        "replace": {"type": "dict", "default": {}},
        "renewal_information": {"type": "bool", "default": True},
        "check_revocation": {"type": "bool", "default": False},
        "cache": {"type": "path"},
        "resolver": {"type": "list", "elements": "str", "default": []},
        "terms_agreed": {"type": "bool", "default": False},
        "run_interval": {"type": "str", "default": ""},
        "limits": {"type": "dict", "default": {}},
        "settings": {"type": "dict", "default": {}},
        "retry_failed": {"type": "bool", "default": False},
    },
    run,
    ("requests", "tldextract"),
)

main = MODULE.main


if __name__ == "__main__":
    main()
