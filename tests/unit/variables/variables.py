# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a host, for the tests of their validation."""

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import all_variables
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import VARIABLES

_BODY = "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END "
KEY = f"-----BEGIN {_BODY}PRIVATE KEY-----\n"
ENCRYPTED = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

GOOD = {"name": "shop", "identifiers": ["shop.example.com"], "webroot": "/var/www/html"}
COMBINED = {"kind": "combined", "path": "/etc/x.pem"}
RFC2136 = {"provider": "rfc2136", "server": "ns1.example.com"}


def variables(**changes):
    """Return valid values for all variables of a host, with *changes*. The account key does not exist yet."""
    defaults = {name: variable.default for name, variable in VARIABLES.items()}
    ours = {"acme_certificates": [GOOD], "acme_terms_agreed": True, "acme_account_key_src": "/nowhere/key.pem"}
    return {**defaults, **ours, **changes}


#: Entry points that need an account key that exists.
OF_EXISTING_ACCOUNTS = ("revoke", "account_deactivate", "account_rollover")


def faults(entry_point="main", defined=(), **changes):
    """Return the messages for a host with *changes* to its variables."""
    key = {"acme_account_key_src": __file__} if entry_point in OF_EXISTING_ACCOUNTS else {}
    return all_variables.validate(variables(**{**key, **changes}), "web1", entry_point, defined)
