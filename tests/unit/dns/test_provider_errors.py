# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of each kind of provider for each kind of failure, and peculiarities of one kind."""

from __future__ import annotations

import json
import socket
import sys

import dns.name
import dns.tsig
import pytest
import tldextract

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import lexicon as lexicon_kind
from tests.unit.dns.provider_cases import (
    NAME,
    OTHER,
    RIGHT,
    WRONG,
    A,
    B,
    acme_dns,
    exec_,
    failed,
    lexicon,
    limits,
    rfc2136,
)
from tests.unit.dns.scripted_providers import ZONE, free_port


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (
            {},
            {"tsig_secret": WRONG},
            "answers BADSIG: its secret of the TSIG key acme is another one; correct 'tsig_secret'",
        ),
        (
            {},
            {"tsig_name": "other"},
            "answers BADKEY: it does not know the TSIG key other with the algorithm hmac-sha256; correct 'tsig_name' "
            "or 'tsig_algorithm'",
        ),
        (
            {"tsig_error": "BADTIME"},
            {},
            "answers BADTIME: its clock differs from the controller's by more than 5 minutes; set both clocks",
        ),
        (
            {"rcode": "NOTAUTH"},
            {},
            "answers NOTAUTH: it is not authoritative for the zone example.com; give the primary server",
        ),
        ({"rcode": "NOTZONE"}, {}, "answers NOTZONE: the record is not in its zone example.com"),
        (
            {"rcode": "REFUSED"},
            {},
            "answers REFUSED: it does not allow the TSIG key acme to change this TXT record in example.com; correct "
            "'tsig_name', or allow the key in the configuration of the server",
        ),
        (
            {"rcode": "REFUSED"},
            {"tsig_name": None, "tsig_secret": None},
            "answers REFUSED: it does not allow unsigned updates from this machine to change this TXT record in "
            "example.com; set 'tsig_name' and 'tsig_secret'",
        ),
        ({"rcode": "SERVFAIL"}, {}, "answers SERVFAIL: it has a problem with example.com"),
        ({"rcode": "NOTIMP"}, {}, "answers NOTIMP: it does not support dynamic updates"),
        ({"rcode": "YXRRSET"}, {}, "answers YXRRSET"),
        ({"signing": False}, {}, "does not sign its answer: check that it has the zone and knows the key acme"),
        ({}, {"server": "no-such-host.invalid"}, "server no-such-host.invalid port "),
        ({}, {"server": "a" * 70}, "has no address"),
        ({}, {"port": free_port()}, "cannot be reached by TCP (Connection refused)"),
        ({}, {"protocol": "UDP", "tsig_secret": WRONG}, "answers BADSIG"),
    ],
)
def test_rfc2136_failed_update_is_reported(opened, change, options, says):
    case = opened(rfc2136)
    for name, value in change.items():
        setattr(case.server, name, value)
    (text,) = failed(case.make(**options), TxtRecord(NAME, A))
    assert says in text
    assert text.startswith("server ")


def test_rfc2136_closed_connection_is_reported(opened):
    listener = socket.create_server(("127.0.0.1", 0))
    case = opened(rfc2136)
    provider = case.make(port=listener.getsockname()[1], timeout=1)
    listener.close()
    (text,) = failed(provider, TxtRecord(NAME, A))
    assert "cannot be reached" in text


def test_rfc2136_refused_name_does_not_affect_others(opened):
    case = opened(rfc2136)
    case.server.refusing = {OTHER: "REFUSED"}
    failures = case.make().change(ZONE, [TxtRecord(NAME, A), TxtRecord(OTHER, A), TxtRecord(NAME, B)], True)
    assert list(failures) == [TxtRecord(OTHER, A)]
    assert case.server.held(NAME) == {A, B}


