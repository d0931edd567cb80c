# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One time limit for a whole exchange, against servers that send a byte at a time; nothing is decompressed."""

from __future__ import annotations

import gzip
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from time import monotonic

import pytest
import requests
import urllib3

from ansible_collections.certfleet.tls.plugins.module_utils._acme import exchange as module
from ansible_collections.certfleet.tls.plugins.module_utils._acme.exchange import (
    ExchangeError,
    OutOfTimeError,
    Request,
    body,
    exchange,
    new_session,
    pieces,
)
from tests.unit.acme.raw import RawServer
from tests.unit.acme.server import tls_context

SECONDS = 0.4
SLACK = 8.0  # for a busy machine; a server here drips for 10 seconds

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
# A TLS record of a handshake of 16 KiB, and the beginning of a ServerHello of as much.
SERVER_HELLO = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + b"\0" * 16384

# Bytes sent at once, and bytes that then drip without end.
DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 OK" + b" " * 4000),
    "header line": (OK, b"X-Long: " + b"x" * 4000),
    "header lines": (OK, b"A: b\r\n"),
    "informational": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "body to the end": (OK + b"\r\n", b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "chunk size": (CHUNKED, b"0" * 4000),
    "chunk extension": (CHUNKED + b"1;", b"x" * 4000),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 100000\r\n\r\n", b"x"),
}


@pytest.fixture
def serve():
    with_end = []

    def serve_(script, reads=True, tls=None):
        with_end.append(RawServer(script, reads, tls))
        return with_end[-1]

    yield serve_
    for server in with_end:
        server.close()


@pytest.fixture
def session():
    made = new_session(connections=4)
    yield made
    made.close()


def dripping(at_once, drip):
    def script(connection, _request, server):
        connection.sendall(at_once)
        server.drip(connection, drip)

    return script


def ask(session, url, seconds=SECONDS, largest=1 << 20, **more):
    request = Request(more.pop("method", "GET"), url, largest, more.pop("data", None))
    with exchange(session, request, seconds, **more) as answer:
        return answer.status_code, body(answer)


def assert_ends_in_time(session, url, seconds=SECONDS, **more):
    begin = monotonic()
    with pytest.raises(OutOfTimeError, match=rf"^did not answer within {seconds:g} s$"):
        ask(session, url, seconds, **more)
    assert seconds * 0.9 < monotonic() - begin < seconds + SLACK


