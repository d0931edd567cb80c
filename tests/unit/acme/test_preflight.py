# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying challenges before the CA does, with real servers on loopback addresses."""

from __future__ import annotations

import contextlib
import gzip
import re
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

from ansible_collections.certfleet.tls.plugins.module_utils._acme import addresses, bounded, connection
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import PreflightError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight import NotVerifiable, Preflight
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import ChallengeData
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import acme_tls, keys

TOKEN, ANSWER = "token", "token.thumbprint"
BY_HTTP = ChallengeData("http-01", "localhost", "https://ca/1", "pending", TOKEN, ANSWER)
BY_TLS = replace(BY_HTTP, type="tls-alpn-01")
PATH = f"/.well-known/acme-challenge/{TOKEN}"
PUBLIC_HOST = "127.0.0.2"


class Pages(BaseHTTPRequestHandler):
    """A web server. pages: status, headers and body by path."""

    def do_GET(self):
        self.server.asked.append(dict(self.headers))
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
    with web_at("127.0.0.1") as server:
        yield server


@pytest.fixture
def named(monkeypatch):
    """Return named(addresses by host), which returns a look-up that records hosts; 127.0.0.2 counts as public."""
    known = addresses.address_class
    monkeypatch.setattr(
        addresses,
        "address_class",
        lambda address: "public" if str(address) == PUBLIC_HOST else known(address),
    )

    def made(**hosts):
        asked = []

        def look_up(host, port):
            asked.append(host)
            found = hosts.get(host.replace(".", "_"), [host])
            return [(address, port, 0, 0) if ":" in address else (address, port) for address in found]

        look_up.asked = asked
        return look_up

    return made


@pytest.fixture
def connected(monkeypatch):
    """Return the list of addresses that are connected to. Connections to all but loopback fail."""
    seen = []

    class Recording(socket.socket):
        def connect(self, place):
            seen.append(place[0])
            if not place[0].startswith("127."):
                raise OSError("not in a test")
            super().connect(place)

    monkeypatch.setattr(connection.socket, "socket", Recording)
    return seen


def verify(port, challenge=BY_HTTP, **options):
    return Preflight(timeout=1, http_port=port, **options).verify(challenge)


@pytest.mark.parametrize("body", [ANSWER.encode(), f"{ANSWER}\n".encode(), f"{ANSWER} \r\n\t".encode()])
def test_http_01_valid(web, body):
    web.pages[PATH] = (200, {}, body)
    verify(web.server_port)
    verify(web.server_port, replace(BY_HTTP, identifier="127.0.0.1"))


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ((404, {}, b""), "answers HTTP 404 instead of the challenge's response"),
        ((403, {}, b""), "answers HTTP 403"),
        ((500, {}, b""), "answers HTTP 500"),
        ((304, {}, b""), "answers HTTP 304"),
        ((200, {}, b"<html>"), "does not answer with the challenge's response"),
        ((200, {}, b""), "does not answer with the challenge's response"),
        ((200, {}, ANSWER.encode() + b"x" * 100_000), "does not answer with the challenge's response"),
        ((300, {"Location": PATH}, b""), "answers HTTP 300"),
        ((302, {}, b""), "answers HTTP 302"),
        ((302, {"Location": "ftp://localhost/"}, b""), "redirects to a URL that is neither http nor https"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": "http://localhost:port/"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": "http://[::1/"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": "http://[fe80::1%25lo]/"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": "http://-a.example/"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": "http://b\u00fccher.example/"}, b""), "redirects to a malformed URL"),
        ((302, {"Location": PATH}, b""), "localhost: the response cannot be fetched: more than 10 redirects, the last"),
    ],
)
def test_http_01_wrong_raises_with_name_and_url(web, page, what):
    web.pages[PATH] = page
    with pytest.raises(PreflightError) as raised:
        verify(web.server_port)
    assert what in str(raised.value)
    assert f"localhost:{web.server_port}" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://localhost:22", "https://localhost:80"])
def test_http_01_redirect_to_other_port_is_not_verifiable(web, origin):
    """An internal CA may follow there."""
    web.pages[PATH] = (302, {"Location": f"{origin}/x"}, b"")
    with pytest.raises(
        NotVerifiable, match=rf"^http://localhost:\d+/\S+ redirects to {origin}, which is not verified: only "
    ):
        verify(web.server_port)


