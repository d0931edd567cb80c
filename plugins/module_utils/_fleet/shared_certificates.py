# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that several hosts share, in the plan: who makes the key, and who gets it from whom.

A host that has what the others want gives it to them; where none has, the first of them orders for all.
Pure, and standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._common.contracts import SharedKey, Version
from .._common.statuses import Action, Reason
from .decision import Decision
from .issuance_history import Issuance, of_names
from .plan import Planned

# Reasons to issue that are a host's own: the certificate itself may go on.
_OF_THE_HOST = (Reason.MISSING, Reason.DAMAGED, Reason.KEY_MISMATCH)
#: Actions after which a host goes on with what it has.
_HOLDING = (Action.KEEP, Action.REPAIR, Action.SWITCH)
_ALIKE = ("identifiers", "key_type", "profile")


#: Give the controller's record of what it issued; it is read only where it bears on who gives.
ReadRecord = Callable[[], Sequence[Issuance]]


def share(
    planned: Sequence[Planned],
    elsewhere: Sequence[Planned] = (),
    read_record: ReadRecord = tuple,
    since: str = "",
) -> list[Planned]:
    """The plan with one order at most for each shared certificate. *planned* is in the order of the play.

    *elsewhere*: hosts of earlier batches, which give what they have and get nothing. *since*: what is to be replaced
    was issued before, as the record has times.
    """
    result = list(planned)
    givers: dict[str, list[Planned]] = {}
    for plan in elsewhere:
        if plan.is_shared and plan.decision.action in _HOLDING:
            givers.setdefault(plan.name, []).append(plan)
    groups: dict[str, list[int]] = {}
    for number, plan in enumerate(result):
        if plan.is_shared:
            groups.setdefault(plan.name, []).append(number)
    for numbers in groups.values():
        group = [result[number] for number in numbers]
        for number, plan in zip(numbers, _of_group(group, givers.get(group[0].name, []), read_record, since)):
            result[number] = plan
    return result


def settle(planned: Sequence[Planned]) -> list[Planned]:
    """The plan once it is known what is ordered: without its order, nobody waits for a key."""
    by_host = {(plan.host, plan.name): plan for plan in planned}
    result = []
    for plan in planned:
        if plan.decision.action == Action.RECEIVE and plan.share and plan.share.serial is None and plan.share.owner:
            owner = by_host[plan.share.owner, plan.name].decision
            if owner.action != Action.ISSUE:
                plan = replace(plan, decision=plan.decision.postponed(owner.message, owner.next_at), share=None)
        result.append(plan)
    return result


def shares(planned: Sequence[Planned]) -> list[SharedKey]:
    """What is passed on in the run: for each certificate, from which host to which hosts."""
    result: dict[tuple[str | None, str], SharedKey] = {}
    for plan in planned:
        if plan.share:
            share = result.setdefault((plan.share.owner, plan.name), plan.share)
            result[share.owner, plan.name] = replace(share, hosts=(*share.hosts, plan.host))
    return list(result.values())


def _of_group(group: list[Planned], givers: list[Planned], read_record: ReadRecord, since: str) -> list[Planned]:
    members = [plan for plan in group if plan.decision.action != Action.REFUSE]
    problem = _difference([*givers, *members])
    if problem:
        refused = Decision(Action.REFUSE, message=problem)
        return [replace(plan, decision=refused) if plan in members else plan for plan in group]
    if len(members) + len(givers) < 2 or not members:
        return group
    # What is due for its own sake is due wherever it is.
    spent = {_live_serial(plan) for plan in members if _is_spent(plan)}
    holders = [plan for plan in (*givers, *members) if _serial(plan) not in (None, *spent)]
    if holders and len({_serial(plan) for plan in (*givers, *members)}) == 1:
        return group  # all have it, and there is nothing to choose
    recorded = _recorded([*givers, *members], read_record)
    if recorded:
        # One of them may be hostile, and say that it has a better one.
        replaced = since if any(plan.selected for plan in members) else ""
        holders = [plan for plan in holders if _serial(plan) in recorded and recorded[_serial(plan)].time >= replaced]
    if holders:
        giver = max(holders, key=lambda plan: _not_after(plan, recorded))  # the first of those with the latest
        issued = recorded.get(str(_serial(giver)))
        return [_from_giver(plan, giver, issued) if plan in members else plan for plan in group]
    owner = next(filter(_has_order, members), members[0])
    return [_with_owner(plan, owner, members) if plan in members else plan for plan in group]


