# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of a bent CA, over a CA that gives the same answers to each order."""

from __future__ import annotations

import json
import socket
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.lab.bent_ca import BentCa
from tests.lab.bent_ca.answers import Answer, of_document, relative
from tests.lab.bent_ca.certificates import ari_id, make
from tests.lab.bent_ca.delivery import Line
from tests.lab.bent_ca.resources import Request

BASE = "https://ca.lab.test:1"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def csr() -> str:
    names = x509.SubjectAlternativeName([x509.DNSName("a.lab.test")])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, critical=False)
    return base64url(builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER))


CSR = csr()
CHAIN, ROOT = make(CSR, ""), make(CSR, "")


@dataclass
class Customer:
    """A client of a bent CA, and the CA itself. Each order has a number that is in all of its URLs."""

    ca: BentCa = field(init=False)
    orders: list[dict[str, Any]] = field(default_factory=list)
    nonces: int = 0
    seen: list[str] = field(default_factory=list)  # the paths that came to the CA itself

    def __post_init__(self) -> None:
        self.ca = BentCa(self.answer, lambda: ROOT)

    def answer(self, request: Request) -> Answer:
        self.nonces += 1
        self.seen.append(request.path)
        number = request.path.rpartition("/")[2]
        answer = self.document(request, number).header("Replay-Nonce", f"nonce-{self.nonces}")
        return answer.header("Date", "Sun, 29 Nov 2026 10:00:00 GMT")

    def document(self, request: Request, number: str) -> Answer:
        if request.resource == "newOrder":
            self.orders.append(request.payload or {})
            made = str(len(self.orders))
            return of_document(self.order(made), 201).header("Location", f"{BASE}/my-order/{made}")
        if request.resource in ("order", "finalize"):
            return of_document(self.order(number, "valid" if request.resource == "order" else "processing"))
        if request.resource == "authorization":
            challenge = {"type": "http-01", "url": f"{BASE}/chalZ/{number}", "status": "pending", "token": "t"}
            return of_document({"status": "pending", "challenges": [challenge, {**challenge, "type": "dns-01"}]})
        if request.resource == "certificate":
            return Answer(200, {"Content-Type": "application/pem-certificate-chain"}, CHAIN)
        return of_document({"status": "valid", "contact": ["mailto:ops@lab.test"]})

    def order(self, number: str, status: str = "pending") -> dict[str, Any]:
        return {
            "status": status,
            "authorizations": [f"{BASE}/authZ/{number}"],
            "finalize": f"{BASE}/finalize-order/{number}",
            "certificate": f"{BASE}/certZ/{number}",
            "identifiers": self.orders[int(number) - 1]["identifiers"],
            "notAfter": "2026-12-30T00:00:00Z",
        }

    def post(self, path: str, payload: dict[str, Any] | None = None) -> Answer:
        parts = {"protected": {"kid": "me"}, "payload": payload}
        jws = {name: base64url(json.dumps(part).encode()) if part is not None else "" for name, part in parts.items()}
        return self.ca.answer("POST", path, {}, json.dumps({**jws, "signature": "x"}).encode())

    def place_order(self, *names: str, **more: Any) -> Answer:
        identifiers = [{"type": "dns", "value": name} for name in names]
        return self.post("/order-plz", {"identifiers": identifiers, **more})


@pytest.fixture
def customer() -> Customer:
    return Customer()


def statuses(*answers: Answer) -> list[int]:
    return [answer.status for answer in answers]


# -- Requests are recognized


def test_bent_ca_name_of_order_is_recognized_in_all_resources(customer: Customer) -> None:
    paths = ["/my-order/2", "/authZ/2", "/chalZ/2", "/finalize-order/2", "/certZ/2", "/certZ/2/alternate/1"]
    customer.place_order("a.lab.test")
    customer.place_order("b.lab.test", "c.lab.test")
    customer.post("/authZ/2")
    for narrowed in ("c.lab.test", "certificate 2"):
        customer.ca.straighten()
        customer.ca.bend(f"every request of {narrowed} is 500")
        assert statuses(*map(customer.post, paths)) == [500] * len(paths)
        assert customer.place_order("b.lab.test", "c.lab.test").status == 500
        assert customer.post("/my-order/1").status == 200
    assert customer.ca.asked[:3] == ["newOrder", "newOrder", "authorization"]
    assert customer.ca.count("newOrder") == 4


