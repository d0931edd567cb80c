# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of many orders: all names side by side within one budget, all faults in one line, one warning."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight import Preflight
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight_address import Limits
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight_findings import NotVerifiable
from tests.unit.acme.web import ANSWER, BY_HTTP, BY_TLS, INTERNAL_CA, PATH, SHOP, no_caa, verify

FINE = ("", "")
PATIENCE = 10  # seconds that a broken test waits
BY_DNS = replace(BY_HTTP, type="dns-01")


def of(name, challenge=BY_HTTP, **more):
    return replace(challenge, identifier=name, **more)


def many(count):
    return [of(f"n{number}.example") for number in range(count)]


def at_loopback(host, port):
    return [("127.0.0.1", port)]


@pytest.fixture
def silent():
    """Yield the port of a server that accepts connections and is silent."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "challenge",
    [
        of("a.onion"),
        of("a.onion", BY_TLS),
        BY_DNS,
        *(replace(BY_HTTP, status=status) for status in ("valid", "processing", "stale")),
    ],
)
def test_verify_all_other_challenges_are_not_verified(named, challenge):
    look_up = named()
    assert verify(1, challenge, look_up=look_up) == FINE
    assert look_up.asked == []


def test_verify_all_names_of_an_order_are_all_reported_in_one_line(web, named):
    web.pages[PATH] = (200, {}, ANSWER.encode())
    addresses = {f"{name}_example": [address] for name, address in zip("abcd", ["127.0.0.1", "127.0.0.9"] * 2)}
    orders = [
        [of("a.example"), of("b.example"), of("c.example", key_authorization="other"), of("d.example")],
        [of("a.example")],
        [of("b.example"), replace(of("a.example"), status="valid")],
    ]
    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), look_up=named(**addresses))
    first, second, third = preflight.verify_all(orders, no_caa, INTERNAL_CA)
    refused = f"127.0.0.9:{web.server_port}: nothing listens there (connection refused)"
    assert first.startswith(
        f"the preflight failed for b.example, d.example: {refused}; "
        f"for c.example: 127.0.0.1:{web.server_port} does not answer with the challenge's response. Check that "
    )
    assert second == ""
    assert third.startswith(f"the preflight failed for b.example: {refused}. Check that ")
    assert preflight.warning == ""


def test_verify_all_name_of_several_orders_is_looked_up_once(web, named):
    asked, look_up = [], named(shop_example=["127.0.0.1"])

    def caa(domain, wildcard, kind):
        asked.append((domain, wildcard, kind))
        return ""

    orders = [[replace(SHOP, token=f"t{number}"), of("shop.example", BY_DNS)] for number in range(9)]
    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), look_up=look_up)
    assert all(preflight.verify_all(orders, caa, INTERNAL_CA))
    preflight.verify_all(orders, caa, INTERNAL_CA)  # at another CA
    assert sorted(look_up.asked) == [INTERNAL_CA, "shop.example"]
    # CAA records are another question for each CA, kind and wildcard.
    assert sorted(asked) == [("shop.example", False, "dns-01")] * 2 + [("shop.example", False, "http-01")] * 2


def test_verify_all_equal_challenges_are_verified_once(web, named):
    """As of certificates that the CA gave one order."""
    web.pages[PATH] = (200, {}, ANSWER.encode())
    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), look_up=named(shop_example=["127.0.0.1"]))
    assert preflight.verify_all([[SHOP], [SHOP], [SHOP]], no_caa, INTERNAL_CA) == ["", "", ""]
    assert len(web.asked) == 1


def test_verify_all_caa_records_fail_or_warn(web, named):
    web.pages[PATH] = (200, {}, ANSWER.encode())

    def caa(domain, wildcard, kind):
        if domain == "unseen.example":
            raise NotVerifiable("no answer from resolver 192.0.2.53")
        if domain == "broken.example":
            raise RuntimeError("a library's fault")
        return "CAA of evil.example forbids certificates by any CA" if domain == "evil.example" else ""

    names = ("good", "evil", "unseen", "broken")
    look_up = named(**{f"{name}_example": ["127.0.0.1"] for name in names})
    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), look_up=look_up)
    orders = [[of(f"{name}.example")] for name in names]
    orders.append([of("evil.example", BY_DNS, wildcard=True), of("evil.example", key_authorization="other")])
    good, evil, unseen, broken, both = preflight.verify_all(orders, caa, INTERNAL_CA)
    assert (good, unseen, broken) == ("", "", "")
    refusal = "CAA of evil.example forbids certificates by any CA"
    assert evil.startswith(f"the preflight failed for evil.example: {refusal}. The CA was not asked")
    assert f"for *.evil.example, evil.example: {refusal}; for evil.example: 127.0.0.1:{web.server_port} does" in both
    assert preflight.warning.startswith(
        "2 names could not be verified from here: unseen.example (CAA: no answer from resolver 192.0.2.53); "
        "broken.example (CAA: a library's fault). "
    )


# The budget


def test_verify_all_many_names_at_a_silent_server_are_one_warning(silent):
    """Also those that nobody came to look at."""
    preflight = Preflight(Limits(timeout=PATIENCE, http_port=silent), budget=0.3, look_up=at_loopback)
    assert preflight.verify_all([[one] for one in many(80)], no_caa, INTERNAL_CA) == [""] * 80
    assert preflight.warning.startswith("80 names could not be verified from here: n")
    assert "77 more (the preflight's 0.3 s were over). " in preflight.warning


def test_verify_all_many_names_need_few_threads(silent):
    before, most = threading.active_count(), []

    def look_up(host, port):
        most.append(threading.active_count())
        return at_loopback(host, port)

    preflight = Preflight(Limits(timeout=PATIENCE, http_port=silent), budget=0.5, look_up=look_up)
    assert preflight.verify_all([many(1000)], no_caa, INTERNAL_CA) == [""]
    assert preflight.warning.startswith("1000 names could not be verified from here: ")
    assert max(most) - before <= 32 + 32 + 64


def test_verify_all_one_silent_address_delays_no_other_name(web, silent):
    """Each name is looked at, though more are silent than there are threads."""
    web.pages[PATH] = (200, {}, ANSWER.encode())
    names = [*many(200), SHOP]

    with socket.create_server(("127.0.0.3", web.server_port), backlog=4096):
        preflight = Preflight(
            Limits(timeout=0.3, http_port=web.server_port),
            budget=PATIENCE,
            look_up=lambda host, port: [("127.0.0.1" if host == "shop.example" else "127.0.0.3", port)],
        )
        assert preflight.verify_all([names], no_caa, INTERNAL_CA) == [""]
    assert len(web.asked) == 1
    assert preflight.warning.startswith("200 names could not be verified from here: ")
    assert f"(port {web.server_port}: timed out)" in preflight.warning


def test_verify_all_look_ups_that_hang_leave_the_other_names(web):
    web.pages[PATH] = (200, {}, ANSWER.encode())
    over = threading.Event()

    def look_up(host, port):
        return over.wait(PATIENCE) if host.startswith("n") else at_loopback(host, port)

    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), budget=0.5, look_up=look_up)
    good, bad = SHOP, of("bad.example", key_authorization="other")
    failures = preflight.verify_all([[good], [bad], many(20)], no_caa, INTERNAL_CA)
    over.set()
    assert [bool(failure) for failure in failures] == [False, True, False]
    assert preflight.warning.startswith("20 names could not be verified from here: ")
    assert "(the preflight's 0.5 s were over)" in preflight.warning


def test_verify_all_caa_questions_that_hang_leave_the_addresses(web):
    over = threading.Event()
    preflight = Preflight(Limits(timeout=1, http_port=web.server_port), budget=0.5, look_up=at_loopback)
    failures = preflight.verify_all([[one] for one in many(99)], lambda *_unused: over.wait(PATIENCE), INTERNAL_CA)
    over.set()
    assert all("answers HTTP 404" in failure for failure in failures)


def test_verify_all_second_ca_has_the_rest_of_the_budget(web, named):
    web.pages[PATH] = (200, {}, ANSWER.encode())
    limits, look_up = (
        Limits(PATIENCE, http_port=web.server_port),
        named(slow_example=["127.0.0.3"], shop_example=["127.0.0.1"]),
    )
    preflight = Preflight(limits, budget=0.3, look_up=look_up)
    with socket.create_server(("127.0.0.3", web.server_port)):
        for challenge in (of("slow.example"), SHOP):
            assert preflight.verify_all([[challenge]], no_caa, INTERNAL_CA) == [""]
    assert web.asked == []
    assert preflight.warning.startswith(
        "2 names could not be verified from here: slow.example, shop.example (the preflight's 0.3 s were over). "
    )


def test_verify_all_without_challenges_asks_nobody(named):
    look_up = named()
    assert Preflight(look_up=look_up).verify_all([[], []], no_caa, INTERNAL_CA) == ["", ""]
    assert look_up.asked == []


def test_verify_all_more_addresses_than_are_asked(web, named):
    """Their owner chooses how many there are."""
    own = [f"127.0.1.{number}" for number in range(1, 100)]
    failure, _warning = verify(web.server_port, SHOP, look_up=named(shop_example=own))
    assert failure.count("nothing listens there") == 16


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SLOW = "no whole answer in time"


@pytest.mark.parametrize(
    ("challenge", "answer", "expected"),
    [
        (BY_HTTP, HEAD + b"x" * 1000, SLOW),
        (BY_HTTP, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, SLOW),
        (BY_HTTP, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, SLOW),
        (BY_TLS, b"\x16\x03\x03\x40\x00" + b"x" * 1000, "timed out"),
    ],
    ids=["body", "headers", "interim answers", "handshake"],
)
def test_verify_all_slow_server_ends_with_its_connection(challenge, answer, expected):
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
        port = dripping.getsockname()[1]
        failure, warning = verify(port, challenge, tls_port=port, timeout=0.2, whole=0.8, look_up=at_loopback)
    assert failure == ""
    assert warning.startswith("1 name could not be verified from here: localhost (port ")
    assert expected in warning
    assert ended.wait(2), "the connection stays open after the preflight"