def test_rfc2136_many_records_take_few_messages(opened):
    case = opened(rfc2136)
    records = [
        TxtRecord(f"_acme-challenge.{'a' * 60}.{'b' * 60}.{'c' * 60}.h{number}.{ZONE}", A) for number in range(1000)
    ]
    assert case.make().change(ZONE, records[:100], True) == {}
    assert case.server.messages == [100]
    assert case.make().change(ZONE, records, True) == {}
    assert sum(case.server.messages[1:]) == 1000
    assert 3 < len(case.server.messages) < 8
    assert all(case.server.held(record.name) == {A} for record in records)


def test_rfc2136_server_lost_between_messages_fails_the_rest(opened):
    case = opened(rfc2136)
    records = [TxtRecord(f"{'a' * 60}.{'b' * 60}.{'c' * 60}.h{number}.{ZONE}", A) for number in range(600)]
    answer = case.server.answer
    case.server.answer = lambda wire: answer(wire) if not case.server.messages else b""
    failures = case.make().change(ZONE, records, True)
    done = case.server.messages[0]
    assert set(failures) == set(records[done:])
    assert "closed the connection without an answer" in failures[records[-1]]


def test_rfc2136_long_value_is_split_into_strings(opened):
    case = opened(rfc2136)
    value = "ca.example; accounturi=https://ca.example/" + "x" * 300
    assert case.make().change(ZONE, [TxtRecord(NAME, value)], True) == {}
    assert case.server.held(NAME) == {value}


@pytest.mark.parametrize(
    ("algorithm", "of_key"),
    [
        ("hmac-sha256", "hmac-sha256"),
        ("hmac-sha384", "hmac-sha384"),
        ("hmac-sha512", "hmac-sha512"),
        ("hmac-sha512.", "hmac-sha512"),
        ("HMAC-SHA512", "hmac-sha512"),
        ("hmac-md5", "hmac-md5.sig-alg.reg.int"),
        ("HMAC-MD5.SIG-ALG.REG.INT", "hmac-md5.sig-alg.reg.int"),
        ("hmac-md5.sig-alg.reg.int.", "hmac-md5.sig-alg.reg.int"),
    ],
)
def test_rfc2136_tsig_algorithms(opened, algorithm, of_key):
    case = opened(rfc2136)
    case.server.key = dns.tsig.Key("acme.", RIGHT, of_key)
    assert case.make(tsig_algorithm=algorithm).change(ZONE, [TxtRecord(NAME, A)], True) == {}


@pytest.mark.parametrize("secret", [f"{RIGHT}\n", f" {RIGHT} ", f"{RIGHT[:8]}\n  {RIGHT[8:]}\r\n"])
def test_rfc2136_spaces_in_tsig_secret_are_removed(opened, secret):
    case = opened(rfc2136)
    assert case.make(tsig_secret=secret, tsig_name="acme. ").change(ZONE, [TxtRecord(NAME, A)], True) == {}


@pytest.mark.parametrize("server", ["127.0.0.1:{port}", "localhost:{port}", "[::ffff:127.0.0.1]:{port}"])
def test_rfc2136_port_in_server_is_used(opened, server):
    case = opened(rfc2136)
    options = {"server": server.format(port=case.server.port), "port": None}
    assert case.make(**options).change(ZONE, [TxtRecord(NAME, A)], True) == {}


def test_rfc2136_by_udp_one_message_for_each_record(opened):
    case = opened(rfc2136)
    records = [TxtRecord(NAME, A), TxtRecord(NAME, B), TxtRecord(OTHER, A)]
    assert case.make(protocol="udp").change(ZONE, records, True) == {}
    assert (case.server.messages, case.server.datagrams) == ([1, 1, 1], 3)
    assert case.server.held(NAME) == {A, B}


def test_rfc2136_by_udp_lost_datagrams_are_sent_again(opened):
    case = opened(rfc2136)
    case.server.lose = 2
    assert case.make(timeout=0.6, protocol="udp").change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert case.server.datagrams == 3


