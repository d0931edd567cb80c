# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""challenge_response: files for the CA to fetch, there and gone again."""

from __future__ import annotations

import pytest

from tests.integration.hosts import HOME, ORDER, WEBROOT, Host, msg_of
from tests.parameters import hard_but

CHALLENGES = f"{WEBROOT}/.well-known/acme-challenge"
TOKEN, SECOND = "a-token-of-128-bits-01", "a-token-of-128-bits-02"  # RFC 8555 section 8.3


def challenge(token: str = TOKEN, **options):
    return {"token": token, "key_authorization": f"{token}.thumbprint", "webroot": WEBROOT, **options}


def test_challenge_present_then_absent(host: Host) -> None:
    empty = host.tree()
    options = {"challenges": [challenge(SECOND), challenge(TOKEN)], "diff": True}
    paths = [f"{CHALLENGES}/{TOKEN}", f"{CHALLENGES}/{SECOND}"]

    def run(state: str, changed: bool, check: bool = False):
        result = host("challenge_response", state=state, check=check, **options)
        assert (result.ok, result["changed"], result["paths"]) == (True, changed, paths), (state, check)
        sign = "+" if state == "present" else "-"
        assert all((f"{sign}{path}" in result.text) == changed for path in paths)
        return host.tree()

    assert run("present", True, check=True) == empty
    there = run("present", True)
    assert host.shell(f"curl -sf http://localhost/.well-known/acme-challenge/{SECOND}") == f"{SECOND}.thumbprint"
    assert run("present", False) == run("present", False, check=True) == there
    assert run("absent", True, check=True) == there
    gone = run("absent", True)
    assert host.names(CHALLENGES) == []
    assert run("absent", False) == run("absent", False, check=True) == gone


@pytest.mark.hard
def test_challenge_other_key_authorization_replaces(host: Host) -> None:
    host("challenge_response", challenges=[challenge(key_authorization=f"{TOKEN}.old")])
    assert host("challenge_response", challenges=[challenge()])["changed"]
    assert host.read(f"{CHALLENGES}/{TOKEN}") == f"{TOKEN}.thumbprint"


def test_challenge_absent_keeps_other_folders(host: Host) -> None:
    host.shell(f"mkdir -p {CHALLENGES} && echo > {WEBROOT}/.well-known/security.txt")
    host("challenge_response", challenges=[challenge()])
    # Removal needs no key authorization.
    assert host("challenge_response", state="absent", challenges=[{"token": TOKEN, "webroot": WEBROOT}])["changed"]
    assert host.names(f"{WEBROOT}/.well-known") == ["acme-challenge", "security.txt"]


@pytest.mark.hard
def test_challenge_orders_are_journaled_first(host: Host) -> None:
    options = {"orders": [{"name": "shop", **ORDER}], "challenges": [challenge()]}
    assert msg_of(host("challenge_response", **options)) == (
        "certificate shop: the certificate has no pending version. Run certificate_request first"
    )
    assert host.names(WEBROOT) == ["index.html"]
    assert host.names(HOME) == []
    host.request()
    before = host.tree()
    assert host("challenge_response", check=True, **options)["changed"]
    assert host.tree() == before
    assert host("challenge_response", **options)["changed"]
    assert host("certificate_info")["certificates"][0]["pending"]["order_uri"] == ORDER["order_uri"]
    assert host.names(CHALLENGES) == [TOKEN]
    assert not host("challenge_response", **options)["changed"]


@pytest.mark.parametrize("state", hard_but(["present"], ["present", "absent"]))
def test_challenge_hostile_token_is_refused(host: Host, state: str) -> None:
    host.shell("echo precious > /srv/victim")
    before = host.tree()
    for token in ("../../../../../srv/victim", "..", "", "ä"):
        bad = challenge(token, webroot=WEBROOT)
        assert "invalid challenge token" in msg_of(
            host("challenge_response", state=state, challenges=[challenge(), bad])
        )
    assert host.tree() == before
    assert host.read("/srv/victim") == "precious\n"


@pytest.mark.hard
def test_challenge_unusable_webroot_fails(host: Host) -> None:
    missing = msg_of(host("challenge_response", challenges=[challenge(webroot="/srv/none")]))
    assert missing == "webroot /srv/none does not exist. Create it, and have the web server serve it"
    host.shell("mkdir -p /srv/ro && mount -t tmpfs -o ro tmpfs /srv/ro")
    read_only = msg_of(host("challenge_response", challenges=[challenge(webroot="/srv/ro")]))
    assert "cannot create /srv/ro/.well-known: Read-only file system" in read_only
    assert host("challenge_response", state="absent", challenges=[challenge(webroot="/srv/none")]).ok


def test_challenge_link_in_place_of_file_is_not_followed(host: Host) -> None:
    host.shell(f"echo precious > /srv/victim; mkdir -p {CHALLENGES}; ln -s /srv/victim {CHALLENGES}/{TOKEN}")
    message = msg_of(host("challenge_response", challenges=[challenge()]))
    assert message == (
        f"cannot write {CHALLENGES}/{TOKEN}: a file that is not a challenge response is there. Move it away"
    )
    assert host("challenge_response", state="absent", challenges=[challenge()])["changed"] is False
    assert host.read("/srv/victim") == "precious\n"
    assert host.names(CHALLENGES) == [TOKEN]


@pytest.mark.hard
def test_challenge_present_without_root(host: Host) -> None:
    host.shell("install -d -o deploy -g deploy /srv/site")
    mine = host("challenge_response", as_user="deploy", challenges=[challenge(webroot="/srv/site")])
    assert mine["changed"]
    assert host.shell(f"stat -c %U /srv/site/.well-known/acme-challenge/{TOKEN}") == "deploy"
    message = msg_of(host("challenge_response", as_user="deploy", challenges=[challenge()]))
    assert message.endswith(": Permission denied. Does the task lack 'become: true'?")
