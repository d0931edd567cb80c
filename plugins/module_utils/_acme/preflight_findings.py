# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings of the preflight, and what follows from them: an order fails, there is a warning, or neither. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from .._common.errors import CollectionError
from .._common.text import listed

_SHOWN_NAMES, _SHOWN_REASONS = 3, 4  # in a warning, which has to fit on a screen


class NotVerifiable(CollectionError):
    """Something cannot be verified from here; str(): the reason, without the name that it is about."""


class Kind(Enum):
    """The kinds of findings. UNSEEN: there was no answer, or one that says nothing."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Finding:
    """A fact about a name, found at one of its addresses or in its CAA records.

    text: the fault, with the address; of UNSEEN the reason alone. advice: a sentence without its period, or empty.
    is_public: False if a public CA does not ask this address.
    """

    kind: Kind
    text: str = ""
    advice: str = ""
    is_public: bool = True


@dataclass(frozen=True)
class Verdict:
    """The consequence for a name. faults: why it would fail validation. unseen: why it is not verified, or empty."""

    faults: tuple[Finding, ...] = ()
    unseen: str = ""


def judge(findings: Iterable[Finding], ca_is_public: bool) -> Verdict:
    """Return what follows from the findings at all addresses of a name.

    An answer is certain, as the CA gets the same: it may ask any address, and after a wrong answer it asks no other.
    A reset, silence or a missing route may be the controller's network alone. They do not matter if another address
    gives the right answer: CAs that cannot connect try another one (Boulder: IPv4 after IPv6).

    A refused connection is certain if it is all there is. The machine itself sends it, to everybody who asks, if
    nothing listens at the port; networks that keep the controller out mostly drop or reset. A firewall that refuses, or
    a router that knows no way back to its own public address, looks the same: so a single address without an answer
    leaves the name undecided, and the message has the addresses and the switch.
    """
    seen = [_as_seen_by_public_ca(finding) if ca_is_public else finding for finding in findings]
    wrong = tuple(finding for finding in seen if finding.kind is Kind.WRONG)
    kinds = {finding.kind for finding in seen}
    if wrong or kinds == {Kind.REFUSED}:
        return Verdict(wrong or tuple(seen))
    if not seen or Kind.RIGHT in kinds:
        return Verdict()
    return Verdict(unseen=_joined(finding.text for finding in seen))


def _as_seen_by_public_ca(finding: Finding) -> Finding:
    # Split DNS: the name has another address for the CA, and perhaps another server there.
    if finding.is_public or finding.kind not in (Kind.WRONG, Kind.REFUSED):
        return finding
    return replace(finding, kind=Kind.UNSEEN, text=f"{finding.text}, at an address that a public CA does not ask")


def failure(faults: Collection[tuple[str, Finding]]) -> str:
    """Return one line with all faults of a certificate, each with its name; empty without any."""
    if not faults:
        return ""
    listed = "; for ".join(
        f"{', '.join(names)}: {text}" for text, names in _by_text((name, fault.text) for name, fault in faults)
    )
    advice = dict.fromkeys(fault.advice for _name, fault in faults if fault.advice)
    return ". ".join(
        (
            f"the preflight failed for {listed}",
            *advice,
            "The CA was not asked to validate. To ask it without a preflight, set acme_preflight: false",
        )
    )


def warning(unseen: Iterable[tuple[str, str]]) -> str:
    """Return one line about all names that could not be verified, each with the reason; empty without any."""
    reasons: dict[str, list[str]] = {}
    for name, reason in unseen:
        reasons.setdefault(name, []).append(reason)
    if not reasons:
        return ""
    groups = _by_text((name, _joined(several)) for name, several in reasons.items())
    groups.sort(key=lambda group: -len(group[1]))
    parts = [f"{listed(names, _SHOWN_NAMES)} ({reason})" for reason, names in groups[:_SHOWN_REASONS]]
    others = sum(len(names) for _reason, names in groups[_SHOWN_REASONS:])
    if others:
        parts.append(f"{others} more for other reasons")
    count = "1 name" if len(reasons) == 1 else f"{len(reasons)} names"
    return (
        f"{count} could not be verified from here: {'; '.join(parts)}. "
        "No order fails because of this. To order without a preflight, set acme_preflight: false"
    )


def _by_text(items: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return each text with its names, each once."""
    groups: dict[str, dict[str, None]] = {}
    for name, text in items:
        groups.setdefault(text, {})[name] = None
    return [(text, list(names)) for text, names in groups.items()]


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
