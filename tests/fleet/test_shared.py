# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that three hosts share: one order, one key, never in clear between hosts, and no host without it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.fleet.fleet import HOME, PATIENCE, Fleet, Run
from tests.fleet.secrets_found import Sampler, everything_written, secret_parts, traces
from tests.lab.process import wait
from tests.unit.host import ca


@pytest.fixture
def trio(small: Fleet) -> Fleet:
    """Return three hosts that want the same certificate; its name leads to the first two."""
    small.variables["acme_http_01_scope"] = "play"
    small.variables["acme_certificates"] = [small.certificate("shop", "lb.lab.test", shared=True)]
    return small


def orders(fleet: Fleet, mark: int) -> int:
    return fleet.signed_requests(mark).count("/order-plz")


def all_have_one(fleet: Fleet) -> int:
    """Assert that all hosts have the same certificate and its key; gives its serial number."""
    serials = set(fleet.serials().values())
    assert len(serials) == 1
    for host in fleet.lab.hosts:
        assert fleet.pair_matches(host)
        facts = fleet.lab.path(host, f"{HOME}/versions/shop")
        assert [path.name for path in facts.rglob(".receiving*")] == []
    keys = {fleet.file(host, "shop", "privkey.pem").read_bytes() for host in fleet.lab.hosts}
    assert len(keys) == 1
    (serial,) = serials
    assert serial is not None
    return serial


def forget(fleet: Fleet, host: str) -> None:
    fleet.lab.exec(host, ["rm", "-rf", HOME], check=True)


def test_shared_one_order_for_all_hosts(trio: Fleet) -> None:
    check = trio.site("--check")
    assert check.code == 0
    assert trio.serials() == dict.fromkeys(trio.lab.hosts)
    mark = trio.lab.pebble.mark()
    run = trio.site()
    assert run.code == 0
    assert (
        check.planned
        == run.planned
        == [
            "web1: certificate shop: issue (missing)",
            "web2: certificate shop: receive (missing: from web1)",
            "web3: certificate shop: receive (missing: from web1)",
        ]
    )
    assert check.hosts_with("changed") == run.hosts_with("changed") == trio.lab.hosts
    first = all_have_one(trio)
    assert trio.lab.pebble.issued(mark) == [first]
    assert orders(trio, mark) == 1
    trio.enable_tls()

    again = trio.site("-vvv")
    assert again.code == 0
    assert again.hosts_with("changed") == []
    assert again.module_runs == dict.fromkeys(map(trio.lab.address, trio.lab.hosts), 1)

    # The host that made the key is as good as any other.
    forget(trio, "web1")
    trio.file("web3", "shop", "privkey.pem").write_text("damaged")
    mark = trio.lab.pebble.mark()
    run = trio.site("-vvv")
    assert run.code == 0
    assert run.planned == [
        "web1: certificate shop: receive (missing: from web2)",
        "web3: certificate shop: receive (key does not match: from web2)",
    ]
    assert all_have_one(trio) == first
    assert trio.signed_requests(mark) == []
    # One look, and for both of them the key: the host with nothing due is bothered with nothing else.
    assert run.module_runs[trio.lab.address("web2")] == 2

    mark = trio.lab.pebble.mark()
    run = trio.site(acme_force_renewal=True)
    assert run.code == 0
    second = all_have_one(trio)
    assert second != first
    assert trio.lab.pebble.issued(mark) == [second]
    for host in ("web1", "web2"):
        served(trio, host)


def served(fleet: Fleet, host: str) -> None:
    live = fleet.live(host)
    what = f"{host} does not serve what it has"
    wait(lambda: fleet.served(host, "lb.lab.test") == live, PATIENCE, what, 0.1)


@pytest.mark.hard
def test_shared_first_reachable_host_makes_key(trio: Fleet) -> None:
    trio.lab.unplug("web3")
    # Its name leads to another host than that which orders.
    trio.variables["acme_certificates"] = [trio.certificate("shop", "web2.lab.test", shared=True)]
    run = trio.site()
    assert run.hosts_with("unreachable") == ["web3"]
    assert run.hosts_with("failed") == []
    assert trio.live("web1") == trio.live("web2")
    assert run.planned == [
        "web1: certificate shop: issue (missing)",
        "web2: certificate shop: receive (missing: from web1)",
    ]
    trio.lab.plug("web3")
    trio.lab.unplug("web1")
    mark = trio.lab.pebble.mark()
    run = trio.site()
    assert run.planned == ["web3: certificate shop: receive (missing: from web2)"]
    trio.lab.plug("web1")
    assert all_have_one(trio)
    assert trio.signed_requests(mark) == []


@pytest.mark.hard
def test_shared_later_batch_receives_from_earlier_one(trio: Fleet) -> None:
    trio.variables["acme_certificates"] = [trio.certificate("shop", "web1.lab.test", shared=True)]
    mark = trio.lab.pebble.mark()
    for options in ({}, {"acme_force_renewal": True}):
        run = trio.play("serial: 1", **options)
        assert run.code == 0
        all_have_one(trio)
        receivers = [line for line in run.planned if ": receive (" in line]
        assert [line.rpartition(" ")[2] for line in receivers] == ["web1)", "web1)"]
    assert orders(trio, mark) == 2
    run = trio.play("serial: 1")
    assert run.hosts_with("changed") == []


