# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners: what they answer, when they begin and end, and that none is lost or stays."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import (
    challenge_server,
    daemon,
    ports,
    response_store,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.response_store import ActiveResponses
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError, ListenError
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import availability
from tests.unit.host import faults
from tests.unit.host.listeners import (
    PATH,
    answer,
    fetch,
    fetched,
    free_port,
    handshake,
    http01,
    listens,
    pid,
    remaining,
    tls_alpn01,
    wait,
)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture(autouse=True)
def nothing_left(home, port):
    """Remove the homes after a test: a listener whose folder is gone ends by itself."""
    yield
    shutil.rmtree(home, ignore_errors=True)
    wait(lambda: not listens(port))


def script(code, *arguments):
    """Return the command that runs *code* in a separate process."""
    head = "import sys, time\nfrom tests.unit.host.listeners import *\n"
    path = ":".join([os.getcwd(), *sys.path])
    return {"args": [sys.executable, "-c", head + code, *map(str, arguments)], "env": {"PYTHONPATH": path}}


# --- what is answered


def test_put_starts_listener_and_remove_stops_it(home, port, any_umask):
    made = http01(home, port)
    assert not made.in_place()
    assert not made.exists()
    assert made.remove() is False
    assert not home.exists(), "a question makes nothing"
    made.put()
    assert made.in_place()
    assert made.exists()
    assert fetched(port) == answer("token-1")
    modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in ("challenges", *remaining(home))}
    folder = f"challenges/http-01-{port}-127.0.0.1"
    assert modes == {"challenges": 0o700, folder: 0o700, f"{folder}/.running": 0o600, f"{folder}/token-1": 0o600}
    assert made.remove() is True
    assert not listens(port)
    assert remaining(home) == []
    assert made.remove() is False
    assert not made.in_place()


@pytest.mark.parametrize(
    "target",
    [
        "/",
        PATH,
        PATH.rstrip("/"),
        PATH + "token-2",
        PATH + "token-1/",
        PATH + "token-1?",
        PATH + "token-1?x=y",
        PATH + "TOKEN-1",
        PATH + "%74oken-1",
        PATH + "./token-1",
        PATH + "../acme-challenge/token-1",
        PATH + ".running",
        PATH + "../../.lock",
        PATH + "/token-1",
        "/" + PATH + "token-1",
        "//x" + PATH + "token-1",
        "/token-1",
        "/etc/passwd",
        "http://127.0.0.1" + PATH + "token-1",
        "*",
    ],
)
def test_http_other_path_is_not_found(home, port, target):
    http01(home, port).put()
    status, headers, body = fetch(port, target)
    assert (status, body) == (404, "")
    assert set(headers) == {"Date", "Content-Type", "Content-Length", "Connection"}, "no name of the software"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"])
def test_http_other_method_is_refused(home, port, method):
    http01(home, port).put()
    assert fetch(port, PATH + "token-1", method)[0::2] == (404, "")


def test_http_head_has_no_body(home, port):
    http01(home, port).put()
    (status, headers, body), (_status, of_head, nothing) = (
        fetch(port, PATH + "token-1", method) for method in ("GET", "HEAD")
    )
    assert (status, _status, body, nothing) == (200, 200, answer("token-1"), "")
    assert {**headers, "Date": ""} == {**of_head, "Date": ""}
    assert headers["Content-Length"] == str(len(answer("token-1")))


@pytest.mark.parametrize(
    "request_", [b"\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET " + b"x" * 70_000]
)
def test_http_malformed_request_does_no_harm(home, port, request_):
    http01(home, port).put()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_)
    assert fetched(port) == answer("token-1")


def test_tls_alpn_many_names_at_once(home, port):
    made = [http01(home, port, f"token-{number}") for number in range(50)]
    for response in made:
        response.put()
    assert len({pid(port)}) == 1
    assert [fetched(port, response.token) for response in made] == [response.key_authorization for response in made]
    for response in made[1:]:
        response.remove()
    assert fetched(port, "token-0") == answer("token-0")
    assert fetched(port, "token-1") is None
    made[0].remove()
    assert not listens(port)


def test_listeners_of_both_types_on_two_ports(home, port):
    proof = tls_alpn01(home, free_port())
    http01(home, port).put()
    proof.put()
    assert pid(port) != pid(proof.listen.port)
    http01(home, port).remove()
    assert handshake(proof.listen.port, "shop.example")[1] == "acme-tls/1"
    proof.remove()
    assert not listens(proof.listen.port)


def test_tls_alpn_newest_response_for_name_is_served(home, port):
    """The other is left of a run that was killed: the CA asks for that of the run at work."""
    shown = []
    for token in ("t1", "t2", "t1"):
        tls_alpn01(home, port, token=token).put()
        shown.append(handshake(port, "shop.example")[0])
    assert shown[0] == shown[2] != shown[1]