def test_rfc2136_by_udp_silent_server_is_reported(opened):
    case = opened(rfc2136)
    case.server.lose = 99
    (text,) = failed(case.make(timeout=0.3, protocol="udp"), TxtRecord(NAME, A))
    assert text.endswith("does not answer by UDP within 0.3 s")
    assert case.server.datagrams == 3


def test_rfc2136_update_without_key(opened):
    case = opened(rfc2136)
    assert case.make(tsig_name=None, tsig_secret=None, ttl=7).change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert case.server.records[NAME] == [(A, 7)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tsig_secret": None}, "needs 'tsig_name' and 'tsig_secret' together"),
        ({"tsig_name": ""}, "needs 'tsig_name' and 'tsig_secret' together"),
        ({"tsig_secret": "no base64!"}, "has an invalid 'tsig_secret': expected base64"),
        ({"tsig_name": "a" * 64}, "has an invalid 'tsig_name': expected a DNS name"),
        (
            {"tsig_algorithm": "hmac-sha3"},
            "invalid 'tsig_algorithm' of rfc2136: expected one of hmac-sha256, hmac-sha512",
        ),
        ({"port": "domain"}, "needs a whole number as 'port'"),
        ({"server": "127.0.0.1:5353", "port": 53}, "has port 5353 in 'server' and 53 as 'port': keep one of them"),
        ({"server": "ns1.example.com:99999"}, "has an invalid 'port' 99999: expected 1 to 65535"),
        ({"server": "tcp://ns1.example.com"}, "has an invalid 'server': expected a host name or an IP address"),
        ({"server": "10.0.0.1#53"}, "has an invalid 'server': expected a host name or an IP address"),
        ({"server": "2001:db8::1]:53"}, "has an invalid 'server': expected a host name or an IP address"),
        ({"protocol": "tls"}, "invalid 'protocol' of rfc2136: expected one of tcp, udp"),
        ({"tsig_name": f"hmac-sha256:acme:{RIGHT}"}, "has an invalid 'tsig_name': expected a DNS name, without"),
        ({"tsig_secret": f'key "acme" {{ secret "{RIGHT}"; }};'}, "as after 'secret' in the key file"),
    ],
)
def test_rfc2136_invalid_options_raise(opened, options, says):
    with pytest.raises(DnsError) as error:
        opened(rfc2136).make(**options)
    assert says in str(error.value)
    assert "no base64!" not in str(error.value)
    assert RIGHT not in str(error.value)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "HTTP 401"),
        (403, "HTTP 403"),
        (404, "HTTP 404"),
        (429, "HTTP 429"),
        (500, "HTTP 500"),
        (503, "HTTP 503"),
    ],
)
@pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])
def test_api_error_is_reported_without_secret(opened, make, status, says):
    case = opened(make)
    case.server.status, case.server.text = status, '{"error": "no\\nwith ' + RIGHT + '"}'
    (text,) = failed(case.make(), TxtRecord(case.name, A))
    assert says in text
    assert RIGHT not in text
    assert "\n" not in text
    hint = {401: "credentials", 403: "credentials", 429: "again later", 500: "again later", 503: "again later"}
    if make is lexicon:
        assert hint.get(status, "") in text
    else:
        assert hint.get(status, "").replace("credentials", "do not match") in text


PARTS = {RIGHT[start : start + 6] for start in range(len(RIGHT) - 5)}


@pytest.mark.parametrize("before", range(150, 310, 5))
@pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])
def test_api_error_where_it_is_cut_has_no_part_of_a_secret(opened, make, before):
    case = opened(make)
    case.server.status, case.server.text = 422, json.dumps({"error": "x" * before + RIGHT})
    (text,) = failed(case.make(), TxtRecord(case.name, A))
    assert "xxx" in text
    assert [part for part in PARTS if part in text] == []


@pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])
def test_api_error_escaped_secret_is_hidden(opened, make):
    case = opened(make)
    secret = 'pa"ss\\wörtlich'
    case.server.status, case.server.text = 422, json.dumps({"error": f"no {secret}!"})
    options = (
        {"options": {**case.options["options"], "auth_token": secret}} if make is lexicon else {"password": secret}
    )
    (text,) = failed(case.make(**options), TxtRecord(case.name, A))
    assert "********!" in text


@pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])
def test_api_that_cannot_be_reached_is_reported(opened, make):
    case = opened(make)
    url = f"http://127.0.0.1:{free_port()}"
    options = {"options": {**case.options["options"], "pdns_server": url}} if make is lexicon else {"url": url}
    (text,) = failed(case.make(**options), TxtRecord(case.name, A))
    assert "cannot be reached" in text


def test_lexicon_failed_record_does_not_affect_others(opened):
    case = opened(lexicon)
    answer = case.server.answer
    case.server.answer = lambda method, path, headers, document: (
        (422, {"error": "no such name"})
        if document and OTHER in str(document)
        else answer(method, path, headers, document)
    )
    failures = case.make().change(ZONE, [TxtRecord(OTHER, A), TxtRecord(NAME, A)], True)
    assert list(failures) == [TxtRecord(OTHER, A)]
    assert "HTTP 422" in failures[TxtRecord(OTHER, A)]
    assert case.server.held(NAME) == {A}


def overwrite(case, times, *values):
    """Have another run replace the values of NAME after each of the next writes, as often as *times*."""
    answer = case.server.answer
    left = list(range(times))

    def answer_and_overwrite(method, path, headers, document):
        answered = answer(method, path, headers, document)
        if document and left:
            left.pop()
            case.server.sets[f"{NAME}."] = [f'"{value}"' for value in values]
        return answered

    case.server.answer = answer_and_overwrite


@pytest.mark.parametrize(("present", "written", "held"), [(True, [B], {A, B}), (False, [A, B], {B})])
def test_lexicon_values_that_another_run_overwrote_are_written_again(opened, present, written, held):
    case = opened(lexicon)
    case.server.sets[f"{NAME}."] = [f'"{A}"']
    overwrite(case, 1, *written)
    assert case.make().change(ZONE, [TxtRecord(NAME, A), TxtRecord(OTHER, A)], present) == {}
    assert case.server.held(NAME) == held
    assert case.server.held(OTHER) == ({A} if present else set())


def test_lexicon_values_that_are_always_overwritten_are_left_to_the_wait(opened):
    case = opened(lexicon)
    overwrite(case, 99, B)
    assert case.make().change(ZONE, [TxtRecord(NAME, A)], True) == {}
    writes = [request for request in case.server.requests if request[0] == "PATCH"]
    assert len(writes) == 3


def test_lexicon_values_that_always_come_back_are_not_removed(opened):
    """No wait would find it, and the host would forget the record."""
    case = opened(lexicon)
    case.server.sets[f"{NAME}."] = [f'"{A}"']
    overwrite(case, 99, A)
    assert case.make().change(ZONE, [TxtRecord(NAME, A), TxtRecord(OTHER, A)], False) == {
        TxtRecord(NAME, A): "lexicon's powerdns still lists the value, as where another run writes this name, too"
    }


def test_lexicon_reads_the_values_back_by_one_request(opened):
    case = opened(lexicon)
    records = [TxtRecord(f"_acme-challenge.w{number}.{ZONE}", A) for number in range(5)]
    assert case.make().change(ZONE, records, True) == {}
    # Each write reads the zone; the first one has it from signing in.
    assert [request[0] for request in case.server.requests] == ["GET", "PATCH"] * 5 + ["GET"]


def test_lexicon_provider_without_a_list_is_not_asked_twice(opened, monkeypatch):
    case = opened(lexicon)
    provider = case.make()
    monkeypatch.setattr(lexicon_kind._module("powerdns").Provider, "list_records", None)
    assert provider.change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert case.server.held(NAME) == {A}


