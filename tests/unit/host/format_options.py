# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of formats, as argument specs leave them."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import formats
from tests.unit.host.host import WANTED

OPTION = {
    "owner": None,
    "group": None,
    "mode": None,
    "encryption": "legacy",
    "passphrase": None,
    "friendly_name": None,
    "roots": None,
}


CERTIFICATE = {"name": "shop", "mode": "0640", "owner": None, "group": None}


COMMON = {
    **dict.fromkeys(("webroot", "http_01_listen", "tls_alpn_01_listen", "profile", "owner", "group")),
    "challenge": "dns-01",
    "key_type": "ec256",
    "reload": [],
    "probe": [],
    "mode": "0600",
}


def option(kind, path="/srv/shop", **more):
    return {**OPTION, "kind": kind, "path": str(path), **({"passphrase": "sesame"} if kind == "pkcs12" else {}), **more}


def wanted(*options):
    return replace(WANTED, formats=formats.parse_all(options, CERTIFICATE))


def asking(name, *formats):
    """Return the options of a certificate."""
    return {**COMMON, "name": name, "identifiers": [f"{name}.example"], "formats": list(formats)}
