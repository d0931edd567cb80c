# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of steps for a batch with one host."""

from __future__ import annotations

from tests.unit import contracts

#: A result of certificate_request.
REQUESTED = {"requests": [contracts.request().to_result()], "ready": ["shop"]}


def of_web1(*items):
    """Return the result of a step that has something for web1."""
    return {"hosts": {"web1": [item.to_result() for item in items]}}
