# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that several hosts share, in the plan: which host makes the key, and which hosts get it from which.

A host that has the certificate gives it to the others; if none has, the first of them orders for all. Pure, and
standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._common.contracts import SharedKey, Version
from .._common.statuses import Action, Reason
from .decision import Decision
from .issuance_history import RecordedCertificate, of_names
from .plan import Planned

# Reasons to issue that concern one host only: other hosts can keep the certificate.
_OF_THE_HOST = (Reason.MISSING, Reason.DAMAGED, Reason.KEY_MISMATCH)
#: Actions after which a host uses the certificate that it has.
_HOLDING = (Action.KEEP, Action.REPAIR, Action.SWITCH)
_ALIKE = ("identifiers", "key_type", "profile")


#: Return the controller's record of certificates; called only if the choice of the giver depends on it.
ReadRecord = Callable[[], Sequence[RecordedCertificate]]


def share(
    planned: Sequence[Planned],
    elsewhere: Sequence[Planned] = (),
    read_record: ReadRecord = tuple,
    since: str = "",
) -> list[Planned]:
    """Return the plan with one order at most for each shared certificate. *planned* is in the order of the play.

    *elsewhere*: certificates of hosts of earlier batches, which give what they have and get nothing. *since*: what is
    to be replaced was issued before this time, as the record has times.
    """
    result = list(planned)
    givers: dict[str, list[Planned]] = {}
    for plan in elsewhere:
        if plan.is_shared and plan.decision.action in _HOLDING:
            givers.setdefault(plan.name, []).append(plan)
    groups: dict[str, list[int]] = {}
    for number, plan in enumerate(result):
        if plan.is_shared and plan.decision.action != Action.REFUSE and not plan.decision.is_postponed:
            groups.setdefault(plan.name, []).append(number)
    for name, numbers in groups.items():
        members = [result[number] for number in numbers]
        for number, plan in zip(numbers, _of_group(members, givers.get(name, []), read_record, since)):
            result[number] = plan
    return result


def postpone_receivers(planned: Sequence[Planned]) -> list[Planned]:
    """Return the plan in which no host waits for the key of an order that is not made in this run."""
    by_host = {(plan.host, plan.name): plan for plan in planned}
    result = []
    for plan in planned:
        if plan.decision.action == Action.RECEIVE and plan.share and plan.share.serial is None and plan.share.giver:
            giver = by_host[plan.share.giver, plan.name].decision
            if giver.action != Action.ISSUE:
                plan = replace(plan, decision=plan.decision.postponed(giver.message, giver.next_at), share=None)
        result.append(plan)
    return result


def shares(planned: Sequence[Planned]) -> list[SharedKey]:
    """Return the keys that are passed on in the run: for each certificate, from which host to which hosts."""
    result: dict[tuple[str | None, str], SharedKey] = {}
    for plan in planned:
        if plan.share:
            share = result.setdefault((plan.share.giver, plan.name), plan.share)
            result[share.giver, plan.name] = replace(share, hosts=(*share.hosts, plan.host))
    return list(result.values())


def _of_group(members: list[Planned], givers: list[Planned], read_record: ReadRecord, since: str) -> list[Planned]:
    """Return the plan of the hosts that share one certificate. *givers*: of earlier batches."""
    group = [*givers, *members]
    problem = _difference(group)
    if problem:
        return [replace(plan, decision=Decision(Action.REFUSE, message=problem)) for plan in members]
    if len(group) < 2:
        return members
    # A certificate that is due by itself is due on all hosts.
    due = {_live_serial(plan) for plan in members if _is_due(plan)}
    holders = [plan for plan in group if _serial(plan) not in (None, *due)]
    if holders and len({_serial(plan) for plan in group}) == 1:
        return members  # all have it, and there is nothing to choose
    recorded = _recorded(group, read_record)
    if recorded:
        # A hostile host may claim to have a later one.
        replaced = since if any(plan.selected for plan in members) else ""
        holders = [plan for plan in holders if _serial(plan) in recorded and recorded[_serial(plan)].time >= replaced]
    if holders:
        giver = max(holders, key=lambda plan: _not_after(plan, recorded))  # the first of those with the latest
        return [_from_giver(plan, giver, recorded.get(_serial(giver))) for plan in members]
    giver = next(filter(_has_order, members), members[0])
    return [_with_order_of(plan, giver, members) for plan in members]


