# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Account keys that the role's variables give by their content, loaded with the library for keys, once for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import parse
from ansible_collections.certfleet.tls.plugins.module_utils._common.libraries import missing

from .account_options import PREFIX, with_environment


def problems(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each key that cannot be used. No line has a secret in it.

    *values*: the variables as all_variables.convert() returns them.
    """
    cas = parse(with_environment(values), [], PREFIX)
    if not any(ca.key.content or ca.key.new_content for ca in cas):
        return []  # most controllers have their keys in files, and do not need the libraries in this process
    absent = missing(("cryptography", "josepy"))
    if absent:
        return [absent]
    from ansible_collections.certfleet.tls.plugins.module_utils._ansible.key_files import problems_of_key_texts

    return [f"{line}." for line in problems_of_key_texts(cas, PREFIX)]
