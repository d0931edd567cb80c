# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selection of the certificates to replace, and of those that are replaced already."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import Selection, counted
from tests.unit.contracts import FRESH, HOUR, ISSUED, awaiting, found, pending, utc

BEFORE = utc(FRESH)


def item(made=None, **live):
    facts = {"serial": "4a1f", "issuer": "CN=E7,O=Let's Encrypt,C=US", "created": utc(ISSUED), **live}
    return found(live=facts, pending=made)


def select(entry, text="", **options):
    selection = Selection.parse(options, {"list": text}.__getitem__, FRESH + HOUR)
    return bool(selection and selection(entry))


@pytest.mark.parametrize(
    "options",
    [
        {"all": True},
        {"all": "true"},
        {"issuer": "E7"},
        {"issuer": "e7"},
        {"issuer": "CN=E7"},
        {"issuer": "CN=E7,O=Let's Encrypt,C=US"},
        {"issuer": ["R9", "E7"]},
        {"names": "shop"},
        {"names": ["web1"]},
        {"names": "other, WWW.shop.example."},
        {"serials": "4a1f"},
        {"serials": ["4A:1F"]},
        {"serials": "0x00004a1f,77"},
        {"all": True, "serials": "77"},
    ],
    ids=str,
)
def test_select_matching_certificate(options):
    assert select(item(), **options, before=BEFORE)


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "E"},
        {"issuer": "E77"},
        {"issuer": "O=E7"},
        {"names": "sho"},
        {"names": "shop.example.com"},
        {"serials": "4a1"},
    ],
    ids=str,
)
def test_select_other_certificate_is_false(options):
    assert not select(item(), **options, before=BEFORE)


def test_parse_selection_without_options_is_none():
    assert Selection.parse({}, {}.__getitem__, FRESH) is None


@pytest.mark.parametrize(
    ("entry", "selected"),
    [
        (item(created=utc(FRESH - HOUR)), True),
        (item(created=utc(FRESH)), False),
        # A CA may date its certificates back: what counts is when the key was made.
        (item(created=utc(FRESH + HOUR), not_before=utc(FRESH - HOUR)), False),
        (item(created=None), True),
        (item(created=None, not_before=utc(FRESH)), False),
        (item(serial=None), False),
        (found(live=None), False),
        # One that lacks only the switch.
        (item(awaiting(created=utc(FRESH + HOUR))), False),
        (item(awaiting(created=utc(FRESH - HOUR))), True),
        (item(pending()), True),
    ],
)
def test_select_replaced_certificate_is_false(entry, selected):
    assert select(entry, all=True, before=BEFORE) is selected


def test_select_by_serial_number_alone():
    assert select(item(), serials="4a1f")
    assert not select(item(awaiting(serial="02")), serials="4a1f")


@pytest.mark.parametrize(
    "options", [{"all": True}, {"issuer": "E7"}, {"names": "shop"}, {"names": "a", "serials": "1"}]
)
def test_select_without_before_raises(options):
    with pytest.raises(AcmeOptionError, match="replace needs 'before'"):
        select(item(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"al": True}, "replace has 'al'; it takes all, issuer, serials, serials_src, names, before"),
        *(
            (options, "replace selects nothing: give acme_replace_all, ")
            for options in (
                {"all": False, "serials": [], "names": [], "issuer": "", "serials_src": ""},
                {"all": "false", "before": BEFORE},
                {"serials_src": "list"},
            )
        ),
        ({"serials": [0x4A1F]}, "replace: 18975 is a number: write it in quotes"),
        ({"serials": "not hex"}, "replace: serials .*: 'not hex' is not a serial number: give hexadecimal"),
        (
            {"all": True, "before": "yesterday"},
            "replace: before .acme_replace_before.: 'yesterday' is not an RFC 3339 time",
        ),
        ({"all": True, "before": "2027-01-31T12:00:00"}, "replace: before .acme_replace_before.: .* has no time zone"),
        (
            {"all": True, "before": utc(FRESH + 2 * HOUR)},
            "replace: before .acme_replace_before.: .* is in the future",
        ),
    ],
)
def test_select_invalid_options_raise(options, message):
    with pytest.raises(AcmeOptionError, match=message):
        select(item(), **options)


@pytest.mark.parametrize(
    "text",
    [
        "4a1f",
        "004A1F\n",
        "serial,names\n77,a.example\n4a1f,shop.example\n",
        "Serial number\n4a1f\n",
        "# of the CA\nserial,names\n4a1f\n",
        "# of the CA\n\n  04:a1:f0\n00:4a:1f\tshop.example\n",
        '"4a1f";"shop.example"',
    ],
)
def test_select_by_serial_numbers_in_list_of_ca(text):
    assert select(item(), text, serials_src="list")


def test_select_mistyped_first_line_of_list_raises():
    with pytest.raises(AcmeOptionError, match=r"replace: list, line 1: '4a1g' is not a serial number"):
        select(item(), "4a1g\n77\n", serials_src="list")


def test_select_invalid_line_of_list_raises():
    with pytest.raises(AcmeOptionError, match=r"replace: list, line 3: 'shop\.example' is not a serial number"):
        select(item(), "serial\n77\nshop.example\n", serials_src="list")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0, 0), "nothing is left to be replaced"),
        ((200, 50), "200 to be replaced: this run tries 50, 150 wait for a later one"),
        ((3, 3), "3 to be replaced: this run tries 3, 0 wait for a later one"),
        (
            (3, 3, ["web4"]),
            "3 to be replaced: this run tries 3, 0 wait for a later one; unknown for web4, which gave no answer",
        ),
        ((0, 0, ["web4", "web5"]), "nothing is left to be replaced; unknown for web4, web5, which gave no answer"),
        (
            (0, 0, ["w"] * 12),
            f"nothing is left to be replaced; unknown for {', '.join('w' * 10)} and 2 more, which gave no answer",
        ),
    ],
)
def test_counted_text_of_numbers(numbers, text):
    assert counted(*numbers) == text


@pytest.mark.parametrize(
    ("before", "since"),
    [("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"), ("2026-06-01T00:00:00.5Z", "2026-06-01T00:00:01Z")],
)
def test_since_is_rounded_up_to_whole_second(before, since):
    """Manifests have whole seconds: a key made within the current second may be from before."""
    selection = Selection.parse({"all": True, "before": before}, {}.__getitem__, FRESH + HOUR)
    assert selection.since() == since
