# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that cannot be had and hosts that cannot take them: one line, nothing half done, others served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fleet.fleet import HOME, Fleet, Run

NEW_ORDER = ("POST", "/order-plz")

# The certificate's options, and the message for its host. One host wants all of them in one run.
CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"identifiers": [""]}, "an identifier is empty"),
    "no-names": ({"identifiers": []}, "no identifiers are given"),
    "space": ({"identifiers": ["web1 .lab.test"]}, "identifier 'web1 .lab.test' contains a space"),
    "long": ({"identifiers": ["x." * 121 + "web1.lab.test"]}, "is too long: 255 characters, at most 253 are allowed"),
    "long-label": ({"identifiers": ["x" * 64 + ".lab.test"]}, "has a label that is too long: 64 characters"),
    "url": ({"identifiers": ["https://web1.lab.test/"]}, "is a URL or a path. Give the host name only"),
    "port": ({"identifiers": ["web1.lab.test:443"]}, "has a port. Give the host name only"),
    "address": (
        {"identifiers": ["10.53.1.0"], "challenge": "dns-01"},
        "identifier '10.53.1.0' is an IP address, which dns-01 cannot prove. Use http-01 or tls-alpn-01",
    ),
    "no-address": ({"identifiers": ["10.53.1.256"]}, "is not an IP address. Give one without brackets, port and zone"),
    "challenge": (
        {"identifiers": [{"value": "web1.lab.test", "challenge": "http-02"}]},
        "has the challenge 'http-02', which is not one of http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01",
    ),
    "no-value": (
        {"identifiers": [{"name": "web1.lab.test"}]},
        "an identifier has 'name'. Give a name, or a mapping with",
    ),
    "unlike": (
        {"identifiers": ["web1.lab.test", {"value": "WEB1.lab.test", "challenge": "dns-01"}]},
        "identifier 'web1.lab.test' is given twice with different challenges or webroots. Give it once",
    ),
    "listen": (
        {"webroot": None, "http_01_listen": "http"},
        "invalid listen address 'http': expected PORT",
    ),
    "wildcard": (
        {"identifiers": ["*.web1.lab.test"]},
        "identifier '*.web1.lab.test' is a wildcard, which http-01 cannot prove. Use dns-01",
    ),
    "one-of-two": ({"identifiers": ["web1.lab.test", "not_one.lab.test"]}, "'not_one.lab.test' has a character"),
    "twice": ({}, "name: 2 certificates have this name. Give each its own name."),
    "no-webroot": ({"webroot": None}, "needs a webroot or http_01_listen, and has neither"),
    "absent-webroot": ({"webroot": "/srv/none"}, "webroot /srv/none does not exist. Create it"),
    "owner": ({"owner": "nobody-here"}, "owner 'nobody-here' is not a user of this host"),
    "group": ({"group": "nobody-here"}, "group 'nobody-here' is not a group of this host"),
    "open-key": ({"mode": "0644"}, "mode '0644' would let every user of the host read the private key"),
    "mode": ({"mode": "rw"}, "mode 'rw' is invalid: give four octal digits in quotes"),
    "service": ({"reload": ["nginx && reboot"]}, "reload has 'nginx && reboot', which is not the name of a service"),
    "profile": ({"profile": "none-such"}, "profile 'none-such' is not offered by"),
    "../up": ({}, "the name is invalid. Use at most 100 letters"),
}
BLOCKED = {"blocked": ({"identifiers": ["blocked.lab.test"]}, "rejectedIdentifier")}  # so says the CA
ALL = {**CERTIFICATES, **BLOCKED}


