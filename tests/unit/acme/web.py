# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers at loopback addresses that answer challenges, rightly or not, and the preflight of one challenge."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight import Preflight
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight_address import Limits
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import ChallengeData
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import acme_tls, keys

TOKEN, ANSWER = "token", "token.thumbprint"
BY_HTTP = ChallengeData("http-01", "localhost", "https://ca/1", "pending", TOKEN, ANSWER)
BY_TLS = replace(BY_HTTP, type="tls-alpn-01")
SHOP = replace(BY_HTTP, identifier="shop.example")
PATH = f"/.well-known/acme-challenge/{TOKEN}"
#: Count as a public address and a private one with the fixture `named`.
PUBLIC_HOST, PRIVATE_HOST = "127.0.0.2", "127.0.0.5"
#: A CA in the network of this machine gets the same answers as this machine; one with a public address may not.
INTERNAL_CA, PUBLIC_CA = "127.0.0.1", PUBLIC_HOST


def no_caa(*_unused):
    return ""


def verify(port, challenge=BY_HTTP, ca=INTERNAL_CA, tls_port=1, timeout=1, whole=4, **options):
    """Return the failure of an order with this challenge, and the warning."""
    preflight = Preflight(Limits(timeout, whole, port, tls_port), **options)
    (failure,) = preflight.verify_all([[challenge]], no_caa, ca)
    return failure, preflight.warning


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


@contextmanager
def web_at(address, port=0):
    """Run a web server at a loopback address."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        request_queue_size = 128

    with Server((address, port), Pages) as server:
        server.pages, server.asked = {}, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def webs_at(*addresses):
    """Run web servers at loopback addresses, all at one port, which no other program has at any of them."""
    for _try in range(20):
        with ExitStack() as stack:
            try:
                servers = [stack.enter_context(web_at(addresses[0]))]
                servers += [stack.enter_context(web_at(other, servers[0].server_port)) for other in addresses[1:]]
            except OSError:
                continue
            yield servers
            return
    raise OSError(f"no port is free at all of {addresses}")


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


def self_signed(identifier, key_authorization):
    """Return certificate and key, PEM."""
    key = keys.generate("ec256")
    certificate = acme_tls.certificate(identifier, key_authorization, key, datetime.now(timezone.utc))
    return certificate.public_bytes(Encoding.PEM), keys.pem(key)


@contextmanager
def tls_server(made, protocols=("acme-tls/1",), asked=None, address="127.0.0.1", port=0):
    """Run a TLS server at a loopback address; *asked* gets the names in SNI."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(made()))
        file.flush()
        context.load_cert_chain(file.name)
    context.set_alpn_protocols(list(protocols))
    context.sni_callback = lambda _socket, name, _context: asked.append(name) if asked is not None else None
    listening = socket.create_server((address, port))

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
