# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the controller's modules refuse wrong arguments before any request, in check mode as well."""

from __future__ import annotations

import socket
from importlib import import_module

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey

MODULES = "ansible_collections.certfleet.tls.plugins.modules"
CA = {"acme_directory": "https://ca.example/dir"}
ORDER = {"name": "shop", "identifiers": ["shop.example.com"], "host": "web1"}
RECORD = {"name": "_acme-challenge.example.com", "value": "x"}
RFC2136 = {"provider": "rfc2136", "server": "192.0.2.1"}
EAB = "eab"
LIMITS = {"https://ca.example/dir": {"orders": "1/1d"}}

#: Valid arguments of each module, with all that are required.
RIGHT = {
    "acme_account": {**CA, "account_key_create": True},
    "acme_account_info": CA,
    "acme_order": {**CA, "orders": [ORDER]},
    "acme_order_finalize": {**CA, "orders": []},
    "acme_authorization": {**CA, "identifiers": ["shop.example.com"], "challenge": "dns-01"},
    "acme_plan": {**CA, "certificates": []},
    "acme_revoke": {**CA, "certificates": []},
    "acme_directory_info": {"acme_directory": ["https://ca.example/dir"]},
    "dns_txt_record": {"records": [RECORD]},
    "dns_propagation": {"records": [RECORD]},
}

# Before the fixture below, since ansible-core uses a socket when it is loaded.
LOADED = {module: import_module(f"{MODULES}.{module}").MODULE for module in RIGHT}

_OF_A_CA = [
    ({"request_timeout": 0}, "request_timeout: 0 is out of range. Give a number from 1 to 604800"),
    ({"request_timeout": -1}, "request_timeout: -1 is out of range"),
    ({"request_timeout": 10**12}, "request_timeout: 1000000000000 is out of range"),
    ({"request_timeout": "soon"}, "request_timeout"),
]
_OF_A_DIRECTORY = [
    ({"acme_directory": "letsencript"}, "acme_directory 'letsencript' is neither a URL nor"),
    ({"acme_directory": "http://ca.example/dir"}, "acme_directory: http://ca.example/dir is refused: ACME requires"),
    ({"acme_directory": ""}, "acme_directory: this is not a CA. Give a short name, a URL, or a mapping"),
    ({"acme_directory": []}, "acme_directory: the list is empty. Name a CA"),
]
_OF_AN_ACCOUNT = [
    *_OF_A_DIRECTORY,
    ({"account_uri": "7"}, "account_uri: 7 is refused"),
    ({"account_uri": "https://other.example/acct/7"}, "account_uri: https://other.example/acct/7 is refused: its h"),
    ({"account_key_content": "SECRET"}, "account_key_content is not a private key in PEM, DER or JWK form"),
    ({"new_account_key_content": "SECRET"}, "new_account_key_content is not a private key in PEM, DER or JWK form"),
]
_OF_A_NEW_ACCOUNT = [
    *_OF_AN_ACCOUNT,
    ({"contact": ["notmail"]}, "contact 'notmail' is not a mail address"),
    ({"contact": ["mailto:a@example.com?subject=x"]}, "contact 'mailto:a@example.com?subject=x' is not a mail address"),
    ({"contact": ["malito:a@example.com"]}, "contact 'malito:a@example.com' is not a mail address"),
    ({EAB: {"kid": "x", "key": "SECRET-/"}}, f"{EAB}: the external account's key is neither base64url nor base64 text"),
    ({EAB: {"kid": " ", "key": "SECRET"}}, f"{EAB}: the external account's kid is empty"),
    ({EAB: {"kid": "x", "hmac": "SECRET"}}, EAB),
    ({EAB: "SECRET"}, EAB),
    ({"account_key_type": "ec-256"}, "account_key_type"),
]


def _second(**own):
    return {"acme_directory": ["https://ca.example/dir", {"directory": "zerossl", **own}]}