def test_bent_ca_ordinal_counts_requests_at_its_place(customer: Customer) -> None:
    customer.ca.bend("the second answer to newOrder is 503 with Retry-After as a date", "newNonce is 429 twice")
    answers = [customer.place_order(name) for name in ("a.x", "b.x", "c.x")]
    assert statuses(*answers) == [201, 503, 201]
    assert answers[1].headers["Retry-After"].endswith(" GMT")
    assert "Replay-Nonce" not in answers[1].headers
    nonces = [customer.ca.answer("HEAD", "/nonce-plz", {}, b"") for _unused in range(3)]
    assert statuses(*nonces) == [429, 429, 200]
    assert customer.ca.acted("newNonce is 429 twice") == 2
    # Requests that the proxy answered did not come to the CA.
    assert customer.seen == ["/order-plz", "/order-plz", "/nonce-plz"]


def test_bent_ca_each_certificate_is_counted_by_itself(customer: Customer) -> None:
    customer.ca.bend("the first answer to order of each certificate is 500")
    for name in ("a.lab.test", "b.lab.test"):
        customer.place_order(name)
    assert [customer.post(f"/my-order/{number}").status for number in (1, 2, 1, 2)] == [500, 500, 200, 200]


def test_bent_ca_status_is_that_of_the_faults_before(customer: Customer) -> None:
    customer.ca.bend("the order stays processing for 1 polls", "Retry-After is 86400 on a processing order")
    customer.place_order("a.lab.test")
    answers = [customer.post("/finalize-order/1", {"csr": CSR}), *(customer.post("/my-order/1") for _poll in range(2))]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["86400", "86400", None]


def test_bent_ca_status_of_answer_is_a_place(customer: Customer) -> None:
    customer.ca.bend("Retry-After is 86400 on a valid order", "leave finalize out of the processing finalize")
    customer.place_order("a.lab.test")
    assert customer.post("/my-order/1").headers["Retry-After"] == "86400"
    assert "finalize" not in customer.post("/finalize-order/1", {"csr": CSR}).json()


# -- Changed answers


ORDERS = {
    "leave finalize out of a polled order": lambda answer: "finalize" not in answer.json(),
    "drop the nonce": lambda answer: "Replay-Nonce" not in answer.headers,
    "authorizations is relative": lambda answer: answer.json()["authorizations"] == ["/authZ/1"],
    "certificate is relative in the order": lambda answer: answer.json()["certificate"] == "/certZ/1",
    "status is weird in the order": lambda answer: answer.json()["status"] == "weird",
    "authorizations is [] in the order": lambda answer: answer.json()["authorizations"] == [],
    "Content-Type is text/html in the order": lambda answer: answer.headers["Content-Type"] == "text/html",
    "the Date is two days ahead": lambda answer: answer.headers["Date"] == "Tue, 01 Dec 2026 10:00:00 GMT",
    "the Date is 1 hour behind": lambda answer: answer.headers["Date"] == "Sun, 29 Nov 2026 09:00:00 GMT",
    "add 2000000 bytes to the order": lambda answer: len(answer.body) > 2_000_000,
    "answer the order with an HTML page": lambda answer: (answer.status, answer.json()) == (200, {}),
    'answer the order with "[]"': lambda answer: (answer.body, "Replay-Nonce" in answer.headers) == (b"[]", True),
    "redirect the order": lambda answer: (answer.status, "Location" in answer.headers) == (301, True),
    "rateLimited at the order with Retry-After 7": lambda answer: (
        (answer.status, answer.headers["Retry-After"], answer.json()["type"])
        == (429, "7", "urn:ietf:params:acme:error:rateLimited")
    ),
    "userActionRequired at the order": lambda answer: (
        answer.json()["instance"].startswith("https://") and "terms-of-service" in answer.headers["Link"]
    ),
    "be silent at the order": lambda answer: answer.delivery == "silence",
    "be silent after the order": lambda answer: answer.delivery == "silence",
    "reset the connection at the order": lambda answer: answer.delivery == "reset",
    "cut the connection in the header of the order": lambda answer: answer.delivery == "cut header",
    "the order stays processing": lambda answer: (
        (answer.json()["status"], "certificate" in answer.json()) == ("processing", False)
    ),
}


