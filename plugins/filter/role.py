# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that join the steps of the role; what they do is in plugins/plugin_utils/.

In one file, and each loaded when it is used: the controller forks for every task of every host, and looks for a filter
in every file there is.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible.release import __version__

_PLACE = "ansible_collections.certfleet.tls.plugins.plugin_utils"
_FILTERS = {
    "batch": ("frozen",),
    "cas": ("ca", "alternatives"),
    "flow": ("found", "orders", "wanted", "journal", "challenges", "finalizable", "outcomes", "unlisted"),
    "revocation": ("not_revoked",),
    "revocation_choice": ("to_revoke",),
    "shared": ("holders", "held", "receiving", "shares", "received"),
    "txt": ("txt_records", "txt_problems", "txt_unwritten", "txt_left", "dns_persist_record"),
}


# Before 2.19 Ansible templates texts in variables unless they are marked, and a text that Python made of a marked one
# is not: set_fact would have it run what a DNS provider or a host said.
_HAS_TO_MARK = tuple(map(int, __version__.split(".")[:2])) < (2, 19)


def _of(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return _not_a_template(getattr(import_module(f"{_PLACE}.{module}"), name)(*arguments, **options))

    return call


def _not_a_template(value: Any) -> Any:
    if not _HAS_TO_MARK:
        return value
    from ansible.utils.unsafe_proxy import wrap_var  # which goes away after 2.22

    return wrap_var(value)


class FilterModule:
    """The filters by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {name: _of(module, name) for module, names in _FILTERS.items() for name in names}