def test_http_01_redirects_are_followed(web):
    web.pages[PATH] = (301, {"Location": f"http://localhost:{web.server_port}/moved"}, b"")
    web.pages["/moved"] = (302, {"Location": "/again"}, b"")
    web.pages["/again"] = (200, {}, ANSWER.encode())
    verify(web.server_port)


def test_http_01_redirect_to_https_accepts_untrusted_certificate(web):
    with tls_server(lambda: self_signed("localhost", ANSWER)) as port:
        web.pages[PATH] = (301, {"Location": f"https://localhost:{port}/"}, b"")
        with pytest.raises((PreflightError, NotVerifiable)) as raised:  # it speaks no HTTP
            verify(web.server_port, tls_port=port)
    assert "certificate" not in str(raised.value).lower()


def test_verify_connection_refused_raises():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        with pytest.raises(PreflightError, match="nothing listens there"):
            verify(taken.getsockname()[1])
        with pytest.raises(PreflightError, match="nothing listens there"):
            verify(80, BY_TLS, tls_port=taken.getsockname()[1])


def test_verify_silent_server_is_not_verifiable():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotVerifiable, match=f"localhost:{port}.* cannot be verified from here"):
            verify(port)
        with pytest.raises(NotVerifiable, match="cannot be verified from here"):
            verify(80, BY_TLS, tls_port=port)
    with pytest.raises(NotVerifiable, match="cannot be verified from here"):
        verify(80, replace(BY_HTTP, identifier="no-such-host.invalid"))


@pytest.mark.parametrize(
    "challenge",
    [replace(BY_HTTP, identifier="a.onion"), replace(BY_TLS, identifier="a.onion"), replace(BY_HTTP, type="dns-01")],
)
def test_verify_other_challenge_types_are_skipped(challenge):
    verify(1, challenge)


def self_signed(identifier, key_authorization):
    """Return certificate and key, PEM."""
    key = keys.generate("ec256")
    certificate = acme_tls.certificate(identifier, key_authorization, key, datetime.now(timezone.utc))
    return certificate.public_bytes(Encoding.PEM), keys.pem(key)


@contextmanager
def tls_server(made, protocols=("acme-tls/1",), asked=None):
    """Run a TLS server on a loopback address; *asked* gets the names in SNI."""
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


def test_tls_alpn_01_valid():
    asked = []
    with tls_server(lambda: self_signed("localhost", ANSWER), asked=asked) as port:
        verify(80, BY_TLS, tls_port=port)
    assert asked == ["localhost"]
    with tls_server(lambda: self_signed("127.0.0.1", ANSWER), asked=asked) as port:
        verify(80, replace(BY_TLS, identifier="127.0.0.1"), tls_port=port)
    assert asked[1:] == ["1.0.0.127.in-addr.arpa"]


@pytest.mark.parametrize(
    ("protocols", "answer", "what"),
    [
        (["h2", "http/1.1"], ANSWER, "does not speak acme-tls/1: the port belongs to another server"),
        (["acme-tls/1"], "token.other", "answers acme-tls/1 for another challenge"),
    ],
)
def test_tls_alpn_01_wrong_raises(protocols, answer, what):
    with (
        tls_server(lambda: self_signed("localhost", answer), protocols) as port,
        pytest.raises(PreflightError, match=what),
    ):
        verify(80, BY_TLS, tls_port=port)


def test_tls_alpn_01_port_without_tls_raises(web):
    with pytest.raises(PreflightError, match="does not accept acme-tls/1 connections"):
        verify(80, BY_TLS, tls_port=web.server_port)


def no_caa(*_unused):
    return ""


