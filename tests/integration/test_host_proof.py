# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate: real servers prove a new version, and it is rolled back if they fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from cryptography import x509

from tests.integration.hosts import HOME, Host, Issuer, msg_of, wanted
from tests.unit.host import ca

BROKEN = "/etc/nginx/conf.d/zz-broken.conf"
SWITCH = [{"name": "shop", "action": "switch"}]
# Its reload does nothing, as that of a service which reads its certificate at the start only.
KEEPER = "#!/bin/sh\nexit 0\n"
DOVECOT = f"""\
protocols = imap pop3
listen = *
ssl = yes
log_path = /var/log/dovecot.log
ssl_cert = <{HOME}/live/shop/fullchain.pem
ssl_key = <{HOME}/live/shop/privkey.pem
passdb {{
    driver = static
    args = nopassword=y
}}
"""
# From 2.4 the first line has to be the version, and other names have changed as well.
DOVECOT_2_4 = f"""\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap pop3
listen = *
ssl = yes
log_path = /var/log/dovecot.log
ssl_server_cert_file = {HOME}/live/shop/fullchain.pem
ssl_server_key_file = {HOME}/live/shop/privkey.pem
passdb static {{
    fields {{
        nopassword = yes
    }}
}}
"""
APACHE_SITE = f"""\
<VirtualHost *:8443>
SSLEngine on
SSLCertificateFile {HOME}/live/shop/fullchain.pem
SSLCertificateKeyFile {HOME}/live/shop/privkey.pem
</VirtualHost>
"""
HAPROXY_SITE = """
frontend shop
    bind :8444 ssl crt /etc/haproxy/shop.pem
    http-request deny
"""


SLAPD = f"""\
TLSCertificateFile {HOME}/live/shop/fullchain.pem
TLSCertificateKeyFile {HOME}/live/shop/privkey.pem
pidfile /run/slapd/slapd.pid
argsfile /run/slapd/slapd.args
"""


class WebServer(NamedTuple):
    """A server's files, and a script that readies it. test: how its configuration is tested. broken: where it breaks.

    began: a script that says which configuration it runs with. options: of the certificate.
    """

    port: int
    files: dict[str, str]
    prepare: str
    test: str
    broken: str
    began: str
    options: dict[str, Any]


WEB_SERVERS = {
    "apache2": WebServer(
        8443,
        {"/etc/apache2/ports.conf": "Listen 8443\n", "/etc/apache2/sites-available/shop.conf": APACHE_SITE},
        "mkdir -p /var/log/apache2; a2enmod -q ssl; a2ensite -q shop",
        "/usr/sbin/apache2ctl configtest",
        "/etc/apache2/sites-available/shop.conf",
        "grep -c 'configured -- resuming' /var/log/apache2/error.log",
        {},
    ),
    "haproxy": WebServer(
        8444,
        {},
        f"echo '{HAPROXY_SITE}' >> /etc/haproxy/haproxy.cfg",
        "/usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg",
        "/etc/haproxy/haproxy.cfg",
        "cat /run/haproxy.pid",
        {"formats": [{"kind": "combined", "path": "/etc/haproxy/shop.pem"}]},
    ),
}


@pytest.fixture
def keeper(host: Host) -> Iterator[str]:
    """Yield the name of a service that keeps its certificate."""
    host.path("/etc/init.d/keeper").write_text(KEEPER)
    host.path("/etc/init.d/keeper").chmod(0o755)
    yield "keeper"
    host.shell("rm -f /etc/init.d/keeper")


@pytest.fixture
def dovecot(host: Host) -> Iterator[Host]:
    """Yield a host whose Dovecot will serve the live certificate."""
    is_old = host.shell("dovecot --version").startswith("2.3.")
    host.path("/etc/dovecot/dovecot.conf").write_text(DOVECOT if is_old else DOVECOT_2_4)
    yield host
    host.shell("service dovecot stop; rm -f /var/log/dovecot.log")


def probe(**options: Any) -> dict[str, Any]:
    return {"timeout": 20, "server_name": "shop.lab.test", **options}


def serial(host: Host) -> str:
    return f"{host.certificate().serial_number:x}"


