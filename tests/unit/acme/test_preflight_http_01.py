# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""http-01 at the addresses of a name: right and wrong answers, redirects, and where no request goes."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import bounded
from tests.unit.acme.web import (
    ANSWER,
    BY_HTTP,
    BY_TLS,
    INTERNAL_CA,
    PATH,
    PRIVATE_HOST,
    PUBLIC_CA,
    PUBLIC_HOST,
    SHOP,
    TOKEN,
    raw,
    self_signed,
    tls_server,
    verify,
    web_at,
    webs_at,
)
from tests.unit.host.listeners import IPV6

FINE = ("", "")
RIGHT_PAGE = (200, {}, ANSWER.encode())


def wrong(port, challenge=BY_HTTP, **options):
    """Return the failure of an order that fails. There is no warning then."""
    failure, warning = verify(port, challenge, **options)
    assert failure
    assert warning == ""
    assert len(failure.splitlines()) == 1
    return failure


def unseen(port, challenge=BY_HTTP, **options):
    """Return the warning about an order that does not fail."""
    failure, warning = verify(port, challenge, **options)
    assert failure == ""
    assert warning.startswith(f"1 name could not be verified from here: {challenge.identifier} (")
    return warning


@pytest.mark.parametrize("body", [ANSWER.encode(), f"{ANSWER}\n".encode(), f"{ANSWER} \r\n\t".encode()])
@pytest.mark.parametrize("identifier", ["localhost", "127.0.0.1"])
def test_http_01_right_answer_is_fine(web, named, body, identifier):
    web.pages[PATH] = (200, {}, body)
    challenge = replace(BY_HTTP, identifier=identifier)
    assert verify(web.server_port, challenge, look_up=named(localhost=["127.0.0.1"])) == FINE


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
    ],
)
def test_http_01_wrong_answer_fails_with_name_and_address(web, named, page, what):
    web.pages[PATH] = page
    failure = wrong(web.server_port, SHOP, look_up=named(shop_example=["127.0.0.1"]))
    assert failure.startswith(f"the preflight failed for shop.example: 127.0.0.1:{web.server_port} {what}")
    assert failure.endswith("To ask it without a preflight, set acme_preflight: false")


def test_http_01_circle_of_redirects_fails(web, named):
    web.pages[PATH] = (302, {"Location": PATH}, b"")
    origin = f"http://shop.example:{web.server_port}"
    failure = wrong(web.server_port, SHOP, look_up=named(shop_example=["127.0.0.1"]))
    assert f"(redirected to {origin}) redirects more than 10 times, the last time to {origin}" in failure
    assert len(web.asked) == 11


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://localhost:22", "https://localhost:80"])
def test_http_01_redirect_to_other_port_is_unseen(web, origin):
    """An internal CA may follow there."""
    web.pages[PATH] = (302, {"Location": f"{origin}/x"}, b"")
    assert f"it redirects to {origin}, and only the ports 80 and 443 are verified" in unseen(web.server_port)


def test_http_01_redirects_are_followed(web, named):
    web.pages[PATH] = (301, {"Location": f"http://localhost:{web.server_port}/moved"}, b"")
    web.pages["/moved"] = (302, {"Location": "/again"}, b"")
    web.pages["/again"] = RIGHT_PAGE
    assert verify(web.server_port, look_up=named(localhost=["127.0.0.1"])) == FINE


def test_http_01_redirect_to_https_accepts_untrusted_certificate(web):
    with tls_server(lambda: self_signed("localhost", ANSWER)) as port:
        web.pages[PATH] = (301, {"Location": f"https://localhost:{port}/"}, b"")
        said = "".join(verify(web.server_port, tls_port=port))  # it speaks no HTTP
    assert "certificate" not in said.lower()


# Several addresses of a name


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("127.0.0.1", "127.0.0.3"),
        ("127.0.0.3", "127.0.0.1"),
        pytest.param("127.0.0.1", "::1", marks=IPV6),
        pytest.param("::1", "127.0.0.1", marks=IPV6),
    ],
)
def test_http_01_one_wrong_address_beside_a_right_one_fails_with_the_wrong_one(named, good, bad):
    """As a stale AAAA record: the CA may ask either."""
    with webs_at(good, bad) as (right, stale):
        right.pages[PATH] = RIGHT_PAGE
        port = right.server_port
        for addresses in ([good, bad], [bad, good]):
            failure = wrong(port, SHOP, look_up=named(shop_example=addresses))
            shown = f"[{bad}]:{port}" if ":" in bad else f"{bad}:{port}"
            assert f"shop.example: {shown} answers HTTP 404" in failure
            assert f"{good}:" not in failure
        assert (len(right.asked), len(stale.asked)) == (2, 2)