def test_verify_all_failed_challenges_raise_or_warn(web):
    web.pages[PATH] = (200, {}, ANSWER.encode())
    asked = []

    def caa(domain, wildcard, kind):
        asked.append((domain, wildcard, kind))
        if domain == "unseen.example":
            raise NotVerifiable("no resolver")
        return "CAA of evil.example forbids certificates by any CA" if domain == "evil.example" else ""

    def verify_all(*challenges):
        return Preflight(timeout=1, http_port=web.server_port).verify_all(challenges, caa)

    by_dns = replace(BY_HTTP, type="dns-01")
    assert verify_all(BY_HTTP) == []
    # An apex and its wildcard may be proved in different ways, and have different CAA properties.
    assert verify_all(replace(by_dns, identifier="a.example", wildcard=True)) == []
    assert asked == [("localhost", False, "http-01"), ("a.example", True, "dns-01")]
    assert verify_all(replace(by_dns, identifier="unseen.example")) == ["no resolver"]
    with pytest.raises(PreflightError, match=r"^evil\.example: CAA of evil\.example forbids .* the CA was not asked"):
        verify_all(replace(by_dns, identifier="evil.example"))
    (warning,) = verify_all(replace(BY_HTTP, identifier="no-such-host.invalid"))
    assert warning.startswith("no-such-host.invalid: http://no-such-host.invalid")
    web.pages.clear()
    with pytest.raises(PreflightError, match="answers HTTP 404"):
        verify_all(BY_HTTP)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SLOW = r"it did not answer within 0\.8 s"


@pytest.mark.parametrize(
    ("challenge", "answer", "expected"),
    [
        (BY_HTTP, HEAD + b"x" * 1000, SLOW),
        (BY_HTTP, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, SLOW),
        (BY_HTTP, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, SLOW),
        (
            BY_TLS,
            b"\x16\x03\x03\x40\x00" + b"x" * 1000,
            r"localhost:\d+ cannot be verified from here \(.*timed out.*\)",
        ),
    ],
    ids=["body", "headers", "interim answers", "handshake"],
)
def test_verify_slow_server_is_not_verifiable(challenge, answer, expected):
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip():
            connection = dripping.accept()[0]
            with connection, contextlib.suppress(OSError):
                for byte in answer:
                    connection.send(bytes([byte]))
                    time.sleep(0.05)
            ended.set()

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        port = dripping.getsockname()[1]
        preflight = Preflight(timeout=0.2, http_port=port, tls_port=port)
        (warning,) = preflight.verify_all([challenge], no_caa)
    assert re.match(f"localhost: {expected}", warning)
    assert time.monotonic() - began < 10, "the server drips for longer"
    assert ended.wait(2), "the connection stays open after the preflight"


def test_verify_name_look_up_that_hangs_is_not_verifiable():
    over = threading.Event()
    preflight = Preflight(timeout=0.1, http_port=1, look_up=lambda *_unused: over.wait(5))
    (warning,) = preflight.verify_all([BY_HTTP], no_caa)
    over.set()
    assert warning == "localhost: it did not answer within 0.4 s"


