# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of certificates, with the results of a CA."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import ServiceError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.rollout import Rollout
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import folder_path, read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import SERVICE, Reload
from tests.unit.host import ca, host
from tests.unit.host.host import WANTED

MAIL = replace(
    WANTED, name="mail", identifiers=["mail.example"], reloads=(Reload(SERVICE, "postfix"), Reload(SERVICE, "nginx"))
)


BOTH = {"shop": WANTED, "mail": MAIL}


class Services:
    """Reloads nothing, but remembers; those in *broken* cannot be."""

    def __init__(self, *broken):
        self.broken = broken
        self.reloaded = []

    def test(self, entry):
        pass

    def reload(self, entry):
        self.reloaded.append(str(entry))
        if str(entry) in self.broken:
            raise ServiceError(f"service {entry} could not be reloaded")


def nothing_wrong(wanted):
    return [""] * len(wanted)


def rollout(home, wanted=None, check=False, services=None, now=ca.NOW, **more):
    return Rollout(str(home), wanted or {"shop": WANTED}, services or Services(), nothing_wrong, now, check, **more)


def result(name, status, **fields):
    """Return the result of an order."""
    empty = {
        "problem": "",
        "resumable": False,
        "certificate": None,
        "chain": None,
        "account_uri": None,
        "order_uri": None,
        "directory": None,
        **dict.fromkeys(("failure_kind", "retry_at", "digest", "advice")),
    }
    return {**empty, "name": name, "status": status, "action": None, **fields}


def to_do(name, action):
    """Return the result for a certificate that was not ordered."""
    return result(name, None, action=action)


def valid(home, name):
    with open(folder_path(str(home), name, read_versions(str(home), name).pending, "request.csr"), "rb") as file:
        issued = host.issued(file.read())
    return result(name, "valid", certificate=issued.certificate, chain=issued.chain, account_uri=issued.account_uri)
