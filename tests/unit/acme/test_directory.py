# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory (RFC 8555 section 7.1.1): unknown fields are ignored, optional ones may be missing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.doc_fragments._acme import ModuleDocFragment
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, ProtocolError, TransportError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES, resolve_directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.urls import verify_url
from tests.unit.acme.server import CUT_HEAD, HANG, RESET, Answer, html, problem

LEAST = {
    "newNonce": "https://ca.example/n",
    "newAccount": "https://ca.example/a",
    "newOrder": "https://ca.example/o",
}
URL = "https://ca.example/directory"


@pytest.mark.parametrize("name", sorted(SHORT_NAMES))
def test_resolve_directory_short_names_are_https(name):
    assert resolve_directory(f" {name} ") == SHORT_NAMES[name]
    assert verify_url(SHORT_NAMES[name]).startswith("https://")


def test_resolve_directory_url_is_unchanged():
    assert resolve_directory(URL) == URL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "letsencrypt-stagin",
            r"^acme_directory 'letsencrypt-stagin' is neither a URL nor a known short name \(google, ",
        ),
        ("", "is neither a URL nor a known short name"),
        ("ca.example/directory", "is neither a URL nor a known short name"),
        ("http://ca.example/directory", r"ACME requires https"),
        ("https://ca.example/my directory", r"is not a URL"),
    ],
)
def test_resolve_directory_invalid_raises(text, message):
    with pytest.raises(AcmeError, match=message):
        resolve_directory(text)


def test_fetch_directory_has_all_urls_and_meta(ca, http):
    ca.meta = {"termsOfService": "https://ca.example/terms", "externalAccountRequired": True, "profiles": {"a": "b"}}
    directory = Directory.fetch(http, f"{ca.url}/directory")
    assert directory.url == f"{ca.url}/directory"
    assert directory.new_nonce == f"{ca.url}/new-nonce"
    assert directory.new_account == f"{ca.url}/new-account"
    assert directory.new_order == f"{ca.url}/new-order"
    assert directory.revoke_cert == f"{ca.url}/revoke"
    assert directory.renewal_info == f"{ca.url}/renewal-info"
    assert directory.terms_of_service == "https://ca.example/terms"
    assert directory.external_account_required is True
    assert directory.profiles == {"a": "b"}
    assert ca.lines() == ["GET /directory"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"meta": None},
        {"meta": "none"},
        {"meta": {"termsOfService": None, "externalAccountRequired": "yes", "profiles": ["a"], "odd": 1}},
        {"TWLAwyyFZ1E": "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417"},
        {"revokeCert": "", "keyChange": None, "newAuthz": 7},
    ],
)
def test_parse_required_fields_only(more):
    directory = Directory.parse(URL, {**LEAST, **more})
    assert directory.new_order == "https://ca.example/o"
    assert (directory.revoke_cert, directory.renewal_info, directory.terms_of_service) == ("", "", "")
    assert (directory.external_account_required, directory.profiles) == (False, {})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"is not an ACME directory: it has no newNonce, newAccount, newOrder$"),
        ({**LEAST, "newOrder": ""}, r"is not an ACME directory: it has no newOrder$"),
        ({**LEAST, "newOrder": "http://ca.example/o"}, "ACME requires https"),
        ({**LEAST, "newNonce": ["https://ca.example/n"]}, r"returned no URL"),
        ({**LEAST, "newAccount": "https://127.0.0.1/"}, r"another domain than the directory.*the CA at https://ca.ex"),
    ],
)
def test_parse_invalid_raises(document, message):
    with pytest.raises(ProtocolError, match=message):
        Directory.parse(URL, document)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (html(), ProtocolError, r"answered text/html that is not JSON: is this an ACME server\?$"),
        (
            html(404),
            AcmeError,
            r"answered HTTP 404 \(unknown: HTTP 404, without a problem document\): check acme_directory$",
        ),
        (
            problem("unauthorized", 403, "no"),
            AcmeError,
            r"answered HTTP 403 \(unauthorized: no\): check acme_directory$",
        ),
        (Answer(200, b'{"newNonce": '), ProtocolError, r"that is not JSON"),
        (Answer(200, []), ProtocolError, r"JSON that is not an object"),
        (Answer(204), ProtocolError, r"that is not JSON"),
        (Answer(500), AcmeError, r"answered HTTP 500"),
        (RESET, TransportError, r"cannot be reached"),
        (
            Answer(301, headers={"Location": "https://ca.example/dir"}),
            AcmeError,
            r"/directory redirects to https://ca.example/dir: give that URL$",
        ),
        (Answer(302), AcmeError, r"redirects to nowhere"),
    ],
    ids=["html", "404", "403", "truncated", "list", "204", "500", "reset", "redirect", "redirect to nowhere"],
)
def test_fetch_other_answers_raise(ca, http, answer, error, message):
    ca.always("/directory", answer)
    with pytest.raises(error, match=message) as raised:
        Directory.fetch(http, f"{ca.url}/directory")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("answer", [html(), Answer(200, b'{"newNonce": ', sized=False), CUT_HEAD, RESET])
