# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""This project and its peers, each called as its own documentation has it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import Lab
from tests.lab.namespaces import CLEAN_ENV

from .measure import BenchError
from .table import CERTBOT, COMMUNITY_CRYPTO, LEGO, OURS

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BUILD = CHECKOUT / "build"
COLLECTIONS = BUILD / "bench" / "collections"
PLAYBOOKS = HERE / "playbooks"
OWN = Path(sys.executable).parent  # this project's ansible-core
PEERS = {name: BUILD / "bench" / f"venv-{name}" / "bin" for name in ("ansible", "certbot")}
LEGO_PROGRAM = BUILD / "bin" / "lego"


@dataclass(frozen=True)
class Call:
    """A command line and what it needs in its environment."""

    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A certificate for each host of a lab's group or list of hosts, with names made of the host's."""

    name: str
    hosts: str
    identifiers: Sequence[str]


def install() -> None:
    """Install the peers, each in a virtual environment of its own, and this collection as its users do."""
    for name, programs in PEERS.items():
        pins = HERE / f"requirements-{name}.txt"
        done = subprocess.run(
            ["sh", HERE.parent / "setup/python.sh", sys._base_executable, programs.parent, pins], check=False
        )
        if done.returncode != 0:
            raise BenchError(f"{name} could not be installed in {programs.parent}")
    if not LEGO_PROGRAM.exists():
        raise BenchError(f"there is no {LEGO_PROGRAM}: run make system")
    archives = BUILD / "bench" / "archives"
    shutil.rmtree(archives, ignore_errors=True)
    galaxy = [OWN / "ansible-galaxy", "collection"]
    env = {**CLEAN_ENV, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    _said([*galaxy, "build", "--output-path", archives, CHECKOUT], env)
    _said([*galaxy, "install", "--force", "--offline", "--collections-path", COLLECTIONS, *archives.iterdir()], env)


def versions() -> dict[str, str]:
    """Return the compared versions. Raises BenchError if the Ansibles differ: only the two collections may differ."""
    own, other = (_ansible_core(programs) for programs in (OWN, PEERS["ansible"]))
    if own != other:
        raise BenchError(f"the peer's ansible-core is {other}, ours {own}: pin an ansible that fits ours")
    theirs = next(PEERS["ansible"].parent.glob("lib/*/site-packages"))
    return {
        OURS: _collection(COLLECTIONS, "certfleet/tls"),
        "ansible-core": own,
        COMMUNITY_CRYPTO: _collection(theirs, "community/crypto"),
        CERTBOT: _said([PEERS["certbot"] / "certbot", "--version"]).split()[1],
        LEGO: _said([LEGO_PROGRAM, "--version"]).split()[2],
        "python": sys.version.split()[0],
    }


def ping() -> Call:
    return Call([OWN / "ansible", "web", "-m", "ansible.builtin.ping"])


def ours(lab: Lab, folder: Path, wanted: Wanted) -> Call:
    """Return the collection's own playbook; folder is for the account key."""
    certificate = {
        "name": wanted.name,
        "identifiers": wanted.identifiers,
        "challenge": "http-01",
        "webroot": "/var/www/html",
        "reload": ["nginx"],
    }
    variables = {
        "acme_hosts": wanted.hosts,
        "acme_directory": lab.pebble.directory_url,
        "acme_ca_path": str(lab.pebble.ca_path),
        "acme_account_key_src": str(folder / "account.pem"),
        "acme_history": str(folder / "history.jsonl"),
        "acme_terms_agreed": True,
        "acme_certificates": [certificate],
    }
    return Call(_playbook(OWN, "certfleet.tls.site", folder, variables))


def community_crypto(lab: Lab, folder: Path, wanted: Wanted) -> Call:
    """Return its documented playbook; folder is for the account key and the controller's copies of certificates."""
    variables = {
        "bench_hosts": wanted.hosts,
        "bench_name": wanted.name,
        "bench_identifiers": wanted.identifiers,
        "bench_directory": lab.pebble.directory_url,
        "bench_folder": str(folder),
    }
    command = _playbook(PEERS["ansible"], PLAYBOOKS / "community_crypto.yml", folder, variables)
    return Call(command, {"SSL_CERT_FILE": str(lab.pebble.ca_path)})


def batch(lab: Lab, folder: Path, webroot: Path, requests: Mapping[str, str], python: str = sys.executable) -> Call:
    """Our batch modules on the controller, for requests (name and PEM); python runs the modules."""
    variables = {
        "bench_directory": lab.pebble.directory_url,
        "bench_ca_path": str(lab.pebble.ca_path),
        "bench_account_key": str(folder / "account.pem"),
        "bench_webroot": str(webroot),
        "bench_python": python,
        "bench_orders": [{"name": name, "identifiers": [name]} for name in requests],
        "bench_requests": [{"csr_content": pem} for pem in requests.values()],
    }
    return Call(_playbook(OWN, PLAYBOOKS / "batch.yml", folder, variables))


def certbot(lab: Lab, folder: Path, webroot: Path, identifiers: Sequence[str]) -> Call:
    command = [PEERS["certbot"] / "certbot", "certonly", "--config", "/dev/null", "--non-interactive"]
    command += ["--agree-tos", "--register-unsafely-without-email", "--server", lab.pebble.directory_url]
    for directory in ("config", "work", "logs"):
        command += [f"--{directory}-dir", folder / directory]
    command += ["--webroot", "--webroot-path", webroot, "--domains", ",".join(identifiers)]
    return Call(command, {"REQUESTS_CA_BUNDLE": str(lab.pebble.ca_path)})


def lego(lab: Lab, folder: Path, webroot: Path, identifiers: Sequence[str]) -> Call:
    command = [LEGO_PROGRAM, "--server", lab.pebble.directory_url, "--accept-tos", "--email", f"admin@{lab.domain}"]
    command += ["--path", folder, "--http", "--http.webroot", webroot]
    for identifier in identifiers:
        command += ["--domains", identifier]
    return Call([*command, "run"], {"LEGO_CA_CERTIFICATES": str(lab.pebble.ca_path)})


def _playbook(programs: Path, playbook: str | Path, folder: Path, variables: Mapping[str, Any]) -> list[str | Path]:
    path = folder / "vars.json"
    path.write_text(json.dumps(variables))
    return [programs / "ansible-playbook", playbook, "--extra-vars", f"@{path}"]


def _collection(path: Path, name: str) -> str:
    manifest = json.loads((path / "ansible_collections" / name / "MANIFEST.json").read_text())
    return str(manifest["collection_info"]["version"])


def _ansible_core(programs: Path) -> str:
    return _said([programs / "ansible", "--version"]).split("]")[0].split()[-1]


def _said(command: Sequence[str | Path], env: Mapping[str, str] = CLEAN_ENV) -> str:
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{Path(command[0]).name} fails: {done.stdout.strip()}")
    return done.stdout
