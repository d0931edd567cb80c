# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unsigned requests: limits of time and size, retries, https only."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
import urllib3

from ansible_collections.certfleet.tls.plugins.module_utils._acme import ca_clock
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import ProtocolError, TransportError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import (
    Http,
    Response,
    innermost,
    reason,
    verify_url,
)
from tests.unit.acme.server import CLOSE, HANG, RESET, Answer, html
from tests.unit.fake_time import NOW

ONE_MIB = 1024 * 1024


def http_date(seconds):
    return (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("86400", 86400),
        ("9" * 400, float("inf")),
        ("-5", None),
        ("1.5", None),
        ("\u00b2", None),
        ("soon", None),
        (http_date(90), 90),
        (http_date(-90), 0),
        ("Mon, 23 Nov 2026 12:01:00 -0000", 60),
        ("Mon, 23 Nov 2026 14:01:00 +0200", 60),
        ("Monday, 23-Nov-26 12:01:00 GMT", 60),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_both_forms_are_parsed(value, seconds):
    headers = {} if value is None else {"Retry-After": value}
    assert Response("https://ca.example/", 503, headers, b"").retry_after(NOW) == seconds


@pytest.mark.parametrize(
    "url",
    [
        "https://ca.example/directory",
        "https://192.0.2.1:14000/dir",
        "http://127.0.0.1:4001/directory",
        "http://127.9.9.9/",
        "http://localhost/",
        "http://[::1]:80/",
        "HTTPS://CA.example/",
    ],
)
def test_verify_url_valid(url):
    assert verify_url(url) == url


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://ca.example/directory", "is refused: ACME requires https"),
        ("http://192.0.2.1/", "is refused"),
        ("http://localhost.example/", "is refused"),
        ("http://127.0.0.1.example/", "is refused"),
        ("http://x@127.0.0.1.example/", "is refused: it contains a user name"),
        ("https://user:secret@ca.example/", "^https://ca.example/ is refused: it contains a user name$"),
        ("https://@ca.example/", "is refused: it contains a user name"),
        ("http://x@127.0.0.1/", "is refused: it contains a user name"),
        ("https://ca.example:99999/", "is not a URL"),
        ("ftp://127.0.0.1/", "is refused"),
        ("file:///etc/passwd", "is refused"),
        ("https://", "is refused"),
        ("https:///path", "is refused"),
        ("//ca.example/", "is refused"),
        ("/acme/order/1", "is refused"),
        # Seen as 127.0.0.1 here, connected to as "evil" by the library.
        ("http://evil\\@127.0.0.1/", "is not a URL"),
        ("https://ca.example/a b", "is not a URL"),
        ("https://ca.example/\n", "is not a URL"),
        ("https://ca.example/\u00e4", "is not a URL"),
        ("https://ca.example/\ud800", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("", "returned no URL"),
        (None, "returned no URL"),
        (["https://ca.example/"], "returned no URL"),
    ],
)
def test_verify_url_invalid_raises(url, text):
    with pytest.raises(ProtocolError, match=text):
        verify_url(url)


PUBLIC, HERE, BARE = "https://acme.ca.example:14000/dir", "http://127.0.0.1:4001/directory", "https://192.0.2.1/dir"


@pytest.mark.parametrize(
    ("directory", "url"),
    [
        (PUBLIC, "https://acme.ca.example:14000/order/1"),
        (PUBLIC, "https://ACME.ca.example/order/1"),
        (PUBLIC, "https://acme.ca.example./order/1"),
        (PUBLIC, "https://acme2.ca.example/order/1"),
        (PUBLIC, "https://ca.example/order/1"),
        (PUBLIC, "https://ari.eu.ca.example/order/1"),
        (HERE, "http://127.0.0.1:4001/order/1"),
        (HERE, "http://localhost:4001/order/1"),
        (HERE, "https://127.0.0.1:14000/order/1"),
        ("http://127.0.0.1/directory", "http://127.0.0.1:80/order/1"),
        (BARE, "https://192.0.2.1:8443/order/1"),
        ("https://ca/directory", "https://ca/order/1"),
        ("https://corp.example/acme", "https://acme.corp.example/order/1"),
        ("https://acme.corp.co.uk/acme", "https://other.corp.co.uk/order/1"),
        ("https://acme.corp.gov.pl/acme", "https://other.corp.gov.pl/order/1"),
        ("https://acme.me.github.io/acme", "https://other.me.github.io/order/1"),
        ("https://[2001:db8:0::1]/directory", "https://[2001:db8::1]/order/1"),
        ("https://[2001:db8::1]/directory", "https://[2001:db8::1]:14000/order/1"),
    ],
)
def test_verify_url_of_the_ca(directory, url):
    assert verify_url(url, directory) == url