@pytest.mark.parametrize("sentence", ORDERS)
def test_bent_ca_order_is_changed(customer: Customer, sentence: str) -> None:
    customer.place_order("a.lab.test")
    customer.ca.bend(sentence)
    answer = customer.post("/my-order/1")
    assert ORDERS[sentence](answer)
    assert customer.ca.acted(sentence) == 1
    customer.ca.straighten()
    assert (customer.post("/my-order/1").status, customer.ca.acted(sentence)) == (200, 0)


def test_bent_ca_processing_order_is_valid_after_so_many_polls(customer: Customer) -> None:
    customer.ca.bend("the order stays processing for 2 polls")
    customer.place_order("a.lab.test")
    answers = [customer.post("/finalize-order/1", {"csr": CSR}), *(customer.post("/my-order/1") for _poll in range(3))]
    assert [answer.json()["status"] for answer in answers] == ["processing", "processing", "processing", "valid"]


@pytest.mark.parametrize(("when", "first"), [("at", "invalid"), ("after", "processing")])
def test_bent_ca_order_becomes_invalid(customer: Customer, when: str, first: str) -> None:
    customer.ca.bend(f"the order of a.lab.test becomes invalid {when} finalize")
    customer.place_order("a.lab.test")
    answers = [customer.post("/finalize-order/1", {"csr": CSR}), customer.post("/my-order/1")]
    assert [answer.json()["status"] for answer in answers] == [first, "invalid"]
    assert ("/finalize-order/1" in customer.seen) == (when == "after")
    # A new order begins again.
    assert customer.place_order("a.lab.test").json()["status"] == "pending"


# -- Challenges


def prepared(customer: Customer, *sentences: str) -> Customer:
    """Return a customer whose order's challenge is known."""
    customer.ca.bend(*sentences)
    customer.place_order("a.lab.test")
    customer.post("/authZ/1")
    return customer


def test_bent_ca_challenge_fails_in_all_resources(customer: Customer) -> None:
    prepared(customer, "the challenge of a.lab.test fails with caa")
    answer = customer.post("/chalZ/1", {})
    assert (answer.json()["status"], answer.json()["error"]["type"]) == ("invalid", "urn:ietf:params:acme:error:caa")
    authorization, order = customer.post("/authZ/1").json(), customer.post("/my-order/1").json()
    assert (authorization["status"], authorization["challenges"][0]["status"]) == ("invalid", "invalid")
    assert (order["status"], order["error"]["type"]) == ("invalid", "urn:ietf:params:acme:error:caa")
    customer.ca.bend("the order stays pending when an authorization fails")
    assert customer.post("/my-order/1").json()["status"] == "pending"
    assert "error" not in customer.place_order("a.lab.test").json()
    assert "error" not in customer.post("/my-order/2").json()


def test_bent_ca_challenge_fails_after_an_answer_that_does_not_say_so(customer: Customer) -> None:
    prepared(customer, "the challenge fails later with dns")
    answer = customer.post("/chalZ/1", {}).json()
    assert (answer["status"], "error" in answer) == ("processing", False)
    authorization = customer.post("/authZ/1").json()
    assert (authorization["status"], authorization["challenges"][0]["error"]["type"][-4:]) == ("invalid", ":dns")


def test_bent_ca_challenge_has_to_be_posted_often(customer: Customer) -> None:
    prepared(customer, "the challenge has to be posted three times")
    first = customer.post("/chalZ/1", {}).json()
    assert (first["status"], first["error"]["type"]) == ("pending", "urn:ietf:params:acme:error:connection")
    assert "error" in customer.post("/authZ/1").json()["challenges"][0]
    customer.post("/chalZ/1", {})
    assert "/chalZ/1" not in customer.seen
    customer.post("/chalZ/1", {})
    assert customer.seen[-1] == "/chalZ/1"
    assert "error" not in customer.post("/authZ/1").json()["challenges"][0]


def test_bent_ca_authorization_offers_what_is_said(customer: Customer) -> None:
    prepared(customer, "offer only dns-01 for a.lab.test", 'the token is "../x"')
    challenges = customer.post("/authZ/1").json()["challenges"]
    assert [(item["type"], item["token"]) for item in challenges] == [("dns-01", "../x")]


