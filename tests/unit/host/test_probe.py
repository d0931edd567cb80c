# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of servers that listen: over TLS at once, and after STARTTLS of each protocol."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.services import probe, tls_handshake
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import endpoints
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.endpoints import Endpoint
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates
from tests.unit.host import ca

OPTION = {"address": "localhost", "port": None, "server_name": None, "starttls": None, "timeout": 30}
LDAP_OK = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
LDAP_REFUSED = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x34\x04\x00\x04\x00"


@cache
def pair(kind="ec256", number=1):
    """Return a certificate's PEM text, and that of certificate and key together."""
    key = ca.key_of(kind)
    leaf = ca.Authority.root().leaf(key.public_key(), ["shop.example"], serial=0x4A00 + number)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ca.pem(leaf).encode(), ca.pem(leaf).encode() + private


class Server:
    """Server at a port of its own. *begin*: the bytes before TLS, by turns; *certificates*: paths, that are tried."""

    def __init__(self, tmp_path, *pairs, begin=lambda connection: None):
        self.begin = begin
        self.names = []
        self.served = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = lambda _tls, name, _context: self.names.append(name)
        self.tmp_path = tmp_path
        self.load(*pairs)
        self.listener = socket.create_server(("localhost", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def load(self, *pairs):
        for number, (_pem, both) in enumerate(pairs):
            path = self.tmp_path / f"{number}-{len(self.names)}.pem"
            path.write_bytes(both)
            self.context.load_cert_chain(path)

    def _serve(self):
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.begin(connection)
                    with self.context.wrap_socket(connection, server_side=True) as tls:
                        self.served += 1
                        tls.recv(1)
                except OSError:
                    pass


@pytest.fixture
def serve(tmp_path):
    servers = []

    def serve_(*pairs, **options):
        servers.append(Server(tmp_path, *pairs, **options))
        return servers[-1]

    yield serve_
    for server in servers:
        server.listener.close()


def at(port, server_name="shop.example", starttls=None, timeout=5):
    return Endpoint("localhost", port, server_name, starttls, timeout)


def prove(endpoint, pem, clock=None):
    """In no time, but for what waits for a server."""
    return prove_all([(endpoint, pem)], clock or Clock())[0]


def prove_all(expected, clock):
    return probe.prove_all(expected, clock.monotonic, clock.sleep)


class Clock:
    """Seconds that pass only in sleep(), which may do something."""

    def __init__(self, *events):
        self.now = 0.0
        self.events = list(events)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.events:
            self.events.pop(0)()


# --- comparing


def test_prove_all_same_certificate_is_empty(serve):
    server = serve(pair())
    assert prove(at(server.port), pair()[0]) == ""
    assert server.names == ["shop.example"]


@pytest.mark.parametrize("server_name", [None, "other.example"])
def test_prove_all_sends_server_name(serve, server_name):
    server = serve(pair())
    assert prove(at(server.port, server_name), pair()[0]) == ""
    assert server.names == [server_name]


def test_prove_all_without_endpoints():
    assert probe.prove_all([]) == []


def test_prove_all_other_certificate_names_both_serials(serve):
    server = serve(pair())
    said = prove(at(server.port, timeout=1), pair(number=2)[0])
    assert said == (f"localhost:{server.port} (shop.example) serves serial 4a01 instead of 4a02 (tried for 1 seconds)")


def test_prove_all_waits_for_slow_reload(serve):
    """With pauses that grow, and no longer than it takes."""
    server = serve(pair())
    clock = Clock(lambda: None, lambda: None, lambda: server.load(pair(number=2)))
    said = prove_all([(at(server.port, timeout=30), pair(number=2)[0])], clock)
    assert said == [""]
    assert clock.now == pytest.approx(0.1 + 0.2 + 0.4)


def test_prove_all_stops_at_timeout(serve):
    server = serve(pair())
    clock = Clock()
    endpoint = at(server.port, timeout=30)
    (said,) = prove_all([(endpoint, pair(number=2)[0])], clock)
    assert said.endswith("(tried for 30 seconds)")
    assert 28 < clock.now <= 30


def test_prove_all_last_attempt_gets_a_whole_second(monkeypatch):
    """Otherwise the message would only say that there was no answer in time."""
    clock = Clock(lambda: setattr(clock, "now", 0.85))
    timeouts = []

    def fetch(_endpoint, until, *_unused):
        timeouts.append(until - clock.now)
        return ssl.PEM_cert_to_DER_cert(pair()[0].decode())

    monkeypatch.setattr(probe, "fetch", fetch)
    said = prove(at(1, timeout=1), pair(number=2)[0], clock)
    assert "serves serial 4a01 instead of 4a02" in said
    assert timeouts == pytest.approx([1, 1, 1, 1])


def test_prove_all_probes_in_parallel_and_keeps_order(serve):
    together = threading.Barrier(3)

    def begin(_connection):
        if threading.current_thread() not in begun:
            begun.add(threading.current_thread())
            together.wait(10)  # no server goes on before all of them have a connection

    begun = set()
    servers = [serve(both, begin=begin) for both in (pair(number=2), pair(), pair(number=2))]
    clock = Clock()
    wanted = [(at(server.port, timeout=timeout), pair()[0]) for server, timeout in zip(servers, (1, 30, 1))]
    problems = prove_all(wanted, clock)
    assert [bool(problem) for problem in problems] == [True, False, True]
    assert not together.broken
    assert len(begun) == 3


@pytest.mark.parametrize("kind", ["ec256", "rsa"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_prove_all_certificate_per_key_type(serve, kind, newest):
    server = serve(pair("ec256"), pair("rsa"))
    server.context.maximum_version = newest
    assert prove(at(server.port, timeout=1), pair(kind)[0]) == ""


def test_prove_all_tls_1_3_only(serve):
    server = serve(pair())
    server.context.minimum_version = ssl.TLSVersion.TLSv1_3
    assert prove(at(server.port, timeout=1), pair()[0]) == ""
    assert "serves serial 4a01" in prove(at(server.port, timeout=1), pair(number=2)[0])


# --- servers that want a certificate of the client


@pytest.mark.parametrize("kind", ["ec256", "rsa"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_prove_all_server_with_client_certificates(serve, kind, newest):
    server = serve(pair(kind))
    server.context.verify_mode = ssl.CERT_REQUIRED
    server.context.load_verify_locations(cadata=pair()[0].decode())
    server.context.maximum_version = newest
    assert prove(at(server.port, timeout=1), pair(kind)[0]) == ""
    assert "serves serial 4a01 instead of 4a02" in prove(at(server.port, timeout=1), pair(kind, 2)[0])


def record(kind, *messages):
    """Return a record of TLS 1.2 with handshake messages: their types and bodies."""
    data = b"".join(bytes([number]) + len(body).to_bytes(3, "big") + body for number, body in messages)
    return bytes([kind]) + b"\x03\x03" + len(data).to_bytes(2, "big") + data


SHOWN = (11, b"\0\0\x08\0\0\x05first")
ASKED, HELLO, DONE = (13, b"ask"), (2, b"hello"), (14, b"")
BOTH = record(22, HELLO, SHOWN, ASKED, DONE)


@pytest.mark.parametrize(
    ("received", "certificate"),
    [
        (BOTH, b"first"),
        (record(22, HELLO) + record(22, SHOWN) + record(22, ASKED) + record(21), b"first"),
        (BOTH[:-1], b""),
        (record(22, HELLO, SHOWN, DONE), b""),  # it did not ask: it has another reason
        (record(22, HELLO, ASKED), b""),
        (record(22, HELLO, (11, b"\0\0\0"), ASKED), b""),
        (record(22, HELLO) + record(20) + BOTH, b""),  # not in clear any more
        (record(22, ASKED, SHOWN)[:-1], b""),
        (b"", b""),
        (b"HTTP/1.1 400 Bad Request", b""),
    ],
)
def test_find_certificate_of_cleartext_handshake(received, certificate):
    assert tls_handshake.find_certificate(received) == certificate


def test_find_certificate_across_records():
    data = BOTH[5:]
    parts = [b"\x16\x03\x03\0\x01" + data[number : number + 1] for number in range(len(data))]
    assert tls_handshake.find_certificate(b"".join(parts)) == b"first"


# --- no certificate at all


@contextmanager
def silent():
    with socket.create_server(("localhost", 0)) as listener:
        yield listener.getsockname()[1]


def test_prove_all_closed_port():
    with silent() as port:
        pass
    assert re.search(
        r"does not show its certificate: Connection refused \(tried for 1 s", prove(at(port, timeout=1), pair()[0])
    )


@pytest.mark.parametrize("starttls", [None, "smtp", "ldap"])
def test_prove_all_silent_server_times_out(starttls):
    begun = time.monotonic()
    with silent() as port:
        (said,) = probe.prove_all([(at(port, starttls=starttls, timeout=1), pair()[0])])
    assert "does not show its certificate: no answer in time" in said
    assert time.monotonic() - begun < 10


def test_prove_all_server_without_tls(serve):
    server = serve(pair(), begin=lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    said = prove(at(server.port, timeout=1), pair()[0])
    assert re.search(r"does not show its certificate: the TLS handshake failed \(\w+\)", said)


def test_prove_all_server_that_hangs_up(serve):
    server = serve(pair(), begin=lambda connection: connection.shutdown(socket.SHUT_WR))
    said = prove(at(server.port, timeout=1), pair()[0])
    assert re.search(r"does not show its certificate: the TLS handshake failed \(.*EOF", said)


def test_prove_all_invalid_address():
    endpoint = Endpoint("a" * 70 + ".example", 443, None, None, 1)
    assert "does not show its certificate" in prove(endpoint, pair()[0])


# --- STARTTLS


def talk(*lines):
    """Return a server's side of a dialogue: bytes that it sends, and texts that it expects."""

    def begin(connection):
        for said, heard in lines:
            connection.sendall(said)
            got = b""
            while len(got) < len(heard):
                got += connection.recv(1) or b"?"
            assert got == heard
        return lines

    return begin


SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
EXTENDED = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
DIALOGUES = {
    "smtp": [
        (
            (b"220-mail.example\r\n220 ready\r\n", b"EHLO localhost\r\n"),
            (b"250-mail\r\n250 STARTTLS\r\n", b"STARTTLS\r\n"),
        ),
        b"220 go ahead\r\n",
    ],
    "imap": [((b"* OK [CAPABILITY STARTTLS] ready\r\n", b"a STARTTLS\r\n"),), b"* some news\r\na OK begin\r\n"],
    "pop3": [((b"+OK ready\r\n", b"STLS\r\n"),), b"+OK begin\r\n"],
    "ldap": [((b"", EXTENDED),), LDAP_OK],
    "postgres": [((b"", SSL_REQUEST),), b"S"],
}


@pytest.mark.parametrize("starttls", DIALOGUES)
def test_begin_each_protocol_starts_tls(serve, starttls):
    lines, last = DIALOGUES[starttls]
    server = serve(pair(), begin=lambda connection: (talk(*lines)(connection), connection.sendall(last)))
    assert prove(at(server.port, starttls=starttls, timeout=2), pair()[0]) == ""


REFUSED = "the server refused to start TLS: "


@pytest.mark.parametrize(
    ("starttls", "lines", "last", "what"),
    [
        ("smtp", (), b"554 no\r\n", REFUSED + "554 no"),
        ("smtp", DIALOGUES["smtp"][0], b"454 TLS not available\r\n", REFUSED + "454 TLS not available"),
        ("imap", (), b"* BYE\r\n", REFUSED + "* BYE"),
        ("imap", DIALOGUES["imap"][0], b"a BAD no\r\n", REFUSED + "a BAD no"),
        ("pop3", DIALOGUES["pop3"][0], b"-ERR no\r\n", REFUSED + "-ERR no"),
        # Nothing that a terminal acts on.
        ("smtp", (), b"554 \x1b[31mno\x1b]0;x\x07\rmore\x00\x7f\r\n", REFUSED + "554 [31mno ]0;x more (tried"),
        ("imap", (), b"* BYE \x9b2J \xe2\x80\xae\r\n", REFUSED + "* BYE \ufffd2J \ufffd\ufffd\ufffd (tried"),
        ("pop3", (), b"-ERR \x1b[2J\x0b\x0c\x1c\r\n", REFUSED + "-ERR [2J (tried"),
        ("ldap", DIALOGUES["ldap"][0], LDAP_REFUSED, REFUSED + "LDAP result 52"),
        ("ldap", DIALOGUES["ldap"][0], b"HTTP/1.1 400 Bad Request\r\n" + 80 * b"x", "is not LDAP"),
        ("ldap", DIALOGUES["ldap"][0], b"\x30\x02\x02\x05", "is not LDAP"),
        ("ldap", DIALOGUES["ldap"][0], b"\x30\x84\x7f\xff\xff\xff", "the server sent too much before TLS began"),
        ("postgres", DIALOGUES["postgres"][0], b"N", REFUSED + "ssl is off"),
        ("postgres", DIALOGUES["postgres"][0], b"HTTP/1.1 400", "start TLS: the answer is not PostgreSQL's"),
        ("pop3", (), b"", "the server closed the connection before TLS began"),
        ("pop3", (), b"+" * (1 << 17), "the server sent too much before TLS began"),
    ],
)
def test_begin_refusing_server_is_reported(serve, starttls, lines, last, what):
    def begin(connection):
        talk(*lines)(connection)
        if not last:
            connection.close()
        connection.sendall(last)

    server = serve(pair(), begin=begin)
    said = prove(at(server.port, starttls=starttls, timeout=1), pair()[0])
    assert what in said
    assert server.served == 0


def test_prove_all_server_that_sends_byte_by_byte_times_out(serve):
    """Each byte arrives in time, but the answer has no end."""
    server = serve(pair(), begin=lambda connection: connection.sendall(b"+" * 1000))
    clock = Clock()

    def monotonic():
        clock.now += 0.05
        return clock.now

    clock.monotonic = monotonic
    said = prove(at(server.port, starttls="pop3", timeout=1), pair()[0], clock)
    assert "no answer in time" in said
    assert clock.now < 2.5


# --- where


@pytest.mark.parametrize(
    ("option", "endpoint"),
    [
        ({}, Endpoint("localhost", 443, "shop.example", None, 30)),
        (
            {"port": 8443, "server_name": "B\xfccher.example"},
            Endpoint("localhost", 8443, "xn--bcher-kva.example", None, 30),
        ),
        ({"starttls": "smtp"}, Endpoint("localhost", 25, "shop.example", "smtp", 30)),
        ({"starttls": "imap", "port": 1143}, Endpoint("localhost", 1143, "shop.example", "imap", 30)),
        ({"address": "[::1]", "timeout": 5}, Endpoint("::1", 443, "shop.example", None, 5)),
        ({"server_name": "192.0.2.1"}, Endpoint("localhost", 443, None, None, 30)),
    ],
)
def test_endpoints_of_options(option, endpoint):
    assert endpoints.parse_all([{**OPTION, **option}] * 2, ["*.shop.example", "192.0.2.1", "shop.example"]) == (
        endpoint,
    )


@pytest.mark.parametrize(
    ("identifiers", "server_name"), [(["*.shop.example"], "www.shop.example"), (["192.0.2.1", "::1"], None)]
)
def test_endpoints_server_name(identifiers, server_name):
    assert endpoints.parse_all([OPTION], identifiers)[0].server_name == server_name


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ({"port": -1}, "port -1"),
        ({"port": 65536}, "port 65536"),
        ({"timeout": 0}, "timeout 0"),
        ({"server_name": "a b"}, "space"),
    ],
)
def test_endpoints_invalid_options_are_refused(option, what):
    with pytest.raises(CollectionError, match=what):
        endpoints.parse_all([{**OPTION, **option}], ["shop.example"])


def test_endpoint_text_has_address_and_server_name():
    assert str(Endpoint("::1", 25, None, "smtp", 5)) == "[::1]:25"
    assert str(Endpoint("mail", 25, "mail.example", "smtp", 5)) == "mail:25 (mail.example)"


def test_probe_serial_has_form_of_manifest():
    leaf = certificates.load_all(pair()[0].decode(), "it")[0]
    assert certificates.serial(leaf) == certificates.facts(leaf)["serial"] == "4a01"
