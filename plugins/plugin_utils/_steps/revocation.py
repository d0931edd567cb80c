# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A revocation between its steps: what hosts have to sign and to mark, and what is not revoked in the end.

acme_revoke and certificate_revoke take turns until no host has anything left to do. Standard library only: it is loaded
for every host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import Revocation, plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult, RevocationWay

from .flow import Item, read

if TYPE_CHECKING:
    from .revocation_choice import Chosen

_DONE = (RevocationResult.REVOKED, RevocationResult.ALREADY_REVOKED)
_OPTIONS = ("host", "name", "content", "directory", "can_sign", "nonces", "signatures", "is_last", "refusals")
#: The fields that acme_revoke answers.
_ANSWERED = ("status", "problem", "way", "nonces", "is_last", "refusals")
_BY = {RevocationWay.ACCOUNT: "by the account", RevocationWay.OWN_KEY: "with their own keys"}


@dataclass(frozen=True)
class Mark:
    """The attempt to mark a certificate on its host. problem: why it is not marked, or empty."""

    host: str
    name: str
    serial: str
    problem: str = ""


@dataclass(frozen=True)
class RevocationState:
    """The certificates to revoke (items), and the reasons why others are not (problems). notes: lines for people.

    lost: the hosts that failed or could not be reached before, so that their certificates are not among the items.
    """

    items: tuple[Revocation, ...] = ()
    problems: tuple[Revocation, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, chosen: Chosen) -> RevocationState:
        """Return the state before anything is asked."""
        return cls(tuple(chosen.certificates), tuple(chosen.problems), tuple(chosen.notes), tuple(chosen.lost))

    @classmethod
    def from_result(cls, result: Item) -> RevocationState | None:
        """Return the state that the result of acme_revoke has; None if it has none."""
        if "items" not in result:
            return None
        items, problems = (tuple(map(Revocation.from_result, result[name])) for name in ("items", "problems"))
        marks = tuple(Mark(**mark) for mark in result["marks"])
        return cls(items, problems, tuple(result["notes"]), tuple(result["lost"]), marks)

    def to_result(self) -> dict[str, Any]:
        """Return it as JSON has it, for from_result()."""
        marks = [vars(mark) for mark in self.marks]
        certificates = {"items": plain(self.items), "problems": plain(self.problems)}
        return {**certificates, "notes": list(self.notes), "lost": list(self.lost), "marks": marks}

    def options(self) -> list[dict[str, Any]]:
        """Return the certificates that acme_revoke has to do something about, as its option."""
        return [item.options(_OPTIONS) for item in self.items if item.status is None]

    def answered(self, answer: Item) -> RevocationState:
        """Return the state after acme_revoke returned *answer* for options()."""
        answers = read(Revocation, answer.get("certificates") or ())
        asked = [number for number, item in enumerate(self.items) if item.status is None]
        items = list(self.items)
        if len(answers) == len(asked):
            for number, found in zip(asked, answers):
                told = {name: getattr(found, name) for name in _ANSWERED}
                items[number] = replace(items[number], **told, signatures=None)
        else:
            problem = str(answer.get("msg") or "acme_revoke gave no answer")
            for number in asked:
                items[number] = replace(items[number], status=RevocationResult.FAILED, problem=problem)
        return replace(self, items=_settled(items))

    def with_hosts(self, results: Mapping[str, Mapping[str, Any]]) -> RevocationState:
        """Return the state after certificate_revoke ran where on_hosts() says. *results*: what hosts registered."""
        answers = {item.host: results[item.host].get("_acme_signed") or {} for item in self.items}
        items = tuple(
            _with_signatures(item, answers[item.host]) if item.status == RevocationResult.UNSIGNED else item
            for item in self.items
        )
        marks = (_marked(item, answers[item.host]) for item in self._unmarked())
        return replace(self, items=items, marks=(*self.marks, *marks))

    def on_hosts(self, hosts: Collection[str], reason: int, live: str) -> dict[str, dict[str, Any]]:
        """Return by host the options of certificate_revoke. *reason*: a code of RFC 5280. *live*: acme_revoke_live."""
        work: dict[str, dict[str, Any]] = {}
        for item in self.items:
            if item.status == RevocationResult.UNSIGNED and item.host in hosts:
                signing = {**_which(item), "reason": reason, "nonces": dict(item.nonces or {})}
                work.setdefault(item.host, {"sign": [], "revoked": [], "live": live})["sign"].append(signing)
        for item in self._unmarked():
            if item.host in hosts:
                work.setdefault(item.host, {"sign": [], "revoked": [], "live": live})["revoked"].append(_which(item))
        return work

    def failures(self, shown: Mapping[str, Item], names: Collection[str]) -> dict[str, str]:
        """Return by host a line about its certificates that are not revoked or not marked; none for other hosts.

        *shown*: by host of the batch, the result of certificate_info. *names*: of the certificates to revoke.
        """
        lines: dict[str, set[str]] = {host: set() for host in shown}
        for host, line in (*self._problem_lines(), *self._item_lines(), *self._mark_lines()):
            if host in lines:
                lines[host].add(line)
        for host, looked in shown.items():
            if not isinstance(looked.get("history"), (list, tuple)):
                reason = looked.get("msg") or "the host gave no answer"
                lines[host].update(f"certificate {name} is not revoked: {reason}" for name in names)
        return {host: "; ".join(sorted(of_host)) for host, of_host in lines.items() if of_host}

    def summary(self) -> str:
        """Return one line for people: how many are revoked, and how; empty if nothing was to be revoked."""
        ways = Counter(item.way for item in self.items if item.status == RevocationResult.REVOKED and item.way)
        before = sum(item.status == RevocationResult.ALREADY_REVOKED for item in self.items)
        not_revoked = len(self.items) - sum(ways.values()) - before + sum(bool(item.name) for item in self.problems)
        counts = {**{_BY[way]: ways[way] for way in RevocationWay}, "before": before}
        how = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        lost = f"; {', '.join(self.lost)} did not get this far" if self.lost else ""
        if not how and not not_revoked and not lost:
            return ""
        return f"revoked: {how or 'none'}; not revoked: {not_revoked}{lost}"

    def _unmarked(self) -> Iterable[Revocation]:
        """Return the certificates that are revoked, and that their hosts have not been asked to mark."""
        tried = {(mark.host, mark.name, mark.serial) for mark in self.marks}
        return [
            item
            for item in self.items
            if item.status in _DONE and item.can_sign and (item.host, item.name, item.serial) not in tried
        ]

    def _problem_lines(self) -> Iterable[tuple[str, str]]:
        for problem in self.problems:
            about = f"certificate {problem.name} is not revoked: " if problem.name else ""
            yield problem.host, f"{about}{problem.problem}"

    def _item_lines(self) -> Iterable[tuple[str, str]]:
        for item in self.items:
            if item.status not in _DONE:
                reason = item.problem or "acme_revoke gave no reason"
                yield item.host, f"certificate {item.name} ({item.ordered}) is not revoked: {reason}"

    def _mark_lines(self) -> Iterable[tuple[str, str]]:
        for mark in self.marks:
            if mark.problem:
                about = f"certificate {mark.name} (serial {mark.serial})"
                yield mark.host, f"{about} is revoked, and cannot be marked on its host: {mark.problem}. Run again"