def test_http_01_addresses_without_answer_beside_a_right_one_are_fine(web, named, connected):
    """This machine may have no IPv6, and CAs connect to the next address, too."""
    web.pages[PATH] = RIGHT_PAGE
    own = ["::1", "127.0.0.9", "127.0.0.1"]  # no route, connection refused
    assert verify(web.server_port, SHOP, look_up=named(shop_example=own)) == FINE
    assert sorted(connected) == sorted(own)


def test_http_01_redirect_to_same_host_stays_at_the_address(named):
    with webs_at("127.0.0.1", "127.0.0.3") as (one, other):
        for server in (one, other):
            server.pages[PATH] = (302, {"Location": f"http://shop.example:{one.server_port}/moved"}, b"")
        one.pages["/moved"] = RIGHT_PAGE
        failure = wrong(one.server_port, SHOP, look_up=named(shop_example=["127.0.0.1", "127.0.0.3"]))
        assert f"shop.example: 127.0.0.3:{one.server_port} (redirected to http://shop.example" in failure
        assert (len(one.asked), len(other.asked)) == (2, 2)


def test_http_01_redirect_to_other_host_leads_to_all_its_addresses(named):
    with webs_at("127.0.0.1", "127.0.0.3") as (one, other):
        one.pages[PATH] = (302, {"Location": f"http://acme.example:{one.server_port}/moved"}, b"")
        one.pages["/moved"] = RIGHT_PAGE
        look_up = named(shop_example=["127.0.0.1"], acme_example=["127.0.0.1", "127.0.0.3"])
        failure = wrong(one.server_port, SHOP, look_up=look_up)
        assert f"127.0.0.3:{one.server_port} (redirected to http://acme.example" in failure
        other.pages["/moved"] = RIGHT_PAGE
        assert verify(one.server_port, SHOP, look_up=look_up) == FINE


def test_http_01_redirects_to_many_addresses_end(web, named):
    ways = {PATH: "b", "/b": "c", "/c": "b"}
    for path, host in ways.items():
        web.pages[path] = (302, {"Location": f"http://{host}.example:{web.server_port}/{host}"}, b"")
    several = ["127.0.0.1"] * 2
    look_up = named(shop_example=["127.0.0.1"], b_example=several, c_example=several)
    assert "its redirects lead to more than 32 addresses" in unseen(web.server_port, SHOP, look_up=look_up)
    assert len(web.asked) == 32


# Answers that the CA may not get


@pytest.mark.parametrize("challenge", [BY_HTTP, BY_TLS])
def test_verify_connection_refused_by_the_only_address_fails(named, challenge):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        port = taken.getsockname()[1]
        failure = wrong(port, challenge, tls_port=port, look_up=named(localhost=["127.0.0.1"]))
    assert f"localhost: 127.0.0.1:{port}: nothing listens there (connection refused). Check that" in failure


@pytest.mark.parametrize("page", [(404, {}, b""), (200, {}, b"other"), None], ids=["404", "other", "refused"])
@pytest.mark.parametrize(("ca", "fails"), [(INTERNAL_CA, True), (PUBLIC_CA, False), ("unknown.invalid", False)])
def test_http_01_wrong_at_private_address_fails_unless_the_ca_is_public(named, page, ca, fails):
    """Split DNS: a public CA sees another address."""
    with web_at(PRIVATE_HOST) as server:
        server.pages[PATH] = page
        look_up = named(shop_example=[PRIVATE_HOST], unknown_invalid=[])
        failure, warning = verify(server.server_port if page else 1, SHOP, ca=ca, look_up=look_up)
    assert bool(failure) is fails
    assert fails or "at an address that a public CA does not ask" in warning


def test_http_01_wrong_at_public_address_fails(named):
    with web_at(PUBLIC_HOST) as server:
        look_up = named(shop_example=[PUBLIC_HOST])
        assert "answers HTTP 404" in wrong(server.server_port, SHOP, ca=PUBLIC_CA, look_up=look_up)


