# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls-alpn-01 at the addresses of a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.acme.web import ANSWER, BY_TLS, raw, self_signed, tls_server, verify

FINE = ("", "")


@pytest.mark.parametrize(("identifier", "sni"), [("localhost", "localhost"), ("127.0.0.1", "1.0.0.127.in-addr.arpa")])
def test_tls_alpn_01_right_answer_is_fine(named, identifier, sni):
    asked = []
    with tls_server(lambda: self_signed(identifier, ANSWER), asked=asked) as port:
        challenge = replace(BY_TLS, identifier=identifier)
        assert verify(80, challenge, tls_port=port, look_up=named(localhost=["127.0.0.1"])) == FINE
    assert asked == [sni]


@pytest.mark.parametrize(
    ("protocols", "answer", "what"),
    [
        (["h2", "http/1.1"], ANSWER, "does not speak acme-tls/1: the port belongs to another server"),
        (["acme-tls/1"], "token.other", "answers acme-tls/1 for another challenge"),
    ],
)
def test_tls_alpn_01_wrong_answer_fails(named, protocols, answer, what):
    with tls_server(lambda: self_signed("localhost", answer), protocols) as port:
        failure, warning = verify(80, BY_TLS, tls_port=port, look_up=named(localhost=["127.0.0.1"]))
    assert failure.startswith(f"the preflight failed for localhost: 127.0.0.1:{port} {what}")
    assert warning == ""


def test_tls_alpn_01_port_without_tls_fails(web, named):
    failure, _warning = verify(80, BY_TLS, tls_port=web.server_port, look_up=named(localhost=["127.0.0.1"]))
    assert "does not accept acme-tls/1 connections" in failure


def test_tls_alpn_01_one_wrong_address_beside_a_right_one_fails_with_the_wrong_one(named):
    with tls_server(lambda: self_signed("localhost", ANSWER)) as port:
        good = named(localhost=["127.0.0.1"])
        assert verify(80, BY_TLS, tls_port=port, look_up=good) == FINE
        with tls_server(lambda: self_signed("localhost", "token.other"), address="127.0.0.3", port=port):
            both = named(localhost=["127.0.0.1", "127.0.0.3"])
            failure, _warning = verify(80, BY_TLS, tls_port=port, look_up=both)
    assert f"localhost: 127.0.0.3:{port} answers acme-tls/1 for another challenge" in failure
    assert "127.0.0.1" not in failure


def test_tls_alpn_01_connection_closed_in_the_handshake_is_unseen(named):
    """As by a firewall."""
    with raw(b"") as port:
        failure, warning = verify(80, BY_TLS, tls_port=port, look_up=named(localhost=["127.0.0.1"]))
    assert failure == ""
    assert warning.startswith(f"1 name could not be verified from here: localhost (port {port}: ")
