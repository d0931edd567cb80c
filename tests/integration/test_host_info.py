# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_info: certificates of a host, problems of the next issuance, and no change of the host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.hosts import DIRECTORY, HOME, WEBROOT, Host, Issuer, msg_of, wanted
from tests.parameters import hard_but

LIBRARY = "/usr/lib/python3/dist-packages/cryptography"


def entry(host: Host, *certificates, **options):
    """certificate_info's word on the one certificate that is wanted."""
    (found,) = host("certificate_info", certificates=list(certificates) or [wanted()], **options)["certificates"]
    return found


def test_info_of_empty_host(host: Host) -> None:
    assert host("certificate_info")["certificates"] == []
    found = entry(host)
    assert (found["live"], found["pending"], found["invalid"], found["problems"]) == (None, None, [], [])
    # The defaults; further options are in the tests of what they are for.
    assert found["wanted"] == found["wanted"] | {
        **wanted(),
        "challenge": "http-01",
        "key_type": "ec256",
        "mode": "0600",
        "reload": [],
        "tls_alpn_01_listen": "443",
        **dict.fromkeys(("profile", "owner", "group", "http_01_listen")),
    }
    assert host.names(HOME) == []


def test_info_wanted_is_returned_unchanged(host: Host) -> None:
    found = entry(host, wanted(webroot="~/www"))
    assert found["wanted"]["webroot"] == "~/www", "unchanged, not as the host reads it"
    assert found["problems"] == ["webroot /root/www does not exist. Create it, and have the web server serve it"]


