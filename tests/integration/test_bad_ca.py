# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs and accounts that cannot be used: the modules say why in one line. Bad keys as such are test_account.py's."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from tests.integration.calls import COLLECTIONS
from tests.integration.hosts import msg_of
from tests.integration.orders import NEW, Customer, local, order, posts
from tests.integration.plans import found
from tests.integration.servers import no_ca, silence
from tests.lab import Lab
from tests.lab.bent_ca import bent_ca
from tests.parameters import hard_but

# The directory ({no_ca}: a server that is no CA), other options, the message.
DIRECTORIES = {
    "unknown name": (
        "letsencrpyt",
        {},
        "acme_directory 'letsencrpyt' is neither a URL nor a known short name (google, ",
    ),
    "plain http": ("http://ca.lab.test/dir", {}, "http://ca.lab.test/dir is refused: ACME requires https"),
    "html": ("{no_ca}/html", {}, "{no_ca}/html answered text/html that is not JSON: is this an ACME server?"),
    "json": ("{no_ca}/json", {}, "{no_ca}/json is not an ACME directory: it has no newNonce, newAccount, newOrder"),
    "list": ("{no_ca}/list", {}, "{no_ca}/list answered JSON that is not an object: is this an ACME server?"),
    "long": ("{no_ca}/long", {}, "{no_ca}/long sent more than 1048576 bytes"),
    "plain resources": (
        "{no_ca}/plain",
        {},
        "http://192.0.2.1/ is refused: ACME requires https (from the CA at {no_ca}/plain)",
    ),
    "other host": (
        "{no_ca}/elsewhere",
        {},
        "https://192.0.2.1/ is refused: its host is in another domain than the directory. "
        "If it is the CA's, give the directory's URL there (from the CA at {no_ca}/elsewhere)",
    ),
    "user": (
        "https://me:secret@ca.lab.test/dir",
        {},
        "https://ca.lab.test/dir is refused: it contains a user name",
    ),
    "compressed": (
        "{no_ca}/gzip",
        {},
        "{no_ca}/gzip sent Content-Encoding gzip, which was not asked for",
    ),
    "moved": ("{no_ca}/moved", {}, "redirects to https://elsewhere.example/dir: give that URL"),
    "not found": ("{no_ca}/none", {}, "directory {no_ca}/none answered HTTP 404 "),
    "not trusted": ("{ca}", {"ca_path": None}, "https://ca.lab.test:14000 has a certificate that is not trusted ("),
    "no bundle": ("{ca}", {"ca_path": "/nowhere/ca.pem"}, "ca_path /nowhere/ca.pem does not exist: give a file of PEM"),
    "bad bundle": ("{ca}", {"ca_path": "/etc/passwd"}, "ca_path /etc/passwd has no certificates: give a file of PEM"),
    "no patience": (
        "{ca}",
        {"request_timeout": 0},
        "request_timeout: 0 is out of range. Give a number from",
    ),
}


@pytest.fixture(scope="module")
def no_ca_url(lab):
    with no_ca(lab) as url:
        yield url


@pytest.mark.parametrize("case", hard_but(["html", "other host", "not trusted"], DIRECTORIES))
def test_directory_unusable_fails_in_one_line(ca, lab, no_ca_url, case):
    directory, options, message = DIRECTORIES[case]
    places = {"no_ca": no_ca_url, "ca": lab.pebble.directory_url}
    mark = lab.pebble.mark()
    result = ca("acme_directory_info", acme_directory=directory.format(**places), **options)
    assert message.format(**places) in msg_of(result)
    assert lab.pebble.requests(mark) == []


def test_modules_silent_ca_fails_or_defers(ca, lab):
    """All at once, because much is waited: the tasks that can wait do, and what is due later is decided offline."""
    refused = "https://127.0.0.1:1"
    now = datetime.now(timezone.utc)
    ours = {"directory": f"{refused}/dir"}
    certificates = [found("missing", live=None), found("old", now, timedelta(-61), **ours), found("young", now, **ours)]
    with silence(lab) as silent, ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(ca, "acme_directory_info", acme_directory=f"{refused}/dir"),
            pool.submit(ca, "acme_directory_info", acme_directory=f"{silent}/dir", request_timeout=2),
            pool.submit(ca.order, order("a"), order("b", can_wait=True), acme_directory=f"{refused}/dir"),
            pool.submit(ca, "acme_plan", acme_directory=f"{refused}/dir", certificates=certificates),
        ]
        info, unheard, ordered, plan = (future.result() for future in calls)
    assert msg_of(info) == f"{refused} cannot be reached (Connection refused)"
    assert msg_of(unheard) == f"{silent} did not answer within 2 s"
    assert msg_of(ordered) == msg_of(info)
    assert [item["status"] for item in local(ordered)] == ["failed", "deferred"]
    assert plan.ok
    assert f"[WARNING]: {msg_of(info)}; nothing is issued in this run" in plan.unwrapped
    decided = {item["name"]: (item["action"], item["reason"], item["message"]) for item in plan["hosts"]["web1"]}
    assert decided == {
        "missing": ("refuse", "missing", msg_of(info)),
        "old": ("keep", "lifetime", msg_of(info)),
        "young": ("keep", "", ""),
    }


