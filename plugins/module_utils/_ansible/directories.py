# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_directory_info: the directories of CAs, described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .ca_options import open_directory
from .cas import Ca, cas_of


def describe_all(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a description of the directory of each CA. Raises AcmeError."""
    # Here ca_path is for all CAs: none of them has an account.
    cas = [replace(ca, ca_path=ca.ca_path or params["ca_path"]) for ca in cas_of(params)]
    return [_describe(ca) for ca in cas]


def _describe(ca: Ca) -> dict[str, Any]:
    with open_directory(ca) as (_http, directory):
        return {
            "url": directory.url,
            "terms_of_service": directory.terms_of_service,
            "external_account_required": directory.external_account_required,
            "renewal_information": bool(directory.renewal_info),
            "profiles": dict(directory.profiles),
            "meta": dict(directory.meta),
        }
