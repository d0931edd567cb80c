# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, certificates and a record for the choice of what to revoke, and choose(), which makes it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import serial
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import to_revoke
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_sources import RevocationRequest
from tests.unit import contracts
from tests.unit.host import ca

T = "2026-06-01T00:00:00Z"
OLD, NEW = "2026-05-01T00:00:00Z", "2026-06-02T00:00:00Z"
DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
ROOT = ca.Authority.root("Test Root")
KEY = ca.ec_key()
UNVERIFIED = "If it is this host's, revoke it with -e acme_revoke_unverified=true"


def leaf(*identifiers, ended=False):
    days = (NOW - 2 * DAY, NOW - DAY) if ended else (NOW - DAY, NOW + DAY)
    return ROOT.leaf(KEY.public_key(), list(identifiers), not_before=days[0], not_after=days[1])


# By the names of the tests, each another certificate: a letter for its name, x.example, and a number.
ISSUED = {f"{name}{number}": leaf(f"{name}.example") for name in "abc" for number in range(1, 5)}
ISSUED["ended"] = leaf("a.example", ended=True)
PEM = {number: ca.pem(certificate) for number, certificate in ISSUED.items()}
SERIAL = {number: serial(certificate) for number, certificate in ISSUED.items()}


def version(number, created=OLD, live=False, **more):
    """Return a version as certificate_info shows it in history."""
    given = {"created": created, "live": live, "certificate": PEM.get(number), **more}
    return contracts.past(version="0001", serial=None, not_after=None, **given).to_result()


def entry(*identifiers, name="shop", **more):
    """Return a certificate as acme_certificates has it."""
    return {"name": name, "identifiers": list(identifiers), **more}


def host(*versions, lists=None, first=None, **more):
    """Return the variables of a host: its answers, its inventory variables, and its answer in the first step."""
    return {
        "_acme_past_versions": {"history": list(versions)},
        "acme_certificates": [entry("a.example")] if lists is None else lists,
        **({"_acme_found": {"certificates": first}} if first is not None else {}),
        **more,
    }


def found(number, created=OLD, name="shop", pending=None, not_after=None):
    """Return a certificate as certificate_info shows it in the first step."""
    dates = {"created": created, "not_before": None, "not_after": not_after}
    live = contracts.live(serial=serial(ISSUED[number]), **dates) if number else None
    return contracts.found(None, live, name=name, host=None, pending=pending).to_result()


def line(number, host="web1", time=OLD, name="shop"):
    """Return an entry of the controller's record."""
    return RecordedCertificate(
        time=time,
        host=host,
        name=name,
        serial=serial(ISSUED[number]),
        not_after="2099-01-01T00:00:00Z",
        directory="https://ca.example/directory",
        account_uri="https://ca.example/acct/1",
        names=(f"{number[0]}.example",),
        certificate=PEM[number],
    )


@pytest.fixture
def choose(tmp_path):
    """choose(hostvars, ...): what to_revoke() gives, with certificates and problems as (host, what)."""
    path = tmp_path / "history.jsonl"

    def choose_(hostvars, before="", record=None, hosts=None, names=("shop",), **options):
        if record is not None:
            path.write_bytes(b"".join(certificate.line() for certificate in record))
        history = str(path) if record is not None else ""
        options = {"all_hosts": list(hostvars), "history": history, **options}
        chosen = to_revoke(RevocationRequest(list(hosts or hostvars), hostvars, list(names), before, **options))
        numbers = {pem: number for number, pem in PEM.items()}
        return {
            **vars(chosen),
            "chosen": [(item.host, numbers[item.content]) for item in chosen.certificates],
            "told": [(item.host, item.problem) for item in chosen.problems],
        }

    return choose_


NOTHING_SHOWN = (
    f"neither the host nor acme_history has one with a key from before {T}. If it had none then, leave this host out; "
    "else revoke it by its serial number (acme_revoke_serials)"
)
GET_IT = (
    "Save the certificate in a file, from the CA or a log of Certificate Transparency, and run again with "
    "-e acme_revoke_files=FILE"
)
NOT_SHOWN = f"the host had it when the run began, and does not show the certificate now. {GET_IT}"
