# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding a certificate's revocation status: which questions are asked, and what the answers mean.

CRLs first, as some CAs have nothing else; OCSP if they have no answer. No network here: consult() yields questions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from .._common.text import one_line
from .._x509.certificates import validity
from . import ocsp, subject
from .crl import Crl, Reasons, all_reasons
from .revocation_status import CRL, GOOD, OCSP, REVOKED, UNKNOWN, RevocationEntry, RevocationStatus, StatusError

if TYPE_CHECKING:
    from cryptography import x509

ISSUER = "issuer"


@dataclass(frozen=True)
class Question:
    """A question: kind (CRL, OCSP or ISSUER), URL, and the OCSP request. fresh: the cache must not answer it."""

    kind: str
    url: str
    request: bytes = b""
    fresh: bool = False

    @property
    def key(self) -> str:
        """Return the key for the cache."""
        return f"{self.kind} {self.url} {self.request.hex()}"


@dataclass
class Fetched:
    """The answer to a question: data, or a problem. is_cached: the data is from an earlier run.

    With both, the data is cached, and the problem is why there is no newer answer. is_good: it has been verified;
    others are not cached.
    """

    data: bytes = b""
    problem: str = ""
    is_cached: bool = False
    is_good: bool = False

    @cached_property
    def crl(self) -> Crl:
        """Return the data as a CRL, parsed once for all certificates. Raises StatusError."""
        return Crl(self.data)


Consultation = Generator[Question, Fetched, RevocationStatus]
Judged = TypeVar("Judged")


def consult(content: str, now: datetime) -> Consultation:
    """Find the status of the first certificate in *content*, PEM; others in it may be its issuer's."""
    try:
        leaf, *others = subject.parse_chain(content)
        if validity(leaf).not_after <= now:
            raise StatusError("the certificate has expired: CAs no longer publish its status")
        if not subject.distribution_points(leaf) and not subject.responder_urls(leaf):
            raise StatusError("the certificate has no usable URL of a CRL or an OCSP responder")
        issuer = subject.issuer_among(leaf, others) or (yield from _issuer(leaf))
    except StatusError as error:
        return RevocationStatus(UNKNOWN, problem=str(error))
    problems: list[str] = []
    found = yield from _by_crl(leaf, issuer, now, problems)
    if not found:
        found = yield from _by_ocsp(leaf, issuer, now, problems)
    return found or RevocationStatus(UNKNOWN, problem=one_line("; ".join(problems)))


def _issuer(leaf: x509.Certificate) -> Generator[Question, Fetched, x509.Certificate]:
    """Return the issuer from a URL in the certificate. It is the issuer only if its key signed *leaf*."""
    problem = "the issuer is not in the chain, and the certificate has no URL for it"

    def judge(answer: Fetched) -> x509.Certificate:
        found = subject.issuer_among(leaf, subject.parse_issuers(answer.data))
        if found is None:
            raise StatusError("this is not the certificate of the issuer")
        return found

    for url in subject.issuer_urls(leaf):
        try:
            return (yield from _judged(Question(ISSUER, url), judge))
        except StatusError as error:
            problem = str(error)
    raise StatusError(f"the issuer is not known: {problem}")


def _by_crl(
    leaf: x509.Certificate, issuer: x509.Certificate, now: datetime, problems: list[str]
) -> Generator[Question, Fetched, RevocationStatus | None]:
    covered: Reasons = frozenset()
    read: list[tuple[str, datetime | None]] = []
    for point in subject.distribution_points(leaf):

        def judge(
            answer: Fetched, point: x509.DistributionPoint = point
        ) -> tuple[Crl, Reasons, RevocationEntry | None]:
            crl = answer.crl
            crl.verify(issuer, now)
            return crl, crl.covers(leaf, point), crl.entry(leaf)

        for url in subject.urls(point):
            try:
                crl, reasons, revocation = yield from _judged(Question(CRL, url), judge)
            except StatusError as error:
                problems.append(str(error))
                continue
            if revocation:
                return RevocationStatus(REVOKED, CRL, url, revocation.reason, revocation.at, crl.next_update)
            covered |= reasons
            read.append((url, crl.next_update))
            break
        if covered == all_reasons():
            url, next_update = min(read, key=lambda one: str(one[1]))
            return RevocationStatus(GOOD, CRL, url, next_update=next_update)
    if read:
        problems.append(f"{read[0][0]} covers some revocation reasons only")
    return None


def _by_ocsp(
    leaf: x509.Certificate, issuer: x509.Certificate, now: datetime, problems: list[str]
) -> Generator[Question, Fetched, RevocationStatus | None]:
    for url in subject.responder_urls(leaf):
        try:
            said = yield from _judged(
                Question(OCSP, url, ocsp.build_request(leaf, issuer)),
                lambda answer: ocsp.parse_answer(answer.data, leaf, issuer, now),
            )
        except StatusError as error:
            problems.append(str(error))
            continue
        return replace(said, url=url)
    return None


def _judged(question: Question, judge: Callable[[Fetched], Judged]) -> Generator[Question, Fetched, Judged]:
    """Return the result of *judge* for the answer. If it refuses a cached answer, a fresh one is asked for."""
    answer = yield question
    if answer.is_cached:
        try:
            return judge(answer)
        except StatusError:
            if answer.problem:
                raise StatusError(answer.problem) from None
            answer = yield Question(question.kind, question.url, question.request, fresh=True)
    if answer.problem:
        raise StatusError(answer.problem)
    try:
        found = judge(answer)
    except StatusError as error:
        raise StatusError(f"{question.url}: {error}") from None
    answer.is_good = True
    return found
