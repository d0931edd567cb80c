# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for the tests of this room: certificates of hosts, and CAs that answer about their renewal."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import plan
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.contracts import FRESH

OTHER = "https://other.example/directory"


def on(host, item, name="shop"):
    """Return a certificate as one of another host."""
    return replace(item, host=host, name=name)


class Ask:
    """Renewal information by ARI id, each window an instant. asked: the questions."""

    def __init__(self, **instants):
        self.answers = {ari_id: RenewalInfo(instant, instant) for ari_id, instant in instants.items()}
        self.asked = []

    def __call__(self, ari_ids):
        self.asked.append(ari_ids)
        return self.answers


def decide_all(*items, now=FRESH, cas=(CA,), ask=None, revoked=None, **settings):
    """Return the plan for certificates. *ask*: renewal information by ARI id, or a function that returns it."""
    answers = ask if callable(ask) else lambda _questions: ask or {}
    return plan.decide_all(items, plan.Settings(cas, now, **settings), answers, revoked or {})


def routed(planned, cas=(CA,)):
    """Return the plan with all orders routed among CAs that answer."""
    return [replace(item, cas=tuple(cas)) if item.decision.action == Action.ISSUE else item for item in planned]


def directory(url=CA, profiles=()):
    """Return the directory of a CA that offers *profiles*."""
    urls = {name: f"{url}/{name}" for name in ("newNonce", "newAccount", "newOrder")}
    return Directory.parse(url, {**urls, "meta": {"profiles": dict.fromkeys(profiles, "about it")}})