class TestTime:
    @pytest.mark.parametrize("case", DRIPS)
    def test_exchange_dripping_answer_times_out(self, serve, session, case):
        assert_ends_in_time(session, serve(dripping(*DRIPS[case])).url)

    def test_exchange_answer_that_stops_times_out(self, serve, session):
        """The last read has what is left of the time, not all of it again."""

        def script(connection, _request, server):
            server.closing.wait(1.8)
            connection.sendall(OK)
            server.closing.wait(20)

        begin = monotonic()
        with pytest.raises(OutOfTimeError):
            ask(session, serve(script).url, 2)
        assert monotonic() - begin < 2 + SLACK

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_exchange_dripping_answer_to_each_method_times_out(self, serve, session, method):
        assert_ends_in_time(session, serve(dripping(OK, b"A: b\r\n")).url, method=method, data=b"x" * 1000)

    def test_exchange_dripping_tls_handshake_times_out(self, serve, session):
        server = serve(dripping(b"", SERVER_HELLO), reads=False)
        assert_ends_in_time(session, server.url.replace("http:", "https:"))

    def test_exchange_silent_tls_handshake_times_out(self, serve, session):
        server = serve(lambda _connection, _request, server: server.closing.wait(10), reads=False)
        assert_ends_in_time(session, server.url.replace("http:", "https:"))

    def test_exchange_server_that_reads_nothing_times_out(self, serve, session):
        server = serve(lambda _connection, _request, server: server.closing.wait(10), reads=False)
        assert_ends_in_time(session, server.url, method="POST", data=b"x" * (64 << 20))

    def test_exchange_dripping_proxy_times_out(self, serve, session, monkeypatch):
        proxy = serve(dripping(OK, b"A: b\r\n"))
        monkeypatch.setenv("https_proxy", proxy.url)
        assert_ends_in_time(session, "https://ca.example/")
        assert proxy.requests[0].startswith("CONNECT ca.example:443 ")

    def test_exchange_reused_connection_has_whole_time_limit(self, serve, session):
        """Steps of 60 % of the time each: together they are longer than one exchange may be."""
        peers = set()

        def script(connection, _request, server):
            peers.add(connection.getpeername())
            server.closing.wait(0.6 * 2)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")

        url = serve(script).url
        assert [ask(session, url, 2) for _number in range(3)] == [(200, b"ok")] * 3
        assert len(peers) == 1

    def test_exchange_dripping_reused_connection_times_out(self, serve, session):
        def script(connection, request, server):
            if request == "GET /quick HTTP/1.1":
                connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
            else:
                server.drip(connection, b"HTTP/1.1 200 OK" + b" " * 4000)

        url = serve(script).url
        assert ask(session, f"{url}/quick") == (200, b"ok")
        assert_ends_in_time(session, f"{url}/slow")

    def test_exchange_parallel_requests_have_own_time_limits(self, serve):
        session = new_session(connections=16)
        url = serve(dripping(OK, b"A: b\r\n")).url
        begin = monotonic()
        threads = threading.active_count()

        def one(number):
            with pytest.raises(OutOfTimeError, match=rf"within {0.2 + number / 50:g} s"):
                ask(session, url, 0.2 + number / 50)
            return monotonic() - begin

        with ThreadPoolExecutor(16) as pool:
            took = list(pool.map(one, range(16)))
        session.close()
        assert all(0.2 + number / 50 <= seconds < 0.2 + number / 50 + SLACK for number, seconds in enumerate(took))
        # Nothing is left behind but the server's own threads, which end with it.
        assert threading.active_count() <= threads + 17

    def test_exchange_addresses_that_swallow_connections_have_one_time_limit(self, session, monkeypatch):
        with (
            closing(socket.socket()) as full,
            closing(socket.socket()) as waiting,
            closing(socket.socket()) as next_one,
        ):
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for connection in (waiting, next_one):  # nobody accepts them, so the system answers no other one
                connection.setblocking(False)
                connection.connect_ex(full.getsockname())
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())] * 3
            monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_args, **_more: found)
            assert_ends_in_time(session, "http://ca.example/")

    def test_exchange_refused_first_address_tries_second(self, serve, session, monkeypatch):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + b"Content-Length: 2\r\n\r\nok"))
        with closing(socket.create_server(("127.0.0.1", 0))) as closed:
            refusing = closed.getsockname()
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (refusing, ("127.0.0.1", server.port))
        ]
        monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_args, **_more: found)
        assert ask(session, "http://ca.example/") == (200, b"ok")

    def test_exchange_after_refused_connection_addresses_are_looked_up_again(self, serve, session, monkeypatch):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + b"Content-Length: 2\r\n\r\nok"))
        with closing(socket.create_server(("127.0.0.1", 0))) as closed:
            places = [closed.getsockname(), ("127.0.0.1", server.port)]

        def look_up(*_args, **_more):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", places.pop(0))]

        monkeypatch.setattr(module.socket, "getaddrinfo", look_up)
        with pytest.raises(OSError, match=r"no connection to ca\.example"):
            ask(session, "http://ca.example/")
        assert ask(session, "http://ca.example/") == (200, b"ok")

    def test_exchange_no_time_left_raises(self, session):
        with pytest.raises(OutOfTimeError, match=r"^did not answer within 0 s$"):
            ask(session, "http://127.0.0.1:1/", 0)


class TestSize:
    def test_exchange_larger_answer_raises(self, serve, session):
        sent = []

        def script(connection, _request, _server):
            connection.sendall(OK + b"\r\n")
            for _number in range(1000):
                connection.sendall(b"x" * 65536)
                sent.append(1)
            return False

        with pytest.raises(ExchangeError, match=r"^sent more than 1000000 bytes$"):
            ask(session, serve(script).url, 10, 1_000_000)
        assert len(sent) < 500  # what buffers hold

    @pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"503 Busy"])
    def test_exchange_redirect_has_same_size_limit(self, serve, session, status):
        """The library reads a redirect's body, and decompresses it, even with allow_redirects=False."""
        head = b"HTTP/1.1 " + status + b"\r\nLocation: /\r\nContent-Encoding: gzip\r\n\r\n"
        packed = gzip.compress(b"\0" * (64 << 20))
        server = serve(lambda connection, _request, _server: connection.sendall(head + packed) or False)
        with pytest.raises(ExchangeError, match=r"^sent Content-Encoding gzip, which was not asked for$"):
            ask(session, server.url, 10)

    def test_exchange_compressed_without_header_is_not_decompressed(self, serve, session):
        packed = gzip.compress(b"text")
        head = OK + f"Content-Length: {len(packed)}\r\n\r\n".encode()
        server = serve(lambda connection, _request, _server: connection.sendall(head + packed))
        assert ask(session, server.url, 10) == (200, packed)

    @pytest.mark.parametrize("promised", [b"Content-Length: 10\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\na\r\n"])
    def test_exchange_truncated_answer_raises(self, serve, session, promised):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + promised + b"12345") or False)
        with pytest.raises((requests.exceptions.RequestException, module.urllib3.exceptions.HTTPError)):
            ask(session, server.url, 10)

    @pytest.mark.parametrize("is_announced", [True, False])
    def test_exchange_body_of_unknown_length_ends_with_a_closure_alert(self, serve, session, tls_files, is_announced):
        """RFC 9112 section 9.8: without the alert of TLS, somebody may have cut the connection."""

        def script(connection, _request, _server):
            connection.sendall(OK + b"\r\nwhole")
            if is_announced:
                connection.unwrap()
            return False

        server = serve(script, tls=tls_context(tls_files.certificate, tls_files.key))
        url = server.url.replace("http:", "https:")
        if is_announced:
            assert ask(session, url, 10, verify=tls_files.root) == (200, b"whole")
            return
        with pytest.raises(module.urllib3.exceptions.HTTPError, match=r"(?i)eof"):
            ask(session, url, 10, verify=tls_files.root)

    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    def test_exchange_answer_without_body_may_have_content_length(self, serve, session, method):
        head = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"
        server = serve(lambda connection, _request, _server: connection.sendall(head))
        assert ask(session, server.url, 10, method=method) == (304, b"")

    def test_pieces_of_64_kib_at_most(self, serve, session):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + b"\r\n" + b"x" * 200_000) or False)
        with exchange(session, Request("GET", server.url, 1 << 20), 10) as answer:
            assert max(map(len, pieces(answer))) == 65536


