# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for the tests of acme/."""

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import OrderRequest

CSR = b"0\x82 a request"


def wanted(*names, **more):
    """Return the request for a certificate of a.example, or of *names*."""
    return OrderRequest(dict.fromkeys(names or ("a.example",), "http-01"), **more)