def _recorded(group: Sequence[Planned], read_record: ReadRecord) -> Mapping[Any, Issuance]:
    """Return what the record has of the certificate that a group shares, by serial number.

    Nothing where it has none of those that the group uses: then others order for it, with a record of their own.
    """
    recorded = of_names(read_record(), group[0].name, _names(group[0]))
    used = {_live_serial(plan) for plan in group} | {_serial(plan) for plan in group}
    return {} if used.isdisjoint(recorded) else recorded


def _not_after(plan: Planned, recorded: Mapping[Any, Issuance]) -> str:
    issued = recorded.get(_serial(plan))
    held = _held(plan)
    return issued.not_after if issued else str(held and held.not_after)


def _from_giver(plan: Planned, giver: Planned, issued: Issuance | None = None) -> Planned:
    serial = _serial(giver)
    if _serial(plan) == serial and plan.decision.action in _HOLDING:
        return plan
    reason = plan.decision.reason if plan.decision.action == Action.ISSUE else Reason.SHARED
    decision = Decision(Action.RECEIVE, reason, f"from {giver.host}", can_wait=plan.decision.can_wait)
    share = SharedKey(plan.name, giver.host, serial=serial)
    version = _held(giver)
    if issued:
        share = replace(share, directory=issued.directory, account_uri=issued.account_uri)
    elif version:
        share = replace(share, directory=version.directory, account_uri=version.account_uri)
    if issued and issued.chain:
        # The record's word counts, and not the owner's.
        share = replace(share, certificate=issued.certificate, chain=issued.chain, created=issued.time)
    return replace(plan, decision=decision, replaces=None, share=share)


def _with_owner(plan: Planned, owner: Planned, members: list[Planned]) -> Planned:
    due = (member.decision.reason for member in members if member.decision.action == Action.ISSUE)
    reason = next(due, Reason.SHARED)
    if plan is not owner:
        own = plan.decision.reason if plan.decision.action == Action.ISSUE else reason
        decision = Decision(Action.RECEIVE, own, f"from {owner.host}", can_wait=_can_wait(plan), repair=_repair(plan))
        return replace(plan, decision=decision, replaces=None, share=SharedKey(plan.name, owner.host))
    if plan.decision.action == Action.ISSUE:
        reason = plan.decision.reason
    replaces = next((member.replaces for member in (owner, *members) if member.replaces), None)
    # One order for all: it waits only if all of them can.
    can_wait = all(map(_can_wait, members))
    decision = Decision(Action.ISSUE, reason, plan.decision.message, can_wait=can_wait, repair=_repair(plan))
    return replace(plan, decision=decision, replaces=replaces)


def _difference(members: list[Planned]) -> str:
    """In what hosts do not agree that want the same certificate; empty if they do."""
    for plan in members[1:]:
        for what in _ALIKE:
            if _asked(plan, what) != _asked(members[0], what):
                return (
                    f"it is shared, but {what} differs between {members[0].host} and {plan.host}: "
                    "give it the same on all hosts, or another name"
                )
    return ""


def _asked(plan: Planned, what: str) -> Any:
    return set(_names(plan)) if what == "identifiers" else getattr(plan.found.wanted, what) or None


def _names(plan: Planned) -> list[str]:
    return plan.found.wanted.names if plan.found.wanted else []


def _is_spent(plan: Planned) -> bool:
    return plan.decision.action == Action.ISSUE and plan.decision.reason not in _OF_THE_HOST


def _can_wait(plan: Planned) -> bool:
    return plan.decision.action != Action.ISSUE or plan.decision.can_wait


def _repair(plan: Planned) -> Decision | None:
    return plan.decision if plan.decision.action == Action.REPAIR else plan.decision.repair


def _has_order(plan: Planned) -> bool:
    """Whether a run that was killed left an order with it, which may have been finalized with its key."""
    pending = plan.found.pending
    return bool(pending and pending.order_uri and not pending.is_issued)


def _held(plan: Planned) -> Version | None:
    """The version that the host can go on with, after this run at the latest."""
    if plan.decision.action == Action.SWITCH:
        return plan.found.pending
    return plan.found.live if plan.decision.action in _HOLDING else None


def _serial(plan: Planned) -> str | None:
    held = _held(plan)
    return held.serial if held else None


def _live_serial(plan: Planned) -> str | None:
    return plan.found.live.serial if plan.found.live else None