def served(host: Host, issuer: Issuer) -> x509.Certificate:
    """Return the certificate that nginx serves, verified."""
    return x509.load_der_x509_certificate(host.lab.served("web1", "shop.lab.test", ca.pem(issuer.root.certificate)))


def renew(host: Host, issuer: Issuer, certificate: dict[str, Any]) -> Any:
    """Deploy a second version. Gives the module's result; serial numbers have no zero in front."""
    (request,) = host.request(certificate)["requests"]
    return host.deploy([issuer.issue(request, serial=0xB002)], certificate)


def first(host: Host, issuer: Issuer, certificate: dict[str, Any]) -> None:
    (request,) = host.request(certificate)["requests"]
    deployed = host.deploy([issuer.issue(request, serial=0xA001)], certificate)
    assert deployed.ok, deployed["msg"]


def test_proof_broken_nginx_configuration_rolls_back(host: Host, issuer: Issuer) -> None:
    certificate = wanted(reload=["nginx"])
    first(host, issuer, certificate)
    host.lab.enable_tls("web1", "shop")
    certificate["probe"] = [probe()]
    host.path(BROKEN).write_text("no_such_directive on;\n")

    message = msg_of(renew(host, issuer, certificate))
    assert message.startswith("certificate shop: the configuration of nginx is invalid (/usr/sbin/nginx -t -q): ")
    assert 'unknown directive "no_such_directive"' in message
    assert "version 0002 (serial b002) is rolled back, version 0001 (serial a001) is live again" in message
    assert "is live again, but the configuration of nginx is invalid" in message
    assert (serial(host), host.live()[-4:]) == ("a001", "0001")
    assert served(host, issuer).serial_number == 0xA001

    # Neither is it any better in a second run.
    before = host.tree()
    assert "version 0002 (serial b002) is rolled back" in msg_of(host.deploy(SWITCH, certificate))
    assert [line for line in host.tree() if " f " in line] == [line for line in before if " f " in line]

    host.shell(f"rm {BROKEN}")
    done = host.deploy(SWITCH, certificate)
    assert (done.ok, done["changed"], done["reloaded"]) == (True, True, ["nginx"])
    assert served(host, issuer).serial_number == 0xB002
    (found,) = host("certificate_info", certificates=[certificate])["certificates"]
    assert (found["live"]["reloaded"], found["pending"]) == (True, None)


@pytest.mark.hard
def test_proof_service_that_keeps_old_certificate_fails(host: Host, issuer: Issuer, keeper: str) -> None:
    certificate = wanted(reload=[keeper])
    first(host, issuer, certificate)
    host.shell(f"mkdir -p /srv/kept && cp {host.live()}/*.pem /srv/kept")
    host.lab.enable_tls("web1", "/srv/kept")
    certificate["probe"] = [probe(timeout=2)]
    message = msg_of(renew(host, issuer, certificate))
    assert message == (
        "certificate shop: localhost:443 (shop.lab.test) serves serial a001 instead of b002 (tried for 2 "
        "seconds); version 0002 (serial b002) is rolled back, version 0001 (serial a001) is live again, and its "
        "services are reloaded; the next run tries version 0002 again"
    )
    assert serial(host) == "a001"
    # Restarted, it would serve the new one: as here, where nginx reads what it serves from the live version.
    host.shell("rm /etc/nginx/conf.d/*")
    host.lab.enable_tls("web1", "shop")
    certificate["reload"] = [{"command": ["/usr/sbin/nginx", "-s", "reload"], "test": ["/usr/sbin/nginx", "-t"]}]
    done = host.deploy(SWITCH, certificate)
    assert (done.ok, done["reloaded"]) == (True, ["/usr/sbin/nginx -s reload"])
    assert served(host, issuer).serial_number == 0xB002


