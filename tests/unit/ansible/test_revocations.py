# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of acme_revoke: the CAs that are asked for each, the key that signs, the results."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import revocations
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import Ca, KeySource
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult
from tests.unit import contracts
from tests.unit.acme.ca import pem
from tests.unit.acme.server import problem

FIRST, SECOND, OTHER = (Ca(f"https://{name}.example/dir", key=KeySource(new_content="NEW")) for name in "abc")


@pytest.fixture
def params(options):
    own = {f"private_key_{part}": None for part in ("src", "content", "passphrase")}
    return lambda *others, **more: options(
        *others, **{"revoke_reason": "unspecified", "private_key_permissions": "strict", **own, **more}
    )


def certificate(name="shop", directory=None):
    return contracts.revocation(name=name, content=pem(name), directory=directory)


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
    statuses = [revocations.revoke_all(params(), [certificate()])[0].status for _unused in range(2)]
    assert statuses == [RevocationResult.REVOKED, RevocationResult.ALREADY_REVOKED]


def test_revoke_all_malformed_certificate_does_not_affect_others(ca, params, key):
    ca.register(key)
    bad = contracts.revocation(name="bad", content="x")
    found = revocations.revoke_all(params(), [bad, certificate()])
    assert [item.status for item in found] == [RevocationResult.FAILED, RevocationResult.REVOKED]
    assert len(ca.revoked) == 1


def test_revoke_all_refused_by_first_ca_asks_the_next(ca, second, params, key):
    for one in (ca, second):
        one.register(key)
    ca.always("/revoke", problem("malformed", 404, "not ours"))
    (found,) = revocations.revoke_all(params(second), [certificate()])
    assert found.status == RevocationResult.REVOKED
    assert len(second.revoked) == 1


def test_revoke_all_refused_by_all_cas_reports_the_first_one(ca, second, params, key):
    for one, detail in ((ca, "first"), (second, "second")):
        one.register(key)
        one.always("/revoke", problem("malformed", 404, detail))
    (found,) = revocations.revoke_all(params(second), [certificate()])
    assert found.status == RevocationResult.FAILED
    assert "first" in found.problem


def test_revoke_all_named_ca_is_asked_alone(ca, second, params, key):
    second.register(key)
    (found,) = revocations.revoke_all(params(second), [certificate(directory=f"{second.url}/directory")])
    assert found.status == RevocationResult.REVOKED
    assert ca.requests == []


def test_revoke_all_only_ca_that_is_down_fails_all(ca, params):
    ca.always("/directory", problem("malformed", 404, "gone"))
    with pytest.raises(AcmeError, match="answered HTTP 404"):
        revocations.revoke_all(params(), [certificate()])


def test_revoke_all_with_the_certificates_own_key_needs_no_account(ca, params, key_of):
    own = {"private_key_content": key_of("ec384").pem().decode(), "revoke_reason": "1"}
    (found,) = revocations.revoke_all(params(**own), [certificate()])
    assert found.status == RevocationResult.REVOKED
    (request,) = ca.signed()
    # RFC 8555 section 7.6: with the certificate's key, the request has that key and no account.
    assert request.protected["jwk"] == key_of("ec384").public_jwk
    assert request.payload["reason"] == 1


def test_check_all_reads_keys_and_sends_no_request(ca, params, path):
    found = revocations.check_all(params(), [certificate(), contracts.revocation(name="bad", content="x")])
    assert [item.status for item in found] == [RevocationResult.REVOKED, RevocationResult.FAILED]
    assert ca.requests == []
    path.unlink()
    with pytest.raises(AcmeError, match="does not exist"):
        revocations.check_all(params(), [certificate()])