def _recorded(group: Sequence[Planned], read_record: ReadRecord) -> Mapping[Any, RecordedCertificate]:
    """Return the recorded certificates of the group that shares one, by serial number.

    Empty if none of them is in use in the group: then another controller orders for it, with a record of its own.
    """
    recorded = of_names(read_record(), group[0].name, group[0].names)
    used = {_live_serial(plan) for plan in group} | {_serial(plan) for plan in group}
    return {} if used.isdisjoint(recorded) else recorded


def _not_after(plan: Planned, recorded: Mapping[Any, RecordedCertificate]) -> str:
    """Return when the certificate of a host expires, by the record if it has it."""
    issued = recorded.get(_serial(plan))
    held = _held(plan)
    return issued.not_after if issued else str(held and held.not_after)


def _from_giver(plan: Planned, giver: Planned, issued: RecordedCertificate | None = None) -> Planned:
    """Return the plan for a host that gets the certificate of *giver*. *issued*: it in the record."""
    serial = _serial(giver)
    if _serial(plan) == serial:
        return plan
    reason = plan.decision.reason if plan.decision.action == Action.ISSUE else Reason.SHARED
    decision = Decision(Action.RECEIVE, reason, f"from {giver.host}", can_wait=_can_wait(plan))
    source = issued or _held(giver)
    directory, account_uri = (source.directory, source.account_uri) if source else (None, None)
    share = SharedKey(plan.name, giver.host, serial=serial, directory=directory, account_uri=account_uri)
    if issued and issued.chain:
        # The record counts, and not the giver's word.
        share = replace(share, certificate=issued.certificate, chain=issued.chain, created=issued.time)
    return replace(plan, decision=decision, replaces_ari_id=None, share=share)


def _with_order_of(plan: Planned, giver: Planned, members: list[Planned]) -> Planned:
    """Return the plan for a host, where *giver* makes the key and orders for all *members*."""
    due = (member.decision.reason for member in members if member.decision.action == Action.ISSUE)
    reason = next(due, Reason.SHARED)
    if plan is not giver:
        own = plan.decision.reason if plan.decision.action == Action.ISSUE else reason
        decision = Decision(Action.RECEIVE, own, f"from {giver.host}", can_wait=_can_wait(plan), repair=_repair(plan))
        return replace(plan, decision=decision, replaces_ari_id=None, share=SharedKey(plan.name, giver.host))
    if plan.decision.action == Action.ISSUE:
        reason = plan.decision.reason
    replaced = (member.replaces_ari_id for member in (giver, *members))
    # One order for all: it waits only if all of them can.
    can_wait = all(map(_can_wait, members))
    decision = Decision(Action.ISSUE, reason, plan.decision.message, can_wait=can_wait, repair=_repair(plan))
    return replace(plan, decision=decision, replaces_ari_id=next(filter(None, replaced), None))


def _difference(members: list[Planned]) -> str:
    """Return a line about what differs between hosts that share a certificate; empty if nothing does."""
    for plan in members[1:]:
        for what in _ALIKE:
            if _term(plan, what) != _term(members[0], what):
                return (
                    f"it is shared, but {what} differs between {members[0].host} and {plan.host}: "
                    "give it the same on all hosts, or another name"
                )
    return ""


def _term(plan: Planned, what: str) -> Any:
    return set(plan.names) if what == "identifiers" else getattr(plan.certificate.wanted, what) or None


def _is_due(plan: Planned) -> bool:
    """Return True if the live certificate itself has to be replaced, on whatever host it is."""
    return plan.decision.action == Action.ISSUE and plan.decision.reason not in _OF_THE_HOST


def _can_wait(plan: Planned) -> bool:
    return plan.decision.action != Action.ISSUE or plan.decision.can_wait


def _repair(plan: Planned) -> Decision | None:
    return plan.decision if plan.decision.action == Action.REPAIR else plan.decision.repair


def _has_order(plan: Planned) -> bool:
    """Return True if a killed run left an order on the host, which may have been finalized with the key of the host."""
    pending = plan.certificate.pending
    return bool(pending and pending.order_uri and not pending.is_issued)


def _held(plan: Planned) -> Version | None:
    """Return the version that the host uses at the latest after this run; None if it needs another."""
    if plan.decision.action == Action.SWITCH:
        return plan.certificate.pending
    return plan.certificate.live if plan.decision.action in _HOLDING else None


def _serial(plan: Planned) -> str | None:
    held = _held(plan)
    return held.serial if held else None


def _live_serial(plan: Planned) -> str | None:
    return plan.certificate.live.serial if plan.certificate.live else None