@pytest.mark.hard
def test_proof_dovecot_is_probed_by_starttls(dovecot: Host, issuer: Issuer) -> None:
    host = dovecot
    certificate = wanted(reload=[{"service": "dovecot", "test": ["doveconf", "-n"]}])
    certificate["probe"] = [probe(starttls="imap"), probe(starttls="pop3"), probe(port=993)]
    first(host, issuer, certificate)  # which starts it
    host.shell("pgrep -x dovecot")
    done = renew(host, issuer, certificate)
    assert (done.ok, done["reloaded"], serial(host)) == (True, ["dovecot"], "b002")

    certificate["reload"] = []
    certificate["probe"] = [probe(starttls="imap", timeout=2), probe(starttls="pop3", timeout=2)]
    (request,) = host.request(certificate)["requests"]
    message = msg_of(host.deploy([issuer.issue(request, serial=0xC003)], certificate))
    for port in (143, 110):
        assert f"localhost:{port} (shop.lab.test) serves serial b002 instead of c003" in message
    assert "version 0002 (serial b002) is live again; the next run" in message
    assert serial(host) == "b002"


@pytest.mark.hard
def test_proof_slapd_is_restarted(host: Host, issuer: Issuer) -> None:
    """Its script can only restart it, and it reads its certificate at the start only."""
    certificate = wanted(reload=["slapd"], probe=[probe(starttls="ldap")], group="openldap", mode="0640")
    host.path("/etc/ldap/slapd.conf").write_text(SLAPD)
    try:
        first(host, issuer, certificate)
        done = renew(host, issuer, certificate)
        assert (done.ok, done["reloaded"], serial(host)) == (True, ["slapd"], "b002"), done.text
    finally:
        host.shell("service slapd stop")


@pytest.mark.hard
def test_proof_closed_port_fails(host: Host, issuer: Issuer) -> None:
    certificate = wanted(probe=[probe(port=4430, timeout=1)])
    (request,) = host.request(certificate)["requests"]
    message = msg_of(host.deploy([issuer.issue(request)], certificate))
    assert message == (
        "certificate shop: localhost:4430 (shop.lab.test) does not show its certificate: Connection refused "
        "(tried for 1 seconds); it stays live: no earlier version is still valid, so there is nothing "
        "to roll back to"
    )
    assert host.live().endswith("0001")


@pytest.mark.hard
@pytest.mark.parametrize("kind", WEB_SERVERS)
def test_proof_broken_web_server_configuration_is_not_reloaded(host: Host, issuer: Issuer, kind: str) -> None:
    """Apache and HAProxy as Debian sets them up, with a site more."""
    server = WEB_SERVERS[kind]
    certificate = wanted(reload=[kind], **server.options)
    certificate["probe"] = [probe(port=server.port)]
    for path, text in server.files.items():
        host.path(path).write_text(text)
    host.shell(server.prepare)
    try:
        first(host, issuer, certificate)  # which starts it
        began = host.shell(server.began)
        with host.path(server.broken).open("a") as file:
            file.write("no_such_directive on\n")
        message = msg_of(renew(host, issuer, certificate))
        assert message.startswith(f"certificate shop: the configuration of {kind} is invalid ({server.test}): ")
        assert "no_such_directive" in message
        assert "version 0002 (serial b002) is rolled back, version 0001 (serial a001) is live again" in message
        assert serial(host) == "a001"
        assert host.shell(server.began) == began, "it did not read its configuration again"

        host.shell(f"sed -i /no_such_directive/d {server.broken}")
        done = host.deploy(SWITCH, certificate)
        assert (done.ok, done["reloaded"], serial(host)) == (True, [kind], "b002"), done.text
    finally:
        host.shell(f"service {kind} stop")


@pytest.mark.hard
def test_proof_handlers_are_returned_by_name(host: Host, issuer: Issuer) -> None:
    certificate = wanted(reload=[{"notify": "Restart it"}])
    done = host.make_live(issuer, certificate)
    for _unused in range(2):
        assert done["notify"] == ["Restart it"]
        done = host.deploy([{"name": "shop", "action": "repair"}], certificate)
    # Told that they have run, it knows that there is nothing more to notify.
    for changed in (True, False):
        noted = host.deploy([], certificate, after_handlers=done["after_handlers"])
        assert (noted["changed"], noted["notify"], noted["after_handlers"]) == (changed, [], [])
    assert host.deploy([{"name": "shop", "action": "repair"}], certificate)["notify"] == []