def test_bent_ca_field_of_challenges_is_changed(customer: Customer) -> None:
    prepared(customer, "url is relative in the authorization of a.lab.test")
    assert {item["url"] for item in customer.post("/authZ/1").json()["challenges"]} == {"/chalZ/1"}
    customer.ca.bend("leave url out of the authorization")
    assert [set(item) for item in customer.post("/authZ/1").json()["challenges"]] == [{"type", "status", "token"}] * 2


# -- newOrder and accounts


def test_bent_ca_pending_order_is_handed_out_until_it_is_finalized(customer: Customer) -> None:
    customer.ca.bend("hand out a pending order again for the same names")
    places = [customer.place_order("a.lab.test").headers["Location"] for _time in range(2)]
    other = customer.place_order("b.lab.test").headers["Location"]
    customer.post("/finalize-order/1", {"csr": CSR})
    places.append(customer.place_order("a.lab.test").headers["Location"])
    assert list(map(relative, [*places, other])) == ["/my-order/1", "/my-order/1", "/my-order/4", "/my-order/3"]
    assert customer.ca.acted("hand out a pending order again for the same names") == 1


def test_bent_ca_replaces_is_refused(customer: Customer) -> None:
    customer.ca.bend("refuse replaces")
    assert customer.place_order("a.lab.test", replaces="x").status == 409
    assert customer.place_order("a.lab.test").status == 201


def test_bent_ca_deactivation_is_ignored(customer: Customer) -> None:
    customer.ca.bend("ignore deactivation")
    assert customer.post("/my-account/1", {"status": "deactivated"}).json()["status"] == "valid"
    assert customer.seen == ["/nonce-plz"]


def test_bent_ca_known_account_is_empty(customer: Customer) -> None:
    customer.ca.bend("newAccount of a known key answers {}")
    assert customer.post("/sign-me-up", {"onlyReturnExisting": True}).json() == {}


# -- Chains


def chain(customer: Customer, sentence: str) -> Answer:
    customer.ca.bend(sentence)
    customer.place_order("a.lab.test")
    customer.post("/finalize-order/1", {"csr": CSR})
    return customer.post("/certZ/1")


def numbers(answer: Answer) -> list[int]:
    """Return the places of an answer's certificates in the CA's chain; -1 for others."""
    right = [certificate.serial_number for certificate in x509.load_pem_x509_certificates(CHAIN)]
    found = [certificate.serial_number for certificate in x509.load_pem_x509_certificates(answer.body)]
    return [right.index(serial) if serial in right else -1 for serial in found]


@pytest.mark.parametrize(
    ("sentence", "order"),
    [
        ("double the certificates of the chain", [0, 0, 1, 1]),
        ("send the chain twice in one body", [0, 1, 0, 1]),
        ("turn the chain around", [1, 0]),
        ("add the root to the chain", [0, 1, -1, 1]),
        ("add a foreign certificate to the chain", [0, 1, -1]),
        ("put a foreign certificate before the chain", [-1, 0, 1]),
        ("leave the issuer out of the chain", [0]),
        ("leave the certificate itself out of the chain", [1]),
        ("put text between the certificates of the chain of a.lab.test", [0, 1]),
        ("end the lines of the chain with CRLF", [0, 1]),
        ("leave the last newline out of the chain", [0, 1]),
        ("send half of the chain", [0]),
    ],
)
def test_bent_ca_chain_is_changed(customer: Customer, sentence: str, order: list[int]) -> None:
    answer = chain(customer, sentence)
    assert numbers(answer) == order
    assert answer.body != CHAIN


def test_bent_ca_der_has_one_certificate(customer: Customer) -> None:
    answer = chain(customer, "send the certificate as DER")
    assert x509.load_der_x509_certificate(answer.body) == x509.load_pem_x509_certificate(CHAIN)
    assert answer.headers["Content-Type"] == "application/pkix-cert"


