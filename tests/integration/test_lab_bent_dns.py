# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's DNS as the world has it: a real cache, a firewall, split horizon, servers and APIs that can be bent."""

from __future__ import annotations

import http.client
import re
import sys
import time
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.lab import Lab
from tests.lab.bent_dns import bent_dns
from tests.lab.firewall import firewall
from tests.lab.limited_api import Fault, LimitedApi
from tests.lab.powerdns import API_KEY, PORT
from tests.lab.resolver import resolver

#: A question of the controller: prints the answer's flags, or the error.
ASK = """\
import sys, dns.flags, dns.message, dns.query
query = dns.message.make_query(sys.argv[2], "SOA")
send = dns.query.tcp if sys.argv[3:] else dns.query.udp
try:
    print(dns.flags.to_text(send(query, sys.argv[1], timeout=2).flags))
except Exception as error:
    print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("a lab"), hosts=1, dns_zones=True) as lab:
        yield lab


@pytest.fixture
def lab(shared):
    shared.authorities.clean()
    return shared


@pytest.fixture(scope="module")
def shared_zones(shared):
    with bent_dns(shared, 2) as zones:
        yield zones


@pytest.fixture
def zones(shared_zones):
    shared_zones.straighten()
    shared_zones.clean()
    return shared_zones


def ask(lab, server, name, rtype="TXT", edns=False):
    """Return an answer; None if there is none."""
    message = dns.message.make_query(name, rtype, use_edns=0 if edns else None)
    try:
        return lab.inside(lambda: dns.query.udp_with_fallback(message, server, timeout=1))[0]
    except dns.exception.Timeout:
        return None


def texts(answer):
    return sorted(rdata.to_text().strip('"') for rrset in answer.answer for rdata in rrset)


def asked_by_controller(lab, server, name, *by_tcp):
    done = lab.run([sys.executable, "-c", ASK, server, name, *by_tcp], capture_output=True, text=True)
    return done.stdout.strip()


def test_lab_resolver_keeps_negative_answers_for_their_ttl(lab):
    names = [f"fresh{number}.dyn.lab.test" for number in range(2)]
    with lab.authorities.negative_ttl(300), resolver(lab) as shared_resolver:
        assert ask(lab, shared_resolver.address, names[0]).rcode() == dns.rcode.NXDOMAIN
        for name in names:
            lab.authorities.add(name, "TXT", "value")
        time.sleep(2)
        answers = [ask(lab, shared_resolver.address, name) for name in names]
    assert [texts(answer) for answer in answers] == [[], ["value"]]
    (soa,) = answers[0].authority
    assert 250 < soa.ttl <= 300
    with resolver(lab) as shared_resolver:  # with an empty cache
        assert texts(ask(lab, shared_resolver.address, names[0])) == ["value"]


def test_lab_resolver_has_other_content_for_people_inside(lab):
    lab.authorities.add("new.dyn.lab.test", "TXT", "value")
    with resolver(lab) as split:
        assert ask(lab, split.inside, "new.dyn.lab.test").rcode() == dns.rcode.NXDOMAIN
        assert texts(ask(lab, split.inside, "dyn.lab.test", "NS")) == ["inside.dyn.lab.test."]
        assert texts(ask(lab, split.inside, "ns.pdns.lab.test", "A")) == [lab.authorities.address("pdns")]
        assert texts(ask(lab, split.address, "new.dyn.lab.test")) == ["value"]


@pytest.mark.parametrize(
    ("effect", "by_udp", "by_tcp"),
    [
        ("drops", "Timeout", "Timeout"),
        ("rejects", "Timeout", "ConnectionRefusedError"),  # dnspython's sockets for UDP hear of no rejection
        ("redirects", "QR RD RA", "QR RD RA"),
    ],
)
def test_lab_firewall_concerns_the_controller_alone(lab, effect, by_udp, by_tcp):
    authorities = lab.authorities
    with firewall(lab, effect):
        for address in (authorities.address("ns1"), authorities.address6("ns2"), authorities.address("pdns")):
            found = [asked_by_controller(lab, address, "dyn.lab.test", *tcp) for tcp in ([], ["tcp"])]
            assert found == [by_udp, by_tcp]
        assert asked_by_controller(lab, lab.controller, "dyn.lab.test") == "QR RD RA"
        assert texts(ask(lab, lab.dns.for_ca, "ns1.dyn.lab.test", "A")) == [authorities.address("ns1")]
        done = lab.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://web1.lab.test/"], capture_output=True
        )
        assert done.stdout == b"200"
        api = f"http://{authorities.address('pdns')}:{PORT}/api/v1/servers"
        done = lab.run(["curl", "-sS", "-H", f"X-API-Key: {API_KEY}", api], capture_output=True)
        assert b"localhost" in done.stdout
    assert asked_by_controller(lab, authorities.address("ns1"), "dyn.lab.test") == "QR AA RD"
    assert lab.ip("link", "show", "office", check=False).returncode != 0


def test_lab_bent_zone_is_delegated_and_can_be_changed(lab, zones):
    zones.add(1, "new", "TXT", '"value"')
    assert zones.left() == {("new.c01.lab.test", "value")}
    assert texts(ask(lab, lab.dns.for_ca, "new.c01.lab.test")) == ["value"]
    for address in (zones.address(1, "a"), zones.address(1, "b"), zones.address6(1)):
        answer = ask(lab, address, "new.c01.lab.test")
        assert texts(answer) == ["value"]
        assert answer.flags & dns.flags.AA
    zones.straighten()
    assert zones.left() == set()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("is silent", None),
        ("answers SERVFAIL", "SERVFAIL QR RD"),
        ("answers REFUSED", "REFUSED QR RD"),
        ("answers NOTIMP", "NOTIMP QR RD"),
        ("answers without authority", "NOERROR QR RD RA value"),
        ("refers to the root", "NOERROR QR RD"),
        ("truncates over UDP", "NOERROR QR AA RD value"),
        ("truncates over UDP and has no TCP", EOFError),
        ("knows no EDNS", "NOERROR QR AA RD value"),
        ("answers with another id", dns.query.BadResponse),
        ("answers garbage", dns.exception.DNSException),
        ("loses every second question", None),
        ("answers after 0.2 seconds", "NOERROR QR AA RD value"),
        ("lags 20 seconds", "NOERROR QR AA RD"),
        ("splits values into strings", "NOERROR QR AA RD value 1234567"),
        ("answers in upper case", "NOERROR QR AA RD value"),
    ],
)
def test_lab_bent_server_does_what_the_sentence_says(lab, zones, sentence, expected):
    value = "value 1234567" if "strings" in sentence else "value"
    zones.add(2, "new", "TXT", f'"{value}"')
    zones.bend(2, sentence, "b")
    if isinstance(expected, type):
        with pytest.raises(expected):
            ask(lab, zones.address(2), "new.c02.lab.test")
    else:
        answer = ask(lab, zones.address(2), "new.c02.lab.test")
        found = answer and " ".join(
            [dns.rcode.to_text(answer.rcode()), dns.flags.to_text(answer.flags), *texts(answer)]
        ).replace('" "', "")
        assert found == expected
    assert zones.asked(2)
    assert texts(ask(lab, zones.address(2, "a"), "new.c02.lab.test")) != []


def test_lab_bent_zone_has_a_zone_for_challenges(lab, zones):
    name = "_acme-challenge.deep.c01.lab.test"
    (soa,) = texts(ask(lab, lab.dns.for_ca, name, "SOA"))
    assert soa.startswith("a.c01.lab.test. ")
    referral = ask(lab, lab.dns.for_ca, f"x.{name}")
    assert referral.authority[0].name.to_text() == f"{name}."


def test_lab_bent_server_lags_and_is_anycast_for_a_time(lab, zones):
    zones.add(1, "new", "TXT", '"value"')
    zones.bend(1, "lags 1 seconds", "a")
    zones.bend(1, "is anycast for 1 seconds", "b")
    found = [texts(ask(lab, zones.address(1, server), "new.c01.lab.test")) for server in "abb"]
    assert found == [[], ["value"], []]
    time.sleep(1.1)
    found = [texts(ask(lab, zones.address(1, server), "new.c01.lab.test")) for server in "abb"]
    assert found == [["value"], ["value"], ["value"]]


def test_lab_bent_server_has_other_values_over_tcp(lab, zones):
    zones.add(1, "new", "TXT", '"value"')
    zones.bend(1, "has 30 other values")
    assert len(texts(ask(lab, zones.address(1), "new.c01.lab.test"))) == 31


def test_lab_bent_server_without_edns_refuses_it(lab, zones):
    zones.bend(1, "knows no EDNS")
    assert ask(lab, zones.address(1), "c01.lab.test", "SOA", edns=True).rcode() == dns.rcode.FORMERR
    zones.bend(1, "is silent to EDNS")
    assert ask(lab, zones.address(1), "c01.lab.test", "SOA", edns=True) is None


def test_lab_bent_server_unknown_sentence_is_refused(zones):
    with pytest.raises(ValueError, match="'answers nicely'"):
        zones.bend(1, "answers nicely")


def call(lab, url, method="GET", body=None):
    parts = urlsplit(url)

    def send():
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=1)
        try:
            connection.request(method, parts.path, body, {"X-API-Key": API_KEY})
            response = connection.getresponse()
            response.read()
            return response
        finally:
            connection.close()

    return lab.inside(send)


def test_lab_limited_api_limits_and_fails_as_told(lab):
    with LimitedApi(lab, f"http://{lab.authorities.address('pdns')}:{PORT}") as api:
        zone = "/api/v1/servers/localhost/zones/pdns.lab.test."
        assert call(lab, api.url("one") + zone).status == 200
        api.limit(2, 60)
        found = [call(lab, api.url(caller) + zone) for caller in ("one", "two", "one")]
        assert [response.status for response in found] == [200, 200, 429]
        assert 30 < int(found[2].getheader("Retry-After")) <= 60
        api.limit(1, 0.1)
        time.sleep(0.2)
        assert call(lab, api.url("one") + zone).status == 200
        api.limit(1, 60, "date")
        assert re.search(r"\d\d:\d\d:\d\d GMT$", call(lab, api.url("one") + zone).getheader("Retry-After"))
        api.limit(1, 60, "")
        assert call(lab, api.url("one") + zone).getheader("Retry-After") is None
        api.straighten()

        api.bend("one", Fault(500, times=1, skipped=1, methods=("GET",)))
        assert [call(lab, api.url("one") + zone).status for _unused in range(3)] == [200, 500, 200]
        assert call(lab, api.url("two") + zone).status == 200
        assert api.statuses("one") == [200, 500, 200]
        api.bend("one", Fault())
        with pytest.raises(http.client.RemoteDisconnected):
            call(lab, api.url("one") + zone)
        api.bend("one", Fault(is_silent=True))
        with pytest.raises(TimeoutError):
            call(lab, api.url("one") + zone)


def test_lab_down_leaves_nothing_of_bent_dns(tmp_path):
    with Lab(tmp_path, hosts=1, dns_zones=True) as lab, bent_dns(lab, 1), resolver(lab), firewall(lab, "drops"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
