# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases: faults of name servers, of records and of providers, each for one certificate among others."""

from __future__ import annotations

from tests.fleet.dns_fault_table import DnsCase, Way, common, issued, stopped
from tests.lab.limited_api import Fault

_MANY = tuple((f"hop{number}", "CNAME", f"hop{number + 1}") for number in range(1, 10))
_HTML = (("Content-Type", "text/html"),)

#: The zone has the servers a and b; b is at fault unless the fault says otherwise.
NAME_SERVERS: tuple[DnsCase, ...] = (
    common(issued("one server is silent", "does not answer", servers={"b": "is silent"})),
    issued("one server has no machine at its address", "c.c", records=(("c", "A", "{nobody}"), ("@", "NS", "c"))),
    issued("one server does not listen", "c.c", records=(("c", "A", "{unused}"), ("@", "NS", "c"))),
    issued("one server has no address", "has no address", records=(("@", "NS", "nowhere.lab.test."),)),
    common(issued("one server is lame: it answers REFUSED", "does not serve", servers={"b": "answers REFUSED"})),
    issued("one server answers SERVFAIL", "SERVFAIL", servers={"b": "answers SERVFAIL"}),
    issued("one server answers NOTIMP", "NOTIMP", servers={"b": "answers NOTIMP"}),
    issued("one server is lame: its answers are not authoritative", servers={"b": "answers without authority"}),
    issued("one server is lame: it refers to the root", "does not serve", servers={"b": "refers to the root"}),
    issued("one server sends malformed answers", "invalid", servers={"b": "answers garbage"}),
    issued("one server answers other questions than those asked", servers={"b": "answers with another id"}),
    issued("one server truncates over UDP", servers={"b": "truncates over UDP"}),
    issued("one server truncates, and has no TCP", "b.c", servers={"b": "truncates over UDP and has no TCP"}),
    issued("one server knows no EDNS", servers={"b": "knows no EDNS"}),
    issued("one server drops questions with EDNS", servers={"b": "is silent to EDNS"}),
    common(issued("every second question to one server is lost", servers={"b": "loses every second question"})),
    issued("one server takes two seconds for an answer", servers={"b": "answers after 2 seconds"}),
    common(issued("one server lags five seconds behind", servers={"b": "lags 5 seconds"})),
    stopped("one server lags ten minutes behind", "lacks", servers={"b": "lags 600 seconds"}),
    issued(
        "one server is anycast, a machine lags eight seconds, and `delay` is 10",
        servers={"b": "is anycast for 8 seconds"},
        entry={"delay": 10},
    ),
    issued("one of a server's two addresses is lame", "does not serve", records=(("b", "A", "{other}"),)),
    issued("values are split into several strings", servers={"b": "splits values into strings"}),
    issued("answers have names in upper case", servers={"b": "answers in upper case"}),
    issued("one server has only an IPv6 address", records=(("b", "AAAA", "{b6}"), ("-b", "A", "{b}"))),
    issued("one server has an IPv6 address without a route, too", records=(("b", "AAAA", "2001:db8::53"),)),
    stopped("all servers are silent", "_acme-challenge", servers=dict.fromkeys("ab", "is silent")),
    stopped("all servers are lame", "_acme-challenge", servers=dict.fromkeys("ab", "answers REFUSED")),
    stopped("all servers answer SERVFAIL", "_acme-challenge", servers=dict.fromkeys("ab", "answers SERVFAIL")),
    stopped("no server is authoritative", "_acme-challenge", servers=dict.fromkeys("ab", "answers without authority")),
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
    stopped("the key is unknown", "BADKEY", entry={"tsig_name": "nobody"}),
    stopped("the algorithm is another one", "BADKEY", entry={"tsig_algorithm": "hmac-sha512"}),
    stopped("the key may not change the zone", "REFUSED", entry={"tsig_name": "guest-key", "tsig_secret": "{guest}"}),
    stopped(
        "the server does not have the zone",
        "not authoritative",
        entry={"server": "{other}", "tsig_name": "other-key", "tsig_secret": "{other_secret}"},
    ),
    stopped("the server says that the record is in another zone", "NOTZONE", stray="answers updates with NOTZONE"),
    stopped("the server has a problem", "SERVFAIL", stray="answers updates with SERVFAIL"),
    stopped("the server's clock is wrong", "BADTIME", stray="refuses the time"),
    stopped("the server is silent", "does not answer…within 30 s", stray="is silent", is_slow=True),
    stopped("the server closes the connection", "closed the connection", stray="truncates over UDP and has no TCP"),
    stopped("the server sends a malformed answer", "invalid answer", stray="answers garbage"),
    stopped("the server does not listen", "cannot be reached", entry={"server": "{unused}"}),
    stopped("no machine has the server's address", "cannot be reached", entry={"server": "{nobody}"}),
    stopped("the server's name has no address", "has no address", entry={"server": "nowhere.lab.test"}),
)
LEXICON: tuple[DnsCase, ...] = tuple(
    case_of(f"the API {fault}", *words, way=Way.LEXICON, **details)
    for case_of, fault, words, details in (
        (stopped, "answers 401", ("401",), {"answer": Fault(401)}),
        (stopped, "answers 403", ("403",), {"answer": Fault(403)}),
        (stopped, "answers 404", ("404",), {"answer": Fault(404)}),
        (issued, "answers 429 with Retry-After once", (), {"answer": Fault(429, times=1).with_retry_after(2)}),
        (issued, "answers 429 without Retry-After twice", (), {"answer": Fault(429, times=2)}),
        (stopped, "answers 429 with Retry-After 86400", ("429",), {"answer": Fault(429).with_retry_after(86400)}),
        (stopped, "answers 429 on and on", ("429",), {"answer": Fault(429)}),
        (stopped, "answers 500", ("500",), {"answer": Fault(500)}),
        (stopped, "answers 500 to changes", ("500",), {"answer": Fault(500, methods=("PATCH",))}),
        (stopped, "answers 502 with an HTML page", ("502",), {"answer": Fault(502, "<html>Bad Gateway</html>", _HTML)}),
        (stopped, "answers 200 with an HTML page", ("powerdns",), {"answer": Fault(200, "<html>Hi</html>", _HTML)}),
        (stopped, "closes the connection without an answer", ("powerdns",), {"answer": Fault()}),
        (stopped, "is silent", ("does not answer",), {"answer": Fault(is_silent=True), "is_slow": True}),
    )
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
#: Of a whole run, one at a time.
RESOLVERS: tuple[DnsCase, ...] = (
    issued("the first of two resolvers is silent", resolver="is silent"),
    issued("the first of two resolvers answers SERVFAIL", resolver="answers SERVFAIL"),
    issued("the first of two resolvers sends malformed answers", resolver="answers garbage"),
    issued("the only resolver loses every second question", resolver="loses every second question", is_alone=True),
    issued("the only resolver takes two seconds for an answer", resolver="answers after 2 seconds", is_alone=True),
    stopped(
        "the only resolver is silent",
        "no answer within…from resolver…acme_dns_resolver",
        resolver="is silent",
        is_alone=True,
        is_slow=True,
    ),
    stopped(
        "the only resolver answers SERVFAIL", "SERVFAIL…acme_dns_resolver", resolver="answers SERVFAIL", is_alone=True
    ),
    stopped(
        "the only resolver answers REFUSED", "REFUSED…acme_dns_resolver", resolver="answers REFUSED", is_alone=True
    ),
)
PARTS = {
    "Name servers": NAME_SERVERS,
    "Records": RECORDS,
    "Dynamic updates (`rfc2136`)": UPDATES,
    "An API (`lexicon` with PowerDNS)": LEXICON,
    "Programs (`exec`)": PROGRAM,
    "Resolvers of the controller": RESOLVERS,
}
ALL = tuple(case for cases in PARTS.values() for case in cases)
