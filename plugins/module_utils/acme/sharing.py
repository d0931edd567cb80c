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

from ..pki.identifiers import check, names
from .decision import ISSUE, KEEP, RECEIVE, REFUSE, REPAIR, SWITCH, Decision
from .issuance_history import Issuance, of_names
from .plan import Planned, Share

# Reasons to issue that are a host's own: the certificate itself may go on.
_OF_THE_HOST = ("missing", "damaged", "key does not match")
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
        if plan.found["wanted"].get("shared") and plan.decision.action in (KEEP, REPAIR, SWITCH):
            givers.setdefault(plan.name, []).append(plan)
    groups: dict[str, list[int]] = {}
    for number, plan in enumerate(result):
        if plan.found["wanted"].get("shared"):
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
        if plan.decision.action == RECEIVE and plan.share and plan.share.serial is None:
            owner = by_host[plan.share.owner, plan.name].decision
            if owner.action != ISSUE:
                plan = replace(plan, decision=plan.decision.postponed(owner.message, owner.next_at), share=None)
        result.append(plan)
    return result


def shares(planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """What is passed on in the run: for each certificate, from which host to which hosts."""
    result: dict[tuple[str, str], dict[str, Any]] = {}
    for plan in planned:
        if plan.share:
            key = (plan.share.owner, plan.name)
            result.setdefault(key, {"name": plan.name, **_told(plan.share), "hosts": []})["hosts"].append(plan.host)
    return list(result.values())


def _told(share: Share) -> dict[str, Any]:
    issued = share.issued
    recorded = (
        {"certificate": issued.certificate, "chain": issued.chain, "created": issued.time}
        if issued and issued.chain
        else {}
    )
    return {**share.result(), **recorded}


def _of_group(group: list[Planned], givers: list[Planned], read_record: ReadRecord, since: str) -> list[Planned]:
    members = [plan for plan in group if plan.decision.action != REFUSE]
    problem = _difference([*givers, *members])
    if problem:
        refused = Decision(REFUSE, message=problem)
        return [replace(plan, decision=refused) if plan in members else plan for plan in group]
    if len(members) + len(givers) < 2 or not members:
        return group
    # What is due for its own sake is due wherever it is.
    spent = {_live(plan, "serial") for plan in members if _is_spent(plan)}
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
    wanted = group[0].found["wanted"]
    recorded = of_names(read_record(), group[0].name, names(check(wanted["identifiers"], wanted["challenge"])))
    used = {_live(plan, "serial") for plan in group} | {_serial(plan) for plan in group}
    return {} if used.isdisjoint(recorded) else recorded


def _not_after(plan: Planned, recorded: Mapping[Any, Issuance]) -> str:
    issued = recorded.get(_serial(plan))
    return issued.not_after if issued else str(_held(plan)["not_after"])


def _from_giver(plan: Planned, giver: Planned, issued: Issuance | None = None) -> Planned:
    serial = _serial(giver)
    if _serial(plan) == serial and plan.decision.action in (KEEP, REPAIR, SWITCH):
        return plan
    version = giver.found["pending"] if giver.decision.action == SWITCH else giver.found["live"]
    reason = plan.decision.reason if plan.decision.action == ISSUE else "not the one that is shared"
    decision = Decision(RECEIVE, reason, f"from {giver.host}", can_wait=plan.decision.can_wait)
    return replace(
        plan,
        decision=decision,
        replaces=None,
        share=Share(
            giver.host,
            serial,
            issued.directory if issued else version["directory"],
            issued.account_uri if issued else version.get("account_uri"),
            issued,
        ),
    )


def _with_owner(plan: Planned, owner: Planned, members: list[Planned]) -> Planned:
    due = (member.decision.reason for member in members if member.decision.action == ISSUE)
    reason = next(due, "not the one that is shared")
    if plan is not owner:
        own = plan.decision.reason if plan.decision.action == ISSUE else reason
        decision = Decision(RECEIVE, own, f"from {owner.host}", can_wait=_can_wait(plan), repair=_repair(plan))
        return replace(plan, decision=decision, replaces=None, share=Share(owner.host))
    if plan.decision.action == ISSUE:
        reason = plan.decision.reason
    replaces = next((member.replaces for member in (owner, *members) if member.replaces), None)
    # One order for all: it waits only if all of them can.
    can_wait = all(map(_can_wait, members))
    decision = Decision(ISSUE, reason, plan.decision.message, can_wait=can_wait, repair=_repair(plan))
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
    wanted = plan.found["wanted"]
    if what == "identifiers":
        return set(names(check(wanted["identifiers"], wanted["challenge"])))
    return wanted[what] or None


def _is_spent(plan: Planned) -> bool:
    return plan.decision.action == ISSUE and plan.decision.reason not in _OF_THE_HOST


def _can_wait(plan: Planned) -> bool:
    return plan.decision.action != ISSUE or plan.decision.can_wait


def _repair(plan: Planned) -> Decision | None:
    return plan.decision if plan.decision.action == REPAIR else plan.decision.repair


def _has_order(plan: Planned) -> bool:
    """Whether a run that was killed left an order with it, which may have been finalized with its key."""
    pending = plan.found.get("pending")
    return bool(pending and pending.get("order_uri") and not pending.get("issued"))


def _held(plan: Planned) -> Any:
    """The certificate that the host can go on with, after this run at the latest."""
    if plan.decision.action == SWITCH:
        return plan.found["pending"]["issued"]
    return plan.found["live"] if plan.decision.action in (KEEP, REPAIR) else {}


def _serial(plan: Planned) -> str | None:
    serial: str | None = _held(plan).get("serial")
    return serial


def _live(plan: Planned, field: str) -> Any:
    return (plan.found.get("live") or {}).get(field)
