# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requested validity of a certificate."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.order import Order
from ansible_collections.certfleet.tls.plugins.module_utils._acme.validity import RequestedValidity

NOW = datetime(2026, 11, 24, 12, 0, 0, 500000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("not_before", "not_after", "fields"),
    [
        (None, None, {}),
        ("", "", {}),
        (None, "+30d", {"notAfter": "2026-12-24T12:00:00Z"}),
        ("-1h", "+1w2d3h4m5s", {"notBefore": "2026-11-24T11:00:00Z", "notAfter": "2026-12-03T15:04:05Z"}),
        (None, "2027-01-31T12:00:00Z", {"notAfter": "2027-01-31T12:00:00Z"}),
        (None, "2027-01-31T12:00:00z", {"notAfter": "2027-01-31T12:00:00Z"}),
        (None, "2027-01-31T12:00:00+02:00", {"notAfter": "2027-01-31T10:00:00Z"}),
        # YAML may have parsed the text as a time.
        (None, "2027-01-31 12:00:00+00:00", {"notAfter": "2027-01-31T12:00:00Z"}),
        ("+1d", "+2d", {"notBefore": "2026-11-25T12:00:00Z", "notAfter": "2026-11-26T12:00:00Z"}),
    ],
)
def test_fields_valid_times_are_instants(not_before, not_after, fields):
    assert RequestedValidity(not_before, not_after).fields(NOW) == fields


@pytest.mark.parametrize(
    "text", ["30d", "+30", "+d", "+1y", "tomorrow", "2027-01-31T12:00:00", "2027-02-31T12:00:00Z", "+999999999w"]
)
def test_fields_malformed_time_raises(text):
    with pytest.raises(AcmeOptionError) as error:
        RequestedValidity(not_after=text).fields(NOW)
    assert str(error.value).startswith(f"not_after '{text}' is not a time: give an instant with its zone")
    with pytest.raises(AcmeOptionError, match=r"^not_before "):
        RequestedValidity(not_before=text).fields(NOW)


@pytest.mark.parametrize(
    ("not_before", "not_after", "message"),
    [
        (None, "-1d", "not_after -1d is not after now"),
        (None, "+0s", "not_after +0s is not after now"),
        ("-2d", "-1d", "not_after -1d is not after now"),
        ("+2d", "+1d", "not_after +1d is not after not_before"),
    ],
)
def test_fields_end_before_beginning_raises(not_before, not_after, message):
    with pytest.raises(AcmeOptionError) as error:
        RequestedValidity(not_before, not_after).fields(NOW)
    assert str(error.value) == message


def test_create_order_sends_validity(ca, client, time):
    Order.create(client, ["a.example"], validity=RequestedValidity("+1d", "+2d"))
    Order.create(client, ["a.example"], validity=RequestedValidity())
    asked, unasked = (request.payload for request in ca.signed("/new-order"))
    assert set(asked) - set(unasked) == {"notBefore", "notAfter"}
    began, ended = (datetime.fromisoformat(asked[name].replace("Z", "+00:00")) for name in ("notBefore", "notAfter"))
    assert 0 <= (time.clock.now() - began).total_seconds() + 86400 < 5
    assert (ended - began).total_seconds() == 86400
