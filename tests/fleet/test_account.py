# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's entry points for the account, and certificates that are requested until a given time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from tests.fleet.fleet import Fleet, Run
from tests.integration.orders import Customer

PLAY = """\
- hosts: web
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: certfleet.tls.acme
        tasks_from: {entry}
    - ansible.builtin.debug:
        var: _acme_account
"""


def enter(fleet: Fleet, entry: str, *arguments: str, **variables: object) -> Run:
    """Run one of the role's entry points over all hosts."""
    path = fleet.folder / f"{entry}.yml"
    path.write_text(PLAY.format(entry=entry))
    return fleet.run(fleet.command(*arguments, playbook=str(path), **variables))


def account_of(fleet: Fleet, host: str = "web1") -> str:
    manifest: dict[str, Any] = json.loads(fleet.file(host, "shop", "version.json").read_bytes())
    return str(manifest["account_uri"])


@pytest.mark.hard
def test_account_is_created_changed_and_deactivated(small: Fleet) -> None:
    customer = Customer(small.lab, small.folder)
    key = small.folder / "account-key.pem"
    run = enter(small, "account", acme_contact=["ops@example.com"])
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"]), "once for any number of hosts"
    uri = customer("acme_account_info")["account"]["uri"]
    for contacts in (["new@example.com"], []):
        assert enter(small, "account", acme_contact=contacts).hosts_with("changed") == ["web1"]
        assert enter(small, "account", acme_contact=contacts).hosts_with("changed") == []
        assert customer("acme_account_info")["account"]["contact"] == [f"mailto:{item}" for item in contacts]

    # Another key, while an order waits for its challenge to be answered: it is the same account's.
    small.lab.exec("web1", ["mkdir", "-p", "/srv/elsewhere"], check=True)
    elsewhere = [small.certificate("shop", webroot="/srv/elsewhere")]
    assert small.site(acme_certificates=elsewhere, acme_hosts="web1").hosts_with("failed") == ["web1"]
    before = key.read_bytes()
    assert enter(small, "account_rollover", "--check").hosts_with("changed") == ["web1"]
    assert key.read_bytes() == before
    run = enter(small, "account_rollover")
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert key.read_bytes() != before
    assert "PRIVATE KEY" not in run.text
    mark = small.lab.pebble.mark()
    assert small.site().code == 0
    # Two orders are new; that of web1 is resumed, with the key authorizations of the new key.
    assert [path for _method, path in small.lab.pebble.requests(mark)].count("/order-plz") == 2
    assert {account_of(small, host) for host in small.lab.hosts} == {uri}

    # Given up, it can order no more; another one can.
    run = enter(small, "account_deactivate")
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert enter(small, "account_deactivate").hosts_with("changed") == []
    run = small.site(acme_force_renewal=True)
    assert run.hosts_with("failed") == small.lab.hosts
    other = str(small.folder / "another-key.pem")
    assert small.site(acme_force_renewal=True, acme_account_key_src=other).code == 0
    assert account_of(small) != uri
    # Pinned, it is taken at its word and not looked up.
    mark = small.lab.pebble.mark()
    pinned = {"acme_account_key_src": other, "acme_account_uri": account_of(small)}
    assert small.site(acme_force_renewal=True, acme_hosts="web1", **pinned).code == 0
    assert "/sign-me-up" not in [path for _method, path in small.lab.pebble.requests(mark)]


@pytest.mark.hard
def test_account_key_from_vault_is_changed(small: Fleet) -> None:
    """Runs that are given both keys go on with the account, until the vault has the new one in the old one's place."""
    old, new = (AccountKey.generate().pem().decode() for _unused in range(2))
    both = {"acme_account_key_content": old, "acme_new_account_key_content": new}
    assert small.site(**both).code == 0
    uri = account_of(small)
    run = enter(small, "account_rollover", **both)
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert small.site(acme_force_renewal=True, acme_hosts="web1", **both).code == 0
    assert enter(small, "revoke", acme_revoke="shop", acme_hosts="web1", **both).code == 0
    changed = {**both, "acme_account_key_content": new}
    assert small.site(acme_force_renewal=True, acme_hosts="web2", **changed).code == 0
    assert {account_of(small, host) for host in small.lab.hosts} == {uri}
    assert "PRIVATE KEY" not in run.text


@pytest.mark.hard
def test_role_validity_is_requested(small: Fleet) -> None:
    certificates = {
        "web1": [small.certificate("shop", not_after="+10d")],
        "web2": [small.certificate("shop", not_before="-1h", not_after="+20d")],
        "web3": [small.certificate("shop", not_after="ten days")],
    }
    run = small.site(**small.by_host(**certificates))
    assert run.hosts_with("failed") == ["web3"]
    assert "not_after 'ten days' is not a time" in run.message("web3")
    lives = {host: small.live(host) for host in ("web1", "web2")}
    spans = {host: live.not_valid_after_utc - live.not_valid_before_utc for host, live in lives.items()}
    assert abs(spans["web1"] - timedelta(days=10)) < timedelta(minutes=5)
    assert spans["web2"] == timedelta(days=20, hours=1)
    # Another wish is one for the next certificate.
    certificates["web1"] = [small.certificate("shop", not_after="+30d")]
    run = small.site("--check", **small.by_host(**certificates))
    assert [line for line in run.planned if "web3" not in line] == []