def test_info_returns_all_certificates_and_changes_nothing(host: Host, issuer: Issuer) -> None:
    shop, mail = (
        wanted("shop", "www.lab.test", "shop.lab.test"),
        wanted("mail", key_type="rsa2048", profile="tlsserver"),
    )
    host.make_live(issuer, shop)
    host.request(mail)
    before = host.tree()
    for options in ({}, {"check": True, "diff": True}, {"certificates": [mail, shop]}):
        result = host("certificate_info", **options)
        assert not result["changed"]
        facts = {item["name"]: item for item in result["certificates"]}
        assert facts.keys() == {"mail", "shop"}
        live = facts["shop"]["live"]
        certificate = host.certificate()
        assert live["identifiers"] == ["www.lab.test", "shop.lab.test"]
        assert (live["version"], live["key_type"], live["directory"]) == ("0001", "ec256", DIRECTORY)
        assert live["serial"] == f"{certificate.serial_number:x}".zfill(len(live["serial"]))
        assert live["not_after"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (live["missing"], live["damaged"], live["unreadable"], live["attributes"]) == ([], [], [], [])
        assert live["reloaded"] is True
        assert facts["shop"]["pending"] is None
        pending = facts["mail"]["pending"]
        assert (pending["version"], pending["key_type"], pending["profile"]) == ("0001", "rsa2048", "tlsserver")
        assert facts["mail"]["live"] is None
    assert host.tree() == before


# A script run in a live version's folder, the options, and the drift that certificate_info reports.
DRIFT = {
    "mode": ("chmod 0640 privkey.pem", {}, {"attributes": ["privkey.pem mode 0640 instead of 0600"]}),
    "owner": (
        "chown daemon privkey.pem",
        {"owner": "root"},
        {"attributes": ["privkey.pem owner daemon instead of root"]},
    ),
    "group": ("chgrp 4242 privkey.pem", {"group": "root"}, {"attributes": ["privkey.pem group 4242 instead of root"]}),
    "owner-unasked": ("chown daemon privkey.pem", {}, {"attributes": []}),
    "file-gone": ("rm chain.pem", {}, {"missing": ["chain.pem"]}),
    "file-changed": ("echo >> fullchain.pem", {}, {"damaged": ["fullchain.pem"]}),
    "file-a-folder": ("rm cert.pem; mkdir cert.pem", {}, {"damaged": ["cert.pem"]}),
    "manifest-damaged": ("echo '{' > version.json", {}, {"damaged": ["version.json"], "serial": None}),
}


def test_info_drift_is_reported(host: Host, issuer: Issuer) -> None:
    certificates = [wanted(name, **options) for name, (_unused, options, _unused) in DRIFT.items()]
    host.make_live(issuer, *certificates)
    for name, (script, _unused, _unused) in DRIFT.items():
        host.shell(f"cd {host.live(name)} && {script}")
    found = host("certificate_info", certificates=certificates)["certificates"]
    for item, (name, (_unused, _unused, expected)) in zip(found, DRIFT.items()):
        assert {key: item["live"][key] for key in expected} == expected, name


# A script, the options, the problem in certificate_info, and the message of certificate_request (None: it works).
PROBLEMS = {
    "no webroot": ("", {"webroot": None}, "webroot is not set", None),
    "webroot is not there": ("", {"webroot": "/srv/none"}, "webroot /srv/none does not exist", None),
    "webroot is a file": ("", {"webroot": "/etc/hostname"}, "webroot /etc/hostname does not exist", None),
    "home is a file": (
        f"echo > {HOME}",
        {},
        f"home {HOME} cannot be used: {HOME} is not a folder",
        f"certificate shop: cannot create {HOME}: File exists",
    ),
    "home is read-only": (
        f"mkdir {HOME}; mount --bind {HOME} {HOME}; mount -o remount,bind,ro {HOME}",
        {},
        f"home {HOME} cannot be written: {HOME} is read-only here",
        f"certificate shop: cannot create {HOME}/versions: Read-only file system. Mount it writable",
    ),
    "live is somebody's folder": (
        f"mkdir -p {HOME}/live/shop",
        {},
        f"{HOME}/live/shop is not a link to one of its versions. Move it away",
        f"certificate shop: {HOME}/live/shop is not a link to one of its versions. Move it away",
    ),
    "live leads elsewhere": (
        f"mkdir -p {HOME}/live; ln -s /etc/ssl {HOME}/live/shop",
        {},
        f"{HOME}/live/shop is not a link to one of its versions. Move it away",
        f"certificate shop: {HOME}/live/shop is not a link to one of its versions. Move it away",
    ),
}


@pytest.mark.parametrize(
    "case", hard_but(["webroot is not there", "home is read-only", "live leads elsewhere"], PROBLEMS)
)
def test_info_problems_are_reported_and_refused_later(host: Host, case: str) -> None:
    script, options, message, refusal = PROBLEMS[case]
    host.shell(script)
    before = host.tree()
    found = entry(host, wanted(**options))
    assert len(found["problems"]) == 1
    assert found["problems"][0].startswith(message)
    assert "\n" not in found["problems"][0]
    assert found["live"] is None
    if refusal:
        assert msg_of(host.request(wanted(**options))).startswith(refusal)
    assert host.tree() == before


INVALID = {
    "name '../up'": ({"name": "../up"}, "the name is invalid"),
    "name with a slash": ({"name": "a/b"}, "the name is invalid"),
    "no such user": ({"owner": "nobody-here"}, "owner 'nobody-here' is not a user of this host"),
    "no such group": ({"group": "nobody-here"}, "group 'nobody-here' is not a group of this host"),
    "open to all": ({"mode": "0644"}, "mode '0644' would let every user of the host read the private key"),
    "mode of three digits": ({"mode": "600"}, "mode '600' is invalid"),
    "service with an option": ({"reload": ["--now"]}, "reload has '--now'"),
    "service with a path": ({"reload": ["a/b"]}, "reload has 'a/b'"),
    "wildcard": ({"identifiers": ["*.lab.test"]}, "a wildcard, which http-01 cannot prove"),
    "no identifiers": ({"identifiers": []}, "no identifiers are given"),
}


@pytest.mark.hard
def test_info_invalid_entry_has_same_message_in_all_modules(host: Host) -> None:
    certificates = [{**wanted(f"c{number}"), **options} for number, (options, _unused) in enumerate(INVALID.values())]
    looked = host("certificate_info", certificates=certificates)
    assert looked.ok
    for found, (_unused, message) in zip(looked["certificates"], INVALID.values()):
        assert len(found["invalid"]) == 1
        assert message in found["invalid"][0]
    requested = msg_of(host.request(*certificates))
    for certificate, (_unused, message) in zip(certificates, INVALID.values()):
        assert f"certificate {certificate['name']}: " in requested
        assert message in requested
    results = [{"name": certificate["name"], "action": "repair"} for certificate in certificates]
    assert msg_of(host.deploy(results, *certificates)) == requested
    assert host.names(HOME) == []


@pytest.fixture
def library(host: Host) -> Iterator[str]:
    """Yield the host's cryptography, put back after the test."""
    # Copied, so that the overlay lets it be moved.
    host.shell(f"cp -a {LIBRARY} /tmp/library")
    yield LIBRARY
    host.shell(f"rm -rf {LIBRARY} && mv /tmp/library {LIBRARY}")


LIBRARIES = {
    # An old release cannot be installed here, so a present one is made to say that it is old.
    "too old": (
        f"sed -i 's/^__version__ = .*/__version__ = \"3.2.1\"/' {LIBRARY}/__about__.py",
        "cryptography 3.2 of /usr/bin/python3 is too old. Install python3-cryptography 3.3 or later",
        True,
    ),
    "broken": (
        # Not removed: newer releases have a folder of that name, which Python would then take for the module.
        f"for file in {LIBRARY}/hazmat/bindings/_rust*.so; do echo >$file; done",
        "cryptography of /usr/bin/python3 is broken",
        False,
    ),
    "absent": (
        f"rm -rf {LIBRARY}",
        "cryptography is missing for /usr/bin/python3. Install python3-cryptography",
        True,
    ),
}


@pytest.mark.hard
def test_info_missing_or_old_library_is_a_problem(host: Host, library: str) -> None:
    for case, (script, message, seen_at_once) in LIBRARIES.items():
        host.shell(f"rm -rf {library}; cp -a /tmp/library {library}; {script}")
        problems = entry(host)["problems"]
        assert bool(problems) == seen_at_once, case
        assert all(message in problem for problem in problems), case
        assert message in msg_of(host.request()), case
        assert message in msg_of(host.deploy([{"name": "shop", "action": "repair"}])), case
    assert host.names(HOME) == []
    # A certificate that has failed already is returned without the library.
    assert msg_of(host.deploy([{"name": "shop", "status": "failed", "problem": "no luck", "resumable": True}])) == (
        "certificate shop: no luck"
    )
    assert host("challenge_response", state="absent", challenges=[{"token": "t" * 22, "webroot": WEBROOT}]).ok