def test_put_other_key_authorization_replaces(home, port):
    http01(home, port)._replace(key_authorization="token-1.old").put()
    made = http01(home, port)
    assert not made.in_place()
    made.put()
    assert made.in_place()
    assert fetched(port) == answer("token-1")


def test_server_idle_connections_block_nobody(home, port, monkeypatch):
    monkeypatch.setattr(challenge_server, "_MAX_CONNECTIONS", 5)
    made = http01(home, port)
    made.put()
    idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _unused in range(20)]
    assert fetched(port) == answer("token-1")
    assert idle[0].recv(1) == b"", "the oldest connection was closed"
    made.remove()
    assert not listens(port)
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("kind", [http01, tls_alpn01])
def test_server_ends_slow_connections(home, port, monkeypatch, kind):
    monkeypatch.setattr(challenge_server, "_CONNECTION_TIMEOUT", 0.3)
    kind(home, port).put()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _unused in range(3):  # nothing that grows makes it longer
            connection.sendall(b"\x16")
            time.sleep(0.05)
        assert connection.recv(1) == b""


# --- where it listens


def test_put_port_in_use_names_process_and_leaves_nothing(home):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with open("/proc/self/comm", encoding="utf-8") as file:
            name = file.read().strip()
        for made, advice in (
            (http01(home, taken, address=None), "with http_01_listen, or give the webroot of the server that uses it"),
            (tls_alpn01(home, taken, address=None), "with tls_alpn_01_listen"),
        ):
            with pytest.raises(ListenError) as error:
                made.put()
            assert str(error.value) == (
                f"cannot listen on port {taken}: {name} (pid {os.getpid()}) is using it. Stop it, or "
                f"choose another port {advice}"
            )
            assert remaining(home) == []
            assert not made.exists()


def test_put_port_of_other_listener_names_it(home, port, tmp_path):
    http01(home, port).put()
    with pytest.raises(ListenError, match=rf": acme-listener \(pid {pid(port)}\) is using it\. Stop it"):
        http01(tmp_path, port).put()


def test_put_without_address_listens_on_all(home, port):
    http01(home, port, address=None).put()
    assert fetched(port, address="127.0.0.2") == answer("token-1")
    if socket.has_dualstack_ipv6():
        assert fetched(port, address="::1") == answer("token-1")


# --- when it ends


def test_listener_ends_when_all_responses_expire(home, port):
    http01(home, port, "short", seconds=0.3).put()
    http01(home, port, "long", seconds=1.2).put()
    wait(lambda: fetched(port, "short") is None, 1.0)
    assert fetched(port, "long") == answer("long")
    wait(lambda: not http01(home, port, "short").exists(), 1.0)
    wait(lambda: not listens(port), 3.0)
    wait(lambda: remaining(home) == [], 1.0)


def test_put_again_starts_its_time_again(home, port):
    made, now = http01(home, port, seconds=60), [0.0]
    made.put()
    stored = ActiveResponses(os.path.dirname(made.path), lambda: now[0])
    os.utime(made.path, ns=(1, 1))  # long ago, so that another time shows
    assert stored.current()
    now[0] = 40
    made.put()
    assert made.in_place()
    assert stored.current()
    now[0] = 99
    assert stored.current()
    now[0] = 100
    assert stored.scan() == ([], ["token-1"])


def test_listener_outlives_module_without_its_descriptors(home, port):
    code = "http01(sys.argv[1], int(sys.argv[2]), seconds=float(sys.argv[3])).put(); print('done', flush=True)"
    began = time.monotonic()
    # Its output is a pipe: SSH and Ansible wait for the end of it.
    done = subprocess.run(**script(code, home, port, 60), capture_output=True, text=True, timeout=50, check=False)
    took = time.monotonic() - began
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert took < 40
    assert fetched(port) == answer("token-1")
    process = pid(port)
    assert {os.readlink(f"/proc/{process}/fd/{handle}") for handle in (0, 1, 2)} == {"/dev/null"}
    assert len(os.listdir(f"/proc/{process}/fd")) == 5, "its socket and its lock"
    assert os.readlink(f"/proc/{process}/cwd") == "/"
    assert os.getsid(process) not in (os.getsid(0), process), "it can never get a terminal"
    with open(f"/proc/{process}/comm", encoding="ascii") as file:
        assert file.read() == "acme-listener\n"
    assert http01(home, port).remove()
    assert not listens(port)