def bad(table: dict[str, tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    certificates = [{**Fleet.certificate(name), **options} for name, (options, _unused) in table.items()]
    return [*certificates, Fleet.certificate("twice")]


@dataclass
class Story:
    """Record of one of the fixtures below: runs, their requests to the CA, the files on web1 after them."""

    runs: dict[str, Run] = field(default_factory=dict)
    requests: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    issued: dict[str, list[int]] = field(default_factory=dict)
    trees: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    serials: dict[str, dict[str, int | None]] = field(default_factory=dict)

    def run(self, fleet: Fleet, key: str, **variables: Any) -> Run:
        mark = fleet.lab.pebble.mark()
        self.runs[key] = fleet.site(**variables)
        self.requests[key] = fleet.lab.pebble.requests(mark)
        self.issued[key] = fleet.lab.pebble.issued(mark)
        self.look(fleet, key)
        return self.runs[key]

    def look(self, fleet: Fleet, key: str) -> None:
        self.trees[key] = {host: fleet.tree(host) for host in fleet.lab.hosts}
        self.serials[key] = fleet.serials()

    def posts(self, key: str) -> list[str]:
        return [path for method, path in self.requests[key] if method == "POST"]


@pytest.fixture(scope="module")
def certificates(three_hosts: Fleet) -> Story:
    fleet, story = three_hosts, Story()
    fleet.reset()
    story.look(fleet, "before")
    story.run(fleet, "alone", acme_hosts="web1", acme_certificates=bad(CERTIFICATES))
    story.run(fleet, "among others", **fleet.by_host(web1=[*bad(ALL), fleet.certificate("shop")]))
    names = [name for name in ALL if "/" not in name]
    mended = [fleet.certificate(name, f"{name}.web1.lab.test") for name in names]
    story.run(fleet, "mended", **fleet.by_host(web1=[*mended, fleet.certificate("shop")]))
    return story


def test_role_refused_input_changes_nothing(certificates: Story) -> None:
    run = certificates.runs["alone"]
    assert run.code != 0
    assert run.hosts_with("failed") == ["web1"]
    assert run.hosts_with("changed") == []
    assert certificates.posts("alone") == []
    assert certificates.trees["alone"] == certificates.trees["before"]


@pytest.mark.parametrize("name", ALL)
def test_role_failed_certificate_is_reported_in_one_line(certificates: Story, name: str) -> None:
    for key in ("alone", "among others") if name in CERTIFICATES else ("among others",):
        told = [text for text in certificates.runs[key].message("web1").split("; ") if f"certificate {name}: " in text]
        assert told, certificates.runs[key].message("web1")
        assert ALL[name][1] in "; ".join(told)
        left = [path for path in certificates.trees[key]["web1"] if f"/{name}" in path.removeprefix(HOME)]
        # Of an order that the CA has refused the host keeps a record, and nothing else.
        folder = f"{HOME}/versions/{name}"
        assert sorted(left) == ([] if name in CERTIFICATES else [folder, f"{folder}/.lock", f"{folder}/failures.json"])


def test_role_failed_certificate_does_not_affect_others(certificates: Story) -> None:
    run = certificates.runs["among others"]
    assert run.code != 0
    assert run.hosts_with("failed") == ["web1"]
    assert None not in certificates.serials["among others"].values()
    assert len(certificates.issued["among others"]) == 3
    # One order for each good one, and one that the CA has rejected.
    assert certificates.requests["among others"].count(NEW_ORDER) == 4


def test_role_corrected_certificates_are_issued(certificates: Story) -> None:
    run = certificates.runs["mended"]
    assert run.code == 0
    assert len(certificates.issued["mended"]) == len(ALL) - 1
    assert certificates.serials["mended"] == certificates.serials["among others"]
    assert run.hosts_with("changed") == ["web1"]


# Hosts without any valid certificate are refused at once; two of them at a time.
ARGUMENTS: list[dict[str, tuple[Any, str]]] = [
    {
        "web1": (Fleet.certificate("shop", key_type="dsa"), "certificate shop: key_type: 'dsa' is unknown"),
        "web2": ({"name": "shop"}, "certificate shop: identifiers is missing"),
    },
    {
        "web1": (
            Fleet.certificate("shop", challenge="tls-sni-01"),
            "challenge: 'tls-sni-01' is unknown",
        ),
        "web2": (Fleet.certificate("shop", web_root="/srv"), "web_root"),
    },
]


@pytest.mark.parametrize("by_host", ARGUMENTS, ids=["values", "names"])
def test_role_wrong_arguments_fail_their_hosts(three_hosts: Fleet, by_host: dict[str, tuple[Any, str]]) -> None:
    run = three_hosts.site(**three_hosts.by_host(**{host: [value] for host, (value, _unused) in by_host.items()}))
    assert run.code != 0
    assert run.hosts_with("failed") == ["web1", "web2"]
    assert "Traceback" not in run.text
    for host, (_unused, message) in by_host.items():
        (line,) = [line for line in run.text.splitlines() if line.startswith(f"fatal: [{host}]")]
        assert message in line
    assert three_hosts.serials()["web3"]


# -- Hosts that cannot take a certificate

LIBRARY = "/usr/lib/python3/dist-packages/cryptography"


@dataclass(frozen=True)
class Trouble:
    """A fault of a host, the message for it, and its repair. ordered: the fault shows only after the order."""

    make: str
    told: str
    mend: str
    ordered: bool = False


TROUBLES = {
    "home is a file": Trouble(
        f"echo > {HOME}", f"certificate shop: home {HOME} cannot be used: {HOME} is not a folder", f"rm {HOME}"
    ),
    "home is read-only": Trouble(
        f"mkdir {HOME}; mount -t tmpfs -o ro tmpfs {HOME}",
        f"certificate shop: home {HOME} cannot be written: {HOME} is read-only here",
        f"mount -o remount,rw {HOME}",
    ),
    "no cryptography": Trouble(
        f"cp -a {LIBRARY} /tmp/library; rm -rf {LIBRARY}",
        "certificate shop: the Python library cryptography is missing for /usr/bin/python3. Install python3-",
        f"mv /tmp/library {LIBRARY}",
    ),
    "broken cryptography": Trouble(
        f"cp -a {LIBRARY} /tmp/library; for file in {LIBRARY}/hazmat/bindings/_rust*.so; do echo >$file; done",
        "certificate shop: the Python library cryptography of /usr/bin/python3 is broken",
        f"rm -rf {LIBRARY}; mv /tmp/library {LIBRARY}",
        ordered=True,
    ),
    "disk full before the key": Trouble(
        f"mkdir {HOME}; mount -t tmpfs -o size=16k tmpfs {HOME}; head -c 20000 /dev/zero > {HOME}/filler",
        f"certificate shop: cannot write {HOME}/versions/shop/0001: No space left on device. Make room there",
        f"rm {HOME}/filler; mount -o remount,size=1m {HOME}",
        ordered=True,
    ),
    # Room for key, request and journal, but not for the certificate.
    "disk full before the certificate": Trouble(
        f"mkdir {HOME}; mount -t tmpfs -o size=16k tmpfs {HOME}",
        f"certificate shop: cannot write {HOME}/versions/shop/0001/",
        f"mount -o remount,size=1m {HOME}",
        ordered=True,
    ),
}
# Two hosts have a trouble each, the third has none.
PAIRS = list(zip(list(TROUBLES)[::2], list(TROUBLES)[1::2]))


def shell(fleet: Fleet, host: str, script: str) -> None:
    fleet.lab.exec(host, ["sh", "-c", script], check=True, capture_output=True)


@pytest.fixture(
    scope="module",
    params=[pytest.param(pair, marks=() if "no cryptography" in pair else pytest.mark.hard) for pair in PAIRS],
    ids=" + ".join,
)
def troubled(three_hosts: Fleet, request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Trouble], Story]]:
    fleet, story = three_hosts, Story()
    fleet.reset()
    troubles = {host: TROUBLES[name] for host, name in zip(("web1", "web2"), request.param)}
    try:
        for host, trouble in troubles.items():
            shell(fleet, host, f"{trouble.make} || :")
        story.look(fleet, "before")
        story.run(fleet, "troubled")
        for host, trouble in troubles.items():
            shell(fleet, host, trouble.mend)
        story.run(fleet, "mended")
        yield troubles, story
    finally:
        for host in troubles:
            shell(fleet, host, f"umount {HOME} || :")


