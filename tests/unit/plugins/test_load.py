# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand orders at a CA in trouble: all are issued, in little memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

import ansible_collections
from ansible_collections.certfleet.tls.plugins.module_utils._x509.csr import build
from tests.unit.acme.ca import CA
from tests.unit.acme.server import Answer, problem, tls_context
from tests.unit.acme.tls import make_tls_files
from tests.unit.host.ca import Authority, ec_key, pem

ROOT = Path(__file__).parents[3]
ORDERS = 1000
MOST = 75  # MiB


class TroubledCa(CA):
    """A CA that refuses half of all nonces, and is too busy for one request in twenty."""

    def __init__(self, tls):
        super().__init__(tls)
        self._chance = random.Random(1)  # noqa: S311 - the same in each run
        self._root, now = Authority.root(), datetime.now(timezone.utc)
        self._validity = {"not_before": now - timedelta(days=1), "not_after": now + timedelta(days=9)}
        self.issue = self._issue
        self.always("/", self._trouble)

    def _trouble(self, request):
        if self._chance.random() < 0.05:
            return Answer(503, nonce=False)
        return problem("badNonce") if request.protected and self._chance.random() < 0.5 else None

    def _issue(self, csr):
        request = x509.load_der_x509_csr(csr)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return pem(self._root.leaf(request.public_key(), list(names), **self._validity), self._root.certificate)


#: Does a module's work as child.py does, and then adds the most memory that the process has had, in KiB.
CHILD = """
import json, re, sys
sys.path.insert(0, sys.argv[1])
import child
answer = child._work(json.load(sys.stdin))
with open("/proc/self/status") as status:
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", status.read())
print(json.dumps([answer, int(peak[1])]))
"""


@pytest.fixture
def run(tmp_path, key):
    """Return run(module, ...), which runs a module in a process of its own. Returns its result and its peak in MiB."""
    files = make_tls_files(tmp_path)
    ca = TroubledCa(tls_context(files.certificate, files.key))
    path = tmp_path / "account-key.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    options = {"acme_directory": f"{ca.url}/directory", "ca_path": files.root, "account_key_src": str(path)}

    def run_(module, **more):
        request = {
            "path": sys.path,
            "collections": list(ansible_collections.__path__),
            "root": str(ROOT),
            "module": module,
            "arguments": {**options, **more},
            "check_mode": False,
        }
        command = [sys.executable, "-c", CHILD, str(ROOT / "plugins/plugin_utils/_steps")]
        done = subprocess.run(command, input=json.dumps(request).encode(), stdout=subprocess.PIPE, check=True)
        answer, peak = json.loads(done.stdout)
        return answer, peak / 1024

    yield run_
    ca.close()
    assert ca.violations == []


@pytest.mark.hard
def test_thousand_orders_at_a_ca_in_trouble_are_issued_in_little_memory(run):
    names = [f"n{number}.example" for number in range(ORDERS)]
    ordered, first = run(
        "acme_order", orders=[{"name": name, "identifiers": [name]} for name in names], terms_agreed=True
    )
    assert not ordered.get("failed"), ordered["msg"][:1000]
    key = ec_key()
    fields = ("host", "name", "status", "identifiers", "order_uri", "finalize_uri", "account_uri", "authorizations")
    orders = [
        {
            **{field: order[field] for field in (*fields, "challenges")},
            "csr_content": build(key, order["identifiers"]).decode(),
        }
        for order in ordered["hosts"]["localhost"]
    ]
    final, second = run("acme_order_finalize", orders=orders, preflight=False)
    assert not final.get("failed"), final["msg"][:1000]
    assert [item["status"] for item in final["hosts"]["localhost"]] == ["valid"] * ORDERS
    assert max(first, second) <= MOST
