# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a host about certificates that are not revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult as Result
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation import not_revoked
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import Chosen
from tests.unit import contracts
from tests.unit.steps.revocations import NEW, version

ENTRY = contracts.revocation(content="PEM", ordered="serial 4a1f")
CHOSEN = Chosen([ENTRY])
TWO = Chosen([ENTRY, replace(ENTRY, host="web2", ordered="serial 5b")])
NOTHING = Chosen()
LIVE = {"history": [version("a2", NEW, live=True)]}
ITS = "certificate shop (serial 4a1f) is not revoked:"


def answer(status=Result.REVOKED, problem="", **more):
    return contracts.revocation(status=status, problem=problem, **more).to_result()


def refused(**more):
    return Chosen(problems=[contracts.revocation(**more)])


@pytest.mark.parametrize(
    ("chosen", "looked", "revoked", "lines"),
    [
        (CHOSEN, LIVE, {"certificates": [answer()]}, []),
        (CHOSEN, LIVE, {"certificates": [answer(Result.ALREADY_REVOKED)]}, []),
        # Its own word, not that of the whole step or of another host.
        (
            TWO,
            LIVE,
            {
                "msg": "certificate shop of web1: refused; certificate shop of web2: malformed",
                "certificates": [
                    answer(Result.FAILED, "refused"),
                    answer(Result.FAILED, "malformed", host="web2"),
                ],
            },
            [f"{ITS} refused"],
        ),
        (TWO, LIVE, {"certificates": [answer(), answer(Result.FAILED, "malformed", host="web2")]}, []),
        (CHOSEN, LIVE, {"msg": "no account", "certificates": []}, [f"{ITS} no account"]),
        (CHOSEN, LIVE, {"msg": "MODULE FAILURE"}, [f"{ITS} MODULE FAILURE"]),
        (CHOSEN, LIVE, {"skipped": True}, [f"{ITS} acme_revoke gave no answer"]),
        (CHOSEN, LIVE, {}, [f"{ITS} acme_revoke gave no answer"]),
        (
            CHOSEN,
            LIVE,
            {"certificates": [{"host": "web1", "name": "shop", "status": "x"}]},
            [f"{ITS} acme_revoke gave no answer"],
        ),
        (CHOSEN, LIVE, {"certificates": [answer(Result.FAILED)]}, [f"{ITS} acme_revoke gave no reason"]),
        (TWO, LIVE, {"certificates": [answer()], "msg": "m"}, [f"{ITS} m"]),
        # Without a certificate to revoke, the failure does not concern the host.
        (NOTHING, LIVE, {"msg": "no account", "certificates": []}, []),
        (NOTHING, LIVE, {"skipped": True}, []),
        (
            refused(name="shop (serial 5)", problem="p"),
            LIVE,
            {},
            ["certificate shop (serial 5) is not revoked: p"],
        ),
        (refused(name="", problem="line 7"), LIVE, {}, ["line 7"]),
        (refused(host="web2", problem="p"), LIVE, {}, []),
        (NOTHING, {"msg": "no Python"}, {}, ["certificate shop is not revoked: no Python"]),
        (NOTHING, {"unreachable": True}, {}, ["certificate shop is not revoked: the host gave no answer"]),
    ],
)
def test_not_revoked_lines_of_host(chosen, looked, revoked, lines):
    assert not_revoked(chosen, revoked, {"web1": looked}, ["shop"]) == {"web1": lines}


def test_not_revoked_skipped_host_needs_no_answer():
    assert not_revoked(CHOSEN, {"certificates": [answer()]}, {"web1": {"skipped": True}}, []) == {"web1": []}