@pytest.mark.hard
@pytest.mark.parametrize("resource", ["directory", "newNonce", "newAccount", "newOrder"])
def test_modules_dripping_ca_times_out(ca, lab, resource):
    """Each request has its seconds, however slowly it is answered, and is repeated a few times; not the directory."""
    with bent_ca(lab, f"one byte a second in the header of {resource}") as bent:
        result = ca.order(order("a"), acme_directory=bent.url, request_timeout=1)
        assert msg_of(result).endswith(f"{bent.url.removesuffix('/dir')} did not answer within 1 s")
        assert bent.count(resource) in (range(1, 2) if resource == "directory" else range(2, 11))


def test_order_without_account_key_sends_no_request(ca, lab):
    mark = lab.pebble.mark()
    result = ca.order(order("a"), order("b", host="web2"), account_key_create=False)
    assert msg_of(result).startswith(f"account key {ca.key_file} does not exist and may not be made here: ")
    assert [[item["status"] for item in items] for items in result["hosts"].values()] == [["failed"], ["failed"]]
    assert lab.pebble.requests(mark) == []


@pytest.mark.hard
def test_order_terms_not_agreed_fails(ca, lab):
    mark = lab.pebble.mark()
    assert "set terms_agreed (acme_terms_agreed) to true" in msg_of(ca.order(order("a"), terms_agreed=False))
    assert posts(lab, mark) == []
    assert not ca.key_file.exists()
    # With a key there may be an account, which is not created again.
    ca("acme_account", **NEW)
    assert ca.order(order("a"), terms_agreed=False).ok


@pytest.mark.hard
def test_order_deactivated_account_fails(ca, lab):
    uri = ca.deactivate()
    mark = lab.pebble.mark()
    for result in (ca.order(order("a")), ca.order(order("a"), account_uri=uri), ca("acme_account", **NEW)):
        assert "deactivated" in msg_of(result)
    assert "use another account key (account_key_src, acme_account_key_src)" in msg_of(ca.order(order("a")))
    assert lab.pebble.issued(mark) == []


# -- External account binding


@pytest.fixture(scope="module")
def members_only(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("eab"), hosts=1, eab=True, collections_path=COLLECTIONS) as lab:
        yield lab


@pytest.fixture
def member(members_only, tmp_path):
    return Customer(members_only, tmp_path)


def bindings(lab):
    """Return cases by name: an external account binding, and the message about it."""
    right = lab.pebble.eab
    return {
        "none": (None, "set eab (acme_eab)"),
        "key": ({**right, "key": right["key"][:-4] + "AAAA"}, "account registration: "),
        "kid": ({**right, "kid": "nobody"}, "account registration: "),
        "text": (
            {**right, "key": "not base64!"},
            "the external account's key is neither base64url nor base64 text: copy it as",
        ),
    }


@pytest.mark.parametrize("case", hard_but(["none", "text"], ["none", "key", "kid", "text"]))
def test_order_wrong_account_binding_fails(member, members_only, case):
    binding, message = bindings(members_only)[case]
    result = member.order(order("a"), eab=binding)
    assert message in msg_of(result)
    assert "/order-plz" not in posts(members_only, 0)
    if binding is None:
        assert not member.key_file.exists()
    else:
        assert binding["key"] not in str(result)


# The lab's key has 32 bytes.
WRITTEN = {
    "base64url, padded": lambda key: key + "=",
    "base64, padded, on two lines": lambda key: f" {key[:20]}\n {key[20:]}=\n".replace("-", "+").replace("_", "/"),
    "base64 of the text": lambda key: base64.b64encode(key.encode()).decode(),
}


@pytest.mark.parametrize("case", hard_but(["base64url, padded"], WRITTEN))
def test_account_binding_key_written_in_another_way_is_accepted(member, members_only, case):
    right = members_only.pebble.eab
    made = member("acme_account", eab={**right, "key": WRITTEN[case](right["key"])}, **NEW)
    assert made.ok, made.text
    assert made["changed"]


@pytest.mark.hard
def test_account_binding_is_sent_for_new_account_only(member, members_only):
    binding = members_only.pebble.eab
    made = member("acme_account", eab=binding, **NEW)
    assert made["changed"]
    mark = members_only.pebble.mark()
    # Were it sent once more, this one would be refused.
    again = member.order(order("a"), eab={**binding, "kid": "spent"})
    assert again.ok
    assert again["account_uri"] == made["account_uri"]
    assert posts(members_only, mark) == ["/sign-me-up", "/order-plz", "/authZ/"]
    assert member.order(order("b")).ok
