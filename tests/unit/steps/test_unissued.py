# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A due certificate that is not issued, as a table: whatever the reason is, the live certificate decides.

Each path on which an order can end without a certificate, with each state of the live one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AccountKeyError,
    AcmeOptionError,
    Cause,
    ChainError,
    DeadlineError,
    OrderInvalid,
    PreflightError,
    ProblemError,
    ProtocolError,
    RefusedCertificateError,
    TransportError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import to_failure
from ansible_collections.certfleet.tls.plugins.module_utils._acme.problem import Problem
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import issued
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import from_failure
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import HostCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind, Status
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.decision import decide
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.plan import Planned, without_ca
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import outcomes
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.outcomes import BatchResults
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, DUE, END, FRESH, URGENT, found
from tests.unit.steps.batches import REQUESTED, of_web1

MORE = {"identifiers": [*contracts.NAMES, "new.example"]}


@dataclass(frozen=True)
class State:
    """A live certificate, when it is looked at, and the end of a run that does not issue the next one."""

    has: HostCertificate
    now: object
    expected: Status
    forced: bool = False
    revoked: str = ""

    def planned(self, **more):
        has = self.has if not more else contracts.found(wanted=self.has.wanted, live=self.has.live, **more)
        decision = decide(has, [DIRECTORY], self.now, forced=self.forced, revoked=self.revoked)
        return Planned("web1", "shop", has, decision)


STATES = {
    "no certificate yet": State(found(live=None), FRESH, Status.FAILED),
    "due, with much time left": State(found(), DUE, Status.DEFERRED),
    "near its end": State(found(), URGENT, Status.FAILED),
    "over": State(found(), END + DAY, Status.FAILED),
    "revoked": State(found(), FRESH, Status.FAILED, revoked="superseded"),
    "damaged": State(found(live={"damaged": ["privkey.pem"]}), FRESH, Status.FAILED),
    "forced, or to be replaced": State(found(), FRESH, Status.DEFERRED, forced=True),
    "forced, and near its end": State(found(), URGENT, Status.FAILED, forced=True),
    "a name more": State(found(MORE), FRESH, Status.FAILED),
    "a name less": State(found({"identifiers": ["shop.example"]}), FRESH, Status.DEFERRED),
    "another key type": State(found({"key_type": "rsa2048"}), FRESH, Status.DEFERRED),
    "another CA": State(found(live={"directory": "https://old.example/"}), FRESH, Status.DEFERRED),
}


def refused(kind, status=403):
    return ProblemError(Problem(kind, status=status), "newOrder")


#: Errors that end one order, in acme_order or in acme_order_finalize.
ERRORS = {
    "the CA is down": TransportError("no answer"),
    "a maintenance page": ProtocolError("not JSON"),
    "the CA takes too long": DeadlineError("300 seconds are over"),
    "a rate limit": refused("rateLimited", 429),
    "a refused name": refused("rejectedIdentifier"),
    "a refused account": refused("unauthorized"),
    "an account that is paused": refused("userActionRequired"),
    "a failed validation": OrderInvalid(Cause("incorrectResponse")),
    "CAA at the CA": OrderInvalid(Cause("caa", FailureKind.REFUSAL)),
    "the preflight: a wrong answer": PreflightError("answers HTTP 404"),
    "the preflight: CAA": PreflightError("CAA forbids it", FailureKind.REFUSAL),
    "a refused chain": ChainError("the certificate is issued, but cannot be used"),
    "a refused certificate": RefusedCertificateError("it is for other names"),
}
#: Options that are wrong, as only the step that orders can see.
MISTAKES = {
    "an option that no CA can fulfill": AcmeOptionError("not_after is over"),
    "an account key that cannot be read": AccountKeyError("account key cannot be read"),
}
FAILURES = {
    **{name: to_failure(error) for name, error in ERRORS.items()},
    "a chain that is refused": issued.failure_of(ERRORS["a refused chain"], False, DUE),
    "a certificate that is refused": issued.failure_of(ERRORS["a refused certificate"], False, DUE),
    "a bug": issued.unexpected_failure(KeyError("x"), False),
}

