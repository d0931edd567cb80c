# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that modules on hosts refuse wrong arguments before they change anything, in check mode as well."""

from __future__ import annotations

from importlib import import_module

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import controller_module, host_module

MODULES = "ansible_collections.certfleet.tls.plugins.modules"
GOOD = {"name": "shop", "identifiers": ["shop.example.com"], "webroot": "/var/www/html"}
URL = "https://ca.example/directory"
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CHALLENGE = {"token": TOKEN, "key_authorization": f"{TOKEN}.{TOKEN}", "webroot": "/var/www/html"}

#: Valid arguments of each module, with all that are required.
RIGHT = {
    "certificate": {"certificates": [GOOD]},
    "certificate_adopt": {"certificates": [GOOD], "directories": [URL]},
    "certificate_info": {"certificates": [GOOD]},
    "certificate_request": {"certificates": [GOOD], "directory": URL},
    "certificate_revoke": {"sign": [{"name": "shop", "serial": "4a1f", "nonces": {URL: "abc"}}]},
    "certificate_share": {"shares": []},
    "certificate_status_info": {"certificates": []},
    "challenge_response": {"challenges": [CHALLENGE]},
}


def _one(**changes):
    return {"certificates": [{**GOOD, **changes}]}


def _challenge(**changes):
    return {"challenges": [{**CHALLENGE, **changes}]}


_OF_CERTIFICATES = [
    (_one(name="a/b"), "certificate a/b: the name is invalid"),
    (_one(identifiers=["a b"]), "certificate shop: identifier 'a b' contains a space"),
    (_one(identifiers=[]), "certificate shop: no identifiers are given"),
    (_one(identifiers=["*.example.com"]), "certificate shop: identifier '*.example.com' is a wildcard"),
    (_one(challenge="http01"), "challenge"),
    (_one(key_type="ec"), "key_type"),
    (_one(http_01_listen="http"), "certificate shop: invalid listen address 'http'"),
    (_one(tls_alpn_01_listen="70000"), "certificate shop: invalid listen address '70000'"),
    (_one(mode="600"), "certificate shop: mode '600' is invalid"),
    (_one(mode="0777"), "certificate shop: mode '0777' would let every user of the host read the private key"),
    (_one(owner="nobody-here"), "certificate shop: owner 'nobody-here' is not a user of this host"),
    (_one(reload=["ngi nx"]), "certificate shop: reload has 'ngi nx', which is not the name of a service"),
    (_one(reload=[{"servce": "nginx"}]), "(did you mean 'service'?)"),
    (_one(probe=[{"port": 70000}]), "certificate shop: probe has the port 70000"),
    (_one(probe=[{"port": 0}]), "certificate shop: probe has the port 0"),
    (_one(probe=[{"timeout": 0}]), "certificate shop: probe has the timeout 0"),
    (_one(probe=[{"address": "localhost:443"}]), "certificate shop: probe has the address 'localhost:443'"),
    (_one(formats=[{"kind": "pkcs12", "path": "/x.p12"}]), "certificate shop: formats has /x.p12 without a passphrase"),
    (_one(formats=[{"kind": "der", "path": "x.der"}]), "certificate shop: formats has the path 'x.der'"),
    (_one(colour="red"), "colour"),
    ({"certificates": [GOOD, GOOD]}, "certificate shop: more than one certificate has this name"),
]
_OF_LISTENERS = [
    ({"listen_timeout": 0}, "listen_timeout: 0 is out of range. Give a number from 1 to 604800"),
    ({"listen_timeout": -1}, "listen_timeout: -1 is out of range"),
    ({"listen_timeout": 10**9}, "listen_timeout: 1000000000 is out of range"),
    ({"listen_timeout": "soon"}, "listen_timeout"),
    (_challenge(webroot="www"), "webroot 'www' is not an absolute path"),
    (_challenge(webroot="/srv/../www"), "webroot '/srv/../www' contains '..'"),
    (_challenge(webroot=None), "has neither webroot nor listen"),
    (_challenge(webroot=None, listen="80:80"), "invalid listen address '80:80'"),
    (_challenge(token="../x"), "invalid challenge token '../x'"),
]