@pytest.mark.parametrize(
    ("directory", "url", "text"),
    [
        (PUBLIC, "http://127.0.0.1/", "http is allowed only for a directory on this machine, at its port"),
        (PUBLIC, "http://localhost:14000/", "http is allowed only for"),
        (PUBLIC, "http://[::1]:14000/", "http is allowed only for"),
        (PUBLIC, "http://acme.ca.example:14000/order/1", "ACME requires https"),
        (PUBLIC, "https://me:secret@acme.ca.example/", "it contains a user name"),
        (PUBLIC, "https://127.0.0.1/", "its host is in another domain than the directory"),
        (PUBLIC, "https://[::1]/", "another domain"),
        (PUBLIC, "https://10.0.0.1/", "another domain"),
        (PUBLIC, "https://169.254.169.254/", "another domain"),
        (PUBLIC, "https://localhost/", "another domain"),
        (PUBLIC, "https://intranet.corp.example/", "another domain"),
        (PUBLIC, "https://evil-ca.example/", "another domain"),
        (PUBLIC, "https://acme.ca.example.evil.example/", "another domain"),
        (HERE, "http://127.0.0.1:6379/", "http is allowed only for a directory on this machine"),
        (HERE, "https://ca.example/", "another domain"),
        (BARE, "https://198.51.100.1/", "another domain"),
        (BARE, "https://1.0.2.1/", "another domain"),
        (BARE, "https://7.0.2.1/", "another domain"),
        ("https://ca.internal/dir", "https://db.internal/", "another domain"),
        ("https://ca/dir", "https://db/", "another domain"),
        ("https://acme.co.uk/dir", "https://evil.co.uk/", "another domain"),
        # Public suffixes that only a list knows.
        ("https://acme.gov.pl/dir", "https://evil.gov.pl/", "another domain"),
        ("https://acme.github.io/dir", "https://evil.github.io/", "another domain"),
        ("https://acme.city.kawasaki.jp/dir", "https://evil.other.kawasaki.jp/", "another domain"),
        ("https://corp.example/acme", "https://evil.example/", "another domain"),
        ("https://127.0.0.1/dir", "http://127.0.0.1/", "http is allowed only for"),
    ],
)
def test_verify_url_of_another_server_raises(directory, url, text):
    with pytest.raises(ProtocolError) as error:
        verify_url(url, directory)
    message = str(error.value)
    assert " is refused: " in message
    assert text in message
    assert message.endswith(f" (from the CA at {directory})")
    assert "secret" not in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.2/", "https://ca.example/"])
def test_http_other_server_raises(http, url):
    with pytest.raises(ProtocolError, match=r"is refused: .* \(from the CA at http://127.0.0.1:\d+\)$"):
        http.request_once("POST", url, b"{}")
    assert http.count == 0


HOSTILE = "a\x1b[31mb\r\nc\u202ed\x9be\u2028f\u2066g\x00h\ud800i\x7fj"


def test_response_json_has_no_terminal_control_characters():
    document = {HOSTILE: [HOSTILE, {"a": HOSTILE, "b": 1, "c": None, "d": True}]}
    read = Response("https://ca.example/", 200, {}, json.dumps(document).encode()).json()
    ((name, (text, inner)),) = read.items()
    for found in (name, text, inner.pop("a")):
        assert found.isprintable()
        assert found.split() == ["a", "[31mb", "c", "d", "e", "f", "g", "h", "i", "j"]
    assert inner == {"b": 1, "c": None, "d": True}


