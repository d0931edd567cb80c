# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts to get a certificate that failed before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import attempts
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.attempts import Attempts
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, HOUR, utc
from tests.unit.fleet.plans import OTHER

MINUTE = HOUR / 60
SETTINGS = {"acme_contact": [], "acme_dns": {"example": {"provider": "rfc2136", "server": "192.0.2.1"}}}


def digest(directories=(DIRECTORY, OTHER), settings=None, **entry):
    common = attempts.settings_digest(directories, SETTINGS if settings is None else settings)
    return attempts.digest(contracts.wanted(**entry), common)


@pytest.mark.parametrize(
    "change",
    [
        {"identifiers": ("shop.example",)},
        {"identifiers": ({"value": "shop.example", "webroot": "/srv"}, "www.shop.example")},
        {"challenge": "dns-01"},
        {"webroot": "/srv/www"},
        {"http_01_listen": "8080"},
        {"profile": "shortlived"},
        {"not_after": "+6d"},
        {"key_type": "rsa2048"},
        {"directories": (DIRECTORY,)},
        {"settings": {**SETTINGS, "acme_contact": ["mailto:a@b.example"]}},
        {"settings": {**SETTINGS, "acme_dns": {}}},
    ],
    ids=str,
)
def test_digest_differs_with_what_may_mend_an_order(change):
    assert digest(**change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        {"identifiers": tuple(reversed(contracts.NAMES))},
        {"directories": (OTHER, DIRECTORY)},
        {"reload": ("apache2",)},
        {"owner": "www-data"},
    ],
    ids=str,
)
def test_digest_is_the_same_with_what_cannot(change):
    assert digest(**change) == digest()


# --- the next attempt


NOW = contracts.DUE
VALIDATION, REFUSAL, CERTIFICATE, CA, LOCAL = (
    FailureKind.VALIDATION,
    FailureKind.REFUSAL,
    FailureKind.CERTIFICATE,
    FailureKind.CA,
    FailureKind.LOCAL,
)


def failed(count, kind=VALIDATION, ago=timedelta(0), directory=DIRECTORY, retry_in=None, **more):
    at = NOW - ago
    retry_at = utc(at + retry_in) if retry_in else None
    given = {"kind": kind, "count": count, "at": utc(at), "since": utc(at), "directory": directory, **more}
    return contracts.failed(retry_at=retry_at, **given)


def hours(attempts, directories=(DIRECTORY,)):
    """Return in how many hours each CA is asked again, rounded up to minutes; a pause may be 5 % shorter."""
    return {url: (at - NOW) / HOUR for url, at in attempts.waits(directories, NOW).items()}


@pytest.mark.parametrize(("count", "pause"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 24), (7, 24), (100_000, 24)])
@pytest.mark.parametrize("kind", [VALIDATION, REFUSAL])
def test_waits_pause_doubles_up_to_a_day(kind, count, pause):
    for host in range(20):
        (found,) = hours(Attempts(f"web{host} shop", [failed(count, kind)])).values()
        assert 0.95 * pause <= found <= pause


def test_waits_jitter_is_the_same_in_each_run_and_another_for_each_host():
    found = [hours(Attempts(f"web{host} shop", [failed(6)]))[DIRECTORY] for host in (1, 1, 2, 3)]
    assert (found[0] == found[1], len(set(found))) == (True, 3)


@pytest.mark.parametrize(
    ("failed_before", "expected"),
    [
        ([], {}),
        ([failed(9, LOCAL, directory="")], {}),
        ([failed(1, ago=HOUR)], {}),
        ([failed(1)], {DIRECTORY: 1, OTHER: 1}),
        ([failed(1, REFUSAL)], {DIRECTORY: 1}),
        ([failed(1, REFUSAL), failed(2, REFUSAL, directory=OTHER)], {DIRECTORY: 1, OTHER: 2}),
        # validations at several CAs are of one name
        ([failed(1), failed(1, directory=OTHER)], {DIRECTORY: 2, OTHER: 2}),
        # a failure that no CA has seen neither adds to a pause nor ends it
        ([failed(2), failed(5, LOCAL, directory="")], {DIRECTORY: 2, OTHER: 2}),
        # certificates that cannot be used
        ([failed(1, CERTIFICATE)], {}),
        ([failed(2, CERTIFICATE)], {DIRECTORY: 48}),
        ([failed(9, CERTIFICATE, ago=HOUR), failed(1, REFUSAL, directory=OTHER)], {DIRECTORY: 47, OTHER: 1}),
        ([failed(9, CERTIFICATE, ago=48 * HOUR)], {}),
        # trouble of a CA
        ([failed(1, CA)], {}),
        ([failed(3, CA)], {}),
        ([failed(4, CA)], {DIRECTORY: 1}),
        ([failed(50, CA)], {DIRECTORY: 6}),
        ([failed(1, CA, retry_in=3 * HOUR)], {DIRECTORY: 3}),
        ([failed(9, CA, retry_in=3 * HOUR)], {DIRECTORY: 3}),
        ([failed(1, CA, retry_in=3 * HOUR, ago=4 * HOUR)], {}),
        # no CA has anybody wait for more than a day
        ([failed(1, CA, retry_in=365 * DAY)], {DIRECTORY: 24}),
        ([failed(1, CA, retry_in=3 * HOUR), failed(1)], {DIRECTORY: 3, OTHER: 1}),
        # a CA that is not in the list any more
        ([failed(1, REFUSAL, directory="https://old.example/")], {}),
    ],
)
def test_waits_by_kind_and_ca(failed_before, expected):
    found = hours(Attempts("web1 shop", failed_before), (DIRECTORY, OTHER))
    assert found.keys() == expected.keys()
    assert all(0.95 * expected[url] <= found[url] <= expected[url] for url in expected)


