# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases: faults of name servers, of records and of providers, each for one certificate among others."""

from __future__ import annotations

from tests.fleet.dns_fault_table import DnsCase, Way, common, issued, stopped

_MANY = tuple((f"hop{number}", "CNAME", f"hop{number + 1}") for number in range(1, 10))

#: The zone has the servers a and b; b is at fault unless the fault says otherwise.
NAME_SERVERS: tuple[DnsCase, ...] = (
    common(issued("one server is silent", "does not answer", servers={"b": "is silent"})),
    common(issued("one server is lame: it answers REFUSED", "does not serve", servers={"b": "answers REFUSED"})),
    common(issued("every second question to one server is lost", servers={"b": "loses every second question"})),
    common(issued("one server lags five seconds behind", servers={"b": "lags 5 seconds"})),
)
RECORDS: tuple[DnsCase, ...] = (
    common(
        stopped("CNAMEs lead in a circle", "loop", records=(("CHALLENGE", "CNAME", "x"), ("x", "CNAME", "CHALLENGE")))
    ),
    stopped("a CNAME leads through nine others", "more than 8", records=(("CHALLENGE", "CNAME", "hop1"), *_MANY)),
    common(
        stopped(
            "a CNAME leads to a zone without an entry", "acme_dns", records=(("CHALLENGE", "CNAME", "x.lab.test."),)
        )
    ),
    stopped(
        "a CNAME leads to a zone that does not exist", "no zone", records=(("CHALLENGE", "CNAME", "x.nowhere.test."),)
    ),
    stopped(
        "a CNAME leads to a zone that allows none",
        "cname_targets",
        records=(("CHALLENGE", "CNAME", "x.dyn.lab.test."),),
    ),
    issued("a CNAME leads to a name in the zone that does not exist", records=(("CHALLENGE", "CNAME", "x"),)),
    common(issued("the zone has a wildcard CNAME", records=(("*", "CNAME", "www.lab.test."),))),
    issued("the zone has a wildcard TXT record", records=(("*", "TXT", "other"),), stays=("other",)),
    common(issued("the name of the record is a zone of its own", deep=True)),
    stopped("the name of the record is delegated to nobody", "_acme-challenge", records=(("CHALLENGE", "NS", "a"),)),
    issued(
        "others have left a value at the name", "other TXT values", records=(("CHALLENGE", "TXT", "x"),), stays=("x",)
    ),
    issued(
        "others have left 30 values at the name", "other TXT values", servers=dict.fromkeys("ab", "has 30 other values")
    ),
)
UPDATES: tuple[DnsCase, ...] = (
    common(stopped("the secret is wrong", "BADSIG", entry={"tsig_secret": "AAAAc2VjcmV0IG9mIG5vYm9keSBhdCBhbGw="})),
)
PROGRAM: tuple[DnsCase, ...] = (
    common(
        stopped(
            "the program fails",
            "exited with 3: the quota is used up",
            way=Way.PROGRAM,
            program="echo the quota is used up >&2; exit 3",
        )
    ),
)
PARTS = {
    "Name servers": NAME_SERVERS,
    "Records": RECORDS,
    "Dynamic updates (`rfc2136`)": UPDATES,
    "Programs (`exec`)": PROGRAM,
}
ALL = tuple(case for cases in PARTS.values() for case in cases)