#: Steps that failed: what acme_order, certificate_request and acme_order_finalize returned; problems of TXT records.
ORDERED = of_web1(contracts.ordered())
STEPS = {
    "a bad entry of acme_dns, a missing library, a missing tasks file": ({"msg": "zone x: no such option"}, {}, {}, {}),
    "an ordering process that was killed": ({"msg": "acme_order gave no answer"}, {}, {}, {}),
    "no key or request": (ORDERED, {"failures": {"shop": "disk full"}}, {}, {}),
    "a challenge that cannot be written, a journal that cannot": (ORDERED, {"failures": {"shop": "denied"}}, {}, {}),
    "a host without the library": (ORDERED, {"msg": "cryptography is missing"}, {}, {}),
    "a DNS provider that is down or refuses, a tasks file that failed": (ORDERED, REQUESTED, {"hosts": {}}, "refused"),
    "a name server that lacks the record": (ORDERED, REQUESTED, {"hosts": {}}, "ns1 lacks the record"),
    "a finalizing process that was killed": (ORDERED, REQUESTED, {"msg": "no answer"}, {}),
    "no reason at all": (ORDERED, REQUESTED, {"hosts": {}}, {}),
}


def outcome_of(state, planned, ordered, requested=REQUESTED, finalized=None, problem=""):
    plan = {"directories": [DIRECTORY], **of_web1(planned.decided())}
    hostvars = {"web1": {"_acme_request": requested, "_acme_found": {"certificates": [state.has.to_result()]}}}
    problems = {"web1": {"shop": problem}} if problem else {}
    results = BatchResults(plan, ordered, finalized or {"hosts": {}}, hostvars, problems=problems, now=state.now)
    (outcome,) = outcomes.of_orders(results, "web1")
    return outcome


def verify(state, outcome):
    assert outcome.status == state.expected
    text = outcome.advice or ""
    assert ("and the host fails from 2026-11-15 12:00 UTC on" in text) is (state.expected == Status.DEFERRED)
    assert ("the live certificate" in text) is (state.has.live is not None)


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("is_finalized", [False, True], ids=["ordering", "finalizing"])
def test_unissued_order_that_failed_is_judged_by_the_live_certificate(failure, state, is_finalized):
    planned = state.planned()
    failed = of_web1(from_failure(contracts.asked(can_wait=planned.decision.can_wait), failure))
    ordered = ORDERED if is_finalized else failed
    verify(state, outcome_of(state, planned, ordered, finalized=failed if is_finalized else None))


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("results", STEPS.values(), ids=STEPS)
def test_unissued_step_that_failed_is_judged_by_the_live_certificate(results, state):
    verify(state, outcome_of(state, state.planned(), *results))


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_unissued_without_an_order_is_judged_by_the_live_certificate(state):
    action = Action.KEEP if state.expected == Status.DEFERRED else Action.REFUSE
    host = state.planned(problems=["webroot /srv does not exist"])
    assert (host.decision.action, host.decision.message) == (action, "webroot /srv does not exist")
    assert without_ca(state.planned(), "no CA answers").decision.action == action


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("error", MISTAKES.values(), ids=MISTAKES)
def test_unissued_mistake_in_options_always_fails(error, state):
    planned = state.planned()
    failed = from_failure(contracts.asked(can_wait=planned.decision.can_wait), to_failure(error))
    assert outcome_of(state, planned, of_web1(failed)).status == Status.FAILED


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_unissued_mistake_in_its_entry_always_fails(state):
    planned = state.planned(invalid=["identifier 'x y' is not a name"])
    outcome = outcome_of(state, planned, {"hosts": {}})
    assert (outcome.status, outcome.problem) == (Status.FAILED, "identifier 'x y' is not a name")
