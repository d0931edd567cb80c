# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking up the status of certificates: CRL, OCSP, cache, and one question for many certificates."""

from __future__ import annotations

import os
import stat
import threading
import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._status import subject
from ansible_collections.certfleet.tls.plugins.module_utils._status.cache import StatusCache
from ansible_collections.certfleet.tls.plugins.module_utils._status.fetch import Fetcher
from ansible_collections.certfleet.tls.plugins.module_utils._status.look_up import LookUpOptions, look_up
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import RevocationStatus
from tests.unit.host.ca import DAY, NOW, pem
from tests.unit.status.place import silence, trickle
from tests.unit.status.revocations import HOUR, REASONS, SINCE, answer, crl, leaf, point, refusal, scope

MINUTE = timedelta(minutes=1)


@pytest.fixture
def here(place, issuer):
    """Return a certificate with URLs of a CRL and of a responder, which do not answer yet."""
    return leaf(issuer, f"{place.url}/1.crl", ocsp_at=[f"{place.url}/ocsp"])


def test_look_up_by_crl_is_good(place, look, issuer, here):
    place.give("/1.crl", crl(issuer))
    (status,) = look(here)
    assert status == RevocationStatus("good", "crl", f"{place.url}/1.crl", next_update=NOW + 7 * DAY)
    assert place.asked == [("GET", "/1.crl")]
    assert status.revocation() == ""


def test_look_up_by_crl_is_revoked(place, look, issuer, here):
    place.give("/1.crl", crl(issuer, here, reason=REASONS.key_compromise))
    (status,) = look(here)
    assert status.result() == {
        "status": "revoked",
        "source": "crl",
        "url": f"{place.url}/1.crl",
        "reason": "key_compromise",
        "revoked_at": "2026-11-23T09:00:00Z",
        "next_update": "2026-11-30T12:00:00Z",
        "problem": "",
    }
    assert status.revocation() == f"key_compromise since 2026-11-23T09:00:00Z, according to {place.url}/1.crl"


@pytest.mark.parametrize("said", ["good", "revoked"])
def test_look_up_unusable_crl_uses_ocsp(place, look, issuer, here, said):
    place.give("/1.crl", crl(issuer, next_update=NOW))
    kinds = {"good": (OCSPCertStatus.GOOD, None), "revoked": (OCSPCertStatus.REVOKED, REASONS.superseded)}
    place.give("/ocsp", answer(here, issuer, *kinds[said]))
    (status,) = look(here)
    assert (status.status, status.source, status.url) == (said, "ocsp", f"{place.url}/ocsp")
    assert (status.reason, status.revoked_at) == (("superseded", SINCE) if said == "revoked" else ("", None))
    assert status.next_update == NOW + DAY


def test_look_up_without_crl_uses_ocsp(place, look, issuer):
    certificate = leaf(issuer, ocsp_at=["ldap://ca.example/", f"{place.url}/none", f"{place.url}/ocsp"])
    place.give("/ocsp", answer(certificate, issuer))
    (status,) = look(certificate)
    assert (status.status, status.source) == ("good", "ocsp")


