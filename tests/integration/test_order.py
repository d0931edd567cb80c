# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_order and acme_order_finalize against Pebble."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from cryptography import x509

from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from tests.integration.hosts import msg_of
from tests.integration.orders import ALWAYS_VALID, csr, fitting, local, order, posts, serve

NEW_ORDER, CHALLENGE, FINALIZE = "/order-plz", "/chalZ/", "/finalize-order/"
OPEN = ("pending", "ready")  # ready where the CA uses an account's valid authorization again


def lines(text: str) -> dict[str, str]:
    """Return the part of a message about each certificate, by name."""
    told = re.split(r"(?:^|; )certificate (\w+) of localhost: ", text)
    assert told[0] == ""
    return dict(zip(told[1::2], told[2::2]))


@pytest.fixture
def pebble(lab):
    """Yield a CA that a test restarts with other settings."""
    yield lab.pebble
    lab.pebble.restart(env={}, config={})


def test_order_then_finalize_returns_certificate(ca, lab):
    names = ["shop.web1.lab.test", "www.shop.web1.lab.test"]
    mark = lab.pebble.mark()
    ordered = ca.order(
        order("shop", *names, host="web1", profile="default"), order("mail", host="web2", profile="shortlived")
    )
    assert ordered["changed"]
    assert ordered["requests"] == len(lab.pebble.requests(mark))
    assert ordered["hosts"].keys() == {"web1", "web2"}
    (shop,), (mail,) = ordered["hosts"]["web1"], ordered["hosts"]["web2"]
    assert (shop["name"], shop["status"], shop["problem"]) == ("shop", "pending", "")
    assert shop["identifiers"] == names
    assert shop["account_uri"] == ordered["account_uri"]
    assert [item["type"] for item in shop["challenges"]] == ["http-01"] * 2
    assert sorted(item["identifier"] for item in shop["challenges"]) == names
    key = AccountKey.load(ca.key_file.read_bytes(), None, "")
    for challenge in shop["challenges"]:
        assert challenge["key_authorization"] == f"{challenge['token']}.{key.thumbprint}"

    serve(lab, shop, mail)
    orders, mark = [fitting(shop), fitting(mail)], lab.pebble.mark()
    done = ca.finalize(*orders)
    assert done["changed"]
    assert done["requests"] == len(lab.pebble.requests(mark))
    check_certificate(lab, done["hosts"]["web1"][0], orders[0], timedelta(days=90))
    check_certificate(lab, done["hosts"]["web2"][0], orders[1], timedelta(days=6))

    # The orders are finished, although the playbook has them as they were.
    repeated = ca.finalize(*orders)
    assert repeated.ok, repeated.text
    assert not repeated["changed"]
    for host in ("web1", "web2"):
        assert repeated["hosts"][host][0]["certificate"] == done["hosts"][host][0]["certificate"]

    # A run does so if it finds the journal of one that was killed at its last step.
    mark = lab.pebble.mark()
    journal = {"order_uri": shop["order_uri"], "account_uri": shop["account_uri"]}
    again = ca.order(order("shop", *names, **journal))
    (resumed,) = local(again)
    assert (resumed["status"], resumed["order_uri"]) == ("valid", shop["order_uri"])
    assert not again["changed"]
    downloaded = ca.finalize({**resumed, "csr_content": orders[0]["csr_content"]})
    assert local(downloaded)[0]["certificate"] == done["hosts"]["web1"][0]["certificate"]
    assert not downloaded["changed"]
    assert lab.pebble.issued(mark) == []
    assert not {NEW_ORDER, CHALLENGE, FINALIZE} & set(posts(lab, mark))


def check_certificate(lab, item, ordered, lifetime):
    assert (item["status"], item["problem"]) == ("valid", "")
    certificate = x509.load_pem_x509_certificate(item["certificate"].encode())
    request = x509.load_pem_x509_csr(ordered["csr_content"].encode())
    assert certificate.public_key() == request.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == ordered["identifiers"]
    assert abs(certificate.not_valid_after_utc - certificate.not_valid_before_utc - lifetime) < timedelta(minutes=1)
    (issuer,) = x509.load_pem_x509_certificates(item["chain"].encode())
    certificate.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(x509.load_pem_x509_certificate(lab.pebble.root_pem().encode()))
    assert lab.pebble.cert_status(certificate.serial_number)["Status"] == "Valid"


