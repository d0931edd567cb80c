# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners as a CA and an administrator see them."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import ports
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.listener import ListenerResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen

TOKEN = "token-1"
PATH = "/.well-known/acme-challenge/"


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def free_port():
    """Return a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answer(token):
    return f"{token}.thumbprint"


def http01(home, port, token=TOKEN, seconds=60, address="127.0.0.1"):
    """Return a response of http-01."""
    return ListenerResponse(str(home), "http-01", Listen(port, address), "", token, answer(token), seconds, "shop")


def tls_alpn01(home, port, identifier="shop.example", token=TOKEN, seconds=60, address="127.0.0.1"):
    """Return a response of tls-alpn-01."""
    return ListenerResponse(
        str(home), "tls-alpn-01", Listen(port, address), identifier, token, answer(token), seconds, "shop"
    )


def fetch(port, target, method="GET", address="127.0.0.1"):
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.endheaders()
        answered = connection.getresponse()
        return answered.status, dict(answered.getheaders()), answered.read().decode()
    finally:
        connection.close()


def fetched(port, token=TOKEN, address="127.0.0.1"):
    """Return the answer that the CA gets for a token; None for any other status."""
    status, _headers, body = fetch(port, PATH + token, address=address)
    return body if status == 200 else None


def served(port, token):
    """Return the answer that the CA gets for a token; None for any other status, or if the listener ends meanwhile."""
    try:
        return fetched(port, token)
    except ConnectionError:
        return None


def handshake(port, name, protocols=("acme-tls/1",), address="127.0.0.1"):
    """Return the certificate (DER), the protocol that was agreed on, and all data that came after. Raises SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection((address, port), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=name) as connection:
        return connection.getpeercert(binary_form=True), connection.selected_alpn_protocol(), connection.recv(100)


def listens(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass  # it ends right now
    return True


def pid(port):
    """Return the process number of the listener."""
    found = ports.find_user(Listen(port))
    return found.pid if found else None


def wait(condition, seconds=10.0):
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.02)


def remaining(home):
    """Return the paths in a home, without the lock."""
    return sorted(
        os.path.relpath(os.path.join(folder, name), home)
        for folder, folders, names in os.walk(home)
        for name in folders + names
        if name not in ("challenges", ".lock")
    )
