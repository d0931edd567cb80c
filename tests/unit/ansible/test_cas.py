# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of CAs, parsed from the options of modules and from the role's variables."""

from __future__ import annotations

import os

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import cas

LETSENCRYPT, ZEROSSL = SHORT_NAMES["letsencrypt"], SHORT_NAMES["zerossl"]
INTERNAL = "https://ca.internal/dir"
EAB = {"kid": "1", "key": "c2VjcmV0"}


def parsed(directory, prefix="", **options):
    lines = []
    given = {f"{prefix}{name}": value for name, value in options.items()}
    found = cas.parse({"acme_directory": directory, **given}, lines, prefix)
    assert lines == []
    return found


@pytest.mark.parametrize("prefix", ["", "acme_"])
@pytest.mark.parametrize(
    "directory",
    ["letsencrypt", LETSENCRYPT, ["letsencrypt"], {"directory": "letsencrypt"}, [{"directory": "letsencrypt"}]],
)
def test_parse_one_ca_has_all_options(directory, prefix):
    (ca,) = parsed(
        directory,
        prefix,
        ca_path="/ca.pem",
        account_key_src="/key.pem",
        account_key_passphrase="sesame",
        account_key_create=True,
        account_key_type="ec384",
        account_key_permissions="warn",
        account_uri=f"{LETSENCRYPT}/1",
        contact=["ops@example.com"],
        terms_agreed=True,
        eab=EAB,
        preferred_chain=["ISRG Root X1"],
        preferred_chain_missing="default",
        new_account_key_content="NEW",
        new_account_key_passphrase="open",
    )
    key = cas.KeySource("/key.pem", None, "sesame", "warn", True, "ec384", "NEW", "open", place=prefix)
    assert ca == cas.Ca(
        directory=LETSENCRYPT,
        ca_path="/ca.pem",
        key=key,
        account_uri=f"{LETSENCRYPT}/1",
        contact=("ops@example.com",),
        terms_agreed=True,
        eab=("1", "c2VjcmV0"),
        preferred_chain=("ISRG Root X1",),
        takes_default_chain=True,
        place=ca.place,
    )


def test_parse_list_has_own_options_and_common_ones():
    own = {"directory": INTERNAL, "ca_path": "/own.pem", "eab": EAB, "terms_agreed": False, "contact": []}
    first, second, third = parsed(
        [{"directory": "zerossl", "contact": ["ops@a.example"]}, "letsencrypt", own],
        ca_path="/ca.pem",
        account_uri=f"{ZEROSSL}/1",
        eab={"kid": "0", "key": "c2VjcmV0"},
        account_key_src="/key.pem",
        terms_agreed=True,
        contact=["role@a.example"],
        request_timeout=7,
    )
    assert [ca.directory for ca in (first, second, third)] == [ZEROSSL, LETSENCRYPT, INTERNAL]
    assert [ca.contact for ca in (first, second, third)] == [("ops@a.example",), ("role@a.example",), ()]
    assert [ca.terms_agreed for ca in (first, second, third)] == [True, True, False]
    # These are the first CA's, and no other CA's.
    assert [ca.ca_path for ca in (first, second, third)] == ["/ca.pem", None, "/own.pem"]
    assert [ca.account_uri for ca in (first, second, third)] == [f"{ZEROSSL}/1", None, None]
    assert [ca.eab for ca in (first, second, third)] == [("0", "c2VjcmV0"), None, ("1", "c2VjcmV0")]
    assert {(ca.key.src, ca.request_timeout) for ca in (first, second, third)} == {("/key.pem", 7)}


@pytest.mark.parametrize("prefix", ["", "acme_"])
@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ("/key.pem", "PEM", "sesame")),
        # A key given by its content would win over the CA's own file.
        ({"account_key_src": "/own.pem"}, ("/own.pem", None, "sesame")),
        ({"account_key_content": "OWN"}, ("/key.pem", "OWN", "sesame")),
        ({"account_key_src": "/own.pem", "account_key_passphrase": "open"}, ("/own.pem", None, "open")),
        ({"account_key_content": "", "account_key_passphrase": ""}, ("/key.pem", "PEM", "sesame")),
    ],
    ids=["common", "own file", "own content", "own passphrase", "empty texts"],
)
@pytest.mark.parametrize("number", [0, 1])
def test_parse_own_key_replaces_common_key(number, own, expected, prefix):
    listed = ["letsencrypt", "zerossl"]
    listed[number] = {"directory": listed[number], **own}
    common = {"account_key_src": "/key.pem", "account_key_content": "PEM", "account_key_passphrase": "sesame"}
    found = parsed(listed, prefix, **common)
    key, other = found[number].key, found[1 - number].key
    assert (key.src, key.content, key.passphrase) == expected
    assert (other.src, other.content, other.passphrase) == ("/key.pem", "PEM", "sesame")
    has_own = bool(own.get("account_key_src") or own.get("account_key_content"))
    assert key.place == (f"acme_directory {number + 1}: " if has_own else prefix)


@pytest.mark.parametrize("prefix", ["", "acme_"])
def test_parse_chain_profile_and_limits_are_those_of_each_ca(prefix):
    own = {"preferred_chain": "USERTrust RSA, AAA", "profile": "", "limits": {"orders": "5/1h"}}
    first, second, third = parsed(
        ["letsencrypt", "google", {"directory": "zerossl", **own}],
        prefix,
        preferred_chain=["ISRG Root X1"],
        preferred_chain_missing="default",
        # These two are no defaults of all CAs: of orders, and by CA.
        profile="short",
        limits={"letsencrypt": {"orders": "1/1d"}},
    )
    # A root of one CA means nothing at another.
    assert [ca.preferred_chain for ca in (first, second, third)] == [("ISRG Root X1",), (), ("USERTrust RSA", "AAA")]
    assert {ca.takes_default_chain for ca in (first, second, third)} == {True}
    assert [ca.profile for ca in (first, second, third)] == [None, None, ""]
    assert [ca.limits for ca in (first, second, third)] == [{}, {}, {"orders": "5/1h"}]
    (other,) = parsed({"directory": "zerossl", "preferred_chain_missing": "fail"}, preferred_chain_missing="default")
    assert not other.takes_default_chain


