# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges that a host answers itself: a listener that outlives the module, and leaves its port when it should."""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import partial
from typing import Any

import pytest
from cryptography import x509

from tests.integration.calls import Result
from tests.integration.hosts import HOME, ORDER, WEBROOT, Host, msg_of, wanted
from tests.lab.process import wait
from tests.parameters import hard_but
from tests.unit.host.listeners import fetched, handshake, listens

PORT = 8080
TOKEN, SECOND = "a-token-of-128-bits-01", "a-token-of-128-bits-02"  # RFC 8555 section 8.3
NAMES = ["shop.lab.test", "www.lab.test", "10.53.1.0"]


def http01(token: str = TOKEN, **options: Any) -> dict[str, Any]:
    return {"name": "shop", "token": token, "key_authorization": f"{token}.thumb", "listen": str(PORT), **options}


def tls_alpn01(identifier: str = "shop.lab.test", token: str = TOKEN, **options: Any) -> dict[str, Any]:
    challenge = {"name": "shop", "type": "tls-alpn-01", "identifier": identifier, "token": token}
    return {**challenge, "key_authorization": f"{token}.thumb", **options}


def get(host: Host, token: str = TOKEN, port: int = PORT) -> str | None:
    """Return the answer that the controller gets for a token."""
    answer: str | None = host.lab.inside(partial(fetched, port, token, host.lab.address("web1")))
    return answer


def proof(host: Host, name: str, port: int = 443) -> x509.Certificate:
    """Return the certificate that the controller is shown for a name."""
    der, protocol, data = host.lab.inside(partial(handshake, port, name, address=host.lab.address("web1")))
    assert (protocol, data) == ("acme-tls/1", b"")
    return x509.load_der_x509_certificate(der)


def taken(host: Host, port: int = PORT) -> bool:
    """Return True if a process listens on a port of the host."""
    return bool(host.lab.inside(partial(listens, port, host.lab.address("web1"))))


def processes(host: Host) -> list[str]:
    """Return the listeners of the host, dead ones too."""
    return host.shell("ps -eo stat,comm | grep acme-listener || :").splitlines()


def remaining(host: Host) -> list[str]:
    """Return the paths in the home except the lock under which listeners begin and end."""
    found = host.shell(f"find {HOME} -mindepth 2 ! -name .lock 2>/dev/null || :")
    return found.splitlines()


@pytest.fixture(autouse=True)
def nobody_listens(host: Host) -> None:
    """The listener of the test before ends by itself, since its folder is gone."""
    wait(lambda: not processes(host), 10, "a listener of the test before is still there")


@pytest.mark.hard
def test_listener_present_then_absent(host: Host) -> None:
    empty = host.tree()
    options = {"challenges": [http01(SECOND), http01(TOKEN)], "diff": True}
    paths = [f"{HOME}/challenges/http-01-{PORT}/a-token-of-128-bits-0{number}" for number in (1, 2)]

    def run(state: str, changed: bool, check: bool = False) -> list[str]:
        result = host("challenge_response", state=state, check=check, **options)
        assert (result.ok, result["changed"], result["paths"]) == (True, changed, paths), (state, check)
        sign = "+" if state == "present" else "-"
        assert all((f"{sign}{path}" in result.text) == changed for path in paths)
        return host.tree()

    assert run("present", True, check=True) == empty
    assert not taken(host)
    run("present", True)
    assert [get(host, f"a-token-of-128-bits-0{number}") for number in (1, 2, 3)] == [
        f"{TOKEN}.thumb",
        f"{SECOND}.thumb",
        None,
    ]
    assert len(processes(host)) == 1
    run("present", False)
    there = host.tree()
    assert run("present", False, check=True) == there
    assert run("absent", True, check=True) == there
    assert get(host) == f"{TOKEN}.thumb"
    gone = run("absent", True)
    assert (taken(host), processes(host), remaining(host)) == (False, [], [])
    assert run("absent", False) == run("absent", False, check=True) == gone


@pytest.mark.hard
def test_listener_port_is_free_after_absent(host: Host) -> None:
    host("challenge_response", challenges=[tls_alpn01()])
    pid = host.shell("pgrep -x acme-listener")
    message = msg_of(host("challenge_response", challenges=[tls_alpn01()], home="/srv/another"))
    assert message == (
        f"cannot listen on port 443: acme-listener (pid {pid}) is using it. Stop it, or choose another port with "
        "tls_alpn_01_listen"
    )
    assert host("challenge_response", challenges=[tls_alpn01()], state="absent")["changed"]
    host.shell("service nginx stop")
    try:
        assert host("challenge_response", challenges=[http01(listen="80")])["changed"]
        assert get(host, port=80) == f"{TOKEN}.thumb"
        assert host("challenge_response", challenges=[http01(listen="80")], state="absent")["changed"]
    finally:
        host.shell("service nginx start")  # it finds its port free
    assert host.shell("curl -sf http://localhost/") != ""


