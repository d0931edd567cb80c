# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run: every certificate's decision, with the CA's renewal information where it bears on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from ..pki.manifest import utc
from .decision import ISSUE, REFUSE, Decision, decide
from .directory import Directory
from .errors import AcmeError
from .issuance_history import Issuance
from .renewal_info import RenewalInfo

LIVE, PENDING = "live", "pending"
#: A certificate that a host has: host, name, and whether it is the live one or the pending one that awaits its switch.
Version = tuple[str, str, str]
#: Asks CAs about their certificates, ARI ids by directory: what is known of each that is answered for.
AskRenewal = Callable[[Mapping[str, list[str]]], Mapping[str, RenewalInfo]]


@dataclass(frozen=True)
class Share:
    """From whom a host gets a shared certificate: the owner's one with *serial*, or the one that it orders now.

    issued: what the controller's record has of it, whose word counts then, and not the owner's.
    """

    owner: str
    serial: str | None = None
    directory: str | None = None
    account_uri: str | None = None
    issued: Issuance | None = None

    def result(self) -> dict[str, Any]:
        """Return what the host gets of it."""
        return {field: getattr(self, field) for field in ("owner", "serial", "directory", "account_uri")}


@dataclass(frozen=True)
class Planned:
    """A certificate of a host, as certificate_info found it, and what is to be done.

    info: what the CA said of its renewal. directory: the CA to be asked first, if that is not the first one.
    selected: it is to be replaced, with a new key.
    """

    host: str
    name: str
    found: Mapping[str, Any]
    decision: Decision
    replaces: str | None = None
    share: Share | None = None
    info: RenewalInfo | None = None
    directory: str | None = None
    selected: bool = False

    def line(self) -> str:
        """One line for people."""
        why = ": ".join(text for text in (self.decision.reason, self.decision.message) if text)
        return f"{self.host}: certificate {self.name}: {self.decision.action} ({why})"

    def result(self) -> dict[str, Any]:
        """What the host is told."""
        decision = self.decision
        return {
            "name": self.name,
            "action": decision.action,
            "reason": decision.reason,
            "message": decision.message,
            "can_wait": decision.can_wait,
            "replaces_cert_id": self.replaces,
            "next": utc(decision.next_at) if decision.next_at else None,
            **({"share": self.share.result()} if self.share else {}),
            **({"directory": self.directory} if self.directory else {}),
            **({"selected": True} if self.selected else {}),
            **({"explanation_url": self.info.explanation_url} if self.info and self.info.explanation_url else {}),
        }


def make(
    found: Iterable[Mapping[str, Any]],
    directories: Collection[str],
    now: datetime,
    forced: bool,
    ask_renewal: AskRenewal,
    selected: Callable[[Mapping[str, Any]], bool] | None = None,
    interval: timedelta = timedelta(0),
    revoked: Mapping[Version, str] = MappingProxyType({}),
) -> list[Planned]:
    """Decide for all. A CA is asked only of its certificates for which its word makes a difference.

    *selected*: which certificates are to be replaced, with all forced if *forced*. *interval*: how often this is run,
    if that is known. *revoked*: of certificates that the CA has revoked what it says of them.
    """
    found = list(found)
    times = Counter((item["host"], item["name"]) for item in found)
    planned = []
    for item in found:
        replacing = False
        try:
            if revoked.get((item["host"], item["name"], PENDING)):
                item = {**item, PENDING: None}  # nobody switches to it
            replacing = bool(selected and selected(item))
            said = revoked.get((item["host"], item["name"], LIVE), "")
            decision = decide(item, directories, now, forced=forced or replacing, revoked=said)
        except (AttributeError, LookupError, TypeError, ValueError):
            # Whatever one host has is no reason to stop for the others.
            item = {**item, "live": None, "pending": None, "issued": []}
            decision = Decision(REFUSE, message="certificate_info returned malformed data for this certificate")
        if times[item["host"], item["name"]] > 1:
            decision = Decision(REFUSE, message="acme_certificates has more than one certificate of this name")
        planned.append(Planned(item["host"], item["name"], item, decision, selected=replacing))
    asked: dict[str, set[str]] = {}
    for plan in planned:
        ari_id = _ari_id(plan)
        if ari_id and _depends(plan.decision):
            asked.setdefault(plan.found["live"]["directory"], set()).add(ari_id)
    suggested = ask_renewal({url: sorted(ari_ids) for url, ari_ids in asked.items()}) if asked else {}
    return [_with_suggestion(plan, directories, now, suggested, interval) for plan in planned]


def check_profile(plan: Planned, offering: Iterable[Directory]) -> Planned:
    """Refuse what would be ordered under a profile that none of the CAs offers."""
    if plan.decision.action != ISSUE:
        return plan
    problem = ""
    for directory in offering:
        try:
            directory.check_profile(plan.found["wanted"]["profile"])
        except AcmeError as error:
            problem = problem or str(error)
        else:
            return plan
    return replace(plan, decision=Decision(REFUSE, plan.decision.reason, problem))


def without_ca(plan: Planned, why: str) -> Planned:
    """Without the CA, what can wait does; the rest is refused before its host is touched."""
    return replace(plan, decision=plan.decision.postponed(why)) if plan.decision.action == ISSUE else plan


def ordered_from(plan: Planned, url: str, usual: str) -> Planned:
    """Ordered from another CA than the *usual* one, which does not answer."""
    return replace(plan, directory=url) if plan.decision.action == ISSUE and url != usual else plan


def _with_suggestion(
    plan: Planned,
    directories: Collection[str],
    now: datetime,
    suggested: Mapping[str, RenewalInfo],
    interval: timedelta,
) -> Planned:
    ari_id = _ari_id(plan)
    decision, info = plan.decision, None
    if ari_id and ari_id in suggested and _depends(decision):
        info = suggested[ari_id]
        decision = decide(plan.found, directories, now, info.instant(ari_id, interval))
        if decision.reason == "window open" and info.explanation_url:
            decision = replace(decision, message=f"see {info.explanation_url}")
    live = plan.found.get("live")
    # RFC 9773 section 5: the same CA's certificate; acme_order sends it to that CA only.
    replaces = ari_id if decision.action == ISSUE and live and live.get("directory") in directories else None
    return replace(plan, decision=decision, replaces=replaces, info=info)


def _depends(decision: Decision) -> bool:
    """Whether renewal information bears on it: it is kept, or due by its lifetime and could wait."""
    return bool(decision.next_at) or (decision.reason == "lifetime" and decision.can_wait)


def _ari_id(plan: Planned) -> str | None:
    live = plan.found.get("live")
    return live.get("ari_id") if live else None
