# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_status_info, and acme_plan with check_revocation: CRLs and OCSP of a CA made here, served over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from cryptography.x509.ocsp import OCSPCertStatus

from tests.integration.calls import call
from tests.integration.hosts import DAY, msg_of
from tests.integration.plans import found
from tests.unit.host.ca import Authority, pem
from tests.unit.status import revocations
from tests.unit.status.place import Place, silence
from tests.unit.status.revocations import REASONS, SINCE

NOW = datetime.now(timezone.utc)
TIMES = {"this_update": NOW - timedelta(hours=1), "next_update": NOW + 7 * DAY}
crl, answer = partial(revocations.crl, **TIMES), partial(revocations.answer, **TIMES)
leaf = partial(revocations.leaf, not_before=NOW - DAY, not_after=NOW + 60 * DAY)


@pytest.fixture(scope="module")
def issuer():
    return Authority.root().intermediate()


@pytest.fixture
def place(lab):
    made = lab.inside(Place)
    yield made
    made.close()


@pytest.fixture
def certificates(place, issuer):
    """By what is to be found: one in a CRL, one of that CRL, one of a responder, one of nothing."""
    url, ocsp_at = f"{place.url}/1.crl", [f"{place.url}/ocsp"]
    made = {
        "revoked": leaf(issuer, url),
        "good": leaf(issuer, url),
        "superseded": leaf(issuer, f"{place.url}/gone.crl", ocsp_at=ocsp_at),
        "unknown": leaf(issuer),
    }
    place.give("/1.crl", crl(issuer, made["revoked"], reason=REASONS.key_compromise))
    place.give("/ocsp", answer(made["superseded"], issuer, OCSPCertStatus.REVOKED, REASONS.superseded))
    return {name: pem(certificate, issuer.certificate) for name, certificate in made.items()}


def options(certificates):
    return [{"host": "web1", "name": name, "content": content} for name, content in certificates.items()]


def test_status_info_of_many_certificates(lab, place, certificates, tmp_path):
    cache = str(tmp_path / "cache")
    result = call(lab, "certificate_status_info", certificates=options(certificates), cache=cache)
    assert result.ok, result.text
    assert not result["changed"]
    by_name = {item["name"]: item for item in result["certificates"]}
    assert list(by_name) == list(certificates)
    since = f"{SINCE:%Y-%m-%dT%H:%M:%SZ}"
    assert by_name["revoked"] == {
        "host": "web1",
        "name": "revoked",
        "status": "revoked",
        "source": "crl",
        "url": f"{place.url}/1.crl",
        "reason": "key_compromise",
        "revoked_at": since,
        "next_update": f"{TIMES['next_update']:%Y-%m-%dT%H:%M:%SZ}",
        "problem": "",
    }
    told = {name: (item["status"], item["source"], item["reason"]) for name, item in by_name.items()}
    assert told == {
        "revoked": ("revoked", "crl", "key_compromise"),
        "good": ("good", "crl", None),
        "superseded": ("revoked", "ocsp", "superseded"),
        "unknown": ("unknown", None, None),
    }
    assert by_name["unknown"]["problem"].startswith("the certificate has no usable URL")
    assert (place.count("/1.crl"), place.count("/ocsp"), place.count("/gone.crl")) == (1, 1, 1)

    # In check mode it does the same, and what has been fetched is in the cache.
    again = call(lab, "certificate_status_info", certificates=options(certificates), cache=cache, check=True)
    assert again["certificates"] == result["certificates"]
    assert (place.count("/1.crl"), place.count("/ocsp"), place.count("/gone.crl")) == (1, 1, 2)


