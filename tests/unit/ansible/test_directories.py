# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of acme_directory_info, and the account of acme_account_info."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import accounts, directories


def test_describe_all_in_the_order_asked_for(ca, second):
    ca.meta = {"termsOfService": "https://ca/terms", "profiles": {"classic": "x"}, "externalAccountRequired": True}
    second.renewal_info = False
    urls = [f"{one.url}/directory" for one in (second, ca)]
    found = directories.describe_all({"acme_directory": urls, "ca_path": None, "request_timeout": 20})
    assert [item["url"] for item in found] == urls
    assert [item["renewal_information"] for item in found] == [False, True]
    assert found[1] == {
        "url": urls[1],
        "terms_of_service": "https://ca/terms",
        "external_account_required": True,
        "renewal_information": True,
        "profiles": {"classic": "x"},
        "meta": ca.meta,
    }


def test_describe_all_ca_path_is_for_all_cas(monkeypatch):
    paths = []

    monkeypatch.setattr(directories, "_describe", lambda ca: paths.append(ca.ca_path))
    own = {"directory": "google", "ca_path": "/own.pem"}
    directories.describe_all({"acme_directory": ["letsencrypt", "zerossl", own], "ca_path": "/ca.pem"})
    assert paths == ["/ca.pem", "/ca.pem", "/own.pem"]


def test_describe_account_missing_or_registered_is_reported(ca, options, key):
    assert accounts.describe(options()) == {"exists": False}
    uri = ca.register(key)
    account = {"uri": uri, "status": "valid", "contact": [], "thumbprint": key.thumbprint}
    for more in ({}, {"account_uri": uri}):
        assert accounts.describe(options(**more)) == {"exists": True, "account": account}


def test_describe_account_at_several_cas_is_refused(second, options):
    with pytest.raises(AcmeOptionError, match="2 CAs are given"):
        accounts.describe(options(second))


def test_ensure_rollover_of_an_absent_account_is_refused(options):
    with pytest.raises(AcmeOptionError, match="rollover does not go with state absent"):
        accounts.ensure(options(state="absent", rollover=True), check_mode=False)