UNKNOWN = {
    # what the CRL is, what the responder answers: the problem
    "neither there": (404, 404, "{crl} answered HTTP 404; {ocsp} answered HTTP 404"),
    "neither any": (
        b"<html>",
        b"<html>",
        "{crl}: the CRL is malformed; {ocsp}: the OCSP answer is malformed",
    ),
    "not known to the responder": (
        404,
        OCSPCertStatus.UNKNOWN,
        "; {ocsp}: the responder does not know the certificate",
    ),
    "the responder is busy": (404, refusal(OCSPResponseStatus.TRY_LATER), "{ocsp}: the responder returned 'try later'"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_look_up_no_usable_answer_is_unknown(place, look, issuer, here, case):
    of_crl, of_ocsp, problem = UNKNOWN[case]
    place.give("/1.crl", of_crl)
    place.give("/ocsp", answer(here, issuer, of_ocsp) if isinstance(of_ocsp, OCSPCertStatus) else of_ocsp)
    (status,) = look(here)
    assert (status.status, status.source) == ("unknown", "")
    assert problem.format(crl=f"{place.url}/1.crl", ocsp=f"{place.url}/ocsp") in status.problem
    assert "\n" not in status.problem


CONTENTS = {
    # the PEM text, of the here fixture's certificate or not: the problem
    "no text": ("", "the given text has no PEM certificate"),
    "damaged": (
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "the given PEM certificate is damaged",
    ),
    "half": ("-----BEGIN CERTIFICATE-----\nAAAA\n", "the given text has no PEM certificate"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_look_up_malformed_certificate_is_unknown(look, case):
    content, problem = CONTENTS[case]
    assert look(content) == [RevocationStatus("unknown", problem=problem)]


def test_look_up_certificate_without_usable_url_is_unknown(place, look, issuer):
    url = f"{place.url}/1.crl"
    indirect = point(url, crl_issuer=[x509.DirectoryName(issuer.certificate.subject)])
    table = {
        "names nothing": leaf(issuer),
        "names only ldap": leaf(issuer, "ldap://ca.example/cn=1"),
        "names another issuer's CRL": leaf(issuer, indirect),
        "has expired": leaf(issuer, url, not_after=NOW),
    }
    problems = [status.problem for status in look(*table.values())]
    nothing = "the certificate has no usable URL of a CRL or an OCSP responder"
    assert problems == [nothing, nothing, nothing, "the certificate has expired: CAs no longer publish its status"]
    assert place.asked == []


def test_look_up_urls_of_one_crl_are_tried_in_turn(place, look, issuer):
    certificate = leaf(issuer, point("ldap://ca.example/", f"{place.url}/gone.crl", f"{place.url}/1.crl"))
    place.give("/1.crl", crl(issuer, certificate))
    assert look(certificate)[0].status == "revoked"
    assert place.asked == [("GET", "/gone.crl"), ("GET", "/1.crl")]


def test_look_up_crls_of_some_reasons_are_combined(place, look, issuer):
    """All are needed to say that a certificate is good; one is enough to say that it is revoked."""
    some = frozenset({REASONS.key_compromise, REASONS.ca_compromise})
    rest = frozenset(REASONS) - some - {REASONS.unspecified, REASONS.remove_from_crl}
    first, second = f"{place.url}/some.crl", f"{place.url}/rest.crl"
    certificate = leaf(issuer, first, second)
    place.give("/some.crl", crl(issuer, extensions=[scope(reasons=some)]))
    (status,) = look(certificate, cache=False)
    assert (status.status, status.problem) == (
        "unknown",
        f"{second} answered HTTP 404; {first} covers some revocation reasons only",
    )
    place.give("/rest.crl", crl(issuer, extensions=[scope(reasons=rest)], next_update=NOW + DAY))
    assert look(certificate, cache=False) == [RevocationStatus("good", "crl", second, next_update=NOW + DAY)]
    place.give("/rest.crl", crl(issuer, certificate, extensions=[scope(reasons=rest)]))
    assert look(certificate, cache=False)[0].status == "revoked"


def test_look_up_partitioned_crl_covers_own_certificates_only(place, look, issuer):
    """Each certificate needs its own CRL: an empty one for another distribution point is refused."""
    urls = [f"{place.url}/{number}.crl" for number in range(2)]
    certificates = [leaf(issuer, url) for url in urls]
    place.give("/0.crl", crl(issuer, certificates[0], extensions=[scope(urls[0])]))
    place.give("/1.crl", crl(issuer, extensions=[scope(urls[1])]))
    assert [status.status for status in look(*certificates, cache=False)] == ["revoked", "good"]
    place.give("/0.crl", crl(issuer, extensions=[scope(urls[1])]))
    unknown, good = look(*certificates, cache=False)
    assert (unknown.status, good.status) == ("unknown", "good")
    assert unknown.problem.startswith(f"{urls[0]}: the CRL is for another distribution point")


@pytest.mark.parametrize("form", ["DER", "PEM", "PKCS #7"])
def test_look_up_issuer_missing_in_chain_is_fetched(place, look, issuer, root, form):
    certificates = {
        "DER": issuer.certificate.public_bytes(Encoding.DER),
        "PEM": pem(issuer.certificate).encode(),
        "PKCS #7": pkcs7.serialize_certificates([root.certificate, issuer.certificate], Encoding.DER),
    }
    place.give("/ca", certificates[form])
    certificate = leaf(issuer, f"{place.url}/1.crl", issuer_at=[f"{place.url}/gone", f"{place.url}/ca"])
    place.give("/1.crl", crl(issuer, certificate))
    assert look(certificate, chain=[root.certificate])[0].status == "revoked"
    assert place.count("/ca") == 1
    assert look(certificate, chain=[])[0].status == "revoked"
    assert place.count("/ca") == 1, "it is in the cache"


def test_look_up_wrong_issuer_is_ignored(place, look, issuer, root):
    """An issuer of the same name that did not sign the certificate is ignored."""
    namesake = root.intermediate()
    place.give("/ca", namesake.certificate.public_bytes(Encoding.DER))
    certificate = leaf(issuer, f"{place.url}/1.crl", issuer_at=[f"{place.url}/ca"])
    place.give("/1.crl", crl(namesake, certificate))
    (status,) = look(certificate, chain=[namesake.certificate])
    assert status == RevocationStatus(
        "unknown",
        problem=f"the issuer is not known: {place.url}/ca: this is not the certificate of the issuer",
    )
    (status,) = look(leaf(issuer, f"{place.url}/1.crl"), chain=[])
    assert status.problem.endswith("the issuer is not in the chain, and the certificate has no URL for it")
    assert place.count("/1.crl") == 0


def test_look_up_many_certificates_share_a_crl_request(place, look, issuer):
    certificates = [leaf(issuer, f"{place.url}/{number % 3}.crl") for number in range(30)]
    for number in range(3):
        place.give(f"/{number}.crl", crl(issuer, *certificates[number:9:3]))
    statuses = look(*certificates, cache=False)
    assert [status.status for status in statuses] == ["revoked"] * 9 + ["good"] * 21
    assert sorted(path for _method, path in place.asked) == ["/0.crl", "/1.crl", "/2.crl"]


def test_look_up_urls_are_fetched_in_parallel(place, look, issuer):
    certificates = [leaf(issuer, f"{place.url}/{number}.crl") for number in range(8)]
    data, all_asked = crl(issuer), threading.Barrier(8, timeout=10)
    for number in range(8):
        place.give(f"/{number}.crl", lambda *_asked: (all_asked.wait(), data)[1])
    assert [status.problem for status in look(*certificates)] == [""] * 8


def test_look_up_url_that_hangs_does_not_affect_others(place, look, issuer):
    certificates = [leaf(issuer, f"{place.url}/{name}.crl") for name in ("good", "silent", "slow", "good")]
    place.give("/good.crl", crl(issuer))
    place.give("/silent.crl", silence(place))
    place.give("/slow.crl", trickle(10))
    start = time.monotonic()
    statuses = look(*certificates, timeout=30, seconds=0.5)
    assert time.monotonic() - start < 5
    assert [status.status for status in statuses] == ["good", "unknown", "unknown", "good"]
    assert (
        statuses[1].problem
        == f"{place.url}/silent.crl did not answer within 0.5 s, the time limit for all certificates"
    )


def test_look_up_exception_for_one_does_not_affect_others(place, look, issuer, monkeypatch):
    place.give("/1.crl", crl(issuer))
    odd, plain = leaf(issuer, f"{place.url}/1.crl"), leaf(issuer, f"{place.url}/1.crl")
    usual = subject.distribution_points

    def points(certificate):
        if certificate.serial_number == odd.serial_number:
            raise KeyError("odd")
        return usual(certificate)

    monkeypatch.setattr(subject, "distribution_points", points)
    unknown, good = look(odd, plain)
    assert (unknown, good.status) == (
        RevocationStatus("unknown", problem="the certificate cannot be read ('odd')"),
        "good",
    )


def test_look_up_unexpected_exception_is_a_problem(place, look, issuer, monkeypatch):
    monkeypatch.setattr(Fetcher, "crl", lambda _self, url: {}[url])
    url = f"{place.url}/1.crl"
    start = time.monotonic()
    assert look(leaf(issuer, url))[0].problem == f"{url} cannot be asked ('{url}')"
    assert time.monotonic() - start < 5


def test_look_up_problem_of_many_urls_is_cut(place, look, issuer):
    (status,) = look(leaf(issuer, *(f"{place.url}/{number}.crl" for number in range(40))))
    assert len(status.problem) == 500


def test_look_up_by_ocsp_does_not_wait_for_other_crl(place, look, issuer):
    """Neither does it wait for an issuer that hangs."""
    silent = leaf(issuer, f"{place.url.replace('127.0.0.1', 'localhost')}/silent.crl")
    by_ocsp = leaf(issuer, f"{place.url}/gone.crl", ocsp_at=[f"{place.url}/ocsp"])
    place.give("/silent.crl", silence(place))
    place.give("/ocsp", answer(by_ocsp, issuer))
    statuses = look(silent, by_ocsp, timeout=30, seconds=1)
    assert [status.status for status in statuses] == ["unknown", "good"]


# The cache


def files(look):
    folder = look.folder / "revocation"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("folder", ["x" * 300, "file/below", "none"])
def test_remove_old_folder_that_cannot_be_read_is_left(tmp_path, folder):
    (tmp_path / "file").touch()
    StatusCache(Clock(), str(tmp_path / folder), 1.0).remove_old()


def test_look_up_cached_crl_is_used_until_next_update(place, look, issuer, here):
    place.give("/1.crl", crl(issuer, here))
    assert look.problem == ""
    for later in (0 * DAY, DAY, 7 * DAY - MINUTE):
        assert look(here, later=later, max_age=30 * 86400)[0].status == "revoked"
    assert place.count() == 1
    # The cached copy has expired: it is fetched again, and the new one is as old.
    (status,) = look(here, later=7 * DAY, max_age=30 * 86400)
    assert "has expired: its nextUpdate was" in status.problem
    assert place.count("/1.crl") == 2


def test_look_up_cached_crl_is_fetched_again_after_max_age(place, look, issuer, here):
    place.give("/1.crl", crl(issuer))
    assert look(here)[0].status == "good"
    place.give("/1.crl", crl(issuer, here))
    assert look(here, later=6 * HOUR - MINUTE)[0].status == "good"
    assert look(here, later=6 * HOUR)[0].status == "revoked"
    assert place.count() == 2
    # Where it cannot be had, the old one counts as long as it holds.
    place.give("/1.crl", 503)
    assert look(here, later=DAY)[0].status == "revoked"
    (status,) = look(here, later=8 * DAY)
    assert (status.status, "/1.crl answered HTTP 503" in status.problem) == ("unknown", True)


def test_look_up_ocsp_answers_are_cached(place, look, issuer):
    certificates = [leaf(issuer, ocsp_at=[f"{place.url}/{number}/ocsp"]) for number in range(2)]
    for number, certificate in enumerate(certificates):
        place.give(f"/{number}/", answer(certificate, issuer))
    for _run in range(2):
        assert [status.status for status in look(*certificates)] == ["good", "good"]
    assert place.count() == 2


def test_look_up_unknown_to_responder_is_not_cached(place, look, issuer):
    """The certificate may be new: the next run asks again."""
    certificate = leaf(issuer, ocsp_at=[f"{place.url}/ocsp"])
    place.give("/ocsp", answer(certificate, issuer, OCSPCertStatus.UNKNOWN))
    assert look(certificate)[0].problem == f"{place.url}/ocsp: the responder does not know the certificate"
    place.give("/ocsp", answer(certificate, issuer))
    assert look(certificate)[0].status == "good"


def test_look_up_cached_files_are_created_private(place, look, issuer, here):
    place.give("/1.crl", crl(issuer))
    before = os.umask(0)
    try:
        look(here)
    finally:
        os.umask(before)
    (kept,) = files(look)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert kept.read_bytes() == place.paths["/1.crl"]


DAMAGES = {
    "empty": lambda path, _forged: path.write_bytes(b""),
    "text": lambda path, _forged: path.write_text("no CRL"),
    "cut": lambda path, _forged: path.write_bytes(path.read_bytes()[:-1]),
    "forged": lambda path, forged: path.write_bytes(forged),
    "large": lambda path, _forged: path.write_bytes(b"x" * 200_000),
    "a folder": lambda path, _forged: (path.unlink(), path.mkdir()),
    "gone": lambda path, _forged: path.unlink(),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_look_up_damaged_cache_is_fetched_again(place, look, issuer, root, here, case):
    place.give("/1.crl", crl(issuer, here))
    look(here)
    (kept,) = files(look)
    DAMAGES[case](kept, crl(root.intermediate()))  # of the same name, and lists nobody
    assert look(here)[0].status == "revoked"
    assert place.count() == 2
    assert look(here)[0].status == "revoked"
    assert place.count() == (3 if case == "a folder" else 2)


def test_look_up_invalid_answers_are_not_cached(place, look, issuer, root, here):
    place.give("/1.crl", crl(root.intermediate()))
    place.give("/ocsp", b"<html>")
    assert look(here)[0].status == "unknown"
    assert files(look) == []


def test_look_up_cache_that_cannot_be_written_is_reported(place, look, issuer, here):
    look.folder.write_text("a file")
    place.give("/1.crl", crl(issuer))
    assert look(here)[0].status == "good"
    assert look.problem == f"{look.folder}/revocation cannot be written: Not a directory"


def test_look_up_old_cache_entries_are_removed(place, look, issuer, here):
    place.give("/1.crl", crl(issuer))
    look(here)
    (old,) = files(look)
    os.utime(old, ((NOW - 61 * DAY).timestamp(),) * 2)
    look("")
    assert files(look) == []


def test_look_up_of_options_returns_status(place, issuer, tmp_path):
    certificate = leaf(issuer, f"{place.url}/1.crl")
    place.give("/1.crl", crl(issuer))
    (status,), problem = look_up(
        [pem(certificate, issuer.certificate)],
        Clock(now=lambda: NOW),
        LookUpOptions(cache=str(tmp_path), ca_path=None, timeout=10),
    )
    assert (status.status, problem) == ("good", "")