@pytest.mark.parametrize(
    "listed", ["_acme-challenge.www", f"_acme-challenge.www.{ZONE}", f"_Acme-challenge.www.{ZONE}."]
)
def test_lexicon_names_in_any_form_are_compared(opened, monkeypatch, listed):
    case = opened(lexicon)
    found = [{"name": listed, "content": f'"{A}"'}]
    monkeypatch.setattr(lexicon_kind._module("powerdns").Provider, "list_records", lambda *_given: found)
    assert case.make().change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert [request[0] for request in case.server.requests] == ["GET", "PATCH"]


def test_lexicon_names_of_providers_are_known():
    assert lexicon_kind.WRITING_SETS | set(lexicon_kind.MOST_VALUES) <= set(lexicon_kind.providers())


def test_lexicon_connects_to_its_api_only(opened, monkeypatch):
    case = opened(lexicon)
    connect = socket.socket.connect
    asked = []

    def watched(self, address):
        asked.append(address[1])
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setenv("LEXICON_POWERDNS_PDNS_SERVER", "http://127.0.0.1:1")
    assert case.make().change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert set(asked) == {case.server.port}
    assert case.server.requests[0][1].endswith(f"/zones/{ZONE}.")


def test_lexicon_fetches_no_list_of_public_suffixes(monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_more: asked.append(arguments) or [])
    lexicon_kind.declared_options("namecheap")
    # Providers that have to split a name by the list do so.
    assert tldextract.extract("www.example.co.uk").suffix == "co.uk"
    assert asked == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "nosuch"}, "lexicon has no provider 'nosuch'; known are aliyun, "),
        ({"name": "auto"}, "lexicon has no provider 'auto'"),
        (
            {"options": {"token": WRONG}},
            "lexicon's provider powerdns has no option 'token'; known options: auth_token, pdns_server",
        ),
        ({"options": "x"}, "lexicon needs a mapping as 'options'"),
        ({"options": {"auth_token": ["x"]}}, "lexicon's provider powerdns needs a text as 'auth_token'"),
        (
            {"name": "ovh", "options": {"auth_entrypoint": "mars"}},
            "invalid 'auth_entrypoint' of lexicon's provider ovh: expected one of ovh-eu, ",
        ),
        ({"name": "route53", "options": {}}, "more libraries: install with '"),
    ],
)
def test_lexicon_invalid_options_raise(opened, options, says):
    with pytest.raises(DnsError) as error:
        opened(lexicon).make(**options)
    assert says in str(error.value)
    assert WRONG not in str(error.value)


def test_lexicon_missing_options_are_reported(opened):
    (text,) = failed(opened(lexicon).make(options={}), TxtRecord(NAME, A))
    assert text == "lexicon's powerdns: PowerDNS API endpoint not defined (pdns_server)"


@pytest.mark.parametrize("name", lexicon_kind.providers())
def test_lexicon_declared_options_of_each_provider(name):
    options = lexicon_kind.declared_options(name)
    assert len({option.name for option in options}) == len(options)
    if name not in ("localzone", "oci"):
        assert any(option.secret for option in options) or name == "dummy"


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://acme-dns.example", True),
        ("http://[::1]:8080", True),
        ("http://acme-dns.example", False),
        ("acme-dns.example", False),
    ],
)
def test_acme_dns_url_needs_https(url, taken):
    options = {"url": url, "username": "u", "password": "p", "subdomain": "s"}
    if taken:
        by_name.create("acme_dns", options, limits())
    else:
        with pytest.raises(DnsError, match="has an invalid 'url': expected an https URL"):
            by_name.create("acme_dns", options, limits())


@pytest.mark.parametrize("end", ["", "/", "//", "/update", "/register/"])
def test_acme_dns_url_of_api_or_of_updates_is_used(opened, end):
    case = opened(acme_dns)
    assert case.make(url=f"{case.server.url}{end}").change(ZONE, [TxtRecord(case.name, A)], True) == {}


def test_acme_dns_full_domain_as_subdomain_raises():
    options = {"url": "https://dns.example", "username": "u", "password": "p", "subdomain": "d420.dns.example"}
    with pytest.raises(DnsError, match="has an invalid 'subdomain': expected the subdomain of the registration"):
        by_name.create("acme_dns", options, limits())


@pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])
def test_secret_with_a_line_break_at_its_end_is_accepted(opened, make):
    case = opened(make)
    options = (
        {"options": {**case.options["options"], "auth_token": f"{RIGHT}\n"}}
        if make is lexicon
        else {"password": f"{RIGHT}\n"}
    )
    assert case.make(**options).change(ZONE, [TxtRecord(case.name, A)], True) == {}


def test_acme_dns_other_name_fails(opened):
    case = opened(acme_dns)
    failures = case.make().change(ZONE, [TxtRecord(f"other.{ZONE}", A), TxtRecord(case.name, B)], True)
    assert failures == {
        TxtRecord(f"other.{ZONE}", A): f"other.{ZONE} is not the name of the subdomain d420c923-bbd7: let it lead by "
        "CNAME to the full domain of the registration, and add an entry for each registration"
    }
    assert case.server.values == [B]


def test_acme_dns_missing_ca_path_is_reported(opened, tmp_path):
    case = opened(acme_dns)
    (text,) = failed(case.make(ca_path=str(tmp_path / "none.pem")), TxtRecord(case.name, A))
    assert "does not exist" in text


def test_exec_program_gets_no_environment_of_controller(opened, tmp_path, monkeypatch):
    case = opened(exec_)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for you")
    case.server.path.write_text('#!/bin/sh\nenv | sort >"$FOLDER/env"\nprintf "%s\\n" "$@" >"$FOLDER/args"\n')
    value = "a b; $(touch x) 'c' \"d\""
    assert case.make(args=["--flag", "two words"]).change(ZONE, [TxtRecord(NAME, value)], False) == {}
    assert (tmp_path / "args").read_text().splitlines() == ["--flag", "two words", "absent"]
    environment = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    record = {"ACME_DNS_NAME": NAME, "ACME_DNS_VALUE": value, "ACME_DNS_ZONE": ZONE}
    assert set(environment) - {"PWD", "SHLVL", "_", "OLDPWD"} == {"FOLDER", "TOKEN", "PATH", "HOME", *record}
    assert record.items() <= environment.items()


def test_exec_environment_option_does_not_replace_record(opened, tmp_path):
    case = opened(exec_)
    case.server.path.write_text('#!/bin/sh\nprintf %s "$ACME_DNS_ZONE" >"$FOLDER/zone"\n')
    environment = {"FOLDER": str(tmp_path), "ACME_DNS_ZONE": "example.net"}
    assert case.make(environment=environment).change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert (tmp_path / "zone").read_text() == ZONE


# As people write them, each with its own option parser. Their arguments go to a file.
BY_ARGPARSE = f"""#!{sys.executable}
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--ttl", type=int)
parser.add_argument("-q", action="store_true")
parser.add_argument("state", choices=["present", "absent"])
given = parser.parse_args()
assert (given.ttl, given.q) == (60, True)
record = [os.environ["ACME_DNS_" + name] for name in ("NAME", "VALUE", "ZONE")]
open(os.environ["FOLDER"] + "/told", "a").write(" ".join([given.state, *record]) + "\\n")
"""
BY_GETOPTS = """#!/bin/sh
while getopts qt: option; do
    case $option in q) q=1 ;; t) ttl=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ "$q $ttl $#" = "1 60 1" ] || { echo "options: $q $ttl $#" >&2; exit 2; }
echo "$1 $ACME_DNS_NAME $ACME_DNS_VALUE $ACME_DNS_ZONE" >>"$FOLDER/told"
"""
BY_GETOPT = """#!/bin/sh
parsed=$(getopt -o q --long ttl: -- "$@") || exit 2
eval set -- "$parsed"
[ "$1 $2 $3 $4" = "-q --ttl 60 --" ] || { echo "options: $*" >&2; exit 2; }
echo "$5 $ACME_DNS_NAME $ACME_DNS_VALUE $ACME_DNS_ZONE" >>"$FOLDER/told"
"""
BY_STANDARD_INPUT = """#!/bin/sh
# As to nsupdate, which reads commands.
case $3 in present) verb=add ;; absent) verb=delete ;; *) exit 2 ;; esac
cd "$FOLDER"
cat <<END | awk '/^zone/ { zone = $2 } /^update add/ { print "present", $3, $6, zone }' >>told
zone $ACME_DNS_ZONE
update $verb $ACME_DNS_NAME 60 TXT $ACME_DNS_VALUE
send
END
"""


