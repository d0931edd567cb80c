# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at challenges before the CA does: real servers on loopback addresses."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certfleet.tls.plugins.module_utils.acme.challenge_data import ChallengeData
from ansible_collections.certfleet.tls.plugins.module_utils.acme.errors import PreflightError
from ansible_collections.certfleet.tls.plugins.module_utils.acme.preflight import Preflight, Unseen
from ansible_collections.certfleet.tls.plugins.module_utils.pki import keys, tls_alpn

TOKEN, ANSWER = "token", "token.thumbprint"
BY_HTTP = ChallengeData("http-01", "localhost", "https://ca/1", "pending", TOKEN, ANSWER)
BY_TLS = replace(BY_HTTP, type="tls-alpn-01")
PATH = f"/.well-known/acme-challenge/{TOKEN}"


class Pages(BaseHTTPRequestHandler):
    """A web server of a few pages: path to status, headers and body."""

    def do_GET(self):
        status, headers, body = self.server.pages.get(self.path, (404, {}, b"not here"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_unused):
        pass


@pytest.fixture
def web():
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.pages = {}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def look(port, challenge=BY_HTTP, **options):
    return Preflight(timeout=1, http_port=port, **options).look(challenge)


@pytest.mark.parametrize("body", [ANSWER.encode(), f"{ANSWER}\n".encode(), f"{ANSWER} \r\n\t".encode()])
def test_a_response_in_place(web, body):
    web.pages[PATH] = (200, {}, body)
    look(web.server_port)
    look(web.server_port, replace(BY_HTTP, identifier="127.0.0.1"))


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ((404, {}, b""), "answers HTTP 404 instead of the challenge's response"),
        ((403, {}, b""), "answers HTTP 403"),
        ((500, {}, b""), "answers HTTP 500"),
        ((304, {}, b""), "answers HTTP 304"),
        ((200, {}, b"<html>"), "answers something else"),
        ((200, {}, b""), "answers something else"),
        ((200, {}, ANSWER.encode() + b"x" * 100_000), "answers something else"),
        ((302, {"Location": "ftp://localhost/"}, b""), "redirects to ftp://localhost/, where no CA follows"),
        ((302, {"Location": "http://localhost:8080/"}, b""), "where no CA follows"),
        ((302, {"Location": "http://localhost:port/"}, b""), "where no CA follows"),
        ((302, {"Location": PATH}, b""), "more than 10 redirects"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_with_the_name_and_the_url(web, page, what):
    web.pages[PATH] = page
    with pytest.raises(PreflightError) as told:
        look(web.server_port)
    assert what in str(told.value)
    assert f"localhost:{web.server_port}" in str(told.value)
    assert len(str(told.value).splitlines()) == 1


def test_redirects_are_followed_as_a_ca_does(web):
    web.pages[PATH] = (301, {"Location": f"http://localhost:{web.server_port}/moved"}, b"")
    web.pages["/moved"] = (302, {"Location": "/again"}, b"")
    web.pages["/again"] = (200, {}, ANSWER.encode())
    look(web.server_port)


def test_a_redirect_to_https_may_lead_to_a_certificate_that_nobody_trusts(web):
    with tls_server(lambda: self_signed("localhost", ANSWER)) as port:
        web.pages[PATH] = (301, {"Location": f"https://localhost:{port}/"}, b"")
        with pytest.raises((PreflightError, Unseen)) as told:  # it speaks no HTTP
            look(web.server_port, tls_port=port)
    assert "certificate" not in str(told.value).lower()


def test_a_port_that_nobody_has_is_wrong():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        with pytest.raises(PreflightError, match="nothing listens there"):
            look(taken.getsockname()[1])
        with pytest.raises(PreflightError, match="nothing listens there"):
            look(80, BY_TLS, tls_port=taken.getsockname()[1])


def test_what_cannot_be_reached_is_unseen_not_wrong():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unseen, match=f"localhost:{port}.* cannot be looked at from here"):
            look(port)
        with pytest.raises(Unseen, match="cannot be looked at from here"):
            look(80, BY_TLS, tls_port=port)
    with pytest.raises(Unseen, match="cannot be looked at from here"):
        look(80, replace(BY_HTTP, identifier="no-such-host.invalid"))


@pytest.mark.parametrize(
    "challenge",
    [replace(BY_HTTP, identifier="a.onion"), replace(BY_TLS, identifier="a.onion"), replace(BY_HTTP, type="dns-01")],
)
def test_what_is_not_for_looking_at_here(challenge):
    look(1, challenge)


def self_signed(identifier, key_authorization):
    """Certificate and key, PEM."""
    key = keys.generate("ec256")
    certificate = tls_alpn.certificate(identifier, key_authorization, key, datetime.now(timezone.utc))
    return certificate.public_bytes(Encoding.PEM), keys.pem(key)


@contextmanager
def tls_server(made, protocols=("acme-tls/1",), asked=None):
    """A TLS server on a loopback address; *asked* gets the names it is asked for."""
    import tempfile

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(made()))
        file.flush()
        context.load_cert_chain(file.name)
    context.set_alpn_protocols(list(protocols))
    context.sni_callback = lambda _socket, name, _context: asked.append(name) if asked is not None else None
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            try:
                with connection, context.wrap_socket(connection, server_side=True) as tls:
                    tls.settimeout(1)
                    tls.recv(1)
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def test_tls_alpn_01_in_place():
    asked = []
    with tls_server(lambda: self_signed("localhost", ANSWER), asked=asked) as port:
        look(80, BY_TLS, tls_port=port)
    assert asked == ["localhost"]
    with tls_server(lambda: self_signed("127.0.0.1", ANSWER), asked=asked) as port:
        look(80, replace(BY_TLS, identifier="127.0.0.1"), tls_port=port)
    assert asked[1:] == ["1.0.0.127.in-addr.arpa"]