_OF_CAS = [
    ({"acme_directory": ["letsencrypt", "zerosl"]}, "acme_directory 'zerosl' is neither"),
    ({"acme_directory": ["letsencrypt", {}]}, "acme_directory 2: directory is missing"),
    ({"acme_directory": ["zerossl", "zerossl"]}, "is listed twice. List each CA once"),
    (_second(account_key="SECRET"), "acme_directory 2: unknown option 'account_key'"),
    (_second(account_uri="x"), "acme_directory 2: account_uri: x is ref"),
    (_second(contact=["x"]), "acme_directory 2: contact 'x' is not a mail"),
    (_second(eab={"kid": "x", "key": "SECRET-/"}), "acme_directory 2: eab: the external account's key is neither"),
]
_OF_ACCOUNTS = [
    *_OF_CAS,
    (
        _second(account_key_content="SECRET"),
        "acme_directory 2: account_key_content is not a private key in PEM, DER or JWK form",
    ),
]
_OF_ONE_CA = [
    ({"acme_directory": ["letsencrypt", "zerossl"]}, "acme_directory: 2 CAs are given, and this module works")
]
_OF_A_BATCH = [
    ({"timeout": -1}, "timeout: -1 is out of range. Give a number from 1 to 604800"),
    ({"timeout": 0}, "timeout: 0 is out of range"),
    ({"timeout": "5m"}, "timeout"),
    ({"concurrency": -3}, "concurrency: -3 is out of range. Give a number from 1 to 256"),
    ({"concurrency": 0}, "concurrency: 0 is out of range"),
    ({"concurrency": 1000}, "concurrency: 1000 is out of range"),
]
_OF_A_RESOLVER = [
    ({"resolver": ["ns1.example.com"]}, "invalid resolver 'ns1.example.com': expected ADDRESS"),
    ({"resolver": ["192.0.2.1:0"]}, "invalid resolver '192.0.2.1:0': expected ADDRESS"),
    ({"resolver": ["192.0.2.1", "192.0.2.1:5353"]}, "resolver has an address twice with different ports"),
]


def _order(**changes):
    return {"orders": [{**ORDER, **changes}]}


def _entry(**changes):
    return {"zones": {"example.com": {**RFC2136, **changes}}}


WRONG = {
    "acme_account": [*_OF_A_CA, *_OF_A_NEW_ACCOUNT, *_OF_ACCOUNTS],
    "acme_account_info": [*_OF_A_CA, *_OF_AN_ACCOUNT, *_OF_ONE_CA],
    "acme_order": [
        *_OF_A_CA,
        *_OF_A_NEW_ACCOUNT,
        *_OF_ACCOUNTS,
        *_OF_A_BATCH,
        (_order(identifiers=["a b"]), "certificate shop of web1: identifier 'a b' contains a space"),
        (_order(identifiers=[]), "certificate shop of web1: no identifiers are given"),
        (_order(identifiers=["*.example.com"]), "certificate shop of web1: identifier '*.example.com' is a wildcard"),
        (_order(identifiers=["https://x/"]), "certificate shop of web1: identifier 'https://x/' is a URL or a path"),
        (_order(challenge="http01"), "challenge"),
        (_order(not_after="tomorrow"), "certificate shop of web1: not_after 'tomorrow' is not a time"),
        (_order(not_before="+2d", not_after="+1d"), "certificate shop of web1: not_after +1d is not after not_before"),
        ({"dns_persist_draft": "03"}, "dns_persist_draft"),
    ],
    "acme_order_finalize": [
        *_OF_A_CA,
        *_OF_AN_ACCOUNT,
        *_OF_ACCOUNTS,
        *_OF_A_BATCH,
        *_OF_A_RESOLVER,
        ({"history": "history.jsonl"}, "history"),
        ({"preferred_chain_missing": "ignore"}, "preferred_chain_missing"),
    ],
    "acme_authorization": [
        *_OF_A_CA,
        *_OF_ONE_CA,
        *_OF_AN_ACCOUNT,
        *_OF_A_BATCH,
        ({"identifiers": ["a b"]}, "identifiers: identifier 'a b' contains a space"),
        (
            {"identifiers": ["192.0.2.1"]},
            "identifiers: identifier '192.0.2.1' is an IP address",
        ),
        (
            {"identifiers": ["*.example.com"], "challenge": "http-01"},
            "identifiers: identifier '*.example.com' is",
        ),
    ],
    "acme_plan": [
        *_OF_A_CA,
        *_OF_A_DIRECTORY,
        *_OF_CAS,
        ({"limits": {"letsencryptt": {}}}, "limits"),
        ({"limits": {"letsencrypt": {"orders": "50"}}}, "acme_limits: '50' is not a limit"),
        (
            {"limits": {"letsencrypt": {"order": "50/7d"}}},
            "acme_limits: 'order' is not a limit (did you mean",
        ),
        ({"limits": {"letsencrypt": "50/7d"}}, "acme_limits: the limits of a CA are a mapping of orders"),
        (
            {"limits": {**LIMITS, "letsencrypt": {"renewals_exempt": "maybe"}}},
            "acme_limits: renewals_exempt is",
        ),
        ({"run_interval": "daily"}, "run_interval 'daily' is not a duration"),
        ({"run_interval": "-1h"}, "run_interval '-1h' is not a duration"),
        ({"history": "history.jsonl"}, "history"),
        ({"replace": {"al": True}}, "replace has 'al'"),
        ({"replace": {"all": True}}, "replace needs 'before'"),
        (
            {"replace": {"all": "maybe", "before": "2026-01-31T12:00:00Z"}},
            "replace: all (acme_replace_all): 'maybe'",
        ),
        ({"replace": {"serials": ["xyz"]}}, "replace: serials (acme_replace_serials): 'xyz' is not a serial number"),
        (
            {"replace": {"all": True, "before": "yesterday"}},
            "replace: before (acme_replace_before): 'yesterday'",
        ),
    ],
    "acme_revoke": [
        *_OF_A_CA,
        *_OF_AN_ACCOUNT,
        *_OF_ACCOUNTS,
        ({"certificates": [{"name": "shop", "content": "x", "host": "web1"}]}, "certificate shop of web1: "),
        ({"revoke_reason": "compromised"}, "revoke_reason"),
        ({"private_key_content": "SECRET"}, "private_key_content is not a private key in PEM, DER or JWK form"),
    ],
    "acme_directory_info": [
        *_OF_A_CA,
        *_OF_CAS,
        ({"acme_directory": ["ftp://ca.example/"]}, "acme_directory: ftp://ca.example/ is refused"),
        ({"acme_directory": [""]}, "acme_directory 1: this is not a CA. Give a short name, a URL, or a mapping"),
    ],
    "dns_txt_record": [
        *_OF_A_RESOLVER,
        *_OF_A_BATCH[:3],
        ({"zones": "SECRET"}, "zones (acme_dns) has to be a mapping of zone names to providers"),
        (
            {"zones": {"exa mple": RFC2136}},
            "entry 'exa mple' of zones (acme_dns): invalid key: expected the name of a zone",
        ),
        (
            {"zones": {"example.com": "SECRET"}},
            "entry 'example.com' of zones (acme_dns): expected a mapping of 'provider'",
        ),
        (_entry(sever="SECRET"), "entry 'example.com' of zones (acme_dns): rfc2136 has no option 'sever'"),
        (
            _entry(port=0),
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'port' 0",
        ),
        (
            _entry(ttl=-1),
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'ttl' -1",
        ),
        (_entry(tsig_secret="SECRET"), "entry 'example.com' of zones (acme_dns): rfc2136 needs 'tsig_name' and 'tsig_"),
        (_entry(provider="rfc2163"), "entry 'example.com' of zones (acme_dns): unknown provider 'rfc2163'"),
        (_entry(provider="tasks"), "entry 'example.com' of zones (acme_dns): the provider tasks needs tasks_file"),
        ({"state": "gone"}, "state"),
    ],
    "dns_propagation": [*_OF_A_RESOLVER, *_OF_A_BATCH[:3]],
}


