# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: what the other tests take for granted."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.lab import Lab, LabError
from tests.lab.pebble import BIN, MANAGEMENT
from tests.lab.process import Process, processes, wait

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    # A space, because a checkout may lie in a directory with one.
    with Lab(tmp_path_factory.mktemp("a lab"), hosts=3, lb=2) as lab:
        yield lab


def test_lab_ansible_reaches_every_host(lab):
    done = lab.run(["ansible", "web", "-m", "command", "-a", "hostname --fqdn"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"web1.lab.test", "web2.lab.test", "web3.lab.test"} <= set(done.stdout.splitlines())


def test_lab_user_deploy_becomes_root_with_sudo(lab):
    command = ["ansible", "web1", "-u", "deploy", "-m", "command", "-a", "id -un"]
    assert lab.run(command, capture_output=True, text=True).stdout.splitlines()[-1] == "deploy"
    assert lab.run([*command, "--become"], capture_output=True, text=True).stdout.splitlines()[-1] == "root"


def test_lab_host_key_is_verified(lab):
    ssh = ["ssh", "-F", lab.state / "ssh_config"]
    assert lab.run([*ssh, "web1.lab.test", "true"]).returncode == 0
    unknown = lab.run([*ssh, "lb.lab.test", "true"], capture_output=True, text=True)
    assert "Host key verification failed" in unknown.stderr


def test_lab_hosts_are_separate(lab):
    lab.path("web1", "/tmp/mine").write_text("")
    assert not Path("/tmp/mine").exists()
    assert not lab.path("web2", "/tmp/mine").exists()
    lab.path("web1", "/etc/hostname").write_text("changed")
    assert lab.path("web2", "/etc/hostname").read_text() == "web2\n"
    seen = lab.exec("web1", ["ps", "-A", "-o", "comm="], capture_output=True, text=True).stdout.split()
    assert "nginx" in seen
    assert not {"pebble", "named"} & set(seen)


def test_lab_root_of_host_has_no_start_up_files(lab):
    assert os.listdir(lab.path("web1", "/root")) == [".ssh"]


def test_lab_host_reaps_orphans(lab):
    script = "(sleep 0.1 &); sleep 0.4; ps -A -o stat="
    states = lab.exec("web1", ["sh", "-c", script], capture_output=True, text=True).stdout.split()
    assert len(states) >= 5
    assert not [state for state in states if state.startswith("Z")]


@pytest.mark.parametrize("name", ["web1.lab.test", "any.web1.lab.test", "lb.lab.test"])
def test_lab_nginx_answers_under_its_name(lab, name):
    done = lab.run(["curl", "--silent", "--fail", f"http://{name}/"], capture_output=True, text=True)
    assert "a host of the lab" in done.stdout


def test_lab_names_resolve(lab):
    def addresses(name):
        found = lab.run(["getent", "ahostsv4", name], capture_output=True, text=True).stdout
        return {line.split()[0] for line in found.splitlines()}

    assert addresses("web3.lab.test") == {lab.address("web3")}
    assert addresses("lb.lab.test") == {lab.address("web1"), lab.address("web2")}
    assert addresses("nx.lab.test") == set()
    lab.dns.add("added", "A", lab.address("web3"))
    assert addresses("added.lab.test") == {lab.address("web3")}
    lab.dns.remove("added", "A", lab.address("web3"))
    assert addresses("added.lab.test") == set()


@pytest.mark.parametrize("asker", ["the controller", "web2"])
def test_lab_hosts_have_ipv6(lab, asker):
    command = ["curl", "--silent", "--fail", "--globoff", f"http://[{lab.address6('web1')}]/"]
    ask = lab.run if asker == "the controller" else functools.partial(lab.exec, asker)
    assert "a host of the lab" in ask(command, capture_output=True, text=True).stdout


def test_lab_unplugged_host_is_unreachable_until_plugged_in(lab):
    curl = ["curl", "--silent", "--fail", "--max-time", "1", "http://web2.lab.test/"]
    lab.unplug("web2")
    assert lab.alive("web2")
    assert lab.run(curl, stdout=subprocess.DEVNULL).returncode != 0
    lab.plug("web2")
    assert lab.run([*curl, "--max-time", "10"], stdout=subprocess.DEVNULL).returncode == 0


def test_lab_killed_host_boots_as_new(lab):
    lab.path("web3", "/etc/mark").write_text("")
    lab.kill("web3")
    assert not lab.alive("web3")
    with pytest.raises(LabError, match="web3 is not up"):
        lab.exec("web3", ["true"])
    lab.boot("web3")
    assert not lab.path("web3", "/etc/mark").exists()
    assert lab.run(["ansible", "web3", "-m", "ping"], stdout=subprocess.DEVNULL).returncode == 0


def issue(lab, name, *options, check=True):
    """Get a certificate with lego, over the webroot of web1. Returns its PEM and its key's, or what lego said."""
    path = lab.state / "ansible" / "lego"
    account = ["--server", lab.pebble.directory_url, "--accept-tos", "--email", "lab@lab.test", *options]
    challenge = ["--http", "--http.webroot", lab.path("web1", "/var/www/html")]
    done = lab.run(
        [BIN / "lego", "--path", path, *account, *challenge, "--domains", name, "run"],
        env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.pebble.ca_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == check, done.stderr
    if not check:
        return done.stderr
    return [(path / "certificates" / f"{name.replace(':', '-')}.{ext}").read_bytes() for ext in ("crt", "key")]


def test_lab_ca_issues_and_host_serves(lab):
    name = "shop.web1.lab.test"
    mark = lab.pebble.mark()
    fullchain, key = issue(lab, name)

    requests = lab.pebble.requests(mark)
    assert requests[:2] == [("GET", "/dir"), ("HEAD", "/nonce-plz")]
    assert requests[-1] == ("POST", "/certZ/")
    assert lab.pebble.requests(lab.pebble.mark()) == []
    (serial,) = lab.pebble.issued(mark)
    status = lab.pebble.cert_status(serial)
    assert status["Status"] == "Valid"

    with pytest.raises(OSError, match="refused"):
        lab.served("web1", name)
    with pytest.raises(LabError, match="nginx of web1 does not take the certificate absent"):
        lab.enable_tls("web1", "absent")
    directory = lab.path("web1", "/etc/ssl/shop")
    directory.mkdir()
    (directory / "fullchain.pem").write_bytes(fullchain)
    (directory / "privkey.pem").write_bytes(key)
    lab.enable_tls("web1", "/etc/ssl/shop", [name])

    served = wait(lambda: _served(lab, name), 10, "web1 does not serve")
    assert x509.load_der_x509_certificate(served).serial_number == serial
    assert x509.load_der_x509_certificate(served).public_bytes(Encoding.PEM).decode() == status["Certificate"]
    with pytest.raises(ssl.SSLCertVerificationError):
        lab.served("web1", name, roots=lab.pebble.ca_path.read_text())
    with pytest.raises(ssl.SSLCertVerificationError):
        lab.served("web1", "other.web1.lab.test", roots=lab.pebble.root_pem())


def test_lab_ca_validates_addresses(lab):
    for address in (lab.address("web1"), lab.address6("web1")):
        certificate = x509.load_pem_x509_certificates(issue(lab, address)[0])[0]
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(found) for found in san.get_values_for_type(x509.IPAddress)] == [address]


def _served(lab, name):
    try:
        return lab.served("web1", name, roots=lab.pebble.root_pem())
    except ConnectionRefusedError:  # reloading takes a moment
        return None


def test_lab_renewal_information_can_be_set(lab):
    issue(lab, "renewal.web1.lab.test")
    certificate = lab.pebble.cert_status(lab.pebble.issued()[-1])["Certificate"]
    start = datetime(2040, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    lab.pebble.set_renewal_info(certificate, (start, start + timedelta(days=1)))

    curl = ["curl", "--silent", "--fail", "--cacert", lab.pebble.ca_path]
    directory = json.loads(lab.run([*curl, lab.pebble.directory_url], capture_output=True).stdout)
    url = f"{directory['renewalInfo']}/{_ari_id(certificate)}"
    answer = json.loads(lab.run([*curl, url], capture_output=True).stdout)
    assert answer["suggestedWindow"] == {"start": "2040-02-03T04:05:06+00:00", "end": "2040-02-04T04:05:06+00:00"}


def _ari_id(pem):
    """RFC 9773 section 4.1"""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number.to_bytes(certificate.serial_number.bit_length() // 8 + 1, "big")
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (key_id, serial))


def test_lab_ca_refuses_blocked_name(lab):
    assert "rejectedIdentifier" in issue(lab, "blocked.lab.test", check=False)


def test_lab_ca_requires_external_account_binding(tmp_path):
    with Lab(tmp_path, hosts=1, eab=True) as lab:
        kid, key = lab.pebble.eab["kid"], lab.pebble.eab["key"]
        name = "web1.lab.test"
        assert "urn:ietf:params:acme:error" in issue(lab, name, "--eab", "--kid", "x", "--hmac", key, check=False)
        issue(lab, name, "--eab", "--kid", kid, "--hmac", key)
        assert len(lab.pebble.issued()) == 1


def test_lab_ca_restarts_with_other_settings(tmp_path):
    with Lab(tmp_path, hosts=1, pebble_env={"PEBBLE_ALTERNATE_ROOTS": "1"}) as lab:
        mark, root = lab.pebble.mark(), lab.pebble.root_pem()
        assert lab.pebble.root_pem(1) not in (root, lab.pebble.intermediate_pem(1))
        lab.pebble.restart(env={"PEBBLE_WFE_NONCEREJECT": "37"})
        assert lab.pebble.root_pem() != root
        with pytest.raises(LabError, match="404"):
            lab.pebble.root_pem(1)
        assert b"reject 37% of good nonces" in lab.pebble.log.read_bytes()[mark:]


def everything(lab):
    """Return all processes that live in a lab's networks: its own, its hosts', and those that entered from outside."""
    networks = {lab.init.network(), *(Process.of(lab._running(host).pid).network() for host in lab.hosts)}
    return [process for process in processes() if process.network() in networks]


def machine():
    """Return the state of the machine that a lab could change."""
    return {
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "namespaces": subprocess.run(["ip", "netns", "list"], capture_output=True, check=True).stdout,
        "mounts": sorted(line for line in Path("/proc/self/mounts").read_text().splitlines() if "lab" in line),
    }


def assert_nothing_is_left(state, control, before, lived):
    assert len(lived) > 10
    assert [process for process in lived if process.alive] == []
    assert machine() == before
    assert not Path(control).exists()
    assert os.listdir(state) == ["log"]


def test_down_leaves_nothing(tmp_path):
    before = machine()
    with Lab(tmp_path, hosts=2) as lab:
        # Leaves ssh's shared connections behind; and somebody forgot a process.
        assert lab.run(["ansible", "web", "-m", "ping"], stdout=subprocess.DEVNULL).returncode == 0
        assert len(os.listdir(lab.control)) == 3, "one for each host, and the mount point"
        forgotten = lab.popen(["sleep", "600"])
        lived = everything(lab)
    assert forgotten.wait() == -signal.SIGKILL
    assert_nothing_is_left(tmp_path, lab.control, before, lived)


@pytest.fixture
def abandoned(tmp_path):
    """Yield a lab whose owner was killed, with a process in its network; the state before, and all that lives in it."""
    before = machine()
    script = (
        "import sys, time; from tests.lab import Lab; lab = Lab(sys.argv[1], hosts=2); lab.__enter__(); print('up');"
    )
    script += "sys.stdout.flush(); time.sleep(600)"
    owner = subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout.readline() == b"up\n"
    owner.kill()
    owner.wait()
    lab = Lab.attach(tmp_path)
    entered = lab.popen(["sleep", "600"])
    yield lab, before, everything(lab)
    lab.down()
    entered.wait()


@pytest.mark.hard
def test_down_after_the_owner_was_killed(abandoned):
    lab, before, lived = abandoned
    subprocess.run([sys.executable, "-m", "tests.lab", "--state", lab.state, "down"], cwd=ROOT, check=True)
    assert_nothing_is_left(lab.state, lab.control, before, lived)


@pytest.mark.hard
def test_down_after_the_lab_was_killed(abandoned):
    lab, before, lived = abandoned
    lab.init.kill()
    assert [process for process in lived if process.alive]  # what entered from outside outlives it
    Lab(lab.state).down()
    assert_nothing_is_left(lab.state, lab.control, before, lived)


@pytest.mark.hard
def test_up_replaces_abandoned_lab(abandoned):
    old, before, lived = abandoned
    with Lab(old.state, hosts=1) as lab:
        assert not [process for process in lived if process.alive]
        lived = [*lived, *everything(lab)]
    assert_nothing_is_left(lab.state, lab.control, before, lived)


@pytest.mark.hard
def test_up_that_fails_leaves_nothing(tmp_path):
    before = machine()
    with pytest.raises(LabError, match="Pebble ended: see "):
        Lab(tmp_path, hosts=2, pebble_config={"listenAddress": "malformed"}).up()
    assert machine() == before
    assert os.listdir(tmp_path) == ["log"]
    assert "malformed" in (tmp_path / "log" / "pebble.log").read_text()


NOBODY = 65534  # somebody else than root, whom named's root may not pass by


def test_up_closed_home_and_umask_serves_all(tmp_path):
    """The checkout of a person in a home of mode 0700, with umask 077: every server can read its files."""
    home = tmp_path / "a home"
    home.mkdir()
    home.chmod(0o700)
    os.chown(home, NOBODY, NOBODY)
    before = os.umask(0o077)
    try:
        with Lab(home / "lab", hosts=1, dns_zones=True) as lab:
            for zone in ("dyn", "pdns"):
                lab.authorities.add(f"_acme-challenge.{lab.authorities.zone(zone)}", "TXT", "x")
                assert len(lab.authorities.txt(zone)) == 1
            lab.dns.add("www", "CNAME", "web1")
            lab.pebble.restart()
            url = ["curl", "--silent", "--show-error", "--fail", "http://www.lab.test/"]
            assert "a host of the lab" in lab.run(url, check=True, capture_output=True, text=True).stdout
            deploy = ["ansible", "web1", "-u", "deploy", "--become", "-m", "command", "-a", "sh -c umask"]
            assert lab.run(deploy, check=True, capture_output=True, text=True).stdout.splitlines()[-1] == "0022"
            assert os.umask(0o077) == 0o077, "the caller's umask is restored"
    finally:
        os.umask(before)


def test_lab_web_certificate_passes_strict_verification(lab):
    """Verify as Python 3.13 and later do by default."""
    context = ssl.create_default_context(cafile=str(lab.pebble.ca_path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT

    def ask():
        with (
            socket.create_connection((lab.controller, MANAGEMENT), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=lab.controller) as tls,
        ):
            return tls.version()

    assert lab.inside(ask)


@pytest.mark.hard
def test_lab_two_at_once(lab, tmp_path):
    with Lab(tmp_path, hosts=1) as other:
        assert other.address("web1") == lab.address("web1")
        other.path("web1", "/var/www/html/index.html").write_text("the other's")
        url = ["curl", "--silent", "--fail", "http://web1.lab.test/"]
        assert other.run(url, capture_output=True, text=True).stdout == "the other's"
        assert "a host of the lab" in lab.run(url, capture_output=True, text=True).stdout
        assert other.pebble.root_pem() != lab.pebble.root_pem()
    assert lab.run(url, stdout=subprocess.DEVNULL).returncode == 0


def cli(state, *args, **kwargs):
    command = [sys.executable, "-m", "tests.lab", "--state", state, *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **kwargs)


def test_lab_command_line(tmp_path):
    assert "web2.lab.test  10.53.1.2  up" in cli(tmp_path, "up", "--hosts", "2").stdout
    try:
        again = cli(tmp_path, "up")
        assert again.returncode == 1
        assert again.stderr.startswith(f"lab: the lab in {tmp_path} is up already, with 2 hosts; to take it down: ")
        assert cli(tmp_path, "run", "--", "curl", "--silent", "http://web2.lab.test").returncode == 0
        assert cli(tmp_path, "run", "--", "sh", "-c", "exit 7").returncode == 7
        assert cli(tmp_path, "exec", "web2", "--", "hostname").stdout == "web2\n"
        assert (
            cli(tmp_path, "exec", "web3", "--", "true").stderr
            == "lab: there is no host web3: the lab has web1 to web2\n"
        )
        variables = json.loads((tmp_path / "vars.json").read_text())
        assert variables["acme_directory"] == "https://ca.lab.test:14000/dir"
    finally:
        down = cli(tmp_path, "down")
    assert (down.returncode, down.stderr) == (0, "")
    assert cli(tmp_path, "down").returncode == 0
    assert cli(tmp_path, "status").stderr.startswith(f"lab: there is no lab up in {tmp_path}")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["up", "--hosts", "0"], "a lab has 1 to 1,000 hosts, not 0"),
        (["up", "--pebble-env", "PEBBLE_VA_NOSLEEP"], "--pebble-env wants K=V, not PEBBLE_VA_NOSLEEP"),
        (["run", "--", "true"], "there is no lab up in"),
    ],
)
def test_lab_command_line_bad_input_fails_in_one_line(tmp_path, args, message):
    done = cli(tmp_path, *args)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lab: {message}")
    assert done.stderr.count("\n") == 1


def test_up_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "precious").write_text("")
    assert "is no lab's: it has precious" in cli(tmp_path, "up").stderr
    assert os.listdir(tmp_path) == ["precious"]


def test_up_without_root_is_refused(tmp_path):
    with pytest.raises(LabError, match="the lab needs root"):
        _as_nobody(lambda: Lab(tmp_path).up())


def _as_nobody(function):
    os.seteuid(65534)
    try:
        return function()
    finally:
        os.seteuid(0)