def test_response_headers_have_no_terminal_control_characters(ca, http):
    ca.always("/directory", Answer(200, b"{}", {"Location": "a\x1b[31m\x9bb", "X": "y"}))
    answer = http.get(f"{ca.url}/directory")
    assert answer.headers["location"] == "a [31m b"


def test_http_refused_url_gets_no_request(http):
    with pytest.raises(ProtocolError):
        http.request_once("GET", "http://192.0.2.1/")
    assert http.count == 0


@pytest.mark.parametrize(
    ("answers", "pauses"),
    [
        ([], []),
        ([Answer(500)], [0.75]),
        ([Answer(429), Answer(502), Answer(503)], [0.75, 1.5, 3.0]),
        ([RESET, CLOSE, RESET, CLOSE], [0.75, 1.5, 3.0, 6.0]),
        ([Answer(503, headers={"Retry-After": "20"})], [20]),
        ([Answer(503, headers={"Retry-After": "60"})], [60]),
        ([Answer(429, headers={"Retry-After": http_date(20)})], [20]),
        ([Answer(503, headers={"Retry-After": "0"})], [0.75]),
        ([Answer(503, headers={"Retry-After": "soon"})], [0.75]),
        ([Answer(200, b'{"a": 1}', cut=3)], [0.75]),
    ],
    ids=["none", "500", "growing", "connection", "seconds", "a minute", "date", "zero", "malformed", "truncated"],
)
def test_get_temporary_failure_is_repeated_with_growing_pauses(ca, http, time, answers, pauses):
    ca.script("/directory", *answers)
    assert http.get(f"{ca.url}/directory").status == 200
    assert time.pauses == pauses
    assert http.count == len(answers) + 1


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_http_pauses_have_jitter_of_half(ca, http, time, chance):
    time.chance = chance
    ca.script("/directory", *[Answer(500)] * 4)
    http.get(f"{ca.url}/directory")
    assert time.pauses == pytest.approx([n * (0.5 + chance / 2) for n in (1, 2, 4, 8)])


@pytest.mark.parametrize(("attempt", "pause"), [(1, 0.75), (2, 1.5), (5, 12), (6, 22.5), (50, 22.5)])
def test_clock_pause_has_ceiling_and_floor(time, attempt, pause):
    assert time.clock.pause(attempt) == pause
    assert time.clock.pause(attempt, floor=40) == 40


URL = "https://ca.example/directory"
DAY_AHEAD = {"Date": http_date(86400)}


def test_retry_after_date_is_compared_with_the_clock_that_set_it():
    answer = Response("https://ca.example/", 503, {"Retry-After": http_date(86400 + 20), **DAY_AHEAD}, b"")
    assert answer.retry_after(NOW) == 20