@pytest.fixture(autouse=True)
def no_requests(monkeypatch):
    """End the test at each attempt to reach another machine."""

    def refuse(*_arguments, **_options):
        raise SystemExit("a request is sent")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    for name in ("connect", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, refuse, raising=False)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(AccountKey.generate().pem())
    path.chmod(0o600)
    return str(path)


def answer(module, key, check_mode, change):
    arguments = {**RIGHT[module], **change}
    if module in (
        "acme_account",
        "acme_account_info",
        "acme_order",
        "acme_order_finalize",
        "acme_authorization",
        "acme_revoke",
    ):
        arguments.setdefault("account_key_src", key)
    return LOADED[module].answer(arguments, check_mode)


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "real"])
@pytest.mark.parametrize(
    ("module", "change", "expected"), [(module, *case) for module, cases in WRONG.items() for case in cases]
)
def test_answer_wrong_arguments_refused_before_any_request(key, module, change, expected, check_mode):
    result = answer(module, key, check_mode, change)
    assert result.get("failed"), result
    assert expected in result["msg"], result["msg"]
    assert "\n" not in result["msg"]
    assert "exception" not in result
    assert "SECRET" not in str(result)


@pytest.mark.parametrize(
    "module", [module for module in RIGHT if module not in ("acme_order_finalize", "acme_plan", "acme_revoke")]
)
def test_answer_valid_arguments_request_sent(key, module):
    """Without it, the tests above could pass for another reason."""
    with pytest.raises(SystemExit, match="a request is sent"):
        answer(module, key, False, {"resolver": ["192.0.2.1"]} if module.startswith("dns") else {})


def test_answer_one_wrong_order_others_sent(key):
    orders = [{**ORDER, "identifiers": ["a b"]}, {**ORDER, "name": "mail"}]
    with pytest.raises(SystemExit, match="a request is sent"):
        answer("acme_order", key, True, {"orders": orders})