def test_parse_new_key_is_for_the_first_key_only(tmp_path):
    (tmp_path / "link.pem").symlink_to(tmp_path / "key.pem")
    same = {"directory": INTERNAL, "account_key_src": str(tmp_path / "link.pem")}
    other = {"directory": "zerossl", "account_key_src": "/own.pem"}
    options = {"account_key_src": str(tmp_path / "key.pem"), "new_account_key_content": "NEW"}
    found = parsed(["letsencrypt", same, other], **options)
    assert [ca.key.new_content for ca in found] == ["NEW", "NEW", None]


def test_parse_own_paths_are_expanded(monkeypatch):
    monkeypatch.setenv("KEYS", "/srv/keys")
    own = {"directory": "zerossl", "account_key_src": "~/key.pem", "ca_path": "$KEYS/ca.pem"}
    (ca,) = parsed([own])
    assert (ca.key.src, ca.ca_path) == (os.path.expanduser("~/key.pem"), "/srv/keys/ca.pem")


def test_parse_texts_of_surveys_are_converted():
    own = {
        "directory": "zerossl",
        "terms_agreed": "yes",
        "contact": "a@b.example, c@d.example",
        "eab": "kid=1 key=x234",
    }
    (ca,) = parsed(own)
    assert (ca.terms_agreed, ca.contact, ca.eab) == (True, ("a@b.example", "c@d.example"), ("1", "x234"))


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ([], "acme_directory: the list is empty. Name a CA"),
        (None, "acme_directory: this is not a CA. Give a short name, a URL, or a mapping with 'directory'"),
        (["zerossl", 7], "acme_directory 2: this is not a CA."),
        ([{"url": "x"}], "acme_directory 1: unknown option 'url'. Use one of directory, ca_path"),
        ({"ca_path": "/x"}, "acme_directory: directory is missing. Give directory"),
        (["zerossl", ZEROSSL], f"acme_directory: {ZEROSSL} is listed twice. List each CA once"),
        ("zerosl", "acme_directory 'zerosl' is neither a URL nor"),
        ({"directory": "zerossl", "account_uri": "x"}, "acme_directory: account_uri: x is refused"),
        (["google", {"directory": "zerossl", "contact": ["x"]}], "acme_directory 2: contact 'x' is not a mail"),
        ([{"directory": "zerossl", "eab": {"kid": "1"}}], "acme_directory 1: eab: key is missing"),
        (
            [{"directory": "zerossl", "account_key_src": '{"kty": "EC"}'}],
            "acme_directory 1: account_key_src: this is a key",
        ),
        (
            ["google", {"directory": "zerossl", "limits": {"orders": "many"}}],
            "acme_directory 2: limits: 'many' is not a limit: give a count and a span, 50/7d or 300/3h",
        ),
        (
            [{"directory": "zerossl", "limits": {"order": "5/1h"}}],
            "acme_directory 1: limits: 'order' is not a limit (did you mean 'orders'?)",
        ),
        (
            [{"directory": "zerossl", "preferred_chain_missing": "ignore"}],
            "acme_directory 1: preferred_chain_missing: 'ignore' is unknown",
        ),
    ],
)
def test_cas_of_invalid_list_is_refused(directory, expected):
    with pytest.raises(AcmeOptionError) as error:
        cas.cas_of({"acme_directory": directory})
    assert str(error.value).startswith(expected)


def test_cas_of_common_options_are_checked_at_the_first_ca():
    with pytest.raises(AcmeOptionError, match=r"^account_uri: https://other\.example/1 is refused: its host is in"):
        cas.cas_of({"acme_directory": ["zerossl", "letsencrypt"], "account_uri": "https://other.example/1"})


def test_only_ca_of_several_is_refused():
    assert cas.only_ca({"acme_directory": ["zerossl"]}).directory == ZEROSSL
    with pytest.raises(AcmeOptionError, match=r"^acme_directory: 2 CAs are given, and this module works with one"):
        cas.only_ca({"acme_directory": ["zerossl", "letsencrypt"]})


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("zerossl", set()),
        (["zerossl", {"directory": "google", "account_key_content": "PEM", "account_key_src": "/k"}], {"PEM"}),
        ({"directory": "google", "account_key_passphrase": "sesame", "eab": EAB}, {"sesame", "c2VjcmV0"}),
        ([{"directory": "google", "eab": {"kid": "1", "hmac": "x"}}], {"x"}),
        ([{"directory": "google", "eab": "kid=1 key=x"}], {"kid=1 key=x"}),
        ({"directory": "google", "terms_agreed": True, "account_uri": "x", "eab": None}, set()),
        (7, set()),
    ],
)
def test_secrets_are_those_of_elements(directory, expected):
    assert set(cas.secrets(directory)) == expected


def test_repr_of_a_ca_has_no_secret():
    key = {"account_key_content": "SECRET", "account_key_passphrase": "SECRET", "new_account_key_content": "SECRET"}
    (ca,) = parsed("zerossl", new_account_key_passphrase="SECRET", eab={"kid": "1", "key": "SECRET"}, **key)
    assert "SECRET" not in repr(ca)
