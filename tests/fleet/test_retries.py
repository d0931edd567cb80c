# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate whose orders fail: its host records that, and the next attempt waits."""

from __future__ import annotations

import re

import pytest

from tests.fleet.fleet import HOME, Fleet, Run


def fails_at_the_ca(fleet: Fleet, **more: object) -> Run:
    """Have web2 want a name that has no address; without the preflight, the CA is asked."""
    wanted = fleet.by_host(web2=[fleet.certificate("shop", "nx.lab.test")])
    return fleet.site(**{**wanted, "acme_preflight": False, **more})


def validations(fleet: Fleet, mark: int) -> int:
    return fleet.signed_requests(mark).count("/chalZ/")


@pytest.mark.hard
def test_failed_validation_waits_for_its_next_attempt(small: Fleet) -> None:
    mark = small.lab.pebble.mark()
    run = fails_at_the_ca(small)
    assert run.hosts_with("failed") == ["web2"]
    again = r"the next attempt is at 20.{14} UTC, or now with acme_retry_failed"
    assert re.search(rf"nx\.lab\.test: http-01: .*; {again}$", run.message("web2"))
    assert validations(small, mark) == 3
    assert all(small.pair_matches(host) for host in ("web1", "web3"))

    # Its host fails with the reason as long as it has no certificate, and the CA is not asked.
    mark = small.lab.pebble.mark()
    run = fails_at_the_ca(small)
    assert run.hosts_with("failed") == ["web2"]
    remembered = rf"certificate shop: an attempt failed at 20.{{14}} UTC; nx\.lab\.test: http-01: .*; {again}"
    assert re.fullmatch(remembered, run.message("web2"))
    assert small.signed_requests(mark) == []
    assert "certfleet.tls: certificate shop of web2: an attempt failed at " in run.text

    # Two attempts, if the user does not want to wait.
    mark = small.lab.pebble.mark()
    run = fails_at_the_ca(small, acme_retry_failed=True)
    assert re.search(rf"; 2 attempts have failed since 20.{{14}} UTC; {again}$", run.message("web2"))
    assert validations(small, mark) == 1

    # At once with another configuration.
    mark = small.lab.pebble.mark()
    run = small.site()
    assert (run.code, run.hosts_with("changed")) == (0, ["web2"])
    assert len(small.lab.pebble.issued(mark)) == 1
    assert not small.lab.path("web2", f"{HOME}/versions/shop/failures.json").exists()


def test_failed_renewal_waits_and_fails_no_host(small: Fleet) -> None:
    assert small.site().code == 0
    forced = {"acme_force_renewal": True, "acme_hosts": "web2", "acme_preflight": False}
    lasting = "the live certificate is still valid, and the host fails from 20"
    small.lab.exec("web2", ["nginx", "-s", "stop"], check=True)
    try:
        for preflight, why in ((True, "the preflight failed for web2.lab.test"), (False, "http-01: connection")):
            run = small.site(**{**forced, "acme_preflight": preflight})
            told = " ".join(run.text.split())
            assert run.code == 0
            assert told.count("certificate shop is deferred to a later run: ") == 1
            assert why in told
            assert lasting in told
        mark = small.lab.pebble.mark()
        run = small.site(**forced)
        assert (run.code, small.signed_requests(mark)) == (0, [])
        assert "certfleet.tls: certificate shop of web2: an attempt failed at " in run.text
    finally:
        small.lab.exec("web2", ["nginx"], check=True)
    assert small.site(**forced, acme_retry_failed=True).code == 0