@pytest.mark.hard
def test_status_info_fail_on_fails_after_all_look_ups(lab, certificates):
    result = call(lab, "certificate_status_info", certificates=options(certificates), fail_on=["revoked"])
    assert msg_of(result) == (
        "web1: certificate revoked: revoked (key_compromise); web1: certificate superseded: revoked (superseded)"
    )
    assert len(result["certificates"]) == 4
    some = {name: certificates[name] for name in ("unknown", "good")}
    assert call(lab, "certificate_status_info", certificates=options(some), fail_on=["revoked"]).ok
    result = call(lab, "certificate_status_info", certificates=options(some), fail_on=["unknown"])
    assert msg_of(result).startswith("web1: certificate unknown: unknown (the certificate has no usable URL")


REFUSED = {
    "no bundle": ({"ca_path": "/nowhere/ca.pem"}, "ca_path /nowhere/ca.pem does not exist: give a file of PEM"),
    "no patience": ({"timeout": 0}, "timeout: 0 is out of range. Give a number from 1 to 604800"),
    "no size": ({"max_size": 0}, "max_size: 0 is out of range. Give a number from 1 to 2147483648"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_status_info_invalid_options_fail(lab, place, certificates, case):
    more, message = REFUSED[case]
    assert msg_of(call(lab, "certificate_status_info", certificates=options(certificates), **more)).startswith(message)
    assert place.asked == []


def test_status_info_too_large_crl_is_unknown(lab, place, certificates):
    some = {"good": certificates["good"]}
    (item,) = call(lab, "certificate_status_info", certificates=options(some), max_size=100)["certificates"]
    assert (item["status"], item["problem"]) == ("unknown", f"{place.url}/1.crl sent more than 100 bytes")


def test_plan_check_revocation_issues_for_revoked_certificate(ca, lab, place, certificates, tmp_path):
    directory = lab.pebble.directory_url
    looked = [
        found(name, NOW, directory=directory, live={"content": content}) for name, content in certificates.items()
    ]
    cache = str(tmp_path / "cache")
    for _run in range(2):
        result = ca("acme_plan", certificates=looked, check_revocation=True, cache=cache)
        assert result.ok, result.text
        planned = {item["name"]: (item["action"], item["reason"], item["can_wait"]) for item in result["hosts"]["web1"]}
        assert planned == {
            "revoked": ("issue", "revoked", False),
            "good": ("keep", "", False),
            "superseded": ("issue", "revoked", False),
            "unknown": ("keep", "", False),
        }
        since = f"{SINCE:%Y-%m-%dT%H:%M:%SZ}"
        assert result["lines"] == [
            f"web1: certificate revoked: issue (revoked: key_compromise since {since}, according to {place.url}/1.crl)",
            f"web1: certificate superseded: issue (revoked: superseded since {since}, according to {place.url}/ocsp)",
        ]
        assert result.unwrapped.count("[WARNING]: ") == 1
        warning = "revocation status unknown for 1 of 4 certificates (web1: certificate unknown: "
        assert warning in result.unwrapped
    assert place.count("/1.crl") == 1

    del place.asked[:]
    result = ca("acme_plan", certificates=looked)
    assert (result["due"], place.asked) == ([], [])
    assert "[WARNING]: " not in result.unwrapped


def test_plan_check_revocation_silent_servers_do_not_fail(ca, lab, place, issuer):
    silent = place.give("/silent.crl", silence(place))
    contents = {
        "refused": leaf(issuer, "http://127.0.0.1:1/1.crl", ocsp_at=["http://127.0.0.1:1/"]),
        "silent": leaf(issuer, silent),
    }
    looked = [
        found(
            name,
            NOW,
            directory=lab.pebble.directory_url,
            live={"content": pem(certificate, issuer.certificate)},
        )
        for name, certificate in contents.items()
    ]
    result = ca("acme_plan", certificates=looked, check_revocation=True, request_timeout=1)
    assert result.ok, result.text
    assert result["due"] == []
    assert "revocation status unknown for 2 of 2 certificates (" in result.unwrapped
    assert "http://127.0.0.1:1/1.crl cannot be reached (Connection refused)" in result.unwrapped
