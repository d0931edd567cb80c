# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of acme_revoke: the CAs that are asked for each, the key that signs, the results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.retry import Retry
from ansible_collections.certfleet.tls.plugins.module_utils._acme.revocation import OTHER_WAYS, signing_input
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import revocations
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import Ca, KeySource
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult as Result
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationWay as Way
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import read_revocations
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates, revocation_request
from tests.unit import contracts
from tests.unit.acme.ca import pem
from tests.unit.acme.server import RESET, problem
from tests.unit.host.ca import Authority, key_of
from tests.unit.host.ca import pem as ca_pem

FIRST, SECOND, OTHER = (Ca(f"https://{name}.example/dir", key=KeySource(new_content="NEW")) for name in "abc")

ROOT, KEY = Authority.root(), key_of("ec256")
PEM = ca_pem(ROOT.leaf(KEY.public_key(), ["shop.example"]))


@pytest.fixture
def params(options):
    own = {f"private_key_{part}": None for part in ("src", "content", "passphrase")}
    own["history"] = None
    return lambda *others, **more: options(
        *others, **{"revoke_reason": "unspecified", "private_key_permissions": "strict", **own, **more}
    )


def certificate(name="shop", directory=None):
    return contracts.revocation(name=name, content=pem(name), directory=directory)


def revoke(params, items):
    return revocations.revoke_all(params, items, pytest.fail)


@pytest.mark.parametrize(
    ("directories", "expected"),
    [
        ([], []),
        ([None], [FIRST.directory, SECOND.directory]),
        ([SECOND.directory], [SECOND.directory]),
        ([OTHER.directory], [OTHER.directory]),
        ([None, OTHER.directory], [FIRST.directory, SECOND.directory, OTHER.directory]),
        ([SECOND.directory, FIRST.directory], [FIRST.directory, SECOND.directory]),
    ],
)
def test_cas_to_ask_are_those_that_certificates_name(directories, expected):
    found = revocations.cas_to_ask([FIRST, SECOND], [certificate(directory=url) for url in directories])
    assert [ca.directory for ca in found] == expected


def test_cas_to_ask_unlisted_ca_has_the_first_ones_key_and_no_account():
    first = Ca(FIRST.directory, key=KeySource(src="/key.pem", new_content="NEW"), account_uri=f"{FIRST.directory}/1")
    (ca,) = revocations.cas_to_ask([first], [certificate(directory=OTHER.directory)])
    assert (ca.key.src, ca.key.new_content, ca.account_uri) == ("/key.pem", None, None)


def test_revocations_of_options_have_urls_of_cas():
    option = {"host": "web1", "name": "shop", "content": "x", "directory": "letsencrypt"}
    (found,) = revocations.revocations_of([option])
    assert found.directory == "https://acme-v02.api.letsencrypt.org/directory"
    with pytest.raises(OptionError, match=r"certificates\[0\]"):
        revocations.revocations_of([{**option, "name": 7}])
    with pytest.raises(AcmeError, match="neither a URL"):
        revocations.revocations_of([{**option, "directory": "letsencript"}])


def test_revoke_all_second_time_is_already_revoked(ca, params, key):
    ca.register(key)
    statuses = [revoke(params(), [certificate()])[0].status for _unused in range(2)]
    assert statuses == [Result.REVOKED, Result.ALREADY_REVOKED]


def test_revoke_all_malformed_certificate_does_not_affect_others(ca, params, key):
    ca.register(key)
    bad = contracts.revocation(name="bad", content="x")
    found = revoke(params(), [bad, certificate()])
    assert [item.status for item in found] == [Result.FAILED, Result.REVOKED]
    assert len(ca.revoked) == 1


def test_revoke_all_refused_by_first_ca_asks_the_next(ca, second, params, key):
    for one in (ca, second):
        one.register(key)
    ca.always("/revoke", problem("malformed", 404, "not ours"))
    (found,) = revoke(params(second), [certificate()])
    assert found.status == Result.REVOKED
    assert len(second.revoked) == 1


def test_revoke_all_refused_by_all_cas_reports_the_first_one(ca, second, params, key):
    for one, detail in ((ca, "first"), (second, "second")):
        one.register(key)
        one.always("/revoke", problem("malformed", 404, detail))
    (found,) = revoke(params(second), [certificate()])
    assert found.status == Result.FAILED
    assert "first" in found.problem


def test_revoke_all_named_ca_is_asked_alone(ca, second, params, key):
    second.register(key)
    (found,) = revoke(params(second), [certificate(directory=f"{second.url}/directory")])
    assert found.status == Result.REVOKED
    assert ca.requests == []


def test_revoke_all_only_ca_that_is_down_fails_all(ca, params):
    ca.always("/directory", problem("malformed", 404, "gone"))
    with pytest.raises(AcmeError, match="answered HTTP 404"):
        revoke(params(), [certificate()])


def test_revoke_all_with_the_certificates_own_key_needs_no_account(ca, params, key_of):
    own = {"private_key_content": key_of("ec384").pem().decode(), "revoke_reason": "1"}
    (found,) = revoke(params(**own), [certificate()])
    assert found.status == Result.REVOKED
    (request,) = ca.signed()
    # RFC 8555 section 7.6: with the certificate's key, the request has that key and no account.
    assert request.protected["jwk"] == key_of("ec384").public_jwk
    assert request.payload["reason"] == 1


