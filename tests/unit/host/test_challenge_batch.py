# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders are journaled before challenges are served; a challenge that fails stops no other."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.listener import ListenerResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import WebrootResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.challenge_batch import (
    journal_all,
    put_all,
    remove_all,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen
from tests.unit.host import host
from tests.unit.host.host import ORDER, ORDER_2

TOKENS = ("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "another-token-of-128-bits")


@pytest.fixture
def responses(tmp_path):
    """Return two responses: one can be served, and the webroot of the other one is a file."""
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "www").mkdir()
    folders = (tmp_path / "www", tmp_path / "file")
    return [WebrootResponse(str(folder), token, f"{token}.x") for folder, token in zip(folders, TOKENS)]


def test_put_all_and_remove_all_one_failure_does_not_affect_others(responses):
    good, bad = responses
    paths, failures = put_all(responses, False)
    assert (paths, list(failures)) == ([good.path], [bad.token])
    assert good.in_place()
    assert put_all([good], False) == ([], {}), "it is there"
    paths, failures = remove_all([good], False)
    assert (paths, failures) == ([good.path], {})
    assert not good.exists()
    assert remove_all([good], False) == ([], {})


def test_put_all_check_mode_changes_nothing(responses):
    good, _bad = responses
    assert put_all([good], True) == ([good.path], {})
    assert not good.exists()
    good.put()
    assert remove_all([good], True) == ([good.path], {})
    assert good.in_place()


def test_put_all_refuses_two_certificates_for_one_handshake(home):
    listen = Listen.of("443")
    rivals = [
        ListenerResponse(str(home), "tls-alpn-01", listen, "shop.example", token, f"{token}.x", 600, name)
        for token, name in zip(TOKENS, ("shop", "mail"))
    ]
    with pytest.raises(CollectionError, match=r"tls-alpn-01 cannot prove shop\.example at the same time"):
        put_all(rivals, True)
    assert not home.exists()


def test_journal_all_returns_changed_and_names_failures(home):
    host.prepare(home)
    assert journal_all(str(home), {"shop": ORDER}, True)
    assert journal_all(str(home), {"shop": ORDER}, False)
    assert host.pending(home)[1] == ORDER.order_uri
    assert not journal_all(str(home), {"shop": ORDER}, False)
    with pytest.raises(CollectionError, match=r"^certificate mail: the certificate has no pending version"):
        journal_all(str(home), {"shop": ORDER_2, "mail": ORDER}, False)
    assert host.pending(home)[1] == ORDER_2.order_uri