@pytest.mark.parametrize(
    ("sentence", "days", "names"),
    [
        ("the certificate is expired", (-90, 0), ["a.lab.test"]),
        ("the certificate of a.lab.test is not valid yet", (2, 92), ["a.lab.test"]),
        ("the certificate is for another name", (0, 90), ["another.lab.test"]),
        ("the certificate is for one name more", (0, 90), ["a.lab.test", "another.lab.test"]),
        ("the certificate lives 2 hours", (0, 0), ["a.lab.test"]),
        ("ignore notAfter", (0, 90), ["a.lab.test"]),
    ],
)
def test_bent_ca_certificate_is_its_own(
    customer: Customer, sentence: str, days: tuple[int, int], names: list[str]
) -> None:
    made = x509.load_pem_x509_certificate(chain(customer, sentence).body)
    now = x509.load_pem_x509_certificate(CHAIN).not_valid_before_utc
    found = [
        (instant - now).total_seconds() / 86400 for instant in (made.not_valid_before_utc, made.not_valid_after_utc)
    ]
    assert found == pytest.approx(days, abs=0.1)
    san = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == names


def test_bent_ca_not_after_is_not_in_the_order(customer: Customer) -> None:
    customer.ca.bend("ignore notAfter")
    assert "notAfter" not in customer.place_order("a.lab.test", notAfter="2026-12-30T00:00:00Z").json()


def test_bent_ca_renewal_information_is_of_one_name(customer: Customer) -> None:
    customer.ca.bend("renewal information of a.lab.test lies before the certificate")
    chain(customer, "wait 0 seconds at newOrder")

    answers = [
        customer.ca.answer("GET", f"/draft-ietf-acme-ari-03/renewalInfo/{name}", {}, b"")
        for name in (ari_id(CHAIN), "other.id")
    ]
    assert [answer.json().get("suggestedWindow", {}).get("start") for answer in answers] == [
        "1970-01-01T00:00:00Z",
        None,
    ]


# -- On the wire

SHORT = ("slow", "slow header", "silence", "cut before", "cut header", "cut body", "cut silently", "garbled")
LENGTHLESS = ("slow header", "silence", "cut before", "cut header", "cut silently", "garbled", "chunked", "bad chunks")
ANSWER = Answer(200, {"Replay-Nonce": "abcdefghijklmnopqrstuvwxyz"}, b'{"status": "valid"}' * 10)


@pytest.mark.parametrize(
    ("delivery", "start", "end", "usable"),
    [
        ("", b"HTTP/1.1 200 OK\r\nReplay-Nonce: abcdef", b'"valid"}', True),
        ("twice", b"HTTP/1.1 200 OK\r\n", b'"valid"}', True),
        ("slow", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n{", True),
        ("slow header", b"H", b'"valid"}', True),
        ("silence", b"", b"", False),
        ("cut before", b"", b"", False),
        ("cut header", b"HTTP/1.1 200 OK\r\n", b"abcdefghi", False),
        ("cut body", b"HTTP/1.1 200 OK\r\nReplay-Nonce: abc", b'"valid"}', False),
        ("cut silently", b"HTTP/1.1 200 OK\r\nReplay-Nonce: abc", b'"valid"}', False),
        ("garbled", b"\x15\x03\x01", b"", False),
        ("chunked", b"HTTP/1.1 200 OK\r\n", b"0\r\n\r\n", True),
        ("bad chunks", b"HTTP/1.1 200 OK\r\n", b"what?\r\n\r\n", False),
    ],
)
def test_line_answer_is_delivered_as_said(delivery: str, start: bytes, end: bytes, usable: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        # The CA is taken down at the first pause, so nothing waits here.
        kept = Line(ours, lambda _seconds: True).send(Answer(200, ANSWER.headers, ANSWER.body, delivery))
        ours.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: theirs.recv(65536), b""))
    assert received.startswith(start)
    assert received.endswith(end)
    assert kept == usable
    assert (received.count(b"HTTP/1.1 200") == 2) == (delivery == "twice")
    assert (len(received.partition(b"\r\n\r\n")[2]) < len(ANSWER.body)) == (delivery in SHORT)
    assert (b"Content-Length" in received) == (delivery not in LENGTHLESS)


def test_line_reset_ends_the_connection_by_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        assert not Line(server.accept()[0], lambda _seconds: True).send(Answer(200, delivery="reset"))
        with pytest.raises(ConnectionResetError):
            theirs.recv(1)