WRONG = {
    "certificate": [
        *_OF_CERTIFICATES,
        ({"keep_versions": 0}, "keep_versions: 0 is out of range. Give a number from 1 to 9999"),
        ({"keep_versions": -1}, "keep_versions: -1 is out of range"),
        ({"keep_versions": "all"}, "keep_versions"),
    ],
    "certificate_adopt": [
        *_OF_CERTIFICATES,
        ({"directories": []}, "directories is empty"),
        ({"folders": [{"client": "certbto", "path": "/x"}]}, "client"),
        ({"folders": [{"client": "certbot"}]}, "path"),
        ({"files": [{"certificate": "/c"}]}, "key"),
    ],
    "certificate_info": [
        ({"home": "etc/acme"}, "home 'etc/acme' is not an absolute path"),
        ({"history": ["../../etc"]}, "the name is invalid"),
        ({"list": "a/b"}, "list"),
        (_one(key_type="ec"), "key_type"),
        (_one(colour="red"), "colour"),
    ],
    "certificate_request": [*_OF_CERTIFICATES, *_OF_LISTENERS],
    "certificate_revoke": [
        ({"home": "etc/acme"}, "home 'etc/acme' is not an absolute path"),
        (
            {"sign": [{"name": "../x", "serial": "4a1f", "nonces": {URL: "abc"}}]},
            "certificate ../x: the name is invalid",
        ),
        ({"revoked": [{"name": "../x", "serial": "4a1f"}]}, "certificate ../x: the name is invalid"),
        ({"sign": [{"name": "shop", "nonces": {URL: "abc"}}]}, "serial"),
        ({"sign": [{"name": "shop", "serial": "4a1f", "nonces": {URL: "a b"}}]}, "has no usable nonce"),
        ({"sign": [{"name": "shop", "serial": "4a1f", "nonces": {URL: 5}}]}, "has no usable nonce"),
        ({"sign": [{"name": "shop", "serial": "4a1f", "nonces": {"file:///x": "abc"}}]}, "has no usable nonce"),
        ({"sign": [{"name": "shop", "serial": "4a1f", "reason": 6, "nonces": {}}]}, "reason"),
        ({"live": "gone"}, "live"),
    ],
    "certificate_share": [
        ({"shares": [{"name": "../x", "receivers": {"web2": "x"}}]}, "certificate ../x: the name is invalid"),
        ({"shares": [{"receivers": {}}]}, "name"),
    ],
    "certificate_status_info": [
        ({"timeout": 0}, "timeout: 0 is out of range. Give a number from 1 to 604800"),
        ({"timeout": -1}, "timeout: -1 is out of range"),
        ({"max_size": 0}, "max_size: 0 is out of range"),
        ({"cache_max_age": -1}, "cache_max_age: -1 is out of range"),
        ({"timeout": "soon"}, "timeout"),
        ({"fail_on": ["expired"]}, "fail_on"),
    ],
    "challenge_response": [*_OF_LISTENERS, ({"home": "etc/acme"}, "home 'etc/acme' is not an absolute path")],
}


class Failed(Exception):
    """A failure of the module, with its message."""


class Module:
    """A stand-in for AnsibleModule in the process of the test."""

    def __init__(self, arguments, check_mode, argument_spec, **_options):
        validated = ArgumentSpecValidator(argument_spec).validate(arguments)
        if validated.error_messages:
            raise Failed("; ".join(validated.error_messages))
        self.params = validated.validated_parameters
        self.check_mode = check_mode

    def fail_json(self, msg, **_result):
        raise Failed(msg)

    def exit_json(self, **result):
        raise AssertionError(f"it was not refused: {result}")

    def warn(self, text):
        pass


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "real"])
@pytest.mark.parametrize(
    ("name", "change", "expected"), [(name, *case) for name, cases in WRONG.items() for case in cases]
)
def test_main_wrong_arguments_refused_before_any_change(monkeypatch, tmp_path, name, change, expected, check_mode):
    module = import_module(f"{MODULES}.{name}")
    arguments = {**RIGHT[name], **change}
    if name == "certificate":  # which validates only the certificates that have results
        named = [{"name": item["name"], "status": "valid"} for item in arguments["certificates"]]
        arguments.setdefault("results", named)
    if name != "certificate_status_info":
        arguments.setdefault("home", str(tmp_path / "acme"))
    for made in (host_module, controller_module):
        monkeypatch.setattr(made, "AnsibleModule", lambda **options: Module(arguments, check_mode, **options))
    # The folder of a test may be open to others.
    work = module.MODULE.run.__globals__
    for check in {"verify_host", "verify_home"}.intersection(work) if "home" not in change else ():
        monkeypatch.setitem(work, check, lambda _given: None)
    with pytest.raises(Failed) as failed:
        module.main()
    assert expected in str(failed.value)
    assert "\n" not in str(failed.value)
    assert list(tmp_path.iterdir()) == []
