# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs and accounts that cannot be used: every host reports the reason in one line, and is unchanged.

The modules' messages about other keys, bundles, bindings and servers are tested in tests/integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.fleet.fleet import Fleet, Run
from tests.integration.orders import Customer
from tests.integration.servers import no_ca, silence
from tests.parameters import hard_but

HMAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
EAB = {"kid": "lab-1", "key": HMAC_KEY}
EAB_CONFIG = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {EAB["kid"]: EAB["key"]}}


@dataclass(frozen=True)
class Case:
    """Changed variables, and the expected message. {key} and {directory} are those of the fleet.

    prepare: done before, gives more variables. signed: True if the problem shows only in a signed request.
    at_once: the play stops before any host's certificates are considered, so there is one message for all.
    """

    told: str
    variables: dict[str, Any]
    prepare: Callable[[Fleet], dict[str, Any]] = lambda fleet: {}
    signed: bool = False
    at_once: bool = False


def key_file(make: Callable[[], bytes]) -> Callable[[Fleet], dict[str, Any]]:
    def prepare(fleet: Fleet) -> dict[str, Any]:
        path = fleet.folder / "account-key.pem"
        path.touch(0o600)
        path.write_bytes(make())
        return {}

    return prepare


def rsa_key(bits: int, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return rsa.generate_private_key(65537, bits).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def deactivated_account(fleet: Fleet) -> dict[str, Any]:
    """Deactivate the account; a revoked one gets the same answer (RFC 8555 section 7.3.6). Return no variables."""
    Customer(fleet.lab, fleet.folder).deactivate()
    return {}


def wants_eab(fleet: Fleet) -> dict[str, Any]:
    fleet.lab.pebble.restart(config=EAB_CONFIG)
    return {}


CASES = {
    "unknown directory name": Case(
        "acme_directory 'letsencrpyt' is neither a URL nor a known short name (google, google-staging, letsencrypt,",
        {"acme_directory": "letsencrpyt"},
        at_once=True,
    ),
    "directory by http": Case(
        "http://ca.lab.test/dir is refused: ACME requires https",
        {"acme_directory": "http://ca.lab.test/dir"},
        at_once=True,
    ),
    "directory is not there": Case(
        "directory https://ca.lab.test:14000/none answered HTTP 404 ",
        {"acme_directory": "https://ca.lab.test:14000/none"},
    ),
    "certificate is not trusted": Case(
        "https://ca.lab.test:14000 has a certificate that is not trusted", {"acme_ca_path": ""}
    ),
    "CA bundle is not there": Case(
        "ca_path /nowhere/ca.pem does not exist: give a file of PEM certificates",
        {"acme_ca_path": "/nowhere/ca.pem"},
        at_once=True,
    ),
    "directories differ": Case(
        "acme_directory differs between web1 and web3",
        {
            "first": "https://ca.lab.test:14000/dir",
            "acme_directory": "{{ 'letsencrypt' if inventory_hostname == 'web3' else first }}",
        },
        at_once=True,
    ),
    "key is absent and may not be made": Case(
        "acme_account_key_src: {key} does not exist, and acme_account_key_create is false",
        {"acme_account_key_create": False},
        at_once=True,
    ),
    "key is none": Case("account key {key} is not a private key", {}, key_file(lambda: b"hello\n")),
    "key is encrypted": Case(
        "no passphrase is given: set account_key_passphrase", {}, key_file(lambda: rsa_key(2048, b"secret"))
    ),
    "key is weak": Case("1024 bits, which is weak", {}, key_file(lambda: rsa_key(1024))),
    "account is deactivated": Case("exists but is deactivated", {}, deactivated_account, signed=True),
    "terms are not agreed to": Case("set terms_agreed (acme_terms_agreed) to true", {"acme_terms_agreed": False}),
    "EAB is not given": Case("set eab (acme_eab)", {}, wants_eab),
    "EAB key is wrong": Case(
        "external account binding JWS verification error",
        {"acme_eab": {"kid": "lab-1", "key": HMAC_KEY[:-4] + "AAAA"}},
        wants_eab,
        signed=True,
    ),
    "EAB without key": Case("acme_eab: key is missing", {"acme_eab": {"kid": "lab-1"}}, wants_eab, at_once=True),
}
MENDED: dict[str, dict[str, Any]] = {case: {"acme_eab": EAB} for case in CASES if case.startswith("EAB")}


def check_told(run: Run, message: str, at_once: bool, hosts: list[str]) -> None:
    assert run.code != 0
    assert "MODULE FAILURE" not in run.text
    assert "PRIVATE KEY" not in run.text
    # A problem that stops the play at once is reported once.
    for host in hosts[:1] if at_once else hosts:
        assert message in run.message(host)
        assert at_once or run.message(host).startswith("certificate shop: ")
    assert run.hosts_with("changed") == []


def files(tree: dict[str, str]) -> list[str]:
    """Return the files of a host but for its record of failures, with its lock."""
    found = [line for path, line in tree.items() if not path.endswith(("/failures.json", "/.lock"))]
    return [line for line in found if line.split(" ")[1] == "f"]


@pytest.mark.parametrize(
    "name",
    hard_but(["directories differ", "EAB is not given"], CASES),
)
def test_role_unusable_ca_or_account_fails_in_one_line(small: Fleet, name: str) -> None:
    fleet, case = small, CASES[name]
    variables = {**case.variables, **case.prepare(fleet)}
    before = [files(fleet.tree(host)) for host in fleet.lab.hosts]
    key = fleet.folder / "account-key.pem"
    existed, mark = key.exists(), fleet.lab.pebble.mark()
    run = fleet.site(**variables)
    message = case.told.format(key=key, directory=fleet.lab.pebble.directory_url)
    check_told(run, message, case.at_once, fleet.lab.hosts)
    assert [files(fleet.tree(host)) for host in fleet.lab.hosts] == before
    assert "/order-plz" not in fleet.signed_requests(mark)
    if case.signed:  # the account may exist
        mend(fleet, MENDED.get(name, {}))
    else:
        assert fleet.signed_requests(mark) == []
        assert key.exists() == existed


def mend(fleet: Fleet, variables: dict[str, Any]) -> None:
    """Correct the variables, and get a certificate. One host is enough."""
    if "acme_eab" not in variables:
        (fleet.folder / "account-key.pem").unlink(missing_ok=True)
    run = fleet.site(**{"acme_hosts": "web2", **variables})
    assert run.code == 0
    assert fleet.pair_matches("web2")


# -- Servers that are no CAs


@pytest.mark.hard
def test_role_server_that_is_no_ca_fails_in_one_line(small: Fleet) -> None:
    with no_ca(small.lab) as url:
        run = small.site(acme_directory=f"{url}/html")
    check_told(run, "answered text/html that is not JSON: is this an ACME server?", False, small.lab.hosts)
    assert [small.lab.path(host, "/etc/acme").exists() for host in small.lab.hosts] == [False] * 3


@pytest.mark.hard
def test_role_silent_ca_fails_in_one_line(small: Fleet) -> None:
    with silence(small.lab) as url:
        run = small.site(acme_directory=f"{url}/dir")
    check_told(run, f"{url} did not answer within 30 s", False, small.lab.hosts)
    assert [small.lab.path(host, "/etc/acme").exists() for host in small.lab.hosts] == [False] * 3
    mend(small, {})