def test_http_01_wrong_after_a_redirect_from_private_address_does_not_fail_at_public_ca(named):
    with webs_at(PRIVATE_HOST, PUBLIC_HOST) as (first, server):
        first.pages[PATH] = (302, {"Location": f"http://b.example:{server.server_port}/"}, b"")
        look_up = named(shop_example=[PRIVATE_HOST], b_example=[PUBLIC_HOST])
        assert "answers HTTP 404" in unseen(server.server_port, SHOP, ca=PUBLIC_CA, look_up=look_up)


def test_verify_silent_server_is_unseen(named):
    look_up = named(localhost=["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for challenge in (BY_HTTP, BY_TLS):
            warning = unseen(port, challenge, tls_port=port, look_up=look_up)
            assert re.search(rf"\(port {port}: .*timed out\)", warning)


def test_verify_name_without_address_is_unseen():
    warning = unseen(80, replace(BY_HTTP, identifier="no-such-host.invalid"))
    assert "no address of it was found: " in warning


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_http_01_no_answer_by_http_is_unseen(answer, named):
    with raw(answer) as port:
        assert f"(port {port}: no answer by HTTP)" in unseen(port, look_up=named(localhost=["127.0.0.1"]))


# Limits


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
def test_http_01_interim_answers_are_skipped(named, before):
    with raw(before + FINAL) as port:
        assert verify(port, look_up=named(localhost=["127.0.0.1"])) == FINE


def test_http_01_too_many_interim_answers_are_unseen(named):
    with raw(HINTS * 6 + FINAL) as port:
        assert "no answer by HTTP" in unseen(port, look_up=named(localhost=["127.0.0.1"]))


def test_http_01_switching_protocols_is_a_final_answer(named):
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    with raw(answer + FINAL) as port:
        assert "answers HTTP 101" in wrong(port, look_up=named(localhost=["127.0.0.1"]))


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
def test_http_01_endless_answer_is_read_to_limit(named, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection = server.accept()[0]
            with connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        warning = unseen(server.getsockname()[1], look_up=named(localhost=["127.0.0.1"]))
        assert re.search("it sends more than 65536 bytes|no answer by HTTP", warning)


def test_http_01_compressed_answer_is_not_decompressed(web, named):
    web.pages[PATH] = (200, {"Content-Encoding": "gzip"}, gzip.compress(ANSWER.encode()))
    warning = unseen(web.server_port, look_up=named(localhost=["127.0.0.1"]))
    assert "it answers with a Content-Encoding, for which it was not asked" in warning
    assert web.asked[-1]["Accept-Encoding"] == "identity"


# Where no request goes


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
    with webs_at(PUBLIC_HOST, "127.0.0.1") as (server, secret):
        port = server.server_port
        # With the lab's ports, so that what is followed would get somewhere.
        server.pages[PATH] = (302, {"Location": target.replace("/x", f":{port}/x")}, b"")
        hosts = {"shop_example": [PUBLIC_HOST], "metadata_example": ["169.254.169.254"], "localhost": ["127.0.0.1"]}
        look_up = resolved_by_the_system(named(**hosts))
        warning = unseen(port, SHOP, tls_port=port, look_up=look_up)
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


@pytest.mark.parametrize("own", [[PUBLIC_HOST, "127.0.0.1"], ["127.0.0.1", PUBLIC_HOST]])
def test_http_01_redirect_of_public_name_to_loopback_is_not_followed(named, connected, own):
    """The owner of a name chooses its addresses, too."""
    with webs_at(PUBLIC_HOST, "127.0.0.1") as (server, secret):
        port = server.server_port
        server.pages[PATH] = (302, {"Location": f"http://localhost:{port}/"}, b"")
        warning = unseen(port, SHOP, look_up=named(shop_example=own, localhost=["127.0.0.1"]))
        assert "it redirects to localhost, which has a loopback address here" in warning
        assert secret.asked == []
    assert connected == [PUBLIC_HOST]


def test_http_01_addresses_are_looked_up_once(named, connected):
    """A name server that changes its answer has no effect, also if the way leads over another name."""
    answers = {"shop.example": [PUBLIC_HOST, "127.0.0.1"], "b.example": [PUBLIC_HOST, "127.0.0.1"]}
    named()

    def look_up(host, port):
        return [(answers[host].pop(0) if host in answers else host, port)]

    with webs_at(PUBLIC_HOST, "127.0.0.1") as (server, secret):
        port = server.server_port
        for path, following in ((PATH, "b.example"), ("/1", "shop.example"), ("/2", "b.example")):
            number = int(path[1:]) + 1 if path != PATH else 1
            server.pages[path] = (302, {"Location": f"http://{following}:{port}/{number}"}, b"")
        server.pages["/3"] = RIGHT_PAGE
        assert verify(port, SHOP, look_up=look_up) == FINE
        hosts = ["shop.example", "b.example", "shop.example", "b.example"]
        assert [headers["Host"] for headers in server.asked] == [f"{host}:{port}" for host in hosts]
        assert secret.asked == []
    assert answers == {"shop.example": ["127.0.0.1"], "b.example": ["127.0.0.1"]}


@pytest.mark.parametrize("target", ["x.example", "shop.example", PRIVATE_HOST])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_http_01_redirect_to_own_private_address_is_not_followed(named, scheme, target):
    """The owner of the name chose the private address, and would choose the path there."""
    with webs_at(PUBLIC_HOST, PRIVATE_HOST) as (server, secret):
        port = server.server_port
        for one in (server, secret):
            one.pages[PATH] = (302, {"Location": f"{scheme}://{target}:{port}/any/path"}, b"")
        look_up = named(shop_example=[PUBLIC_HOST, PRIVATE_HOST], x_example=[PRIVATE_HOST])
        said = "".join(verify(port, SHOP, look_up=look_up, tls_port=port))
        # One request, for the challenge itself.
        assert len(secret.asked) == 1
    assert said
    assert target == "shop.example" or f"it redirects to {target}, which has a private address here" in said


def test_http_01_private_address_of_public_name_gets_the_first_request(named, connected):
    """The controller may reach the private address only."""
    with web_at(PUBLIC_HOST) as server:
        server.pages[PATH] = RIGHT_PAGE
        look_up = named(shop_example=["10.0.0.5", PUBLIC_HOST])
        assert verify(server.server_port, SHOP, look_up=look_up) == FINE
    assert sorted(connected) == ["10.0.0.5", PUBLIC_HOST]


@pytest.mark.parametrize("kind", [BY_HTTP, BY_TLS])
@pytest.mark.parametrize("own", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_verify_name_at_unusable_address_is_unseen(named, connected, kind, own):
    challenge = replace(kind, identifier="shop.example")
    assert re.search(
        r"\(a (unspecified|multicast) address here, and requests for this certificate do not go there\)",
        unseen(80, challenge, look_up=named(shop_example=[own])),
    )
    assert connected == []


def test_verify_private_name_connects_to_its_address(named, connected):
    unseen(80, SHOP, look_up=named(shop_example=["10.0.0.1"], other_example=["10.9.9.9"]))
    assert connected == ["10.0.0.1"]


@pytest.mark.parametrize("user", ["root:secret@", "@", "root@", "a.example\\@"])
def test_http_01_redirect_with_user_name_is_not_followed(web, named, user):
    web.pages[PATH] = (302, {"Location": f"http://{user}localhost:{web.server_port}/"}, b"")
    warning = unseen(web.server_port, look_up=named(localhost=["127.0.0.1"]))
    assert f"it redirects to http://localhost:{web.server_port} with a user name" in warning
    assert "root" not in warning
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
def test_http_01_redirect_injects_no_header(web, named, location, path):
    web.pages[PATH] = (302, {"Location": location}, b"")
    web.pages[path] = RIGHT_PAGE
    assert verify(web.server_port, look_up=named(localhost=["127.0.0.1"])) == FINE
    assert "X-Injected" not in web.asked[-1]


def test_http_01_message_has_no_part_of_answer(web, named):
    """No part of an answer, and no path that a server chose, is in a message."""
    web.pages[PATH] = (302, {"Location": f"http://localhost:{web.server_port}/secret-path?query"}, b"")
    web.pages["/secret-path?query"] = (500, {"X-Secret": "in a header"}, b"in the body")
    failure = wrong(web.server_port, look_up=named(localhost=["127.0.0.1"]))
    where = f"127.0.0.1:{web.server_port} (redirected to http://localhost:{web.server_port})"
    assert f"localhost: {where} answers HTTP 500" in failure
    assert not any(part in failure for part in ("secret-path", "query", "header", "body"))