def call(host: Host, user: str, ssh: dict[str, str], **options: Any) -> tuple[Result, float]:
    """challenge_response as another user may call it; gives how many seconds it took, too."""
    command = ["ansible", "web1", "-m", "certfleet.tls.challenge_response", "-a", json.dumps(options), "-u", user]
    began = time.monotonic()
    done = host.lab.run([*command, "--become"], env={**os.environ, **ssh}, capture_output=True, text=True, timeout=60)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    return Result(json.JSONDecoder().raw_decode(done.stdout.partition("=> ")[2])[0]), took


@pytest.mark.parametrize("user", hard_but(["deploy"], ["root", "deploy"]))
@pytest.mark.parametrize("pipelining", hard_but(["True"], ["True", "False"]))
@pytest.mark.parametrize("shared", [True, False], ids=["shared connection", "a connection each"])
def test_listener_outlives_ssh_connection(host: Host, user: str, pipelining: str, shared: bool) -> None:
    ssh = {"ANSIBLE_PIPELINING": pipelining}
    if not shared:
        # SSH itself ends only when all that it started has closed its output.
        ssh["ANSIBLE_SSH_ARGS"] = f'-F "{host.lab.state}/ssh_config" -o ControlMaster=no'
    result, took = call(host, user, ssh, challenges=[http01()])
    assert result["changed"]
    assert took < 30, "the module did not wait for the listener's ten minutes"
    assert get(host) == f"{TOKEN}.thumb"
    assert host.names("/root/.ansible/tmp") == [], "its code is gone, and it works"
    assert call(host, user, ssh, challenges=[http01()], state="absent")[0]["changed"]
    assert processes(host) == []


@pytest.mark.hard
def test_listener_ends_after_timeout(host: Host) -> None:
    assert host("challenge_response", listen_timeout=6, challenges=[http01(), tls_alpn01()])["changed"]
    assert len(processes(host)) == 2
    wait(lambda: not processes(host), 30, "a listener has not ended")
    assert (taken(host), taken(host, 443), remaining(host)) == (False, False, [])
    assert not host("challenge_response", state="absent", challenges=[http01(), tls_alpn01()])["changed"]


@pytest.mark.hard
def test_listener_killed_is_started_again(host: Host) -> None:
    options = {"challenges": [http01(TOKEN), http01(SECOND)]}
    host("challenge_response", **options)
    host.shell("pkill -KILL -x acme-listener")
    again = host("challenge_response", **options)
    assert again["changed"]
    assert [get(host, f"a-token-of-128-bits-0{number}") for number in (1, 2)] == [
        f"{TOKEN}.thumb",
        f"{SECOND}.thumb",
    ]
    host.shell("pkill -KILL -x acme-listener")
    assert host("challenge_response", state="absent", **options)["changed"]
    assert remaining(host) == []


def test_listener_tls_alpn_01_for_names_and_addresses(host: Host) -> None:
    challenges = [tls_alpn01(identifier, f"a-token-of-128-bits-0{number}") for number, identifier in enumerate(NAMES)]
    assert host("challenge_response", challenges=challenges)["changed"]
    for number, name in enumerate(["shop.lab.test", "www.lab.test", "0.1.53.10.in-addr.arpa"]):
        extensions = proof(host, name).extensions
        (general,) = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert str(general.value) == NAMES[number]
        identifier = extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
        assert identifier.critical
        assert (
            identifier.value.value
            == b"\x04\x20" + hashlib.sha256(f"a-token-of-128-bits-0{number}.thumb".encode()).digest()
        )
    tokens = [{"type": "tls-alpn-01", "token": challenge["token"]} for challenge in challenges]
    assert host("challenge_response", challenges=tokens, state="absent")["changed"]
    assert not taken(host, 443)


