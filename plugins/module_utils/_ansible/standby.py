# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CAs that would take over from the first one: a change to one that could not work is a warning before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.known_cas import is_root_of_another
from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.identifiers import is_address
from .._common.statuses import Action
from .._common.text import listed
from .._common.threads import Workers
from .._dns.errors import DnsError
from .._fleet.plan import Planned
from .._fleet.plan_sources import PlanSources
from .caa_records import refusal_finder
from .cas import Ca
from .standby_facts import Facts

# Seconds for a directory, and for all CAA records of a run; the most of these, and the most at the same time.
_DIRECTORY, _CAA = 10.0, 10.0
_MOST_NAMES, _SIDE_BY_SIDE = 300, 16
_META = ("profiles", "caaIdentities", "termsOfService", "externalAccountRequired")


@dataclass(frozen=True)
class CaaQuestion:
    """May the CA with these *identities* issue for a name? account_uri: empty if it is unknown."""

    domain: str
    wildcard: bool
    method: str
    identities: tuple[str, ...]
    account_uri: str

    @property
    def key(self) -> str:
        """The text by which the answer is kept."""
        parts = (self.domain, "wildcard" if self.wildcard else "", self.method, self.account_uri, *self.identities)
        return f"CAA {' '.join(parts)}"


#: Return why CAA records refuse, empty if they do not, None if that is unknown.
Ask = Callable[[CaaQuestion], "str | None"]


@dataclass
class Standby:
    """The CAs behind the first one, looked at for one plan.

    resolver: addresses of name servers, of the system if there are none. facts: what is known of them already.
    """

    cas: Sequence[Ca]
    facts: Facts
    clock: Clock
    resolver: Sequence[str] = ()
    ask: Ask | None = field(default=None)

    def warnings(self, planned: Sequence[Planned], sources: PlanSources) -> list[str]:
        """Return a line for each reason why one of them could not take over; nothing where that is unknown."""
        certificates = [item for item in planned if item.certificate.wanted and not item.certificate.invalid]
        due = [item for item in certificates if item.decision.action == Action.ISSUE]
        if not self.facts.are_kept:
            certificates = due  # each run asks again, so only where a change may be near
        lines = []
        for ca in self.cas[1:] if certificates else ():
            reasons = self._problems(ca, certificates, sources, is_due=bool(due))
            lines += [f"{ca.directory} could not take over from {self.cas[0].directory}{reason}" for reason in reasons]
        return [*lines, *filter(None, [self.facts.save()])]

    def _problems(self, ca: Ca, certificates: Sequence[Planned], sources: PlanSources, is_due: bool) -> list[str]:
        if sources.problem(ca.directory):
            return []  # the plan needed it, and says so
        known = self.facts.get(ca.directory)
        if known is None or (known.problem and is_due):
            directory = sources.directory(ca.directory, _DIRECTORY)
            meta = {name: directory.meta[name] for name in _META if name in directory.meta} if directory else {}
            known = self.facts.put(ca.directory, sources.problem(ca.directory), meta)
        if known.problem:
            return [f": {known.problem}. It is looked at again after a day, or when a certificate is due"]
        directory = Directory(ca.directory, "", "", "", meta=known.meta)
        accounts = _accounts(ca, certificates, sources)
        found = [*of_account(ca, directory, bool(accounts)), *of_chain(ca), *of_profiles(ca, directory, certificates)]
        questions = _questions(directory, certificates, next(iter(accounts), ""))
        return [*found, *of_caa(self._refusals(questions, is_due))]

    def _refusals(self, questions: Mapping[CaaQuestion, list[Planned]], is_due: bool) -> dict[str, list[Planned]]:
        """Return by refusal of CAA records the certificates that it is for."""
        known = {question: self.facts.get(question.key) for question in questions}
        unknown = [question for question, fact in known.items() if fact is None or (fact.problem and is_due)]
        # In an order by chance, so that each has its turn in a large fleet.
        asked = sorted(unknown, key=lambda _question: self.clock.chance())[:_MOST_NAMES]
        # One that did not answer is not asked again within a day, either.
        known.update(
            (question, self.facts.put(question.key, text or "")) for question, text in self._answers(asked).items()
        )
        refusals: dict[str, list[Planned]] = {}
        for question, fact in known.items():
            if fact and fact.problem:
                refusals.setdefault(fact.problem, []).extend(questions[question])
        return refusals

    def _answers(self, questions: Sequence[CaaQuestion]) -> dict[CaaQuestion, str | None]:
        ask = self.ask or (_asking(self.resolver) if questions else None)
        if ask is None:
            return dict.fromkeys(questions)
        workers: Workers[CaaQuestion, str | None] = Workers(ask, _SIDE_BY_SIDE, Deadline(self.clock, _CAA))
        for question in questions:
            workers.add(question)
        return dict(workers.results(None))