def test_listener_of_killed_module_ends(home, port):
    code = "http01(sys.argv[1], int(sys.argv[2]), seconds=0.5).put(); print('.', flush=True); time.sleep(60)"
    with subprocess.Popen(**script(code, home, port), stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.kill()
    wait(lambda: not listens(port), 3.0)
    wait(lambda: remaining(home) == [], 1.0)


def test_put_after_killed_listener_starts_it_with_all_responses(home, port):
    http01(home, port, "token-1").put()
    first = pid(port)
    os.kill(first, signal.SIGKILL)
    wait(lambda: not listens(port))
    assert not http01(home, port, "token-1").in_place()
    http01(home, port, "token-2").put()
    assert pid(port) not in (None, first)
    assert [fetched(port, token) for token in ("token-1", "token-2")] == [answer("token-1"), answer("token-2")]
    assert http01(home, port, "token-1").in_place()


def test_remove_after_killed_listener_removes_all(home, port):
    made = http01(home, port)
    made.put()
    os.kill(pid(port), signal.SIGKILL)
    wait(lambda: not listens(port))
    assert made.exists()
    assert made.remove() is True
    assert remaining(home) == []


def test_listener_without_folder_ends(home, port):
    made = http01(home, port)
    made.put()
    shutil.rmtree(home / "challenges")
    wait(lambda: not listens(port))
    made.put()
    first = pid(port)
    os.rename(home, str(home) + ".old")
    wait(lambda: not listens(port))
    made.put()
    assert pid(port) not in (None, first)
    shutil.rmtree(str(home) + ".old")


def test_listener_with_replaced_folder_ends(home, port):
    """All was removed and made again: another listener's responses are not served, nor is its port kept from it."""
    made = http01(home, port)
    made.put()
    folder = os.path.dirname(made.path)
    shutil.copytree(folder, home / "copy")
    os.rename(folder, home / "moved")
    os.rename(home / "copy", folder)
    wait(lambda: not listens(port), 3.0)
    assert made.exists()
    made.put()
    assert fetched(port) == answer("token-1")


def test_remove_listener_that_hangs_times_out(home, port):
    made = http01(home, port)
    made.put()
    hanging = pid(port)
    os.kill(hanging, signal.SIGSTOP)
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    with pytest.raises(ListenError) as error:
        made.remove(monotonic=lambda: now[0], sleep=sleep)
    assert f"on port {port} of 127.0.0.1 did not end within 10 seconds" in str(error.value)
    os.kill(hanging, signal.SIGCONT)
    wait(lambda: not listens(port))


def test_listener_idle_uses_no_cpu(home, port):
    http01(home, port).put()
    process = pid(port)

    def spent():
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return sum(map(int, file.read().rpartition(") ")[2].split()[11:13]))

    before = spent()
    time.sleep(1)
    assert spent() - before <= 10, "hundredths of a second"


# --- many at once

RUN = """
home, port, number = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for turn in range(15):
    made = http01(home, port, f"token-{number}-{turn}")
    made.put()
    assert fetched(port, made.token) == made.key_authorization, (number, turn)
    made.remove()
    assert served(port, made.token) is None, (number, turn)
"""


def test_put_while_others_remove_loses_no_response(home, port):
    """Runs that share a listener: each puts, looks and removes, while it ends and begins below them."""
    runs = [
        subprocess.Popen(**script(RUN, home, port, number), stderr=subprocess.PIPE, text=True) for number in range(4)
    ]
    assert [run.communicate(timeout=60)[1] for run in runs] == [""] * 4
    assert not listens(port)
    assert remaining(home) == []


@pytest.fixture
def ending(home, port):
    """ending(*tokens): a server of this process with these responses, and the condition of its end."""
    with ExitStack() as stack:

        def ending_(*tokens):
            folder = os.path.dirname(http01(home, port).path)
            os.makedirs(folder)
            running = files.claim(os.path.join(folder, response_store.RUNNING))
            stack.callback(os.close, running)
            for token in tokens:
                http01(home, port, token).put()  # there is a listener, by its lock: it only writes
            server = challenge_server.make_server(
                "http-01", socket.create_server(("127.0.0.1", port)), ActiveResponses(folder, lambda: 0.0)
            )
            stack.callback(server.server_close)
            return server, challenge_server.EndCondition(server, running, str(home / "challenges" / ".lock"))

        yield ending_


def test_end_condition_while_another_run_holds_the_lock_is_not_met(home, port, ending):
    made = http01(home, port)
    _server, is_over = ending("token-1")
    assert not is_over()
    with files.locked(str(home / "challenges" / ".lock")):
        os.rename(made.path, home / "token-1")
        assert not is_over()
        assert listens(port)
        os.rename(home / "token-1", made.path)
    assert not is_over()
    assert listens(port)
    os.rename(made.path, home / "token-1")
    assert is_over()
    assert not listens(port)
    assert remaining(home) == ["token-1"]


def test_put_while_others_expire_loses_no_response(home, port):
    for turn in range(12):
        http01(home, port, f"over-{turn}", seconds=0.05).put()
        time.sleep(0.09 + turn * 0.01)  # its end, and that of the listener, are looked for every tenth of a second
        made = http01(home, port, f"token-{turn}")
        made.put()
        assert fetched(port, made.token) == made.key_authorization, turn
        made.remove()


# --- trouble


def test_put_full_disk_takes_no_port(home, port, disk):
    home.mkdir()
    disk(at=1, fault=faults.no_space, full=True)
    with pytest.raises(DiskError, match=r"No space left on device\. Make room there and run again"):
        http01(home, port).put()
    assert not listens(port)
    disk()
    http01(home, port).put()
    assert fetched(port) == answer("token-1")


@pytest.mark.parametrize("step", range(1, 14))
def test_put_after_crash_starts_listener(home, port, disk, step):
    made = http01(home, port)
    crashing = disk(at=step, fault=faults.crash)
    try:
        made.put()
        made.remove()
    except faults.Crash:
        pass
    crashing.end(power=False)
    disk()
    made.put()
    assert fetched(port) == answer("token-1")
    made.remove()
    assert not listens(port)
    assert remaining(home) == []


def test_listener_on_read_only_disk_frees_port(home, port, monkeypatch):
    """The listener lives with the fault, since it is a fork of this process."""

    def refuse(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files, "_unlink", refuse)
    made = http01(home, port, seconds=0.2)
    made.put()
    wait(lambda: not listens(port), 3.0)
    assert made.exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"null", b'{"identifier": "x"}', b"\xff", b"[" * 60_000])