def test_order_resumes_usable_orders_only(ca, other, lab):
    (foreign,) = local(other.order(order("a")))
    made = ca.order(*(order(name) for name in "abcd"))
    items = {item["name"]: item for item in local(made)}

    def journal(name):
        return {"order_uri": items[name]["order_uri"], "account_uri": made["account_uri"]}

    mark = lab.pebble.mark()
    again = ca.order(
        order("a", **journal("a")),
        order("b", "b.web1.lab.test", "more.web1.lab.test", **journal("b")),
        order("c", **{**journal("c"), "account_uri": foreign["account_uri"]}),
        order("d", **{**journal("d"), "order_uri": journal("d")["order_uri"] + "x"}),  # the CA has forgotten it
        order("foreign", "a.web1.lab.test", **{**journal("a"), "order_uri": foreign["order_uri"]}),
    )
    assert again["changed"]
    assert again["account_uri"] == made["account_uri"]
    resumed, *others = local(again)
    assert resumed == items["a"]
    earlier = {item["order_uri"] for item in [*items.values(), foreign]}
    assert not earlier & {item["order_uri"] for item in others}
    assert [item["status"] for item in others] == ["pending"] * 4
    assert posts(lab, mark).count(NEW_ORDER) == 4


BAD = {
    "blocked": (["blocked.lab.test"], {}, "newOrder: rejectedIdentifier: "),
    "spaced": (["a b.lab.test"], {}, "'a b.lab.test' contains a space"),
    "wild": (["*.web1.lab.test"], {}, "Use dns-01"),
    "nothing": ([""], {}, "empty"),
    "profiled": (["web1.lab.test"], {"profile": "classic"}, "(offered: default, shortlived)"),
}


def test_order_one_failure_does_not_affect_others(ca, lab):
    bad = [{**order(name, *names, **options), "identifiers": names} for name, (names, options, _unused) in BAD.items()]
    good = [order("good"), order("better", host="web2")]
    mark = lab.pebble.mark()
    result = ca.order(good[0], *bad, good[1])
    message = lines(msg_of(result))
    assert message.keys() == BAD.keys()
    for name, (_unused, _unused, said) in BAD.items():
        assert said in message[name]
    items = {item["name"]: item for items in result["hosts"].values() for item in items}
    assert [name for name, item in items.items() if item["status"] == "failed"] == list(BAD)
    assert items["good"]["status"] == items["better"]["status"] == "pending"
    assert posts(lab, mark).count(NEW_ORDER) == 3  # the good ones, and what only the CA knows to be bad


def test_order_check_mode_sends_no_signed_request(ca, lab):
    mark = lab.pebble.mark()
    result = ca.order(order("shop"), check=True)
    assert result["changed"]
    assert local(result)[0]["status"] == "pending"
    assert not ca.key_file.exists()
    wrong = ca.order(order("good"), order("bad", profile="classic"), check=True)
    assert list(lines(msg_of(wrong))) == ["bad"]
    assert lab.pebble.requests(mark) == [("GET", "/dir")] * 2


def test_finalize_check_mode_sends_no_request(ca, lab):
    item = fitting(local(ca.order(order("shop")))[0])
    mark = lab.pebble.mark()
    assert ca.finalize(item, check=True)["changed"]
    assert lab.pebble.requests(mark) == []


NAME = "web1.lab.test"
MISFITS = {
    "less": (lambda: csr("other.lab.test"), "other.lab.test"),
    "more": (lambda: csr(NAME, "other.lab.test"), "other.lab.test"),
    "certificate": (lambda: "hello", "PEM"),
    "damaged": (lambda: csr(NAME).replace("M", "!"), "PEM"),
}


def test_finalize_request_for_other_names_is_not_sent(ca, lab):
    ordered = local(ca.order(*(order(name, NAME) for name in MISFITS)))
    mark = lab.pebble.mark()
    result = ca.finalize(*({**item, "csr_content": MISFITS[item["name"]][0]()} for item in ordered))
    message = lines(msg_of(result))
    assert message.keys() == MISFITS.keys()
    for name, (_unused, said) in MISFITS.items():
        assert said in message[name]
    assert [item["status"] for item in local(result)] == ["failed"] * len(MISFITS)
    assert not result["changed"]
    assert posts(lab, mark) == []