def of_account(ca: Ca, directory: Directory, has_account: bool) -> list[str]:
    """Return why the CA would make no account, if there is none yet."""
    found: list[str] = []
    if has_account:
        return found
    if directory.external_account_required and not ca.eab:
        what = "it makes no account without an external account binding"
        found.append(f": {what}. Get kid and key from the CA, and set {ca.place}eab, or account_uri of its account")
    if directory.terms_of_service and not ca.terms_agreed:
        what = f"it makes no account without agreement to its terms of service ({directory.terms_of_service})"
        found.append(f": {what}. Read them, and set {ca.place}terms_agreed to true")
    return found


def of_chain(ca: Ca) -> list[str]:
    """Return why the preferred chain would refuse the CA's certificates, as far as roots are known by their names."""
    foreign = [root for root in ca.preferred_chain if is_root_of_another(root, ca.directory)]
    if ca.takes_default_chain or not foreign or len(foreign) < len(ca.preferred_chain):
        return []
    advice = "Give roots of this CA, or set preferred_chain_missing to default"
    return [f": {ca.place}preferred_chain has roots of another CA only ({', '.join(foreign)}). {advice}"]


def of_profiles(ca: Ca, directory: Directory, certificates: Iterable[Planned]) -> list[str]:
    """Return the profiles that the CA does not offer, with their certificates."""
    refused: dict[str, list[Planned]] = {}
    for item in certificates:
        try:
            directory.profile_for(item.certificate.wanted.profile if item.certificate.wanted else None, ca.profile)
        except AcmeError as error:
            refused.setdefault(str(error), []).append(item)
    advice = f"Set {ca.place}profile to what is asked for instead, or to an empty text for none"
    return [f" for {_listed(items)}: {text}. {advice}" for text, items in refused.items()]


def of_caa(refusals: Mapping[str, Sequence[Planned]]) -> list[str]:
    """Return the CAA records that refuse the CA, with the certificates."""
    return [
        f" for {_listed(items)}: {text}. Add a CAA record for this CA, or remove it from acme_directory"
        for text, items in refusals.items()
    ]


def _listed(items: Sequence[Planned]) -> str:
    names = list(dict.fromkeys(f"{item.name} of {item.host}" for item in items))
    return f"certificate{'s' if len(names) > 1 else ''} {listed(names)}"


def _accounts(ca: Ca, certificates: Iterable[Planned], sources: PlanSources) -> list[str]:
    """Return the URLs of the accounts at a CA that are known without asking it."""
    if ca.account_uri:
        return [ca.account_uri]
    versions = (version for item in certificates for version in (item.certificate.live, item.certificate.pending))
    used = [one.account_uri for one in versions if one and one.directory == ca.directory and one.account_uri]
    return used or [item.account_uri for item in sources.record() if item.directory == ca.directory]


def _questions(
    directory: Directory, certificates: Iterable[Planned], account_uri: str
) -> dict[CaaQuestion, list[Planned]]:
    """Return the questions about CAA records, each with its certificates; none if the CA does not say who it is."""
    questions: dict[CaaQuestion, list[Planned]] = {}
    identities = directory.caa_identities
    for item in certificates if identities else ():
        for proof in item.certificate.wanted.proofs if item.certificate.wanted else ():
            if not is_address(proof.name):
                domain = proof.name.removeprefix("*.")
                question = CaaQuestion(domain, domain != proof.name, proof.challenge, identities, account_uri)
                questions.setdefault(question, []).append(item)
    return questions


def _asking(resolver: Sequence[str]) -> Ask | None:
    """Return a function that asks name servers; None where they cannot be asked."""
    try:
        find = refusal_finder(resolver, timeout=_CAA / 2)
    except DnsError:
        return None

    def ask(question: CaaQuestion) -> str | None:
        try:
            return find(question.domain, question.wildcard, question.identities, question.account_uri, question.method)
        except DnsError:
            return None  # an order would report it

    return ask