def test_listener_malformed_response_is_removed(home, port, damage):
    made, other = http01(home, port), http01(home, port, "token-2")
    made.put()
    other.put()
    with open(made.path, "wb") as file:
        file.write(damage)
    assert fetched(port) is None
    assert fetched(port, "token-2") == answer("token-2")
    wait(lambda: not made.exists(), 1.0)
    with open(other.path, "wb") as file:
        file.write(damage)
    wait(lambda: remaining(home) == [])
    assert not listens(port)


def test_end_condition_response_expired_while_another_is_removed_leaves_nothing(home, port, ending, monkeypatch):
    """On a slow disk, the second file went bad between two reads of the listener, and stayed with its folder."""
    _server, is_over = ending("token-1", "token-2")
    unlink = files._unlink

    def damage(token):
        path = http01(home, port, token).path
        if os.path.exists(path):
            os.truncate(path, 0)
            os.utime(path, ns=(1, 1))  # so that another time shows, however fast this is

    def slow(*arguments):
        damage("token-2")
        return unlink(*arguments)

    monkeypatch.setattr(files, "_unlink", slow)
    damage("token-1")
    assert not is_over()
    assert is_over()
    assert remaining(home) == []
    assert not listens(port)


def test_listener_link_as_response_is_not_followed(home, port, tmp_path):
    made = http01(home, port)
    made.put()
    shutil.copy(made.path, tmp_path / "elsewhere")
    link = os.path.join(home, "link")
    os.symlink(tmp_path / "elsewhere", link)
    os.replace(link, made.path)  # the listener would end between a removal and a link
    wait(lambda: not listens(port))
    assert (tmp_path / "elsewhere").exists()


def test_put_fork_fails_is_listen_error(home, port, monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(daemon.os, "fork", refuse)
    with pytest.raises(ListenError, match=r"cannot start the challenge listener: Resource temporarily"):
        http01(home, port).put()
    monkeypatch.undo()
    assert not listens(port)
    http01(home, port).put()
    assert fetched(port) == answer("token-1")


def test_put_tls_alpn_without_library_is_refused(home, port, monkeypatch):
    monkeypatch.setattr(availability, "import_problem", lambda: "the Python library cryptography is missing")
    with pytest.raises(ListenError, match="the Python library cryptography is missing"):
        tls_alpn01(home, port).put()
    assert not home.exists()
    http01(home, port).put()
    assert fetched(port) == answer("token-1"), "http-01 needs no library"


def test_listener_releases_lock_for_other_runs(home, port):
    """A listener holds only its own lock: another run has to get the lock while it runs."""
    http01(home, port).put()
    code = "http01(sys.argv[1], int(sys.argv[2]), 'token-2').put()"
    subprocess.run(**script(code, home, port), check=True, timeout=20)
    assert fetched(port, "token-2") == answer("token-2")
    assert ports.find_user(Listen(port)).name == "acme-listener"