@pytest.mark.parametrize(
    ("program", "args"),
    [
        (BY_ARGPARSE, ["-q", "--ttl=60"]),
        (BY_GETOPTS, ["-q", "-t60"]),
        (BY_GETOPT, ["-q", "--ttl=60"]),
        (BY_STANDARD_INPUT, ["-y", "key"]),
    ],
    ids=["argparse", "getopts", "getopt", "standard input"],
)
@pytest.mark.parametrize("value", [B, "--help", "-q", "-t", "--", "--ttl=5", "-"])
def test_exec_value_is_no_option_of_program(opened, tmp_path, program, args, value):
    """A value in 64 begins with '-'."""
    case = opened(exec_)
    case.server.path.write_text(program)
    assert case.make(args=args).change(ZONE, [TxtRecord(NAME, value)], True) == {}
    assert (tmp_path / "told").read_text() == f"present {NAME} {value} {ZONE}\n"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo one >&2; echo; echo 'two  words' >&2; echo >&2; exit 4", "exited with 4: two words"),
        ("echo said >&1; exit 1", "exited with 1: nothing on stderr"),
        ("kill -9 $$", "was killed by signal 9: nothing on stderr"),
        (f"echo 'token {RIGHT} is bad' >&2; exit 1", "exited with 1: token ******** is bad"),
        ("head -c 100000 /dev/zero >&2; echo >&2; echo last >&2; exit 1", "exited with 1: last"),
    ],
)
def test_exec_failed_program_is_reported(opened, script, says):
    case = opened(exec_)
    case.server.path.write_text(f"#!/bin/sh\n{script}\n")
    (text,) = failed(case.make(), TxtRecord(NAME, A))
    assert text == f"{case.server.path} {says}"


@pytest.mark.parametrize("after", [4080, 4090, 65_520, 65_530])
def test_exec_error_where_it_is_cut_has_no_part_of_a_secret(opened, after):
    case = opened(exec_)
    case.server.path.write_text(f"#!/bin/sh\nprintf '%s%0{after}d' \"$TOKEN\" 0 >&2\nexit 3\n")
    (text,) = failed(case.make(), TxtRecord(NAME, A))
    assert "000" in text
    assert [part for part in PARTS if part in text] == []


def test_exec_background_process_is_not_waited_for(opened):
    case = opened(exec_)
    case.server.path.write_text("#!/bin/sh\nsleep 8 &\nexit 0\n")
    assert case.make(timeout=2).change(ZONE, [TxtRecord(NAME, A)], True) == {}


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("program", "has an invalid 'program': expected an absolute path"),
        ("/no/such/program", "/no/such/program cannot be run (No such file or directory)"),
        ("/etc/passwd", "/etc/passwd cannot be run (Permission denied)"),
    ],
)
def test_exec_invalid_program_is_reported(opened, program, says):
    with pytest.raises(DnsError) as error:
        raise DnsError(failed(opened(exec_).make(program=program), TxtRecord(NAME, A))[0])
    assert says in str(error.value)


def test_create_missing_library_says_how_to_install(monkeypatch):
    monkeypatch.setattr(by_name, "find_spec", lambda name: None)
    with pytest.raises(
        DnsError, match="needs dns-lexicon, which the controller's Python does not have: install with '"
    ):
        by_name.create("lexicon", {"name": "powerdns"}, limits())
