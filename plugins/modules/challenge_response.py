#!/usr/bin/python
# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: challenge_response
short_description: Serve ACME challenges on the host
version_added: 0.1.0
description:
  - Writes the files that the CA fetches to validate http-01 challenges (RFC 8555 section 8.3), or removes them.
  - On a host without a web server, and for V(tls-alpn-01) (RFC 8737), it starts a listener that answers the CA during
    the validation. The listener ends when its challenges are removed or their time is over, whatever happens to the
    controller. If another process uses the port, the message names it.
  - With O(orders), it first writes these into the journals of the pending versions, so that the next run resumes a run
    that is killed after the CA has been asked to validate.
author:
  - certfleet.tls contributors (@certfleet)
extends_documentation_fragment:
  - certfleet.tls._batch
  - certfleet.tls._host
  - certfleet.tls._host.orders
  - certfleet.tls._host.challenges
  - certfleet.tls._host.listener
  - certfleet.tls._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) serves the challenges, V(absent) removes them.
      - With V(absent) the folders C(.well-known/acme-challenge) stay, as others may use them. A port that was listened
        to is free when the module returns.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: certfleet.tls.acme_order
  - module: certfleet.tls.acme_order_finalize
"""

EXAMPLES = r"""
- name: Serve the challenge
  certfleet.tls.challenge_response:
    orders:
      - name: shop
        order_uri: "{{ ordered.hosts.localhost[0].order_uri }}"
        account_uri: "{{ ordered.hosts.localhost[0].account_uri }}"
    challenges:
      - "{{ ordered.hosts.localhost[0].challenges[0] | combine({'webroot': '/var/www/html'}) }}"

- name: Answer on port 443 of a host that has no web server, for five minutes at most
  certfleet.tls.challenge_response:
    listen_timeout: 300
    challenges:
      - "{{ ordered.hosts.localhost[0].challenges[0] }}"
"""

RETURN = r"""
paths:
  description: The files that are served, or were removed. The files of a listener are in O(home).
  returned: success
  type: list
  elements: str
  sample: [/var/www/html/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0]
failures:
  description: For each token whose response could not be served or removed, the reason.
  returned: always
  type: dict
  sample: {}
"""

from ..module_utils._ansible.host_challenges import MODULE

main = MODULE.main


if __name__ == "__main__":
    main()