@pytest.mark.parametrize(
    ("left", "alike", "pause"),
    [
        (30 * DAY, 1, 24),
        (4 * DAY, 1, 24),
        (2 * DAY, 1, 12),
        (8 * HOUR, 1, 2),
        (2 * HOUR, 1, 0.5),
        (HOUR, 1, 1 / 3),
        (MINUTE, 1, 1 / 3),
        # together they keep the CA's limit for a name
        (HOUR, 5, 5 / 3),
        # once it has expired, each hour counts, for months
        (timedelta(0), 1, 1 / 3),
        (-MINUTE, 1, 1 / 3),
        (-8 * HOUR, 1, 2),
        (-2 * DAY, 1, 6),
        (-60 * DAY, 1, 6),
        (-HOUR, 5, 5 / 3),
        # one that never existed has no right to more
        (None, 1, 24),
    ],
)
def test_waits_pause_is_shorter_near_the_end(left, alike, pause):
    attempts = Attempts("web1 shop", [failed(20)], None if left is None else NOW + left, alike)
    (found,) = hours(attempts).values()
    assert max(0.95 * pause, 1 / 3) <= found <= max(pause, 1 / 3)


def recorded(*items, now=NOW, digest="5e"):
    return Attempts.recorded(contracts.found(failed=items), "web1", digest, now)


def test_recorded_counts_failures_with_these_settings_alone():
    assert len(recorded(failed(3)).failed) == 1
    assert recorded(failed(3), digest="6f").failed == []


@pytest.mark.parametrize(("minutes", "counts"), [(0, True), (9, True), (11, False), (10**6, False)])
def test_recorded_failure_in_the_future_does_not_count(minutes, counts):
    """A host cannot have its certificate wait for ever; controllers' clocks differ a little."""
    assert bool(recorded(failed(3, ago=-minutes * MINUTE)).failed) is counts


def test_with_another_counts_as_the_host_does():
    before = recorded(failed(3, ago=5 * HOUR), failed(1, LOCAL, directory="", ago=HOUR))
    (local, validation) = before.with_another(VALIDATION, DIRECTORY, utc(NOW), None).failed
    assert (local.kind, validation.count, validation.since, validation.at) == (
        LOCAL,
        4,
        utc(NOW - 5 * HOUR),
        utc(NOW),
    )
    (first,) = recorded().with_another(CA, DIRECTORY, utc(NOW), utc(NOW + HOUR)).failed
    assert (first.count, first.since, first.retry_at) == (1, utc(NOW), utc(NOW + HOUR))


def test_text_sums_up_all_kinds():
    assert recorded().text() == ""
    assert recorded(failed(1)).text() == "an attempt failed at 2026-10-31 12:00 UTC"
    several = recorded(failed(3, ago=5 * HOUR), failed(1, LOCAL, directory="", problem="no webroot"))
    assert several.text() == "4 attempts have failed since 2026-10-31 07:00 UTC"
    assert several.problem == "no webroot"


# --- trouble of a whole CA


def asked_to_wait(hours_left, directory=DIRECTORY, kind=CA, **more):
    return failed(1, kind, ago=HOUR, directory=directory, retry_in=(1 + hours_left) * HOUR, **more)


@pytest.mark.parametrize(
    ("by_host", "expected"),
    [
        ([[]], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3)]], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3)], [asked_to_wait(4)]], {DIRECTORY: 2}),
        ([[asked_to_wait(2)], [asked_to_wait(3)], [asked_to_wait(4)], [asked_to_wait(20)]], {DIRECTORY: 3}),
        # one host has one voice
        ([[asked_to_wait(9)] * 99], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3), asked_to_wait(4)]], {}),
        # over, without an instant, another kind, in the future
        ([[asked_to_wait(2)], [asked_to_wait(3)], [asked_to_wait(-0.5)]], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3)], [failed(9, CA)]], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3)], [asked_to_wait(4, kind=VALIDATION)]], {}),
        ([[asked_to_wait(2)], [asked_to_wait(3)], [failed(1, CA, ago=-DAY, retry_in=HOUR)]], {}),
        # each CA by itself
        ([[asked_to_wait(2)], [asked_to_wait(3, OTHER)], [asked_to_wait(4)]], {}),
        ([[asked_to_wait(2), asked_to_wait(1, OTHER)]] * 3, {DIRECTORY: 2, OTHER: 1}),
    ],
)
def test_parked_takes_several_hosts(by_host, expected):
    found = attempts.parked({f"web{number}": items for number, items in enumerate(by_host)}, NOW)
    assert {url: (at - NOW) / HOUR for url, at in found.items()} == expected