@pytest.mark.hard
def test_shared_failure_is_reported_on_all_hosts_and_repaired_by_next_run(trio: Fleet) -> None:
    trio.variables["acme_certificates"] = [trio.certificate("shop", "nx.lab.test", shared=True)]
    run = trio.site()
    assert run.hosts_with("failed") == trio.lab.hosts
    assert "nx.lab.test" in run.message("web1")
    assert "web1 makes the key and orders: " in run.message("web2")
    assert "nx.lab.test" in run.message("web2")
    assert trio.serials() == dict.fromkeys(trio.lab.hosts)

    # The hosts disagree.
    run = trio.site(
        **trio.by_host(
            **{
                host: [trio.certificate("shop", "lb.lab.test", shared=True, key_type=kind)]
                for host, kind in zip(trio.lab.hosts, ("ec256", "ec256", "rsa2048"))
            }
        )
    )
    assert run.hosts_with("failed") == trio.lab.hosts
    assert "key_type differs between web1 and web3" in run.message("web2")

    # A host that cannot take it is no hindrance to the others.
    trio.variables["acme_certificates"] = [trio.certificate("shop", "lb.lab.test", shared=True)]
    trio.lab.path("web2", f"{HOME}/live").mkdir(parents=True, exist_ok=True)
    trio.lab.path("web2", f"{HOME}/live/shop").write_text("in the way")
    run = trio.site()
    assert run.hosts_with("failed") == ["web2"]
    assert trio.live("web1") == trio.live("web3")
    trio.lab.path("web2", f"{HOME}/live/shop").unlink()
    assert trio.site().code == 0
    all_have_one(trio)


@pytest.mark.hard
def test_shared_key_is_in_no_file_and_no_output(trio: Fleet, tmp_path: Path) -> None:
    trio.variables["acme_certificates"].append(
        trio.certificate("rsa", "lb.lab.test", key_type="rsa2048", reload=[], shared=True)
    )
    home, temp = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temp.mkdir()
    env = {"HOME": str(home), "TMPDIR": str(temp), "ANSIBLE_LOG_PATH": str(home / "ansible.log")}
    runs: list[Run] = []
    with Sampler([home, temp, trio.lab.state / "ansible", trio.folder]) as sampler:
        runs.append(trio.run(trio.command("-vvvv", "--diff"), env=env))
        assert runs[-1].code == 0
        forget(trio, "web1")
        runs.append(trio.run(trio.command("-vvvv", "--diff"), env=env))
        assert runs[-1].code == 0
    all_have_one(trio)
    assert "sealed_key" in runs[-1].text
    keys = {
        f"the private key of {name}": secret_parts(trio.file("web1", name, "privkey.pem").read_bytes())
        for name in ("shop", "rsa")
    }
    output = {f"the output of run {number}": run.text.encode() for number, run in enumerate(runs, 1)}
    assert len(sampler.commands) > 10
    assert traces(keys, {**output, "a process list": b"\n".join(sampler.commands), **sampler.files}) == []
    for host in trio.lab.hosts:
        files = everything_written(trio, host)
        # On the hosts it is in the files that are for it, and found there.
        places = {trace.partition(" in ")[2] for trace in traces(keys, files)}
        assert len(places) == 2
        assert {path.rpartition("/")[2] for path in places} == {"privkey.pem"}


@pytest.mark.hard
def test_shared_unrecorded_certificate_is_not_passed_on(trio: Fleet) -> None:
    """A hostile host has one of its own CA, valid for decades: without the record, all would receive it."""
    assert trio.site().code == 0
    first = all_have_one(trio)
    folder = next(path for path in trio.lab.path("web3", f"{HOME}/versions/shop").iterdir() if path.is_dir())
    key = serialization.load_pem_private_key((folder / "privkey.pem").read_bytes(), None)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    validity = {"not_before": now - timedelta(hours=1), "not_after": now + timedelta(days=8000)}
    root = ca.Authority.root("Hostile root", **validity)
    files = {
        "cert.pem": ca.pem(root.leaf(key.public_key(), ["lb.lab.test"], **validity)).encode(),
        "chain.pem": ca.pem(root.certificate).encode(),
    }
    files["fullchain.pem"] = files["cert.pem"] + files["chain.pem"]
    manifest = json.loads((folder / "version.json").read_text())
    for name, content in files.items():
        (folder / name).write_bytes(content)
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
    times = {name: instant.strftime("%Y-%m-%dT%H:%M:%SZ") for name, instant in validity.items()}
    manifest.update(**times, serial="bad", ari_id=None, created=times["not_before"])
    (folder / "version.json").write_text(json.dumps(manifest))

    run = trio.site()
    assert run.code == 0
    assert run.planned == ["web3: certificate shop: receive (not the one that is shared: from web1)"]
    assert all_have_one(trio) == first