@pytest.mark.parametrize(
    ("protocols", "answer", "what"),
    [
        (["h2", "http/1.1"], ANSWER, "does not speak acme-tls/1: another server"),
        (["acme-tls/1"], "token.other", "answers acme-tls/1 for another challenge"),
    ],
)
def test_tls_alpn_01_that_is_not(protocols, answer, what):
    with (
        tls_server(lambda: self_signed("localhost", answer), protocols) as port,
        pytest.raises(PreflightError, match=what),
    ):
        look(80, BY_TLS, tls_port=port)


def test_a_port_that_speaks_no_tls(web):
    with pytest.raises(PreflightError, match="takes no acme-tls/1 connection"):
        look(80, BY_TLS, tls_port=web.server_port)


def no_caa(*_unused):
    return ""


def test_an_order_is_looked_at_whole(web):
    web.pages[PATH] = (200, {}, ANSWER.encode())
    asked = []

    def caa(domain, wildcard, kind):
        asked.append((domain, wildcard, kind))
        if domain == "unseen.example":
            raise Unseen("no resolver")
        return "CAA of evil.example forbids certificates by any CA" if domain == "evil.example" else ""

    def look_all(*challenges):
        return Preflight(timeout=1, http_port=web.server_port).look_all(challenges, caa)

    by_dns = replace(BY_HTTP, type="dns-01")
    assert look_all(BY_HTTP) == []
    # An apex and its wildcard may be proved in different ways, and have different CAA properties.
    assert look_all(replace(by_dns, identifier="a.example", wildcard=True)) == []
    assert asked == [("localhost", False, "http-01"), ("a.example", True, "dns-01")]
    assert look_all(replace(by_dns, identifier="unseen.example")) == ["no resolver"]
    with pytest.raises(PreflightError, match=r"^evil\.example: CAA of evil\.example forbids .* the CA is not asked"):
        look_all(replace(by_dns, identifier="evil.example"))
    (warning,) = look_all(replace(BY_HTTP, identifier="no-such-host.invalid"))
    assert warning.startswith("no-such-host.invalid: http://no-such-host.invalid")
    web.pages.clear()
    with pytest.raises(PreflightError, match="answers HTTP 404"):
        look_all(BY_HTTP)


def test_a_server_that_answers_byte_by_byte_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip():
            connection = dripping.accept()[0]
            with connection, contextlib.suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
                    connection.send(bytes([byte]))
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        preflight = Preflight(timeout=0.2, http_port=dripping.getsockname()[1])
        (warning,) = preflight.look_all([BY_HTTP], no_caa)
    assert warning == "localhost: it takes longer than 0.8 s to answer"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("status", ["valid", "processing", "stale"])
def test_what_the_ca_is_not_told_of_is_not_looked_at(status):
    challenge = replace(BY_HTTP, status=status)
    assert Preflight(http_port=1).look_all([challenge], no_caa) == []
