# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of tasks of a user's own for TXT records: the variable mine has the entries that they write by."""

WRITE = """\
- name: Write TXT records as a user's own tasks do
  certfleet.tls.dns_txt_record:
    records:
      - name: "{{ item.0.name }}"
        value: "{{ item.1 }}"
    state: "{{ acme_dns_state }}"
    zones: "{{ mine }}"
  loop: "{{ acme_dns_records | subelements('changes') }}"
"""