class TestClock:
    """A CA whose Date (RFC 9110 section 6.6.1) shows that this machine's clock is wrong."""

    @pytest.mark.parametrize(
        ("date", "ahead"),
        [
            (None, 0),
            ("soon", 0),
            (http_date(0), 0),
            (http_date(300), 0),
            (http_date(-300), 0),
            (http_date(301), 301),
            (http_date(-301), -301),
            (http_date(366 * 86400), 366 * 86400),
            ("Mon, 23 Nov 2026 14:00:00 +0200", 0),
            ("Mon, 23 Nov 2026 13:00:00 -0000", 3600),
            ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ],
    )
    def test_clock_shows_the_time_of_the_ca_beyond_a_tolerance(self, ca, http, date, ahead):
        ca.date = date
        http.request_once("HEAD", f"{ca.url}/new-nonce")
        assert http.clock_ahead == timedelta(seconds=ahead)
        assert http.clock.now() == NOW + timedelta(seconds=ahead)

    def test_clock_is_not_set_by_an_answer_that_may_be_cached(self, ca, http):
        ca.date = http_date(-86400)
        http.get(f"{ca.url}/directory")
        assert http.clock.now() == NOW

    def test_clock_stays_after_an_answer_without_a_date(self, ca, http):
        for date in (http_date(86400), "soon"):
            ca.date = date
            http.request_once("HEAD", f"{ca.url}/new-nonce")
            assert http.clock.now() == NOW + timedelta(days=1)

    def test_clock_set_once_is_right_again_after_a_right_date(self, ca, http):
        for ahead in (86400, 0):
            ca.date = http_date(ahead)
            http.request_once("HEAD", f"{ca.url}/new-nonce")
            assert http.clock.now() == NOW + timedelta(seconds=ahead)

    @pytest.mark.parametrize(
        ("ahead", "text"),
        [
            (timedelta(days=366), "366 days behind"),
            (-timedelta(hours=30), "30 hours ahead of"),
            (timedelta(minutes=7, seconds=59), "7 minutes behind"),
        ],
    )
    def test_warning_has_the_difference(self, ahead, text):
        expected = f"clock is {text} that of the CA {URL}, whose time is used in its place. Set the clock"
        assert ca_clock.warning(URL, ahead) == f"this machine's {expected}"

    def test_warning_without_difference_is_empty(self):
        assert ca_clock.warning(URL, timedelta(0)) == ""


@pytest.mark.parametrize(
    ("answer", "status"), [(Answer(503), 503), (Answer(429), 429), (html(502), 502)], ids=["503", "429", "html"]
)
def test_get_lasting_failure_is_returned(ca, http, time, answer, status):
    ca.always("/directory", answer)
    assert http.get(f"{ca.url}/directory").status == status
    assert http.count == 5
    assert len(time.pauses) == 4


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 410])
def test_get_final_status_is_not_repeated(ca, http, time, status):
    ca.always("/directory", Answer(status, b"{}"))
    assert http.get(f"{ca.url}/directory").status == status
    assert http.count == 1


@pytest.mark.parametrize("value", ["61", "86400", http_date(86400), "9" * 400], ids=["61", "day", "date", "huge"])
def test_get_long_retry_after_is_not_waited_for(ca, http, time, value):
    ca.always("/directory", Answer(503, headers={"Retry-After": value}))
    answer = http.get(f"{ca.url}/directory")
    assert (answer.status, http.count, time.pauses) == (503, 1, [])
    assert http.retry_at(answer) >= NOW + timedelta(seconds=61)


def test_retry_at_header_returns_instant(ca, http):
    ca.script("/a", Answer(200), Answer(200, headers={"Retry-After": "86400"}))
    assert http.retry_at(http.get(f"{ca.url}/a")) is None
    assert http.retry_at(http.get(f"{ca.url}/a")) == NOW + timedelta(days=1)


@pytest.mark.parametrize("trouble", [RESET, CLOSE], ids=["reset", "closed"])
def test_get_broken_connections_raise(ca, http, trouble):
    ca.always("/directory", trouble)
    with pytest.raises(TransportError, match=rf"^{ca.url} cannot be reached \([^)]+\)$"):
        http.get(f"{ca.url}/directory")
    assert http.count == 5


def test_get_connection_refused_raises(ca, http):
    ca.close()
    with pytest.raises(TransportError, match=r"^http://127.0.0.1:\d+ cannot be reached \(Connection refused\)$"):
        http.get(f"{ca.url}/directory")


def test_get_silent_server_times_out(ca, hasty):
    ca.always("/directory", HANG)
    with pytest.raises(TransportError, match=r"did not answer within 0.1 s$"):
        hasty.get(f"{ca.url}/directory", attempts=2)
    assert hasty.count == 2


def test_get_server_silent_within_answer_times_out(ca, hasty):
    # Announced bytes that are not sent are waited for while the connection stays open.
    ca.always("/directory", Answer(200, b"x" * 100, {"Content-Length": "200"}))
    with pytest.raises(TransportError, match=r"did not answer within 0.1 s$"):
        hasty.request_once("GET", f"{ca.url}/directory")


