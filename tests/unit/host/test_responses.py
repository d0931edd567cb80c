# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges as the options name them: nothing but tokens gets in, and each goes to what can serve it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError, OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import (
    challenge_responses,
    listener,
    webroot,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import inspection
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen

HOME = "/etc/acme"
T2, T3, T4 = (f"another-token-of-128-bits-{number}" for number in (2, 3, 4))
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMB = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
ANSWER = f"{TOKEN}.{THUMB}"


def option(token=TOKEN, key_authorization=ANSWER, folder="/srv/www", **more):
    return {"token": token, "key_authorization": key_authorization, "webroot": folder, **more}


def proof(identifier="shop.example", token=TOKEN, **more):
    return option(token, f"{token}.{THUMB}", None, type="tls-alpn-01", identifier=identifier, **more)


def checked(options, present=True, **more):
    return challenge_responses.parse_challenges(options, present, HOME, **more)


def test_parse_challenges_gives_each_once():
    made = checked(
        [
            option(name="shop"),
            option(name="shop"),
            option(T2, f"{T2}.x", name=None),
        ]
    )
    assert made == [
        webroot.WebrootResponse("/srv/www", TOKEN, ANSWER, "shop"),
        webroot.WebrootResponse("/srv/www", T2, f"{T2}.x", ""),
    ]
    assert made[0].path == f"/srv/www/.well-known/acme-challenge/{TOKEN}"


EVIL = [
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/b",
    "a.b",
    "a b",
    "a\n",
    "a\x00",
    "ä",
    "a%2f",
    "~",
    "a" * 99 + "/",
    "a" * 21,
]


@pytest.mark.parametrize("token", EVIL)
@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("where", [{}, {"folder": None, "listen": "80"}, {"folder": None, "type": "tls-alpn-01"}])
def test_parse_challenges_invalid_token_is_refused(token, present, where):
    with pytest.raises(
        OptionError, match=r"^invalid challenge token .*: RFC 8555 section 8.3 does not allow it$"
    ) as error:
        checked([option(), option(token, f"{token}.{THUMB}", **where)], present)
    assert len(str(error.value).splitlines()) == 1


def test_parse_challenges_long_token_is_shortened():
    with pytest.raises(OptionError) as error:
        checked([option("/" * 10_000)])
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        TOKEN,
        TOKEN + ".",
        THUMB,
        f"x{TOKEN}.{THUMB}",
        f"{TOKEN}x.{THUMB}",
        f"{TOKEN}.{THUMB}.{THUMB}",
        f"{TOKEN}.<script>",
        f"{TOKEN}.{THUMB}\n",
        f"{TOKEN} {THUMB}",
    ],
)
def test_parse_challenges_other_key_authorization_is_refused(answer):
    with pytest.raises(OptionError, match=f"for token {TOKEN}: it does not begin with the token"):
        checked([option(key_authorization=answer)])
    assert checked([option(key_authorization=answer)], False), "removal does not need it"


@pytest.mark.parametrize("folder", ["", "www", "./www", "../www"])
def test_parse_challenges_relative_webroot_is_refused(folder):
    with pytest.raises(OptionError, match="is not an absolute path"):
        checked([option(folder=folder)])


# --- which way


@pytest.mark.parametrize(
    ("challenge", "kind", "listen", "path"),
    [
        (option(folder=None, listen="80"), "http-01", Listen(80), "http-01-80"),
        (option(folder="", listen="80"), "http-01", Listen(80), "http-01-80"),
        (option(folder=None, listen="10.0.0.1:8080"), "http-01", Listen(8080, "10.0.0.1"), "http-01-8080-10.0.0.1"),
        (option(folder=None, listen="[FD00:0::1]:80"), "http-01", Listen(80, "fd00::1"), "http-01-80-fd00::1"),
        (proof(), "tls-alpn-01", Listen(443), "tls-alpn-01-443"),
        (proof(listen="8443"), "tls-alpn-01", Listen(8443), "tls-alpn-01-8443"),
        (proof(webroot="/srv/www"), "tls-alpn-01", Listen(443), "tls-alpn-01-443"),
    ],
)
def test_parse_challenges_without_webroot_uses_listener(challenge, kind, listen, path):
    (made,) = checked([challenge], seconds=30)
    assert isinstance(made, listener.ListenerResponse)
    assert (made.kind, made.listen, made.key_authorization, made.seconds) == (kind, listen, ANSWER, 30)
    assert made.path == f"{HOME}/challenges/{path}/{TOKEN}"


def test_parse_challenges_webroot_is_preferred():
    assert isinstance(checked([option(listen="80")])[0], webroot.WebrootResponse)


@pytest.mark.parametrize(
    ("given", "normalized"),
    [
        ("Shop.Example.", "shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_parse_challenges_normalizes_identifier(given, normalized):
    assert checked([proof(given)])[0].identifier == normalized


@pytest.mark.parametrize(
    ("challenge", "message"),
    [
        (option(folder=None), f"challenge {TOKEN} has neither webroot nor listen. Give one of them for http-01"),
        (option(folder=None, listen="http"), "invalid listen address 'http': expected PORT"),
        (proof(listen="[::1]"), "invalid listen address "),
        (proof(None), f"challenge {TOKEN} has no identifier. Give the name"),
        (proof("*.shop.example"), r"identifier '\*.shop.example' is a wildcard, which tls-alpn-01 cannot prove"),
        (proof("a b"), "identifier 'a b' contains a space"),
    ],
)
def test_parse_challenges_invalid_options_are_refused(challenge, message):
    with pytest.raises(CollectionError, match=message) as error:
        checked([option(), challenge])
    assert len(str(error.value).splitlines()) == 1


def test_parse_challenges_for_removal_needs_token_only():
    made = checked([{"type": "tls-alpn-01", "token": TOKEN, "key_authorization": None}], False)
    assert made[0].path == checked([proof()])[0].path


# --- two certificates, one name


def test_find_conflicts_same_name_twice():
    shop, again = proof(name="shop"), proof(token=T2, name="mail")
    found = challenge_responses.find_conflicts(checked([shop, again, proof("mail.example", T3, name="mail")]))
    assert found == {
        "mail": "tls-alpn-01 cannot prove shop.example at the same time as for certificate shop. Run again, or put the "
        "names into one certificate"
    }
    others = [
        shop,
        shop,
        {**shop, "name": "mail"},
        proof(token=T2, listen="8443", name="mail"),
        option(T4, f"{T4}.x"),
    ]
    assert challenge_responses.find_conflicts(checked(others)) == {}


# --- what other modules carry


def test_inspection_does_not_import_challenges():
    code = f"import json, sys, {inspection.__name__}\nprint(json.dumps(list(sys.modules)))"
    env = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    loaded = {name.rpartition(".")[2] for name in json.loads(done.stdout)}
    assert "inspection" in loaded
    assert loaded.isdisjoint({"responses", "listener", "serving", "tls_alpn", "ports", "socketserver", "ssl"})
