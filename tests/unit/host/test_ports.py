# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports: how they are written, what keeps one from being opened, and who has it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import ports
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import ListenError
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen
from tests.unit.host.listeners import IPV6, free_port, has_ipv6, listens

ADVICE = "choose another"
HOLD = "import socket, sys; s = socket.create_server((sys.argv[1], 0)); print(s.getsockname()[1], flush=True); input()"


@pytest.mark.parametrize(
    ("text", "listen", "shown"),
    [
        ("80", Listen(80), "port 80"),
        (" 65535 ", Listen(65535), "port 65535"),
        ("192.0.2.1:8080", Listen(8080, "192.0.2.1"), "port 8080 of 192.0.2.1"),
        ("[::1]:80", Listen(80, "::1"), "port 80 of ::1"),
        ("[2001:DB8:0:0::1]:80", Listen(80, "2001:db8::1"), "port 80 of 2001:db8::1"),
        ("0.0.0.0:80", Listen(80, "0.0.0.0"), "port 80 of 0.0.0.0"),
    ],
)
def test_listen_of_valid_text(text, listen, shown):
    assert Listen.of(text) == listen
    assert str(listen) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "65536", "-1", "http", "80 81", "80\n81", "٨٠", "x" * 5000),
        *(":80", "host:80", "1.2.3:80", "1.2.3.400:80", "1.2.3.4:"),
        *("::1:80", "[::1]", "[::1]80", "[::1]:0", "[1.2.3.4]:80", "[fe80::1%eth0]:80", "[/../x]:80"),
    ],
)
def test_listen_of_invalid_text_is_refused(text):
    with pytest.raises(OptionError, match=r"expected PORT, ADDRESS:PORT or \[IPV6-") as error:
        Listen.of(text)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 250


# --- opening


@IPV6
def test_bind_port_only_listens_on_all_addresses():
    port = free_port()
    with ports.bind(Listen(port), ADVICE):
        assert listens(port)
        assert listens(port, "::1")


def test_bind_without_ipv6(monkeypatch):
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    port = free_port()
    with ports.bind(Listen(port), ADVICE) as made:
        assert made.family == socket.AF_INET
        assert listens(port)


@pytest.mark.parametrize("address", ["127.0.0.1", pytest.param("::1", marks=IPV6)])
def test_bind_address_listens_on_it_only(address):
    port = free_port()
    with ports.bind(Listen(port, address), ADVICE):
        assert listens(port, address)
        assert not listens(port, "127.0.0.2")
        if has_ipv6():
            assert not listens(port, "::1" if address != "::1" else "127.0.0.1")


def test_bind_again_after_close():
    port = free_port()
    for _unused in range(3):
        with ports.bind(Listen(port), ADVICE) as made, socket.create_connection(("127.0.0.1", port)):
            made.accept()[0].close()  # it is this side that closes first, and has to remember the connection


@pytest.fixture
def held():
    """Starts a process that listens at an address; gives its port and itself."""
    started = []

    def start(address):
        command = [sys.executable, "-c", HOLD, address]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return int(process.stdout.readline()), process

    yield start
    for process in started:
        process.communicate("\n")


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("127.0.0.1", None),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", None),
    ],
)
def test_bind_port_in_use_names_process(held, there, wanted):
    port, process = held(there)
    with open(f"/proc/{process.pid}/comm", encoding="ascii") as file:
        name = file.read().strip()
    with pytest.raises(ListenError) as error:
        ports.bind(Listen(port, wanted), ADVICE)
    user = f"{name} (pid {process.pid})"
    assert str(error.value) == (
        f"cannot listen on {Listen(port, wanted)}: {user} is using it. Stop it, or choose another"
    )


@IPV6
def test_find_user_ipv6():
    code = HOLD.replace("0))", "0), family=socket.AF_INET6)")
    command = [sys.executable, "-c", code, "::1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline())
        assert ports.find_user(Listen(port)).pid == process.pid
        assert ports.find_user(Listen(port, "::1")).pid == process.pid
        assert ports.find_user(Listen(port, "127.0.0.1")) is None
        process.communicate("\n")


def test_find_user_other_address_is_none(held):
    port, _process = held("127.0.0.2")
    assert ports.find_user(Listen(port, "127.0.0.1")) is None
    ports.bind(Listen(port, "127.0.0.1"), ADVICE).close()


def test_find_user_of_several_is_oldest(held):
    port = free_port()
    server = socket.create_server(("127.0.0.1", port))
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        assert ports.find_user(Listen(port)).pid == os.getpid()
        server.close()
        assert ports.find_user(Listen(port)).pid == child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_bind_port_of_hidden_process(held, monkeypatch):
    port, _process = held("127.0.0.1")
    monkeypatch.setattr(ports, "_target", lambda path: "")
    with pytest.raises(ListenError, match=rf"port {port}: another process is using it\. Stop it, or choose another"):
        ports.bind(Listen(port), ADVICE)


def test_find_user_free_port_is_none():
    assert ports.find_user(Listen(free_port())) is None


def test_bind_address_of_other_host_is_refused():
    port = free_port()
    with pytest.raises(ListenError) as error:
        ports.bind(Listen(port, "192.0.2.1"), ADVICE)
    assert str(error.value) == (
        f"cannot listen on port {port} of 192.0.2.1: this host does not have the address. Choose one that it has, "
        "or give the port only"
    )


def test_bind_privileged_port_says_become(monkeypatch):
    def forbidden(*_unused, **_unused_too):
        raise PermissionError(errno.EACCES, "Permission denied (while attempting to bind on address ('', 80))")

    monkeypatch.setattr(socket, "create_server", forbidden)
    with pytest.raises(ListenError) as error:
        ports.bind(Listen(80), ADVICE)
    assert str(error.value) == "cannot listen on port 80: Permission denied. Does the task lack 'become: true'?"
