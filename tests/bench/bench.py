# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements, in one lab, side by side."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import Lab
from tests.lab.process import wait

from . import clients
from .clients import Call, Wanted
from .measure import Run, RunError, Runner
from .table import CERTBOT, COMMUNITY_CRYPTO, LEGO, OURS, PING

FLEET = {OURS: clients.ours, COMMUNITY_CRYPTO: clients.community_crypto}
PROGRAMS = {CERTBOT: clients.certbot, LEGO: clients.lego}
BATCH = 200
ONE_BY_ONE = 8
ATTEMPTS = 4

NGINX_CONF = """\
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
http {{
    access_log off;
    server {{ listen 80; root {folder}/www; }}
}}
"""

Result = TypeVar("Result")


class Bench:
    """Takes each requested measurement once; the methods named as the keys return each program's figures."""

    def __init__(self, lab: Lab, folder: Path, rounds: int) -> None:
        self.lab = lab
        self.notes: list[str] = []
        self._folder = folder
        self._rounds = rounds
        self._runner = Runner(lab, folder)
        self._folders = 0

    def requests_1_name(self) -> dict[str, list[float]]:
        one_by_one = {name: [float(run.requests) for run in runs] for name, (runs, _unused) in self._one_by_one.items()}
        return {**_each(self._first_issues, _requests), **one_by_one}

    def requests_10_names(self) -> dict[str, list[float]]:
        return {name: [_requests(run)] for name, run in self._ten_names.items()}

    def noop_vs_ping(self) -> dict[str, list[float]]:
        return {name: runs for name, runs in _each(self._nothing_due, _seconds).items() if name in (OURS, PING)}

    def noop_vs_community_crypto(self) -> dict[str, list[float]]:
        return {name: runs for name, runs in _each(self._nothing_due, _seconds).items() if name != PING}

    def first_issue_vs_community_crypto(self) -> dict[str, list[float]]:
        return _each(self._first_issues, _seconds)

    def first_issue_controller_cpu_vs_community_crypto(self) -> dict[str, list[float]]:
        return _each(self._first_issues, lambda run: run.cpu)

    def batch_certificates_per_second(self) -> dict[str, list[float]]:
        one_by_one = {
            name: [len(runs) / sum(run.seconds for run in runs)] for name, (runs, _unused) in self._one_by_one.items()
        }
        return {OURS: [run.issued / run.seconds for run in self._batches[0]], **one_by_one}

    def batch_peak_memory_mib(self) -> dict[str, list[float]]:
        return {OURS: [self._batches[1]], **{name: [peak] for name, (_unused, peak) in self._one_by_one.items()}}

    # -- The fleet

    @property
    def _first_issues(self) -> dict[str, list[Run]]:
        return {name: [results[name][0] for results in self._first_rounds] for name in FLEET}

    @cached_property
    def _first_rounds(self) -> list[dict[str, tuple[Run, Call]]]:
        """Runs over hosts that have no certificates, by turns, with warm connections and a new account each time."""
        return [self._repeat(self._first_issue) for _unused in range(self._rounds)]

    @cached_property
    def _nothing_due(self) -> dict[str, list[Run]]:
        """Runs over the same hosts, once all have their certificates, by turns."""
        calls = {PING: clients.ping(), **{name: call for name, (_unused, call) in self._first_rounds[-1].items()}}
        runs: dict[str, list[Run]] = {name: [] for name in calls}
        for count in range(2 * self._rounds + 2):
            for name, call in calls.items():
                run = self._run(f"{name}-nothing-due", call)
                if count:  # the first round warms up
                    runs[name].append(run)
        return runs

    def _first_issue(self) -> dict[str, tuple[Run, Call]]:
        hosts = list(self.lab.hosts)
        wanted = Wanted("bench", "web", ["{{ inventory_hostname }}." + self.lab.domain])
        self._reset()
        issued = {}
        for name, client in FLEET.items():
            self._run("warm-up", clients.ping())
            call = client(self.lab, self._new_folder(), wanted)
            issued[name] = (self._run(f"{name}-first", call, len(hosts)), call)
        return issued

    @cached_property
    def _ten_names(self) -> dict[str, Run]:
        """Run over at most ten hosts; certbot and lego, run once a certificate, have an account already."""
        hosts = self.lab.hosts[:10]
        names = [f"n{number}.{{{{ inventory_hostname }}}}.{self.lab.domain}" for number in range(10)]
        wanted = Wanted("ten", ",".join(hosts), names)
        runs = {}
        for name, client in FLEET.items():
            call = client(self.lab, self._new_folder(), wanted)
            runs[name] = self._repeat(lambda name=name, call=call: self._run(f"{name}-ten", call, len(hosts)))
        for name in PROGRAMS:
            names = [f"n{number}.bench.{self.lab.domain}" for number in range(10)]
            runs[name] = self._repeat(lambda name=name, names=names: self._with_account(name, [names]))[0][0]
        return runs

    def _reset(self) -> None:
        clean = "rm -rf /etc/acme /etc/ssl/private/bench.pem /etc/ssl/bench-fullchain.pem /var/www/html/.well-known"
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda host: self.lab.exec(host, ["sh", "-c", clean], check=True), self.lab.hosts))

    # -- On the controller, where a web server answers for the names

    @cached_property
    def _one_by_one(self) -> dict[str, tuple[list[Run], float]]:
        """Programs that get one certificate after the other: the runs, and the peak of memory in MiB."""
        names = [[f"one{number}.bench.{self.lab.domain}"] for number in range(ONE_BY_ONE)]
        return {name: self._repeat(lambda name=name: self._with_account(name, names)) for name in PROGRAMS}

    @cached_property
    def _batches(self) -> tuple[list[Run], float]:
        """Runs of our batch modules, and the modules' peak of memory in MiB, of a run of its own."""
        requests = {name: _request(name) for name in (f"b{number}.bench.{self.lab.domain}" for number in range(BATCH))}
        runs = [self._repeat(lambda: self._batch(requests, sys.executable)) for _unused in range(self._rounds)]
        peaks = self._new_folder() / "peaks"
        python = peaks.with_name("python")
        python.write_text(f'#!/bin/sh\nexec {shlex.join(_with_peak(peaks, [sys.executable]))} "$@"\n')
        python.chmod(0o755)
        self._repeat(lambda: self._batch(requests, str(python)))
        return runs, _peak(peaks)

    def _batch(self, requests: Mapping[str, str], python: str) -> Run:
        with self._web_server() as webroot:
            call = clients.batch(self.lab, self._new_folder(), webroot, requests, python)
            return self._run("batch", call, len(requests), timeout=90)

    def _with_account(self, name: str, certificates: Sequence[Sequence[str]]) -> tuple[list[Run], float]:
        """Return the runs for these certificates, after one that makes the account, and its peak memory in MiB."""
        folder = self._new_folder()
        peaks = folder / "peaks"
        with self._web_server() as webroot:
            calls = [
                PROGRAMS[name](self.lab, folder, webroot, identifiers)
                for identifiers in [[f"account.bench.{self.lab.domain}"], *certificates]
            ]
            self._run(f"{name}-account", Call(_with_peak(peaks, calls[0].command), calls[0].env), 1)
            return [self._run(name, call, 1) for call in calls[1:]], _peak(peaks)

    @contextmanager
    def _web_server(self) -> Iterator[Path]:
        """Run nginx on the controller, for all names in bench.lab.test. Yield its webroot."""
        folder = self._new_folder()
        (folder / "www").mkdir()
        (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder))
        server = self.lab.popen(["nginx", "-e", folder / "nginx.log", "-c", folder / "nginx.conf"])
        try:
            pid = folder / "nginx.pid"
            wait(pid.exists, 10, f"nginx does not start: see {folder / 'nginx.log'}")
            yield folder / "www"
        finally:
            server.terminate()
            server.wait()

    # -- Parts

    def _run(self, name: str, call: Call, certificates: int = 0, timeout: float = 240) -> Run:
        return self._runner.run(name, call.command, certificates, call.env, timeout)

    def _repeat(self, measure: Callable[[], Result]) -> Result:
        """Measure; after a failure once more, with a note: Pebble hangs at times when many order at once."""
        for _unused in range(ATTEMPTS - 1):
            try:
                return measure()
            except RunError as error:
                self.notes.append(f"Measured once more, with the CA restarted: {error.why}.")
                print(f"bench: {error}; once more", file=sys.stderr, flush=True)
                self.lab.pebble.restart()
        return measure()

    def _new_folder(self) -> Path:
        self._folders += 1
        folder = self._folder / f"files-{self._folders}"
        folder.mkdir()
        return folder


def _each(runs: Mapping[str, Sequence[Run]], figure: Callable[[Run], float]) -> dict[str, list[float]]:
    return {name: [figure(run) for run in each] for name, each in runs.items()}


def _seconds(run: Run) -> float:
    return run.seconds


def _requests(run: Run) -> float:
    return run.requests / run.issued


def _with_peak(peaks: Path, command: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-IS", str(Path(__file__).with_name("peak.py")), str(peaks), *map(str, command)]


def _peak(peaks: Path) -> float:
    """In MiB, of the figures that peak.py wrote."""
    return max(map(int, peaks.read_text().split())) / 1024


def _request(name: str) -> str:
    """Return a certificate request (PEM) as a host makes it."""
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()
