# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remaining capacity of a CA's rate limits."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import (
    EXEMPT,
    NEW,
    RENEWAL,
    SHIPPED,
    Budget,
    Limits,
    Rate,
    limits_of_all,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
LETS_ENCRYPT = SHIPPED["https://acme-v02.api.letsencrypt.org/directory"]


def domain_of(name):
    return name.split(".", 1)[1]


def budget(limits=LETS_ENCRYPT, *past):
    made = Budget(limits, NOW, domain_of)
    made.record(past)
    return made


@pytest.mark.parametrize(
    ("text", "count", "period", "words"),
    [
        ("300/3h", 300, 3 * HOUR, "3 hours"),
        ("50/7d", 50, 7 * DAY, "7 days"),
        (" 1/1m ", 1, MINUTE, "1 minute"),
        ("5/2w", 5, 14 * DAY, "2 weeks"),
    ],
)
def test_parse_rate_valid(text, count, period, words):
    rate = Rate.parse(text)
    assert (rate.count, rate.period, rate.text) == (count, period, words)


@pytest.mark.parametrize(
    "text", ["", "50", "50/7", "0/7d", "50/0d", "-1/7d", "50/7y", "many/7d", "50 / 7d", "9" * 99 + "/1d"]
)
def test_parse_rate_invalid_raises(text):
    with pytest.raises(AcmeOptionError, match="is not a limit: give a count and a span, 50/7d or 300/3h"):
        Rate.parse(text)


class TestOptions:
    def test_limits_of_all_defaults(self):
        assert limits_of_all({}) == SHIPPED

    def test_limits_of_all_one_limit_replaced(self):
        limits = limits_of_all({"letsencrypt": {"orders": "3000/3h", "certificates_per_domain": ""}})
        own = limits["https://acme-v02.api.letsencrypt.org/directory"]
        assert (own.orders.count, own.certificates_per_domain, own.certificates_per_set.count) == (3000, None, 5)
        assert own.renewals_exempt

    def test_limits_of_all_own_ones_of_an_element_come_last(self):
        url = "https://acme-v02.api.letsencrypt.org/directory"
        limits = limits_of_all({"letsencrypt": {"orders": "3/3h"}}, {url: {"orders": "4/3h"}, "https://b/": {}})
        assert (limits[url].orders.count, limits[url].certificates_per_set.count) == (4, 5)
        assert limits["https://b/"] == Limits()

    def test_limits_of_all_other_ca(self):
        limits = limits_of_all({"https://ca.example/dir": {"orders": "10/1h", "renewals_exempt": "yes"}})
        assert limits["https://ca.example/dir"] == Limits(Rate.parse("10/1h"), renewals_exempt=True)

    @pytest.mark.parametrize(
        "options", [{"letsencrypt": {"order": "1/1h"}}, {"letsencrypt": "50/7d"}, {"letsencrypt": None}]
    )
    def test_limits_of_all_invalid_raises(self, options):
        with pytest.raises(
            AcmeOptionError, match=r"acme_limits: .*the limits of a CA are a mapping of orders, certificates_per"
        ):
            limits_of_all(options)


def test_opening_burst_then_one_at_a_time():
    limits = budget()
    for number in range(50):
        assert limits.opening([f"{number}.shop.example"], NEW) is None
        limits.spend([f"{number}.shop.example"], NEW)
    opening = limits.opening(["x.shop.example"], NEW)
    assert opening.at == NOW + 7 * DAY / 50
    assert opening.limit == "50 certificates of shop.example in 7 days"
    assert limits.opening(["x.other.example"], NEW) is None


@pytest.mark.parametrize(
    ("past", "room"),
    [
        # Ages of what was spent: when there is room for one more of the exact set, of which there may be 5 in 7 days
        ([], None),
        ([HOUR] * 4, None),
        ([HOUR] * 5, 7 * DAY / 5 - HOUR),
        ([34 * HOUR] * 5, None),
        ([33 * HOUR] * 5, 7 * DAY / 5 - 33 * HOUR),
        ([8 * DAY] * 5, None),
        ([40 * HOUR] * 5 + [0 * HOUR], 2 * 7 * DAY / 5 - 40 * HOUR),
        ([-DAY] * 5, 7 * DAY / 5),  # from the future: a host's clock is wrong
    ],
)
def test_opening_capacity_recovers(past, room):
    names = ["shop.example"]
    limits = budget(LETS_ENCRYPT, *((NOW - age, names, RENEWAL) for age in past))
    opening = limits.opening(names, RENEWAL)
    assert (opening and opening.at - NOW) == room
    assert opening is None or opening.limit == "5 certificates for the same names in 7 days"


@pytest.mark.parametrize(
    ("kind", "limits", "held_to"),
    [
        (NEW, LETS_ENCRYPT, ["orders", "domain", "set"]),
        (RENEWAL, LETS_ENCRYPT, ["set"]),
        (EXEMPT, LETS_ENCRYPT, []),
        (RENEWAL, Limits(LETS_ENCRYPT.orders, LETS_ENCRYPT.certificates_per_domain), ["orders", "domain"]),
        (EXEMPT, Limits(LETS_ENCRYPT.orders), []),
        (NEW, Limits(), []),
    ],
)
def test_opening_limits_by_kind_of_order(kind, limits, held_to):
    spent = budget(limits)
    for number in range(300):
        spent.spend([f"{number}.shop.example"], kind)
    on_domain = budget(limits)
    for number in range(50):
        on_domain.spend([f"{number}.shop.example"], kind)
    on_set = budget(limits)
    for _number in range(5):
        on_set.spend(["a.shop.example"], kind)
    found = {
        "orders": spent.opening(["a.other.example"], kind),
        "domain": on_domain.opening(["a.shop.example", "b.other.example"], kind),
        "set": on_set.opening(["a.shop.example"], kind),
    }
    assert [name for name, opening in found.items() if opening] == held_to


def test_opening_waiting_orders_have_turns_in_order():
    limits = budget(Limits(Rate.parse("2/1h")))
    for _order in range(2):
        limits.spend(["a.example"], NEW)
    turns = []
    for number in range(3):
        turns.append(limits.opening([f"{number}.example"], NEW).at - NOW)
        limits.wait([f"{number}.example"], NEW)
    assert turns == [30 * MINUTE, 60 * MINUTE, 90 * MINUTE]
