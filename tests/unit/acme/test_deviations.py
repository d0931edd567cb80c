# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deviations of a CA from what it was asked for, without refusing the order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import deviations, issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.validity import RequestedValidity
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from tests.unit.acme.orders import wanted
from tests.unit.acme.server import problem
from tests.unit.fake_time import NOW


class TestDeviations:
    """A CA that makes another order than it was asked for."""

    def test_deviations_refused_replaces_has_the_reason(self, ca, prepare):
        ca.script("/new-order", problem("alreadyReplaced", 409, "replaced before"))
        (deviation,) = prepare(wanted(replaces_ari_id="a.b")).order.deviations
        assert deviation == (
            "the CA refused 'replaces', so the order was made without it (newOrder: alreadyReplaced: replaced before)"
        )

    def test_deviations_order_as_asked_for_has_none(self, ca, open_client):
        ca.meta = {"profiles": {"x": "y"}}
        assert issuance.prepare(open_client(), wanted(profile="x", replaces_ari_id="a.b")).order.deviations == ()

    @pytest.mark.parametrize(
        ("fields", "deviations"),
        [
            (
                {"replaces": None},
                ["the CA ignored 'replaces': its order does not name the certificate that it replaces"],
            ),
            (
                {"replaces": "c.d"},
                ["the CA ignored 'replaces': its order does not name the certificate that it replaces"],
            ),
            ({"profile": None}, ["the CA ignored the profile 'x': its order has no profile"]),
            ({"profile": "z"}, ["the CA ignored the profile 'x': its order has the profile 'z'"]),
        ],
    )
    def test_deviations_of_the_order(self, ca, open_client, fields, deviations):
        ca.meta = {"profiles": {"x": "y"}}
        ca.order_fields = fields
        prepared = issuance.prepare(open_client(), wanted(profile="x", replaces_ari_id="a.b"))
        assert list(prepared.order.deviations) == deviations

    def test_deviations_new_order_has_instants_in_place_of_durations(self, prepare):
        prepared = prepare(wanted(validity=RequestedValidity(None, "+30d")))
        assert prepared.validity == RequestedValidity(None, "2026-12-23T12:00:00Z")

    def test_deviations_resumed_order_has_none(self, ca, resume):
        ca.order_fields = {"replaces": None}
        _url, prepared = resume("pending", replaces_ari_id="a.b", validity=RequestedValidity(None, "+30d"))
        assert (prepared.order.deviations, prepared.validity) == ((), None)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("validity", "texts"),
    [
        (RequestedValidity(), []),
        (RequestedValidity(utc(NOW), utc(NOW + DAY)), []),
        (RequestedValidity(utc(NOW + timedelta(hours=1)), utc(NOW + timedelta(hours=23))), []),
        (
            RequestedValidity(None, utc(NOW + timedelta(hours=22))),
            ["not_after 2026-11-24T10:00:00Z was asked for, and the certificate ends at 2026-11-24T12:00:00Z"],
        ),
        (RequestedValidity(None, utc(NOW + 2 * DAY)), ["not_after 2026-11-25T12:00:00Z was asked for, and the"]),
        (
            RequestedValidity("2026-11-24T00:00:00+00:00"),
            ["not_before 2026-11-24T00:00:00Z was asked for, and the certificate begins at 2026-11-23T12:00:00Z"],
        ),
        (RequestedValidity("+3d", "+1d"), []),
        (RequestedValidity(None, "+30h"), []),
        (RequestedValidity(None, "+9d"), ["not_after +9d was asked for, and the certificate is valid for 24 hours"]),
        (RequestedValidity(None, "+12h"), ["not_after +12h was asked for, and the certificate is valid for 24 hours"]),
        (RequestedValidity(None, "+soon"), []),
    ],
    ids=[
        "not asked",
        "as asked",
        "within an hour",
        "longer",
        "shorter",
        "earlier",
        "duration as asked",
        "duration of an older order",
        "shorter than the duration",
        "longer than the duration",
        "no duration",
    ],
)
def test_deviations_of_certificate_dates(validity, texts):
    found = deviations.of_certificate(validity, NOW, NOW + DAY)
    assert [text.startswith(beginning) for text, beginning in zip(found, texts)] == [True] * len(texts)
    assert len(found) == len(texts)


def test_deviations_line_names_the_first_certificates():
    assert deviations.line([("a of web1", ()), ("b of web1", ["x", "y"])]) == "certificate b of web1: x; y"
    many = [(f"c of web{number}", ["x"]) for number in range(5)]
    assert deviations.line(many).endswith("; certificate c of web2: x; and 2 more")
    assert deviations.line([]) == ""