def test_get_truncated_answer_raises(ca, http):
    ca.always("/directory", Answer(200, b'{"newNonce": "https://ca"}', cut=5))
    with pytest.raises(TransportError, match=r"cannot be reached"):
        http.request_once("GET", f"{ca.url}/directory")


@pytest.mark.parametrize(("size", "fits"), [(ONE_MIB, True), (ONE_MIB + 1, False), (8 * ONE_MIB, False)])
def test_get_answer_above_size_limit_raises(ca, http, size, fits):
    ca.always("/directory", Answer(200, b"x" * size))
    if fits:
        assert len(http.get(f"{ca.url}/directory").body) == size
        return
    with pytest.raises(ProtocolError, match=r"/directory sent more than 1048576 bytes$"):
        http.get(f"{ca.url}/directory")
    assert http.count == 1


def test_get_larger_answer_is_not_waited_for(ca, time):
    # A gigabyte is promised, and nothing comes after the first two of its mebibytes.
    ca.always("/directory", Answer(200, b"x" * 2 * ONE_MIB, {"Content-Length": str(2**30)}))
    http = Http(time.clock, ca.url, timeout=2.0)
    with pytest.raises(ProtocolError, match=r"sent more than 1048576 bytes$"):
        http.request_once("GET", f"{ca.url}/directory")
    http.close()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip", "x\x1b[31m"])
@pytest.mark.parametrize("status", [200, 400, 302])
def test_get_encoded_answer_raises_unread(ca, http, status, encoding):
    packed = gzip.compress(b"x" * (8 * ONE_MIB))
    ca.always("/directory", Answer(status, packed, {"Content-Encoding": encoding, "Location": f"{ca.url}/"}))
    with pytest.raises(ProtocolError, match=r"/directory sent Content-Encoding .*, which was not asked for$"):
        http.get(f"{ca.url}/directory")
    assert (http.count, ca.requests[0].headers["Accept-Encoding"]) == (1, "identity")


def test_get_content_encoding_identity_is_accepted(ca, http):
    ca.always("/directory", Answer(200, b"{}", {"Content-Encoding": "identity"}))
    assert http.get(f"{ca.url}/directory").json() == {}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (html(), "answered text/html that is not JSON: is this an ACME server?"),
        (Answer(200, b""), "answered application/json that is not JSON"),
        (Answer(200, b'{"a": '), "that is not JSON"),
        (Answer(200, b"\xff\xfe{}"), "that is not JSON"),
        (Answer(200, b"[" * 100_000), "that is not JSON"),
        (Answer(200, []), "answered JSON that is not an object"),
        (Answer(200, b"null"), "answered JSON that is not an object"),
        (Answer(200, b'"text"'), "answered JSON that is not an object"),
    ],
    ids=["html", "empty", "truncated", "bytes", "nested", "list", "null", "text"],
)
def test_json_malformed_raises(ca, http, answer, text):
    ca.always("/directory", answer)
    with pytest.raises(ProtocolError, match=text.replace("?", r"\?")):
        http.get(f"{ca.url}/directory").json()


def test_get_redirect_is_not_followed(ca, http):
    ca.always("/directory", Answer(302, headers={"Location": f"{ca.url}/elsewhere"}))
    answer = http.get(f"{ca.url}/directory")
    assert (answer.status, ca.lines()) == (302, ["GET /directory"])