# -- Signatures by certificates' own keys, which their hosts make


@pytest.fixture
def signed(params):
    """signed(result, certificate, ...): the certificate as the next call gets it, with its host's signatures."""

    def signed_(asked, given, key=KEY, reason=1):
        signatures = {
            url: revocation_request.sign(key, signing_input(PEM, reason, url, nonce))
            for url, nonce in asked.nonces.items()
        }
        carried = {"nonces": asked.nonces, "refusals": asked.refusals, "is_last": asked.is_last}
        return replace(given, signatures=signatures, **carried)

    return signed_


def own(**more):
    return contracts.revocation(content=PEM, can_sign=True, **more)


def test_revoke_all_compromised_is_signed_by_its_own_key_first(ca, params, key, signed):
    ca.register(key)
    options = params(revoke_reason="key_compromise")
    (asked,) = revoke(options, [own()])
    assert (asked.status, list(asked.nonces), asked.is_last) == (Result.UNSIGNED, [f"{ca.url}/revoke"], False)
    assert ca.signed() == [], "neither the account nor anybody else is asked yet"
    (found,) = revoke(options, [signed(asked, own())])
    assert (found.status, found.way, found.problem) == (Result.REVOKED, Way.OWN_KEY, "")
    assert [request.path for request in ca.signed()] == ["/revoke"]
    assert "jwk" in ca.signed()[0].protected


def test_revoke_all_other_reason_is_signed_by_the_account_first(ca, params, key, signed):
    ca.register(key)
    ca.script("/revoke", problem("unauthorized", 403, "not associated with account"))
    options = params(revoke_reason="superseded")
    (asked,) = revoke(options, [own()])
    assert asked.status == Result.UNSIGNED
    assert "not associated with account" in asked.refusals["account"]
    (found,) = revoke(options, [signed(asked, own(), reason=4)])
    assert (found.status, found.way) == (Result.REVOKED, Way.OWN_KEY)
    (again,) = revoke(options, [own()])
    assert (again.status, again.way) == (Result.ALREADY_REVOKED, Way.ACCOUNT)


@pytest.mark.parametrize("status", ["", "deactivated"], ids=["unknown", "deactivated"])
def test_revoke_all_account_that_is_gone_leaves_the_own_key(ca, params, key, signed, status):
    """Not a failure of all, as that of an only CA is where no host can sign."""
    if status:
        ca.register(key, status)
    message = status or "knows no account of this key"
    (asked,) = revoke(params(), [own()])
    assert asked.status == Result.UNSIGNED
    assert message in asked.refusals["account"]
    (found,) = revoke(params(), [signed(asked, own(), reason=0)])
    assert found.status == Result.REVOKED
    with pytest.raises(AcmeError, match=message):
        revoke(params(), [certificate()])


def test_revoke_all_account_key_that_cannot_be_read_is_no_reason_for_the_own_key(ca, params, path):
    """A CA may take a signature by the own key for a compromise; a later run can use the account."""
    path.chmod(0o644)
    (found,) = revoke(params(), [own()])
    assert found.status == Result.FAILED
    assert f"account key {path} is open to others" in found.problem
    assert ca.lines() == []


@pytest.mark.parametrize(
    "answer", [problem("serverInternal", 500, "busy"), problem("rateLimited", 429, "busy")], ids=["busy", "limit"]
)
def test_revoke_all_busy_ca_is_no_reason_for_the_own_key(ca, params, key, answer, monkeypatch):
    monkeypatch.setattr(Retry, "wait", lambda *_arguments: False)
    ca.register(key)
    ca.always("/revoke", answer)
    (found,) = revoke(params(), [own()])
    assert (found.status, found.problem.endswith("busy")) == (Result.FAILED, True)
    assert len(ca.signed("/revoke")) == 1


def test_revoke_all_host_that_cannot_sign_leaves_the_account(ca, params, key):
    ca.register(key)
    refused = own(refusals={"own key": "cannot read privkey.pem: No such file or directory"})
    (found,) = revoke(params(revoke_reason="key_compromise"), [refused])
    assert (found.status, found.way) == (Result.REVOKED, Way.ACCOUNT)


def test_revoke_all_neither_way_says_what_is_left(ca, params, key):
    ca.register(key)
    ca.always("/revoke", problem("unauthorized", 403, "not associated with account"))
    refused = own(refusals={"own key": "the host has no key"})
    (found,) = revoke(params(revoke_reason="key_compromise"), [refused])
    assert found.status == Result.FAILED
    assert found.problem == (
        "with its own key: the host has no key; by the account: revocation: unauthorized: not associated with account. "
        f"{OTHER_WAYS}"
    )
    ca.always("/revoke", problem("malformed", 400, "odd"))
    (found,) = revoke(params(revoke_reason="key_compromise"), [refused])
    assert found.problem.endswith(f"by the account: revocation: malformed: odd. {OTHER_WAYS}")


