# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.filter.revocation import not_revoked, to_revoke

T = "2026-06-01T00:00:00Z"
OLD, NEW, EVER = "2026-05-01T00:00:00Z", "2026-06-02T00:00:00Z", "2999-01-01T00:00:00Z"


def version(serial, created=OLD, live=False, name="shop", not_after=EVER):
    facts = {"name": name, "version": serial, "live": live, "serial": serial, "created": created}
    return {**facts, "not_after": not_after, "certificate": f"PEM {serial}"}


def variables(**hosts):
    return {host: {"acme_looked_at": {"history": versions}} for host, versions in hosts.items()}


def revoked(hosts, hostvars, *arguments):
    return [(item["host"], item["content"]) for item in to_revoke(hosts, hostvars, *arguments)]


def test_the_live_ones():
    hostvars = variables(web1=[version("1"), version("2", live=True)], web2=[])
    hostvars["web3"] = {"acme_looked_at": {"unreachable": True}}
    assert to_revoke(["web1", "web2", "web3"], hostvars) == [{"host": "web1", "name": "shop", "content": "PEM 2"}]


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ([version("1"), version("2", NEW, live=True)], ["PEM 1"]),
        ([version("1"), version("2"), version("3", NEW), version("4", NEW, live=True)], ["PEM 1", "PEM 2"]),
        ([version("1", not_after="2020-01-01T00:00:00Z"), version("2", NEW, live=True)], []),
        ([version("1"), version("2", live=True)], ["PEM 1"]),
        ([version("1", None), version("2", NEW, live=True)], []),
    ],
    ids=["replaced", "renewed since", "ended", "still live", "damaged"],
)
def test_those_before_an_instant(versions, told):
    assert [entry[1] for entry in revoked(["web1"], variables(web1=versions), T)] == told


def test_what_another_host_still_serves_is_left():
    """A shared certificate, where one host has not switched."""
    switched, behind = [version("1"), version("2", NEW, live=True)], [version("1", live=True)]
    assert revoked(["web1"], variables(web1=switched), T) == [("web1", "PEM 1")]
    assert revoked(["web1", "web2"], variables(web1=switched, web2=behind), T) == []
    failed = {"web2": {"acme_found": {"certificates": [{"live": {"serial": "1"}}, {"live": None}]}}}
    assert revoked(["web1"], {**variables(web1=switched), **failed}, T, ["web1", "web2", "web3"]) == []


@pytest.mark.parametrize("before", ["soon", "2026-06-01", "2026-06-01T00:00:00"])
def test_what_is_no_instant(before):
    with pytest.raises(AnsibleFilterError, match="is not an instant: give one such as"):
        to_revoke([], {}, before)


@pytest.mark.parametrize("before", ["2026-06-01T02:00:00+02:00", "2026-06-01T00:00:00.5Z"])
def test_instants_of_all_kinds(before):
    at = [version("1", "2026-05-31T23:59:59Z"), version("2", T), version("3", NEW, live=True)]
    assert [entry[1] for entry in revoked(["web1"], variables(web1=at), before)] == ["PEM 1"]


LIVE = {"history": [version("2", NEW, live=True)]}


@pytest.mark.parametrize(
    ("looked", "answer", "told"),
    [
        (LIVE, {"certificates": [{"host": "web1", "name": "shop", "problem": ""}]}, []),
        # Its own word, not that of the whole step or of another host.
        (
            LIVE,
            {
                "msg": "certificate shop of web1: refused; certificate shop of web2: malformed",
                "certificates": [
                    {"host": "web1", "name": "shop", "problem": "refused"},
                    {"host": "web2", "name": "shop", "problem": "malformed"},
                ],
            },
            ["refused"],
        ),
        (LIVE, {"msg": "no account", "certificates": []}, ["no account"]),
        (LIVE, {"msg": "MODULE FAILURE"}, ["MODULE FAILURE"]),
        ({"history": []}, {"certificates": []}, ["there is no live version of it on this host"]),
        ({"history": [version("1")]}, {}, ["there is no live version of it on this host"]),
        ({"msg": "no Python"}, {}, ["no Python"]),
        ({"unreachable": True}, {}, []),
    ],
)
def test_not_revoked(looked, answer, told):
    lines = [f"certificate shop is not revoked: {line}" for line in told]
    assert not_revoked(looked, answer, "web1", ["shop"]) == lines


def test_what_is_still_in_use_is_told():
    looked = {"history": [version("1"), version("2", live=True)]}
    (line,) = not_revoked(looked, {"certificates": []}, "web1", ["shop"], T)
    assert line == f"certificate shop is not revoked: it is still in use, with a key from {OLD}: replace it first"
    assert not_revoked(LIVE, {"certificates": []}, "web1", ["shop"], T) == []
