# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers against real servers: rfc2136 at BIND, lexicon at PowerDNS."""

from __future__ import annotations

import pytest

from tests.integration.calls import COLLECTIONS, call
from tests.lab import Lab
from tests.lab.authorities import DYN_KEY, DYN_KEY_512, OTHER_KEY
from tests.parameters import hard_after

NAME, VALUE = "_acme-challenge.shop.dyn.lab.test", "a" * 43


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), hosts=1, dns_zones=True, collections_path=COLLECTIONS) as lab:
        yield lab


@pytest.fixture
def authorities(lab):
    lab.authorities.clean()
    return lab.authorities


def write(lab, zones, records=((NAME, VALUE),), **options):
    """Run dns_txt_record for records (NAME, VALUE)."""
    given = [{"name": name, "value": value} for name, value in records]
    return call(lab, "dns_txt_record", records=given, zones=zones, **options)


@pytest.mark.parametrize(
    "form",
    hard_after(
        1,
        [
            {"server": "[{address6}]:53", "protocol": "udp"},
            {"server": "{address}:53", "tsig_algorithm": "HMAC-SHA512."},
            {"protocol": "UDP", "tsig_algorithm": "hmac-sha512.", "tsig_name": "dyn-key-512."},
            {"tsig_secret": f"{DYN_KEY_512.secret[:20]}\n {DYN_KEY_512.secret[20:]}\n"},
        ],
    ),
)
def test_rfc2136_forms_of_other_programs_are_accepted_by_bind(lab, authorities, form):
    addresses = {"address": authorities.address(), "address6": authorities.address6()}
    entry = authorities.provider(key=DYN_KEY_512) | {name: value.format(**addresses) for name, value in form.items()}
    zones = {authorities.zone(): entry}
    written = write(lab, zones)
    assert written.ok, written.text
    assert authorities.txt() == {(NAME, VALUE)}
    removed = write(lab, zones, state="absent")
    assert removed.ok, removed.text
    assert authorities.txt() == set()


@pytest.mark.parametrize("protocol", hard_after(1, ["udp", "tcp"]))
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tsig_name": "nobody"}, "answers BADKEY: it does not know the TSIG key nobody"),
        ({"tsig_algorithm": "hmac-sha384"}, "correct 'tsig_name' or 'tsig_algorithm'"),
        ({"tsig_secret": OTHER_KEY.secret}, "answers BADSIG: its secret of the TSIG key dyn-key is another one"),
        ({"tsig_name": OTHER_KEY.name, "tsig_secret": OTHER_KEY.secret}, "correct 'tsig_name', or allow the key"),
        ({"tsig_name": None, "tsig_secret": None}, "set 'tsig_name' and 'tsig_secret'"),
        ({"server": "other"}, "is not authoritative for the zone dyn.lab.test; give the primary server"),
    ],
)
def test_rfc2136_refusal_of_bind_names_the_option(lab, authorities, protocol, options, says):
    if "server" in options:
        options = {"server": authorities.address(options["server"])}
    entry = {**authorities.provider(key=DYN_KEY), "protocol": protocol, **options}
    written = write(lab, {authorities.zone(): entry})
    assert not written.ok
    assert says in written["msg"]
    assert DYN_KEY.secret not in written.text


def test_lexicon_several_entries_for_one_zone_of_powerdns(lab, authorities):
    zone = authorities.zone("pdns")
    records = [(f"_acme-challenge.w{number}.{zone}", letter * 43) for number in range(6) for letter in "ab"]
    zones = {name: authorities.provider("pdns") for name, _value in records}
    written = write(lab, zones, records)
    assert written.ok, written.text
    assert authorities.txt("pdns") == set(records)
    removed = write(lab, zones, records[:6], state="absent")
    assert removed.ok, removed.text
    assert authorities.txt("pdns") == set(records[6:])