def test_http_keeps_no_cookies_and_reads_no_netrc(ca, http, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    ca.script("/directory", Answer(200, headers={"Set-Cookie": "a=b"}))
    for _unused in range(2):
        http.get(f"{ca.url}/directory")
    for request in ca.requests:
        assert not {"Cookie", "Authorization"} & set(request.headers)
        assert request.headers["User-Agent"].startswith("certfleet.tls/")


def test_http_connection_is_reused(ca, http):
    peers = set()
    ca.always("/directory", lambda request: peers.add(request.peer) or Answer(200))
    for _unused in range(5):
        http.get(f"{ca.url}/directory")
    assert len(peers) == 1


class TestTrust:
    """Trusted and untrusted certificates of the CA's web server."""

    @pytest.fixture
    def ask(self, tls_ca, time):
        def ask_(ca_path=None):
            http = Http(time.clock, tls_ca.url, ca_path, timeout=20.0)
            try:
                return http.request_once("GET", f"{tls_ca.url}/directory").status
            finally:
                http.close()

        return ask_

    def test_ca_path_of_the_root_is_trusted(self, ask, tls_files):
        assert ask(tls_files.root) == 200

    def test_ca_path_not_given_untrusted_certificate_raises(self, ask, tls_ca):
        with pytest.raises(TransportError) as error:
            ask()
        text = str(error.value)
        assert text.startswith(f"{tls_ca.url} has a certificate that is not trusted (")
        assert text.endswith("set ca_path (acme_ca_path) to the CA bundle that it is signed by")
        assert tls_ca.requests == []

    def test_ca_path_with_other_root_raises(self, ask, tls_files):
        with pytest.raises(TransportError, match=r"not trusted"):
            ask(tls_files.other_root)

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_ca_path_takes_precedence_over_environment(self, ask, tls_files, monkeypatch, name):
        monkeypatch.setenv(name, tls_files.root)
        assert ask() == 200
        with pytest.raises(TransportError, match=r"not trusted"):
            ask(tls_files.other_root)
        monkeypatch.setenv(name, tls_files.other_root)
        assert ask(tls_files.root) == 200

    def test_get_untrusted_certificate_is_not_repeated(self, tls_ca, time):
        http = Http(time.clock, tls_ca.url)
        with pytest.raises(TransportError, match=r"not trusted"):
            http.get(f"{tls_ca.url}/directory")
        assert (http.count, time.pauses) == (1, [])

    def test_get_certificate_for_other_name_raises(self, tls_ca, tls_files, time):
        http = Http(time.clock, tls_ca.url.replace("127.0.0.1", "localhost"), tls_files.root, timeout=20.0)
        with pytest.raises(TransportError, match=r"for another server"):
            http.request_once("GET", tls_ca.url.replace("127.0.0.1", "localhost"))
        http.close()

    def test_get_https_from_http_server_raises(self, ca, time):
        url = ca.url.replace("http:", "https:")
        with pytest.raises(TransportError, match=r"cannot be reached with TLS \(.*wrong version number"):
            Http(time.clock, url).request_once("GET", url)

    @pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN PRIVATE KEY-----\n"])
    def test_ca_path_without_certificates_raises(self, time, tmp_path, text):
        path = tmp_path / "root.pem"
        path.write_text(text)
        with pytest.raises(TransportError) as error:
            Http(time.clock, "https://ca.example/", str(path))
        assert str(error.value) == f"ca_path {path} has no certificates: give a file of PEM certificates"

    def test_ca_path_that_does_not_exist_raises(self, time):
        with pytest.raises(TransportError, match=r"^ca_path /nowhere/root.pem does not exist: give a file of PEM"):
            Http(time.clock, "https://ca.example/", "/nowhere/root.pem")

    def test_ca_path_with_damaged_certificates_raises_one_line(self, ask, tmp_path):
        path = tmp_path / "root.pem"
        path.write_text("-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n")
        with pytest.raises(TransportError) as error:
            ask(str(path))
        assert "\n" not in str(error.value)

    def test_ca_path_folder_is_accepted(self, ask, tmp_path):
        with pytest.raises(TransportError, match=r"not trusted"):
            ask(str(tmp_path))


def test_get_proxy_down_message_has_the_reason():
    down = urllib3.exceptions.NewConnectionError(object(), "no connection to proxy.example")
    down.__cause__ = ConnectionRefusedError(111, "Connection refused")
    error = urllib3.exceptions.ProxyError("Unable to connect to proxy", down)
    assert reason(innermost(error)) == "Connection refused"