def test_role_faulty_hosts_alone_fail(troubled: tuple[dict[str, Trouble], Story]) -> None:
    troubles, story = troubled
    run = story.runs["troubled"]
    assert run.code != 0
    assert run.hosts_with("failed") == ["web1", "web2"]
    for host, trouble in troubles.items():
        message = run.message(host)
        assert message.startswith(trouble.told)
        assert message.count("certificate shop") == 1
    assert [host for host, serial in story.serials["troubled"].items() if serial] == ["web3"]


def test_role_faulty_hosts_have_no_partial_state(troubled: tuple[dict[str, Trouble], Story]) -> None:
    troubles, story = troubled
    assert story.requests["troubled"].count(NEW_ORDER) == 1 + sum(trouble.ordered for trouble in troubles.values())
    for host, trouble in troubles.items():
        tree = story.trees["troubled"][host]
        if not trouble.ordered:
            assert tree == story.trees["before"][host]
        assert [path for path in tree if path.endswith(".aside") or "/acme-challenge/" in path] == []
        files = {path.rpartition("/")[2] for path, line in tree.items() if line.split(" ")[1] == "f"}
        # A pending version is whole: key, request and journal.
        assert files & {"privkey.pem", "request.csr", "version.json"} in (
            set(),
            {"privkey.pem", "request.csr", "version.json"},
        )
        assert files & {"cert.pem", "chain.pem", "fullchain.pem"} == set()


def test_role_corrected_hosts_get_certificates(three_hosts: Fleet, troubled: tuple[dict[str, Trouble], Story]) -> None:
    _unused, story = troubled
    run = story.runs["mended"]
    assert run.code == 0
    assert run.hosts_with("changed") == ["web1", "web2"]
    assert None not in story.serials["mended"].values()
    assert all(three_hosts.pair_matches(host) for host in three_hosts.lab.hosts)
    # Each certificate has been issued once, also the one for which the disk had no room.
    assert len(story.issued["troubled"]) + len(story.issued["mended"]) == 3