@pytest.mark.hard
def test_listener_port_in_use_names_process(host: Host) -> None:
    nginx = host.read("/run/nginx.pid").strip()
    before = host.shell(f"mkdir -p {HOME}/challenges && touch {HOME}/challenges/.lock && find {HOME}")
    message = msg_of(host("challenge_response", challenges=[http01(listen="80")]))
    assert message == (
        f"cannot listen on port 80: nginx (pid {nginx}) is using it. Stop it, or choose another port with "
        "http_01_listen, or give the webroot of the server that uses it"
    )
    assert host.shell(f"find {HOME}") == before
    assert "of 192.0.2.1: this host does not have the address" in msg_of(
        host("challenge_response", challenges=[http01(listen="192.0.2.1:80")])
    )


@pytest.mark.hard
def test_listener_port_below_1024_needs_root(host: Host) -> None:
    host.shell("install -d -o deploy -g deploy /srv/deploy; echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start")
    options: dict[str, Any] = {"home": "/srv/deploy/acme", "as_user": "deploy"}
    message = msg_of(host("challenge_response", challenges=[tls_alpn01()], **options))
    assert message == "cannot listen on port 443: Permission denied. Does the task lack 'become: true'?"
    high = http01()
    assert host("challenge_response", challenges=[high], **options)["changed"]
    assert get(host) == f"{TOKEN}.thumb"
    assert host("challenge_response", challenges=[high], state="absent", **options)["changed"]
    msg_of(host("challenge_response", challenges=[high], as_user="deploy"))


@pytest.mark.hard
def test_listener_started_by_request_is_stopped_by_certificate(host: Host) -> None:
    certificates = [wanted("shop"), wanted("mail"), wanted("news")]
    orders = [{"name": item["name"], **ORDER} for item in certificates]
    challenges = [
        tls_alpn01(token=TOKEN),
        http01(SECOND),
        tls_alpn01("shop.lab.test", "a-token-of-128-bits-03", name="mail"),  # a name that two of them have in common
        http01("a-token-of-128-bits-04", name="news", listen="80"),
    ]
    empty = host.request(*certificates, orders=orders, challenges=challenges, check=True)
    assert (empty["changed"], processes(host)) == (True, [])
    result = host.request(*certificates, orders=orders, challenges=challenges, listen_timeout=60)
    assert not result.ok
    assert result["ready"] == ["shop"], "one failure does not affect others"
    assert result["failures"]["news"].startswith("cannot listen on port 80: nginx (pid ")
    assert result["failures"]["mail"] == (
        "tls-alpn-01 cannot prove shop.lab.test at the same time as for certificate shop. Run again, or put the names "
        "into one certificate"
    )
    assert get(host, SECOND) == f"{SECOND}.thumb"
    proof(host, "shop.lab.test")
    failed = [{"name": item["name"], "status": "failed", "problem": "no", "resumable": True} for item in certificates]
    foreseen = host.deploy(failed, *certificates, challenges=challenges, check=True)
    assert foreseen["changed"]
    assert len(processes(host)) == 2
    removed = host.deploy(failed, *certificates, challenges=challenges)
    assert removed["changed"]
    assert (processes(host), taken(host), taken(host, 443)) == ([], False, False)
    assert not host.deploy(failed, *certificates, challenges=challenges)["changed"]


@pytest.mark.hard
def test_listener_without_library_fails_for_tls_alpn_01(host: Host) -> None:
    host.shell("mv /usr/lib/python3/dist-packages/cryptography /usr/lib/python3/dist-packages/cryptography.aside")
    assert "the Python library cryptography is missing" in msg_of(host("challenge_response", challenges=[tls_alpn01()]))
    assert host("challenge_response", challenges=[http01()])["changed"]
    assert get(host) == f"{TOKEN}.thumb"


@pytest.mark.parametrize(
    ("challenge", "message"),
    [
        (
            http01(listen=None),
            f"challenge {TOKEN} has neither webroot nor listen. Give one of them for http-01",
        ),
        (http01(listen="localhost:80"), "invalid listen address 'localhost:80': expected PORT, ADDRESS:PORT or"),
        (tls_alpn01("*.lab.test"), "identifier '*.lab.test' is a wildcard, which tls-alpn-01 cannot prove"),
    ],
)
def test_listener_invalid_challenge_fails_before_any_change(
    host: Host, challenge: dict[str, Any], message: str
) -> None:
    good = {"token": "a-token-of-128-bits-09", "key_authorization": "a-token-of-128-bits-09.thumb", "webroot": WEBROOT}
    assert message in msg_of(host("challenge_response", challenges=[good, challenge]))
    assert host.names(WEBROOT) == ["index.html"]
