# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a CA delivered: verified, and what helps if one is refused."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.certificate import Chain
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    Cause,
    ChainError,
    OrderInvalid,
    OrderTakenError,
    PreflightError,
    RefusedCertificateError,
    TransportError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import to_failure
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import issued
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind
from tests.unit.host import ca
from tests.unit.host.ca import DAY, NOW

NAME = "shop.example"
ROOT = ca.Authority.root()
MIDDLE = ROOT.intermediate("Middle")
LOWER = MIDDLE.intermediate("Lower")
KEY = ca.ec_key().public_key()
LEAF = LOWER.leaf(KEY, [NAME])  # it is renewed after 39 2/3 days: two thirds of a life of 61 days
DUE = NOW + 40 * DAY
AGAIN = "downloads it again, without a new order"


def chain_of(*certificates):
    leaf, *others = map(ca.pem, certificates)
    return Chain(leaf, tuple(others), ("https://ca.example/cert/1/1",))


def test_in_order_sorts_the_chain():
    found = issued.in_order(chain_of(MIDDLE.certificate, LOWER.certificate, LEAF, LOWER.certificate))
    assert (found.certificate, found.intermediates) == (
        ca.pem(LEAF),
        (ca.pem(LOWER.certificate), ca.pem(MIDDLE.certificate)),
    )


DAMAGED = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("chain", "text"),
    [
        (chain_of(LEAF, MIDDLE.certificate), "the CA's chain has a gap: it has CN=Middle, but not the issuer of "),
        (Chain(DAMAGED, ()), "cannot read the certificate from the CA: it is damaged"),
    ],
    ids=["gap", "damaged"],
)
def test_in_order_chain_that_cannot_be_sorted_raises(chain, text):
    with pytest.raises(ChainError, match=rf"^the certificate is issued, but cannot be used: {text}"):
        issued.in_order(chain)


WHOLE = (LEAF, LOWER.certificate, MIDDLE.certificate)
LATE = ROOT.intermediate("Late", not_after=NOW + DAY)


@pytest.mark.parametrize(
    ("certificates", "now", "error", "text"),
    [
        (WHOLE, NOW, None, ""),
        (WHOLE, NOW + 59 * DAY, None, ""),
        (
            WHOLE,
            NOW - DAY * 2,
            RefusedCertificateError,
            "^the certificate of the order is not valid before .*, by the CA's clock and this machine's$",
        ),
        (
            WHOLE,
            NOW + 60 * DAY,
            RefusedCertificateError,
            "^the certificate of the order expired at 2027-01-22T12:00:00Z$",
        ),
        (
            (LOWER.leaf(KEY, [NAME, "www.shop.example"]), LOWER.certificate),
            NOW,
            RefusedCertificateError,
            "is for shop.example, www.shop.example instead of shop.example. Check the profile and the CA's policy$",
        ),
        ((LOWER.leaf(KEY, []), LOWER.certificate), NOW, RefusedCertificateError, "is for no names instead of shop"),
        ((LATE.leaf(KEY, [NAME]), LATE.certificate), NOW + 2 * DAY, ChainError, "CN=Late in the CA's chain expired at"),
    ],
    ids=["valid", "nearly expired", "before it", "expired", "more names", "no names", "expired issuer"],
)
def test_verify_certificate_and_chain(certificates, now, error, text):
    if error is None:
        issued.verify(chain_of(*certificates), [NAME], [now, now])
        return
    with pytest.raises(error, match=text):
        issued.verify(chain_of(*certificates), [NAME], [now, now])


def test_verify_certificate_that_was_asked_to_begin_later():
    early = LOWER.leaf(KEY, [NAME], not_before=NOW + 2 * DAY, not_after=NOW + 9 * DAY)
    issued.verify(chain_of(early, LOWER.certificate, MIDDLE.certificate), [NAME], [NOW, NOW], begins_later=True)


@pytest.mark.parametrize("wrong", [NOW - 2 * DAY, NOW + 60 * DAY])
def test_verify_one_clock_is_wrong_the_other_counts(wrong):
    for times in ((NOW, wrong), (wrong, NOW)):
        issued.verify(chain_of(*WHOLE), [NAME], times)


DELIVERED = ca.pem(LOWER.certificate, LEAF)


@pytest.mark.parametrize(
    ("error", "was_valid", "now", "resumable", "refused"),
    [
        (ChainError("x", delivered=DELIVERED), True, NOW, True, False),
        (ChainError("x", delivered=DELIVERED), True, DUE, False, True),
        (ChainError("x", is_temporary=True, delivered=DELIVERED), True, DUE, False, True),
        (ChainError("x"), False, NOW, True, False),
        (ChainError("x"), True, NOW, False, True),
        (ChainError("x", delivered=DAMAGED), False, NOW, True, False),
        (ChainError("x", delivered=DAMAGED), True, NOW, False, True),
        (ChainError("x", is_temporary=True), True, NOW, True, False),
        (RefusedCertificateError("x"), False, NOW, False, True),
        (PreflightError("x"), False, NOW, True, False),
        (TransportError("x"), True, NOW, True, False),
        (OrderInvalid(Cause("x")), False, NOW, False, False),
        (OrderTakenError("x", is_temporary=True), True, NOW, False, False),
        (AcmeError("x"), False, NOW, False, False),
    ],
    ids=[
        "chain refused",
        "chain refused until its certificate is due",
        "chain refused for now until its certificate is due",
        "download refused",
        "download refused again",
        "damaged",
        "damaged again",
        "download cut again",
        "certificate refused",
        "preflight",
        "no answer",
        "order invalid",
        "order taken",
        "refused",
    ],
)
def test_failure_of_resumable_as_long_as_a_download_may_help(error, was_valid, now, resumable, refused):
    failure = issued.failure_of(error, was_valid, now)
    assert (failure.resumable, failure.is_temporary) == (resumable, error.is_temporary and not refused)
    assert (failure.kind == FailureKind.CERTIFICATE) is refused
    if resumable and isinstance(error, ChainError):  # a refused chain is asked for again at this CA, and at once
        is_refused = error.delivered and not error.is_temporary
        assert failure.kind == (FailureKind.LOCAL if is_refused else to_failure(error).kind)
    ends = {(True, False): AGAIN, (False, True): "The order is given up"}
    expected = ends[resumable, refused] if isinstance(error, (ChainError, RefusedCertificateError)) else "x"
    assert failure.message.endswith(expected)