ERRORS = (ExchangeError, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


class TestHttp:
    """Malformed answers, which lenient libraries accept."""

    @pytest.mark.parametrize("size", [b"-1", b"-5", b"FFFFFFFFFFFF", b"0x10", b"1_0"])
    def test_exchange_large_chunk_size_raises_at_limit(self, serve, session, size):
        sent = []

        def script(connection, _request, server):
            connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
            for _unused in range(400):
                sent.append(65536)
                connection.sendall(b"x" * 65536)
            return False

        with pytest.raises(ERRORS):
            ask(session, serve(script).url, 10, largest=1 << 16)
        assert sum(sent) < 20 << 20  # what the system keeps on the way

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\n",
            OK + b"Replay-Non",
            OK + b"Replay-Nonce: a\r\n",
            b"HTTP/1.1 103 Early Hints\r\n",
            b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
        ],
    )
    def test_exchange_head_that_is_cut_short_raises(self, serve, session, head):
        """The library takes the end of the connection for the end of the headers."""
        server = serve(lambda connection, _request, _server: connection.sendall(head) or False)
        with pytest.raises(requests.exceptions.ConnectionError, match=r"cut short"):
            ask(session, server.url)

    def test_exchange_body_without_a_length_ends_with_the_connection(self, serve, session):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + b"\r\nok") or False)
        assert ask(session, server.url) == (200, b"ok")

    @pytest.mark.parametrize("head", [b"Content-Length: " + b"9" * 5000, b"Content-Length: -1", b"X: " + b"y" * 70000])
    def test_exchange_malformed_head_raises(self, serve, session, head):
        server = serve(lambda connection, _request, _server: connection.sendall(OK + head + b"\r\n\r\n") or False)
        with suppress(*ERRORS):  # and no ValueError, for which nobody waits
            assert ask(session, server.url, 2) == (200, b"")

    def test_exchange_interim_answers_are_skipped(self, serve, session):
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        server = serve(
            lambda connection, _request, _server: connection.sendall(early * 2 + OK + b"Content-Length: 2\r\n\r\nok")
        )
        assert ask(session, server.url, 10) == (200, b"ok")
        assert ask(session, server.url, 10) == (200, b"ok"), "the next answer is the next question's"

    def test_exchange_too_many_interim_answers_raise(self, serve, session):
        server = serve(lambda connection, _request, _server: connection.sendall(b"HTTP/1.1 102 Wait\r\n\r\n" * 50))
        with pytest.raises(requests.exceptions.ConnectionError, match="interim"):
            ask(session, server.url, 10)


def test_exchange_request_has_no_cookies_credentials_and_encodings(serve, session):
    seen = []

    def script(connection, request, _server):
        seen.append(request)
        connection.sendall(OK + b"Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    url = serve(script).url
    ask(session, url)
    assert session.headers["Accept-Encoding"] == "identity"
    assert len(session.cookies) == 0


def test_exchange_error_after_time_limit_is_a_timeout(serve, session):
    """The server closes the connection after the time limit: every error of the library becomes one about the time."""

    def script(_connection, _request, server):
        server.closing.wait(SECONDS * 1.5)
        return False

    assert_ends_in_time(session, serve(script).url)
