# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user of the host exchanges folders, links and pipes while root works in that user's folders."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.hosts import Host, Issuer, msg_of, wanted

SECRET = "/etc/acme-test/privkey.pem"
TOKEN = "a-token-of-128-bits-01"
TURNS = 2
# The user's actions until there is a file named stop; it prints their number.
EXCHANGE = f"""
import os, random, shutil, time
end, times = time.monotonic() + 120, 0
os.chdir("/srv/app")
makers = [
    lambda path: os.symlink("{SECRET}", path),
    lambda path: os.symlink("/etc/acme-test", path),
    lambda path: os.symlink("/etc/apt/apt.conf.d", path),
    os.mkfifo,
    os.mkdir,
]
places = ["tls", "tls/shop.pem", "tls/.shop.pem.aside", "www/.well-known", "www/.well-known/acme-challenge"]
while time.monotonic() < end and not os.path.exists("stop"):
    place = random.choice(places)
    for step in (
        lambda: os.rename(place, "aside"), lambda: random.choice(makers)(place), lambda: os.unlink("aside"),
    ):
        try:
            step()
        except OSError:
            pass
    shutil.rmtree("aside", ignore_errors=True)
    times += 1
print(times)
"""


@pytest.fixture
def app(host: Host) -> Iterator[Host]:
    """Yield a host with an application of the user deploy's, and a secret of root's."""
    host.shell(
        "install -d -m 755 /etc/acme-test && umask 077 && echo secret > /etc/acme-test/privkey.pem; "
        "install -d -o deploy -g deploy /srv/app /srv/app/tls /srv/app/www"
    )
    yield host
    host.shell("rm -rf /srv/app /etc/acme-test")


def entry(**options: Any) -> dict[str, Any]:
    formats = [{"kind": "combined", "path": "/srv/app/tls/shop.pem", "owner": "deploy", "mode": "0640"}]
    return wanted(webroot="/srv/app/www", formats=formats, **options)


def foreign(host: Host) -> str:
    """Return one line for each file of others, with all that a change would change."""
    return host.shell(
        "find /etc -newermt 1970-01-01 -printf '%p %y %m %U:%G %s %T@ %C@ %l\\n' | grep -v ^/etc/acme/ | sort"
    )


@contextmanager
def exchanging(host: Host) -> Iterator[subprocess.Popen[str]]:
    command = host.lab.exec_command(
        "web1", ["setpriv", "--reuid=deploy", "--regid=deploy", "--clear-groups", "python3", "-c", EXCHANGE]
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        yield process


@pytest.mark.hard
def test_paths_exchanged_meanwhile_change_nothing_of_others(app: Host, issuer: Issuer) -> None:
    app.make_live(issuer, entry())
    before = foreign(app)
    challenge = {"token": TOKEN, "key_authorization": f"{TOKEN}.thumbprint", "webroot": "/srv/app/www"}
    with exchanging(app) as process:
        for turn in range(TURNS):
            assert app("certificate_info", certificates=[entry()]).ok
            app("challenge_response", challenges=[challenge])
            app.deploy([{"name": "shop", "action": "repair"}], entry(mode=["0600", "0640"][turn % 2]))
            app("challenge_response", challenges=[challenge], state="absent")
        app.shell("touch /srv/app/stop")
        assert process.stdout is not None
        assert int(process.stdout.read()) > 1000
    assert foreign(app) == before
    assert app.read(SECRET) == "secret\n"
    assert app.shell("grep -rl secret /srv/app || :") == ""
    # The user's leftovers do not matter to the next run once the folder is a folder again.
    app.shell("rm -rf /srv/app/tls /srv/app/www; install -d -o deploy -g deploy /srv/app/tls /srv/app/www")
    assert app.deploy([{"name": "shop", "action": "repair"}], entry()).ok
    assert app.shell("stat -c %U /srv/app/tls/shop.pem") == "deploy"
    assert app("challenge_response", challenges=[challenge])["changed"]
    assert app.shell("stat -c %U /srv/app/www/.well-known/acme-challenge/*") == "deploy"


@pytest.mark.parametrize(("place", "to"), [("tls", "../../etc/acme-test"), ("www/.well-known", "/etc/acme-test")])
def test_paths_link_to_elsewhere_is_refused_before_any_change(app: Host, place: str, to: str) -> None:
    app.shell(f"rm -rf /srv/app/{place}; ln -s {to} /srv/app/{place} && chown -h deploy: /srv/app/{place}")
    before = foreign(app)
    (found,) = app("certificate_info", certificates=[entry()])["certificates"]
    assert [text for text in found["problems"] if "is a link of deploy's that leads to what belongs to root" in text]
    challenge = {"token": TOKEN, "key_authorization": f"{TOKEN}.thumbprint", "webroot": "/srv/app/www"}
    if place != "tls":
        msg_of(app("challenge_response", challenges=[challenge]))
    assert foreign(app) == before


def test_paths_home_writable_by_user_is_refused(app: Host, issuer: Issuer) -> None:
    for result in (
        app.request(entry(), home="/srv/app/home"),
        app.deploy([{"name": "shop", "action": "remove"}], home="/srv/app/home"),
        app("certificate_adopt", home="/srv/app/home", directories=["https://ca.example/"]),
    ):
        assert msg_of(result).startswith("home /srv/app/home cannot be used: /srv/app belongs to deploy, who could")
    assert app.names("/srv/app") == ["tls", "www"]
    app.shell("install -d -g deploy -m 2775 /srv/app/shared && chown root /srv/app /srv/app/shared")
    assert msg_of(app.request(entry(), home="/srv/app/shared/acme")).startswith(
        "home /srv/app/shared/acme cannot be used: /srv/app/shared is writable by other users"
    )