def test_revoke_all_signature_of_another_host_is_not_sent(ca, params, key, signed):
    ca.register(key)
    options = params(revoke_reason="key_compromise")
    (asked,) = revoke(options, [own()])
    (found,) = revoke(options, [signed(asked, own(), key=key_of("ec256"))])
    assert (found.status, found.way) == (Result.REVOKED, Way.ACCOUNT), "and the account is asked"
    assert ["jwk" in request.protected for request in ca.signed("/revoke")] == [False]


BAD_NONCE = problem("badNonce", 400, "old")


@pytest.mark.parametrize(
    ("answers", "statuses", "way"),
    [
        ([BAD_NONCE], [Result.UNSIGNED, Result.UNSIGNED, Result.REVOKED], Way.OWN_KEY),
        ([RESET], [Result.UNSIGNED, Result.UNSIGNED, Result.REVOKED], Way.OWN_KEY),
        ([problem("serverInternal", 503)], [Result.UNSIGNED, Result.UNSIGNED, Result.REVOKED], Way.OWN_KEY),
        # Then the account is asked, in the same call.
        ([BAD_NONCE, BAD_NONCE], [Result.UNSIGNED, Result.UNSIGNED, Result.REVOKED], Way.ACCOUNT),
        ([problem("malformed", 400)], [Result.UNSIGNED, Result.REVOKED], Way.ACCOUNT),
        ([problem("alreadyRevoked", 400)], [Result.UNSIGNED, Result.ALREADY_REVOKED], Way.OWN_KEY),
    ],
    ids=["nonce", "connection", "busy", "nonce twice", "refused", "revoked before"],
)
def test_revoke_all_host_signs_twice_at_most(ca, params, key, signed, answers, statuses, way):
    ca.register(key)
    ca.script("/revoke", *answers)
    options, given, found = params(revoke_reason="key_compromise"), own(), []
    for _status in statuses:
        found += revoke(options, [given])
        if found[-1].status == Result.UNSIGNED:
            given = signed(found[-1], own())
    assert [item.status for item in found] == statuses
    assert found[-1].way == way


def test_revoke_all_nonce_refused_twice_without_account_fails(ca, params, signed):
    ca.script("/revoke", BAD_NONCE, BAD_NONCE)
    options, given = params(revoke_reason="key_compromise"), own()
    for _time in range(2):
        (asked,) = revoke(options, [given])
        given = signed(asked, own())
    (found,) = revoke(options, [given])
    assert found.status == Result.FAILED
    assert found.problem.startswith(
        "with its own key: revocation: badNonce: old, also with a second signature. Run again; by the account: "
    )


def test_revoke_all_asks_signatures_for_each_ca_and_the_right_one_revokes(ca, second, params, key, signed):
    for one in (ca, second):
        one.register(key)
    ca.always("/revoke", problem("malformed", 404, "not ours"))
    options = params(second, revoke_reason="key_compromise")
    (asked,) = revoke(options, [own()])
    assert list(asked.nonces) == [f"{ca.url}/revoke", f"{second.url}/revoke"]
    (found,) = revoke(options, [signed(asked, own())])
    assert (found.status, len(second.revoked)) == (Result.REVOKED, 1)
    (named,) = revoke(options, [own(directory=f"{second.url}/directory")])
    assert list(named.nonces) == [f"{second.url}/revoke"]


def test_revoke_all_key_that_cannot_sign_is_left_to_the_account(ca, params, key):
    ca.register(key)
    odd = ca_pem(ROOT.leaf(key_of("ed25519").public_key(), ["shop.example"]))
    (found,) = revoke(params(revoke_reason="key_compromise"), [replace(own(), content=odd)])
    assert (found.status, found.way) == (Result.REVOKED, Way.ACCOUNT)


def test_revoke_all_records_what_is_revoked(ca, params, key, tmp_path):
    ca.register(key)
    history = str(tmp_path / "history.jsonl")
    options = params(history=history)
    revoke(options, [replace(own(), can_sign=None), contracts.revocation(name="bad", content="x")])
    (recorded,) = list(read_revocations(history).values())
    leaf = certificates.load_all(PEM, "it")[0]
    assert (recorded.host, recorded.name, recorded.directory) == ("web1", "shop", f"{ca.url}/directory")
    assert recorded.certificate == (certificates.serial(leaf), utc(certificates.validity(leaf).not_after))
    # A record that cannot be written is a warning, and what is revoked is revoked.
    warnings = []
    options = params(history=str(tmp_path))
    (found,) = revocations.revoke_all(options, [replace(own(), can_sign=None)], warnings.append)
    assert found.status == Result.ALREADY_REVOKED
    assert "cannot be written (Is a directory)" in warnings[0]


def test_check_all_reads_keys_and_sends_no_request(ca, params, path):
    found = revocations.check_all(params(), [certificate(), contracts.revocation(name="bad", content="x")])
    assert [item.status for item in found] == [Result.REVOKED, Result.FAILED]
    assert ca.requests == []
    path.unlink()
    with pytest.raises(AcmeError, match="does not exist"):
        revocations.check_all(params(), [certificate()])