@contextmanager
def raw(answer):
    """Run a server that answers with these bytes, in one piece."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection = server.accept()[0]
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER.encode())


@pytest.mark.parametrize(
    "before",
    [
        HINTS,
        HINTS * 5,
        b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS,
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 199 x\r\n\r\n",
    ],
)
def test_http_01_interim_answers_are_skipped(before):
    with raw(before + FINAL) as port:
        verify(port)


def test_http_01_too_many_interim_answers_are_not_verifiable():
    with raw(HINTS * 6 + FINAL) as port, pytest.raises(NotVerifiable, match="does not answer by HTTP"):
        verify(port)


def test_http_01_switching_protocols_is_a_final_answer():
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    with raw(answer + FINAL) as port, pytest.raises(PreflightError, match="answers HTTP 101"):
        verify(port)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60000,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        HINTS,
    ],
    ids=["headers", "a header", "interim answers", "hints"],
)
def test_http_01_endless_answer_is_read_to_limit(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection = server.accept()[0]
            with connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(NotVerifiable, match=r"it (sends more than 65536 bytes|does not answer by HTTP)"):
            verify(server.getsockname()[1])


def test_http_01_compressed_answer_is_not_decompressed(web):
    web.pages[PATH] = (200, {"Content-Encoding": "gzip"}, gzip.compress(ANSWER.encode()))
    with pytest.raises(NotVerifiable, match="answers with a Content-Encoding, for which it was not asked"):
        verify(web.server_port)
    assert web.asked[-1]["Accept-Encoding"] == "identity"


@contextmanager
def web_at(address, port=0):
    """Run a web server at a loopback address."""
    with ThreadingHTTPServer((address, port), Pages) as server:
        server.pages, server.asked = {}, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


FORBIDDEN = [
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://0x7f000001/x",
    "http://0.0.0.0/x",
    "http://localhost/x",
    "http://metadata.example/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x",
    "http://172.31.0.1/x",
    "http://192.168.1.1/x",
    "http://100.64.0.1/x",
    "http://224.0.0.1/x",
    "http://192.0.2.1/x",
    "http://[::1]/x",
    "http://[::]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[::ffff:a9fe:a9fe]/x",
    "http://[64:ff9b::a00:1]/x",
    "http://[2002:7f00:1::]/x",
    "http://[fe80::1]/x",
    "http://[fd00::1]/x",
    "https://127.0.0.1/x",
    "https://169.254.169.254/x",
    "//127.0.0.1/x",
]


@pytest.mark.parametrize("target", FORBIDDEN)
def test_http_01_redirect_to_private_network_is_not_followed(named, connected, target):
    """Services of the controller, and of its network, get no request."""
    with web_at(PUBLIC_HOST) as server, web_at("127.0.0.1", server.server_port) as secret:
        port = server.server_port
        # With the lab's ports, so that what is followed would get somewhere.
        server.pages[PATH] = (302, {"Location": target.replace("/x", f":{port}/x")}, b"")
        hosts = {"shop_example": [PUBLIC_HOST], "metadata_example": ["169.254.169.254"], "localhost": ["127.0.0.1"]}
        look_up = resolved_by_the_system(named(**hosts))
        preflight = Preflight(timeout=1, http_port=port, tls_port=port, look_up=look_up)
        (warning,) = preflight.verify_all([replace(BY_HTTP, identifier="shop.example")], no_caa)
        assert (len(server.asked), secret.asked) == (1, [])
    assert connected == [PUBLIC_HOST]
    assert "requests for this certificate do not go there" in warning
    assert "latest" not in warning
    assert "/x" not in warning


def resolved_by_the_system(look_up):
    """Numbers become addresses as the system resolves them: 127.1, 0x7f000001."""

    def numbers(host, port):
        found = look_up(host, port)
        if [place[0] for place in found] == [host]:
            return bounded.system_addresses(host, port)
        return found

    return numbers


def test_http_01_redirect_of_public_name_to_loopback_is_not_followed(named, connected):
    """The owner of a name chooses its addresses, too."""
    with web_at(PUBLIC_HOST) as server, web_at("127.0.0.1", server.server_port) as secret:
        port = server.server_port
        server.pages[PATH] = (302, {"Location": f"http://localhost:{port}/"}, b"")
        for own in ([PUBLIC_HOST, "127.0.0.1"], ["127.0.0.1", PUBLIC_HOST]):
            look_up = named(shop_example=own, localhost=["127.0.0.1"])
            with pytest.raises(NotVerifiable, match="localhost has a loopback address here"):
                verify(port, replace(BY_HTTP, identifier="shop.example"), look_up=look_up)
        assert secret.asked == []
    assert connected == [PUBLIC_HOST] * 2


def test_http_01_addresses_are_looked_up_once(named, connected):
    """A name server that changes its answer has no effect."""
    answers = iter([[(PUBLIC_HOST, 1)], [("127.0.0.1", 1)], [("127.0.0.1", 1)]])
    named()
    with web_at(PUBLIC_HOST) as server, web_at("127.0.0.1", server.server_port) as secret:
        server.pages[PATH] = (302, {"Location": f"http://shop.example:{server.server_port}/moved"}, b"")
        server.pages["/moved"] = (200, {}, ANSWER.encode())
        challenge = replace(BY_HTTP, identifier="shop.example")
        verify(server.server_port, challenge, look_up=lambda _host, _port: next(answers))
        assert [headers["Host"] for headers in server.asked] == [f"shop.example:{server.server_port}"] * 2
        assert secret.asked == []
    assert len(list(answers)) == 2


@pytest.mark.parametrize("target", ["x.example", "shop.example", "10.0.0.5"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_http_01_redirect_to_own_private_address_is_not_followed(named, connected, scheme, target):
    """The owner of the name chose the private address, and would choose the path there."""
    with web_at(PUBLIC_HOST) as server:
        port = server.server_port
        server.pages[PATH] = (302, {"Location": f"{scheme}://{target}:{port}/any/path"}, b"")
        look_up = named(shop_example=[PUBLIC_HOST, "10.0.0.5"], x_example=["10.0.0.5"])
        with pytest.raises((NotVerifiable, PreflightError)) as raised:
            verify(port, replace(BY_HTTP, identifier="shop.example"), look_up=look_up, tls_port=port)
    assert set(connected) == {PUBLIC_HOST}
    assert (f"{target} has a private address here" in str(raised.value)) is (target != "shop.example")


def test_http_01_private_address_of_public_name_gets_first_request(named, connected):
    """The controller may reach the private address only."""
    with web_at(PUBLIC_HOST) as server:
        server.pages[PATH] = (200, {}, ANSWER.encode())
        look_up = named(shop_example=["10.0.0.5", PUBLIC_HOST])
        verify(server.server_port, replace(BY_HTTP, identifier="shop.example"), look_up=look_up)
    assert connected == ["10.0.0.5", PUBLIC_HOST]


@pytest.mark.parametrize("kind", [BY_HTTP, BY_TLS])
@pytest.mark.parametrize("own", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_verify_name_at_unusable_address_is_not_verifiable(named, connected, kind, own):
    with pytest.raises(
        NotVerifiable, match=r"is not verified: shop\.example has a (unspecified|multicast) address here"
    ):
        verify(80, replace(kind, identifier="shop.example"), look_up=named(shop_example=[own]))
    assert connected == []


def test_verify_private_name_connects_to_its_address(named, connected):
    look_up = named(shop_example=["10.0.0.1"], other_example=["10.9.9.9"])
    with pytest.raises(NotVerifiable, match="cannot be verified from here"):
        verify(80, replace(BY_HTTP, identifier="shop.example"), look_up=look_up)
    assert connected == ["10.0.0.1"]


@pytest.mark.parametrize("user", ["root:secret@", "@", "root@", "a.example\\@"])
def test_http_01_redirect_with_user_name_is_not_followed(web, user):
    web.pages[PATH] = (302, {"Location": f"http://{user}localhost:{web.server_port}/"}, b"")
    with pytest.raises(
        NotVerifiable, match=rf"redirects to http://localhost:{web.server_port} with a user name"
    ) as raised:
        verify(web.server_port)
    assert "root" not in str(raised.value)
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/a b", "/a%20b"),
        ("/a?b=c#d", "/a?b=c"),
        ("/a\r\n X-Injected: 1", "/a%0D%0A%20X-Injected:%201"),
        ("/b\u00fccher", "/b%FCcher"),
        ("?q", f"{PATH}?q"),
        ("moved", PATH.replace(TOKEN, "moved")),
    ],
)
def test_http_01_redirect_injects_no_header(web, location, path):
    web.pages[PATH] = (302, {"Location": location}, b"")
    web.pages[path] = (200, {}, ANSWER.encode())
    verify(web.server_port)
    assert "X-Injected" not in web.asked[-1]


def test_http_01_message_has_no_part_of_answer(web):
    """No part of an answer, and no path that a server chose, is in a message."""
    web.pages[PATH] = (302, {"Location": f"http://localhost:{web.server_port}/secret-path?query"}, b"")
    web.pages["/secret-path?query"] = (500, {"X-Secret": "in a header"}, b"in the body")
    with pytest.raises(PreflightError) as raised:
        verify(web.server_port)
    said = str(raised.value)
    assert f"http://localhost:{web.server_port} (by a redirect of localhost) answers HTTP 500" in said
    assert not any(part in said for part in ("secret-path", "query", "header", "body"))


@pytest.mark.parametrize("status", ["valid", "processing", "stale"])
def test_verify_all_challenges_not_pending_are_skipped(status):
    challenge = replace(BY_HTTP, status=status)
    assert Preflight(http_port=1).verify_all([challenge], no_caa) == []