def test_fetch_one_lost_answer_is_repeated(ca, http, answer):
    ca.script("/directory", answer)
    assert Directory.fetch(http, f"{ca.url}/directory").new_order == f"{ca.url}/new-order"


def test_parse_relative_urls_are_of_the_directory():
    document = {
        "newNonce": "/nonce",
        "newAccount": "account",
        "newOrder": "/order",
        "revokeCert": "revoke",
        "newAuthz": 5,
    }
    directory = Directory.parse("https://ca.example/acme/directory", document)
    assert (directory.new_nonce, directory.new_account) == (
        "https://ca.example/nonce",
        "https://ca.example/acme/account",
    )
    assert (directory.revoke_cert, directory.new_authz) == ("https://ca.example/acme/revoke", "")


@pytest.mark.parametrize(
    ("meta", "profile", "offered"),
    [
        ({"profiles": {"classic": "x", "shortlived": "y"}}, "tlsserver", r"\(offered: classic, shortlived\)$"),
        ({}, "tlsserver", r"\(offered: none\)$"),
    ],
)
def test_verify_profile_not_offered_raises(meta, profile, offered):
    directory = Directory.parse(URL, {**LEAST, "meta": meta})
    with pytest.raises(AcmeError, match=rf"^profile '{profile}' is not offered by {URL} {offered}"):
        directory.verify_profile(profile)


@pytest.mark.parametrize("profile", [None, "", "classic"])
def test_verify_profile_valid(profile):
    directory = Directory.parse(URL, {**LEAST, "meta": {"profiles": {"classic": "x"}}})
    assert directory.verify_profile(profile) is None


def test_short_names_all_documented():
    options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    text = " ".join(options["acme_directory"]["description"])
    assert set(re.findall(r"V\(([^)]*)\)", text)) == set(SHORT_NAMES)


@pytest.mark.parametrize(
    ("cached", "ca_clock", "requests", "ahead"),
    [(0, 0, 1, 0), (2, 2, 2, 2), (-2, 0, 2, 0)],
    ids=["same clock", "another clock", "cached directory"],
)
def test_fetch_with_another_date_asks_for_one_that_is_not_cached(ca, http, cached, ca_clock, requests, ahead):
    now = http.clock.now()
    date, new_date = (f"{now + timedelta(days=days):%a, %d %b %Y %H:%M:%S GMT}" for days in (cached, ca_clock))
    ca.date = new_date
    ca.script("/directory", lambda request: replace(ca.behave(request), headers={"Date": date}))
    Directory.fetch(http, f"{ca.url}/directory")
    assert len(ca.requests) == requests
    assert http.clock.now() == now + timedelta(days=ahead)


def test_fetch_with_another_date_does_not_need_a_nonce(ca, http):
    ca.date = "Mon, 23 Nov 2020 12:00:00 GMT"
    ca.always("/new-nonce", RESET)
    assert Directory.fetch(http, f"{ca.url}/directory").new_order == f"{ca.url}/new-order"


def test_fetch_from_a_silent_ca_takes_the_time_of_one_request(ca, hasty):
    ca.always("/directory", HANG)
    with pytest.raises(TransportError, match=r"did not answer within 0.1 s$"):
        Directory.fetch(hasty, f"{ca.url}/directory")
    assert hasty.count == 1
