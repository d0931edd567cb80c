# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching: sizes, redirects, time, and refused URLs, with a real server on loopback."""

from __future__ import annotations

import base64
import time
from urllib.parse import unquote

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import TransportError
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._status import fetch
from ansible_collections.certfleet.tls.plugins.module_utils._status.fetch import Fetcher, is_usable
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import StatusError
from tests.unit.status.place import silence, trickle

LARGEST = 1000


@pytest.fixture
def fetcher():
    made = Fetcher(Clock(), LARGEST)
    yield made
    made.close()


@pytest.fixture
def hasty():
    made = Fetcher(Clock(), LARGEST, timeout=0.3)
    yield made
    made.close()


def refused(call, *arguments):
    with pytest.raises(StatusError) as raised:
        call(*arguments)
    return str(raised.value)


def test_crl_is_fetched(place, fetcher):
    assert fetcher.crl(place.give("/1.crl", b"x" * LARGEST)) == b"x" * LARGEST
    assert place.asked == [("GET", "/1.crl")]


def test_fetch_too_large_raises(place, fetcher):
    url = place.give("/1.crl", b"x" * (LARGEST + 1))
    assert refused(fetcher.crl, url) == f"{url} sent more than 1000 bytes"
    assert "sent more than 65536 bytes" in refused(fetcher.issuer, place.give("/ca", b"x" * 65537))
    assert "sent more than 65536 bytes" in refused(fetcher.ocsp, place.give("/ocsp", b"x" * 65537), b"q")


def test_fetch_many_large_answers_raise(place, monkeypatch):
    monkeypatch.setattr(fetch, "_ALL_BYTES", 20 * LARGEST)
    fetcher = Fetcher(Clock(), LARGEST)
    url = place.give("/1.crl", b"x" * LARGEST)
    for _number in range(20):
        fetcher.crl(url)
    assert "the answers of this run exceed 20000 bytes" in refused(fetcher.crl, url)


def test_fetch_compressed_raises(place, fetcher):
    url = place.give("/1.crl", (200, {"Content-Encoding": "gzip"}, b"x"))
    assert refused(fetcher.crl, url) == f"{url} sent Content-Encoding gzip, which was not asked for"
    assert place.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_fetch_other_status_raises(place, fetcher, status):
    url = place.give("/1.crl", status)
    assert refused(fetcher.crl, url) == f"{url} answered HTTP {status}"


def test_fetch_redirects_are_followed_up_to_limit(place, fetcher):
    place.give("/5", b"here")
    for number in range(5):
        place.give(f"/{number}", (302, {"Location": f"/{number + 1}"}, b""))
    assert fetcher.crl(f"{place.url}/0") == b"here"
    place.give("/loop", (301, {"Location": "/loop"}, b""))
    assert refused(fetcher.crl, f"{place.url}/loop") == f"{place.url}/loop redirects more than 5 times"
    assert place.count("/loop") == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://ca.example/1.crl", "ldap://ca.example/cn=1", "gopher:x"]
)
def test_fetch_redirect_to_other_scheme_raises(place, fetcher, target):
    place.give("/1.crl", (302, {"Location": target}, b""))
    message = refused(fetcher.crl, f"{place.url}/1.crl")
    assert "is refused: only http and https are followed" in message
    assert refused(fetcher.crl, target).endswith("only http and https are followed")


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("http://ca.example/1.crl", True),
        ("HTTPS://ca.example/", True),
        ("http://[2001:db8::1]:8080/1.crl", True),
        ("http://ca.example\\@other.example/", False),
        ("http://ca.example/a b", False),
        ("http://ca.example/\n", False),
        ("http://[ca.example/", False),
        ("//ca.example/", False),
        ("http://ca.example/" + "x" * 983, False),
        ("", False),
    ],
)
def test_is_usable_url_returns_bool(url, yes):
    assert is_usable(url) is yes


def test_fetch_slow_server_times_out(place, hasty):
    for path, answer in {"/slow": trickle(10), "/silent": silence(place)}.items():
        url = place.give(path, answer)
        start = time.monotonic()
        assert refused(hasty.crl, url) == f"{url} did not answer within 0.3 s"
        assert time.monotonic() - start < 3


def test_fetch_connection_refused_raises(fetcher):
    assert refused(fetcher.crl, "http://127.0.0.1:1/1.crl") == (
        "http://127.0.0.1:1/1.crl cannot be reached (Connection refused)"
    )


def test_fetch_credential_in_url_is_not_sent(place, fetcher):
    fetcher.crl(place.give("/1.crl", b"x").replace("//", "//me:secret@"))
    (headers,) = place.headers
    assert "Authorization" not in headers
    assert headers["User-Agent"].startswith("certfleet.tls/")


def test_ocsp_uses_get(place, fetcher):
    url = place.give("/ocsp", b"answer")
    request = bytes(range(60))
    assert fetcher.ocsp(url + "/", request) == b"answer"
    ((method, path),) = place.asked
    assert (method, base64.b64decode(unquote(path.removeprefix("/ocsp/")))) == ("GET", request)


def test_ocsp_uses_post_if_long_or_refused(place, fetcher):
    asked = []

    def only_post(method, path, body):
        asked.append((method, body))
        return b"answer" if method == "POST" else 405

    url = place.give("/ocsp", only_post)
    assert fetcher.ocsp(url, b"short") == b"answer"
    assert asked == [("GET", b""), ("POST", b"short")]
    del asked[:]
    assert fetcher.ocsp(url, b"l" * 300) == b"answer"
    assert asked == [("POST", b"l" * 300)]


def test_fetcher_invalid_ca_path_raises():
    with pytest.raises(TransportError, match="ca_path /nowhere does not exist"):
        Fetcher(Clock(), LARGEST, "/nowhere")


def test_fetch_silent_server_gets_no_second_request(place, hasty, fetcher):
    place.give("/silent", silence(place))
    first = refused(hasty.crl, f"{place.url}/silent/1")
    assert refused(hasty.crl, f"{place.url}/silent/2") == first
    assert place.count("/silent") == 1
    url = "http://127.0.0.1:1"
    assert (
        refused(hasty.crl, f"{url}/1")
        == refused(hasty.crl, f"{url}/2")
        == f"{url}/1 cannot be reached (Connection refused)"
    )
    # An answer, whichever, is another matter.
    for _time in range(2):
        assert "HTTP 404" in refused(fetcher.crl, f"{place.url}/none")
    assert place.count("/none") == 2


def test_fetch_late_redirect_does_not_mark_other_server_as_silent(place):
    """Otherwise a compromised host could keep others from fetching the CA's CRL."""
    fetcher = Fetcher(Clock(), LARGEST, timeout=1)
    of_ca = place.url.replace("127.0.0.1", "localhost")
    place.give("/1.crl", lambda *_asked: (time.sleep(0.4), b"crl")[1])
    place.give("/late", lambda *_asked: (time.sleep(0.8), (302, {"Location": f"{of_ca}/1.crl"}, b""))[1])
    assert "did not answer within 1 s" in refused(fetcher.crl, f"{place.url}/late")
    assert fetcher.crl(f"{of_ca}/1.crl") == b"crl"
    fetcher.close()
