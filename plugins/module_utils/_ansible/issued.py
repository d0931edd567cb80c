# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that a CA delivered: verified before their hosts get them, and what helps if one is refused.

A later download helps if only the chain is refused. Else only a new order does; _fleet/attempts.py says when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from .._acme import deviations, unexpected
from .._acme.certificate import Chain
from .._acme.errors import AcmeError, ChainError, RefusedCertificateError
from .._acme.issuance import Failure, to_failure
from .._acme.validity import RequestedValidity
from .._common.contracts import CertificateOrder
from .._common.statuses import FailureKind
from .._common.times import utc
from .._fleet.lifetime import lifetime_point
from .._x509 import certificates, chains
from .._x509.csr import is_answered_by
from .._x509.errors import CertificateError

_WHAT = "the certificate from the CA"


def in_order(chain: Chain) -> Chain:
    """Return a chain in order, without what does not belong to it. Raises ChainError."""
    delivered = chain.certificate + chain.chain
    try:
        leaf, *issuers = chains.in_order(certificates.load_all(delivered, _WHAT))
    except CertificateError as error:
        raise _refused_chain(error, delivered) from None
    intermediates = tuple(certificates.pem(issuer).decode() for issuer in issuers)
    return replace(chain, certificate=certificates.pem(leaf).decode(), intermediates=intermediates)


def leaf_first(delivered: str) -> Chain:
    """Return what a CA delivered (PEM) with the certificate first, in whatever order the rest is.

    Raises CertificateError if there is none, or one that cannot be read.
    """
    found = certificates.load_all(delivered, _WHAT)
    if not found:
        raise CertificateError("the CA's answer has no certificate")
    leaf = chains.leaf_of(found)
    others = tuple(certificates.pem(item).decode() for item in found if item != leaf)
    return Chain(certificates.pem(leaf).decode(), others)


def is_for(csr: bytes, chain: Chain) -> bool:
    """Return True if a certificate is for the key of a request (DER bytes)."""
    return is_answered_by(csr, certificates.load_all(chain.certificate, _WHAT)[0])


def is_due(delivered: str, now: datetime) -> bool:
    """Return True if a certificate (PEM, with its chain or without) is to be renewed by its lifetime at *now*.

    Raises CertificateError if it cannot be read.
    """
    (leaf,) = certificates.load_all(leaf_first(delivered).certificate, _WHAT)
    return now >= lifetime_point(*certificates.validity(leaf))


def verify(chain: Chain, identifiers: Collection[str], times: Sequence[datetime], begins_later: bool = False) -> None:
    """Verify names and dates of a certificate, and its chain. *identifiers*: normalized.

    *times*: now by the CA's clock and by this machine's, aware UTC. One may be wrong: the certificate has to be valid
    by either. *begins_later*: that was asked for. Raises ChainError, RefusedCertificateError.
    """
    delivered = chain.certificate + chain.chain
    leaf, *issuers = certificates.load_all(delivered, _WHAT)
    actual = certificates.covered(leaf)
    if actual != set(identifiers):
        raise RefusedCertificateError(
            f"{_WHAT} is for {', '.join(sorted(actual)) or 'no names'} instead of {', '.join(sorted(identifiers))}. "
            "Check the profile and the CA's policy"
        )
    begin, end = certificates.validity(leaf)
    now = next((time for time in times if begin - time <= certificates.SKEW and time < end), times[0])
    if begin - now > certificates.SKEW and not begins_later:
        raise RefusedCertificateError(
            f"the certificate of the order is not valid before {utc(begin)}, by the CA's clock and this machine's"
        )
    if end <= now:
        raise RefusedCertificateError(f"the certificate of the order expired at {utc(end)}")
    try:
        certificates.verify_chain(leaf, issuers, now)
    except CertificateError as error:
        raise _refused_chain(error, delivered) from None


def deviations_of(order: CertificateOrder, chain: Chain) -> tuple[str, ...]:
    """Return what the CA did otherwise than *order* asked for, in its order or in the certificate."""
    (leaf,) = certificates.load_all(chain.certificate, _WHAT)
    validity = RequestedValidity(order.not_before, order.not_after)
    return (*(order.deviations or ()), *deviations.of_certificate(validity, *certificates.validity(leaf)))


def warning(finals: Iterable[CertificateOrder]) -> str:
    """Return one line about all deviations of CAs in a run; empty without any."""
    return deviations.line((f"{final.name} of {final.host}", final.deviations or ()) for final in finals)


def failure_of(error: AcmeError, was_valid: bool, now: datetime) -> Failure:
    """Return the failure that *error* means for its order, and say what the next run does.

    *was_valid*: an earlier run has finalized the order, so this is not the first download.
    """
    failure = to_failure(error)
    if isinstance(error, RefusedCertificateError) or (
        isinstance(error, ChainError) and _is_over(error, was_valid, now)
    ):
        return Failure(f"{error}. The order is given up", kind=FailureKind.CERTIFICATE)
    if not isinstance(error, ChainError):
        return failure
    # A chain that is refused is no reason for another CA or a pause: this one has issued the certificate. A CA that
    # does not deliver waits, as it always does, and another one is asked first.
    is_refused = bool(error.delivered) and not error.is_temporary
    kind = FailureKind.LOCAL if is_refused else failure.kind
    return replace(failure, message=f"{error}. A later run downloads it again, without a new order", kind=kind)


def unexpected_failure(error: Exception, was_valid: bool) -> Failure:
    """Return the failure that an unexpected exception means for its order; *was_valid*: as for failure_of().

    The order is tried once more, since its certificate may be issued already.
    """
    kind = FailureKind.CERTIFICATE if was_valid else FailureKind.LOCAL
    return Failure(unexpected.message(error), resumable=not was_valid, kind=kind)


def _is_over(error: ChainError, was_valid: bool, now: datetime) -> bool:
    """Return True if another download makes no sense: an order that nobody can use would be tried for ever."""
    with suppress(CertificateError):
        if error.delivered:
            return is_due(error.delivered, now)
    return was_valid and not error.is_temporary


def _refused_chain(error: CertificateError, delivered: str) -> ChainError:
    return ChainError(f"the certificate is issued, but cannot be used: {error}", delivered=delivered)