def _which(item: Revocation) -> dict[str, str]:
    return {"name": item.name, "serial": item.serial or ""}


def _settled(items: Iterable[Revocation]) -> tuple[Revocation, ...]:
    """Return the certificates; one that several hosts have is revoked for all of them."""
    items = tuple(items)
    revoked = {item.content for item in items if item.status in _DONE}
    return tuple(
        replace(item, status=RevocationResult.ALREADY_REVOKED, problem="")
        if item.content in revoked and item.status not in _DONE
        else item
        for item in items
    )


def _with_signatures(item: Revocation, answer: Item) -> Revocation:
    """Return a certificate with its host's signatures, or why there are none."""
    found, problem = _entry(item, answer, "signed")
    if found.get("signatures"):
        return replace(item, signatures=found["signatures"], status=None)
    refusals = {**(item.refusals or {}), RevocationWay.OWN_KEY.value: problem}
    return replace(item, nonces=None, refusals=refusals, status=None)


def _marked(item: Revocation, answer: Item) -> Mark:
    found, problem = _entry(item, answer, "marked")
    return Mark(item.host, item.name, item.serial or "", found.get("problem") or ("" if found else problem))


def _entry(item: Revocation, answer: Item, key: str) -> tuple[Item, str]:
    """Return what a host says of a certificate, empty if it says nothing, and why."""
    entries = answer.get(key)
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if (entry["name"], entry["serial"]) == (item.name, item.serial):
            return entry, str(entry["problem"] or "the host gave no signature")
    return {}, str(answer.get("msg") or "the host gave no answer")