@pytest.mark.hard
def test_finalize_order_of_other_account_fails(ca, other, lab):
    (foreign,) = local(other.order(order("shop")))
    serve(lab, foreign)
    ca("acme_account", account_key_create=True, terms_agreed=True)
    mark = lab.pebble.mark()
    own = ca("acme_account_info")["account"]["uri"]
    result = ca.finalize(fitting({**foreign, "account_uri": own}))
    assert msg_of(result).startswith("certificate shop of localhost: shop.web1.lab.test: http-01 challenge: ")
    assert lab.pebble.issued(mark) == []


def test_finalize_failed_and_slow_validation(ca, lab):
    lab.dns.add("dead", "A", "127.0.0.1")  # nothing listens at the CA's own port 80
    items = local(
        ca.order(
            order("good"),
            order("empty"),
            order("dead", "dead.lab.test", can_wait=True),
            order("unknown", "nx.lab.test"),
            order("slow"),
            order("patient", can_wait=True),
        )
    )
    good, *failing, slow, patient = (fitting(item) for item in items)
    serve(lab, good)
    # Nobody tells the CA that these two are ready, so they stay as they are.
    slow["challenges"] = patient["challenges"] = []
    result = ca.finalize(good, *failing, slow, patient, timeout=5)
    message = lines(msg_of(result))
    assert message.keys() == {"empty", "unknown", "slow"}
    assert "empty.web1.lab.test: http-01: unauthorized: " in message["empty"]
    assert "404" in message["empty"]
    (dead,) = (item for item in local(result) if item["name"] == "dead")
    assert "dead.lab.test: http-01: connection: " in dead["problem"]
    assert "nx.lab.test: http-01: connection: " in message["unknown"]
    assert "did not get past 'pending' within 5 s" in message["slow"]
    found = {item["name"]: (item["status"], item.get("resumable")) for item in local(result)}
    assert found == {
        "good": ("valid", None),
        **dict.fromkeys(("empty", "unknown"), ("failed", False)),
        "dead": ("deferred", False),
        "slow": ("failed", True),
        "patient": ("deferred", True),
    }


@pytest.mark.hard
def test_order_names_replaced_certificate_once(ca, pebble):
    """RFC 9773 section 5: an order may name it, once; where the CA does not take that, the order goes without."""
    pebble.restart(env=ALWAYS_VALID)
    (issued,) = ca.issue("shop.web1.lab.test")
    (first,) = local(ca.order(order("shop", replaces_ari_id=issued.ari_id)))
    assert first["status"] in OPEN
    assert ca.finalize(fitting(first)).ok
    mark = pebble.mark()
    again = ca.order(order("shop", replaces_ari_id=issued.ari_id), order("unknown", replaces_ari_id="AAAA.BBBB"))
    assert all(item["status"] in OPEN for item in local(again))
    assert len(local(again)) == 2
    assert posts(ca.lab, mark).count(NEW_ORDER) == 4


def test_finalize_expired_certificate_fails(ca, pebble):
    """An old order may still have an expired certificate."""
    pebble.restart(env=ALWAYS_VALID, config={"profiles": {"default": {"description": "", "validityPeriod": 1}}})
    (made,) = local(ca.order(order("shop")))
    result = ca.finalize(fitting(made))
    assert re.fullmatch(
        r"certificate shop of localhost: the certificate of the order expired at \S+Z. The order is given up",
        msg_of(result),
    )
    (item,) = local(result)
    assert (item["status"], item["resumable"]) == ("failed", False)


def test_order_half_of_all_nonces_refused_succeeds(ca, pebble):
    pebble.restart(env={**ALWAYS_VALID, "PEBBLE_WFE_NONCEREJECT": "50"})
    mark = pebble.mark()
    names = [f"{number}.web1.lab.test" for number in range(8)]
    assert len(ca.issue(*names)) == len(pebble.issued(mark)) == 8
    # 24 of them were not refused, and 17 ask for the account or poll.
    assert len(posts(ca.lab, mark)) > 7 * 8
