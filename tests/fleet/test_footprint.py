# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footprint of the role on a host: it changes and removes no file of anybody else."""

from __future__ import annotations

import re

import pytest

from tests.fleet.fleet import CHECKOUT, HOME, Fleet

_PLACES = "/boot /etc /home /media /mnt /opt /root /srv /usr/local /var"
# Paths that the role has to change, and those that services, Ansible and the machine below the host change anyway.
# Hosts see this checkout, too, in which other tests are at work.
_NOT_OURS = (
    rf"^({HOME}|{re.escape(str(CHECKOUT))}|/srv/tls|/var/log|/var/cache|/var/tmp|/var/lib/nginx|/root/\.ansible)(/|$)"
    r"|/__pycache__(/|$)"
)
_WEBROOT = "/var/www/html"
_CHALLENGES = f"{_WEBROOT}/.well-known/acme-challenge"
# A folder's time is when something was made in it, which may be gone again.
_LISTING = rf"find {_PLACES} -xdev -printf '%p %y %m %U:%G %l ' \( -type d -printf '\n' -o -printf '%s %T@\n' \)"


def everything(fleet: Fleet, host: str) -> dict[str, str]:
    """Return, by path, what identifies the content of each file of a host outside the distribution's /usr."""
    listed = fleet.lab.exec(host, ["sh", "-c", _LISTING], capture_output=True, text=True, errors="replace").stdout
    entries = dict(line.split(" ", 1) for line in listed.splitlines() if line.startswith("/"))
    return {path: said for path, said in entries.items() if not re.search(_NOT_OURS, path)}


def prepare(fleet: Fleet) -> None:
    """On web1 a user owns the webroot; on web2 an administrator made the folder of challenges; web3 has more in it."""
    makes = {
        "web1": f"chown www-data:www-data {_WEBROOT}",
        "web2": f"mkdir -p {_CHALLENGES}",
        "web3": f"install -d {_CHALLENGES} && echo hello > {_CHALLENGES}/of-another",
    }
    for host, script in makes.items():
        fleet.lab.exec(host, ["sh", "-c", f"rm -rf /srv/tls; mkdir /srv/tls; {script}"], check=True)


@pytest.mark.hard
def test_role_changes_and_removes_no_file_of_others(small: Fleet) -> None:
    prepare(small)
    wanted = [small.certificate("shop", formats=[{"kind": "combined", "path": "/srv/tls/shop.pem"}])]
    before = {host: everything(small, host) for host in small.lab.hosts}
    assert f"{_CHALLENGES}/of-another" in before["web3"]
    for variables in (
        {"acme_certificates": wanted},
        {"acme_certificates": wanted, "acme_force_renewal": True},
        {"acme_certificates": [small.certificate("mail")], "acme_remove_unlisted": True},
    ):
        run = small.site(**variables)
        assert (run.code, run.hosts_with("changed")) == (0, small.lab.hosts)
        for host in small.lab.hosts:
            after = everything(small, host)
            assert {path: after.get(path) for path in before[host]} == before[host]
            assert set(after) - set(before[host]) <= {f"{_WEBROOT}/.well-known", _CHALLENGES}
    owners = [small.lab.path(host, _CHALLENGES).stat().st_uid for host in small.lab.hosts]
    assert owners == [small.lab.path("web1", _WEBROOT).stat().st_uid, 0, 0]
    assert owners[0] != 0
    assert small.lab.path("web3", f"{_CHALLENGES}/of-another").read_text() == "hello\n"
