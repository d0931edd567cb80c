# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys stay on their hosts, account keys on the controller; and the live pair matches at every moment."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fleet.fleet import HOME, Fleet
from tests.fleet.secrets_found import Sampler, everything_written, secret_parts, traces
from tests.lab import cores

HERE = Path(__file__).parent
PASSPHRASE = base64.b64encode(os.urandom(24)).decode()
EAB = {"kid": "secrecy", "key": base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")}


def test_sampler_sees_file_written_again_at_same_size(tmp_path: Path) -> None:
    sampler = Sampler([tmp_path])
    for text in (b"one", b"two"):
        (tmp_path / "file").write_bytes(text)
        sampler._files()
    assert sorted(sampler.files.values()) == [b"one", b"two"]
    with (tmp_path / "file").open("ab") as file:
        file.write(b" more")
    sampler._files()
    assert sorted(sampler.files.values()) == [b"one", b"two more"]


@pytest.fixture
def births(small: Fleet) -> Iterator[None]:
    """Have the hosts note with which mode files are born."""
    asked = ["/usr/bin/python3", "-c", "import site; print(site.getsitepackages()[0])"]
    folder = small.lab.exec("web1", asked, capture_output=True, text=True, check=True).stdout.strip()
    for host in small.lab.hosts:
        small.lab.path(host, folder).mkdir(parents=True, exist_ok=True)
        small.lab.path(host, f"{folder}/birth.py").write_text((HERE / "birth.py").read_text())
        small.lab.path(host, f"{folder}/birth.pth").write_text("import birth\n")
    yield
    for host in small.lab.hosts:
        for path in (f"{folder}/birth.py", f"{folder}/birth.pth", "/tmp/born"):
            small.lab.path(host, path).unlink(missing_ok=True)


@pytest.fixture
def temp() -> Iterator[Path]:
    """Yield a folder for temporary files with a short path: ansible-core 2.22 has a socket there, with a path limit."""
    with TemporaryDirectory(prefix="acme-") as folder:
        yield Path(folder)


# ansible-core 2.22 no longer removes values of no_log options from results: it registers them, and masks what is shown.
@pytest.mark.parametrize(
    "core",
    [cores.parameter(core="", hard=True), cores.parameter(core="newest"), cores.parameter(core="oldest", hard=True)],
)
def test_run_leaks_no_secret(small: Fleet, births: None, temp: Path, tmp_path: Path, core: str) -> None:
    small.lab.pebble.restart(
        config={"externalAccountBindingRequired": True, "externalAccountMACKeys": {EAB["kid"]: EAB["key"]}}
    )
    small.variables["acme_eab"] = EAB
    small.variables["acme_certificates"] = [
        small.certificate("shop", formats=[{"kind": "pkcs12", "path": "/etc/shop.p12", "passphrase": PASSPHRASE}]),
        small.certificate("rsa", "rsa.{{ inventory_hostname }}.lab.test", key_type="rsa2048", reload=[]),
    ]
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "TMPDIR": str(temp), "ANSIBLE_LOG_PATH": str(home / "ansible.log")}
    # Hosts write to mounts of their own, which are not visible from here.
    with Sampler([home, temp, small.lab.state / "ansible", small.folder]) as sampler:
        run = small.run(small.command("-vvvv", "--diff", core=core), env=env)
        assert run.code == 0
        account_key = (small.folder / "account-key.pem").read_bytes()
        assert (small.folder / "account-key.pem").stat().st_mode & 0o7777 == 0o600
        # The same account with its key as text, as from a vault, and a failure, which tells more.
        bad = [small.certificate("bad", "nx.lab.test")]
        more = {"acme_account_key_content": account_key.decode(), "acme_certificates": bad}
        command = small.command("-vvvv", core=core, **more)
        failing = small.run(command, env=env)
        assert failing.hosts_with("failed") == small.lab.hosts

    output = {"the output": run.text.encode(), "the output of the failing run": failing.text.encode()}
    assert len(run.text) > 50_000
    assert len(sampler.commands) > 10
    commands = {"a process list": b"\n".join(sampler.commands)}

    keys = {
        f"the private key of {name} on {host}": secret_parts(small.file(host, name, "privkey.pem").read_bytes())
        for host in small.lab.hosts
        for name in ("shop", "rsa")
    }
    assert traces(keys, {**output, **commands, **sampler.files}) == []

    account = {"the account key": secret_parts(account_key), "the EAB key": {EAB["key"].encode()}}
    on_hosts = {host: everything_written(small, host) for host in small.lab.hosts}
    assert all(len(files) > 20 for files in on_hosts.values())
    for host, files in on_hosts.items():
        assert traces(account, files) == [], host
        # A key that is there is found.
        found = {trace.partition(" in ")[0] for trace in traces(keys, files)}
        assert found == {secret for secret in keys if secret.endswith(f" on {host}")}
    logs = {name: text for name, text in sampler.files.items() if "ansible.log" in name}
    assert logs
    passphrase = {"the passphrase": {PASSPHRASE.encode()}}
    assert traces({**account, **passphrase}, {**output, **commands, **logs}) == []

    for host in small.lab.hosts:
        born = small.lab.path(host, "/tmp/born").read_text().splitlines()
        private = [line for line in born if "/privkey.pem" in line or "/.privkey.pem.aside" in line]
        assert len(private) >= 2
        assert {line.split(" ")[0] for line in private} == {"0600"}


@pytest.mark.hard
def test_run_live_pair_matches_at_every_moment(small: Fleet) -> None:
    only = {"acme_hosts": "web1"}
    assert small.site(**only).code == 0
    small.lab.path("web1", "/tmp/watcher.py").write_text((HERE / "watcher.py").read_text())
    watch = small.lab.exec_command(
        "web1", ["/usr/bin/python3", "/tmp/watcher.py", f"{HOME}/live/shop", "/tmp/watcher.stop"]
    )
    process = subprocess.Popen(watch, stdout=subprocess.PIPE, text=True)
    try:
        for _unused in range(3):
            run = small.site(acme_force_renewal=True, **only)
            assert run.code == 0
    finally:
        small.lab.path("web1", "/tmp/watcher.stop").write_text("")
        printed, _unused = process.communicate(timeout=30)
        small.lab.path("web1", "/tmp/watcher.stop").unlink()
    seen = json.loads(printed)
    assert seen["faults"] == []
    assert seen["serials"] == 4
    assert seen["reads"] > 100
