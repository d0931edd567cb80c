# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_request: keys and requests, what is reused, the journal, and the challenges that it serves."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.integration.hosts import DIRECTORY, HOME, ORDER, WEBROOT, Host, Issuer, msg_of, wanted
from tests.parameters import hard_but

VERSION = f"{HOME}/versions/shop/0001"
CHALLENGES = f"{WEBROOT}/.well-known/acme-challenge"
TOKEN, SECOND = "a-token-of-128-bits-01", "a-token-of-128-bits-02"  # RFC 8555 section 8.3


def challenge(token: str = TOKEN, **options):
    return {"name": "shop", "token": token, "key_authorization": f"{token}.thumbprint", "webroot": WEBROOT, **options}


def csr(request) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(request["csr_content"].encode())


def manifest(host: Host, version: str = VERSION):
    return json.loads(host.read(f"{version}/version.json"))


def key(host: Host, version: str = VERSION):
    return serialization.load_pem_private_key(host.path(f"{version}/privkey.pem").read_bytes(), None)


def test_request_check_mode_then_real_run_then_unchanged(host: Host) -> None:
    before = host.tree()
    options = {"orders": [{"name": "shop", **ORDER}], "challenges": [challenge()], "diff": True}
    foreseen = host.request(check=True, **options)
    assert foreseen["changed"]
    assert foreseen["requests"][0]["csr_content"] is None
    assert "+pending version of shop" in foreseen.text
    assert f"+order {ORDER['order_uri']}" in foreseen.text
    assert host.tree() == before

    made = host.request(**options)
    assert made["changed"]
    assert "+pending version of shop" in made.text
    assert "PRIVATE KEY" not in made.text
    (request,) = made["requests"]
    assert (request["name"], request["version"], request["reused"]) == ("shop", "0001", False)
    assert (request["order_uri"], request["account_uri"]) == (ORDER["order_uri"], ORDER["account_uri"])
    assert made["ready"] == ["shop"]
    assert made["failures"] == {}

    made_tree = host.tree()
    for check in (True, False):
        again = host.request(check=check, **options)
        assert not again["changed"]
        assert again["requests"] == [{**request, "reused": True}]
        assert again["ready"] == ["shop"]
        assert "+" not in again.text.partition("web1 |")[0]
    assert host.tree() == made_tree


def test_request_writes_key_request_and_manifest(host: Host) -> None:
    names = ["Shop.lab.test.", "bücher.lab.test", "shop.lab.test"]
    (request,) = host.request(wanted("shop", *names, owner="www-data", group="daemon", mode="0440"))["requests"]
    assert request["identifiers"] == ["shop.lab.test", "xn--bcher-kva.lab.test"]
    assert host.names(VERSION) == ["privkey.pem", "request.csr", "version.json"]
    assert host.names(f"{HOME}/live") == []
    assert host.shell(f"stat -c '%n %a %U %G' {HOME} {HOME}/versions {VERSION} {VERSION}/*").splitlines() == [
        f"{HOME} 755 root root",
        f"{HOME}/versions 755 root root",
        f"{VERSION} 755 root root",
        f"{VERSION}/privkey.pem 440 www-data daemon",
        f"{VERSION}/request.csr 644 root root",
        f"{VERSION}/version.json 644 root root",
    ]
    parsed = csr(request)
    san = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == request["identifiers"]
    assert parsed.public_key() == key(host).public_key()
    assert host.read(f"{VERSION}/request.csr") == request["csr_content"]
    assert "PRIVATE KEY" not in json.dumps(manifest(host))


def test_request_every_key_type(host: Host) -> None:
    kinds = ["ec256", "ec384", "rsa2048", "rsa3072"]
    requests = host.request(*(wanted(kind, key_type=kind) for kind in kinds))["requests"]
    sizes = {item["name"]: csr(item).public_key().key_size for item in requests}
    assert sizes == {"ec256": 256, "ec384": 384, "rsa2048": 2048, "rsa3072": 3072}


NOT_THE_SAME = {
    "other names": {"identifiers": ["shop.lab.test", "www.lab.test"]},
    "another kind of key": {"key_type": "ec384"},
    "another profile": {"profile": "shortlived"},
}


@pytest.mark.hard
def test_request_pending_version_for_other_terms_is_replaced(host: Host) -> None:
    previous = host.request(orders=[{"name": "shop", **ORDER}])["requests"][0]
    number = 1
    for case, options in NOT_THE_SAME.items():
        number += 1
        (request,) = host.request({**wanted(), **options})["requests"]
        assert (request["version"], request["reused"], request["order_uri"]) == (f"{number:04d}", False, None), case
        assert request["csr_content"] != previous["csr_content"]
        assert host.names(f"{HOME}/versions/shop") == [".lock", f"{number:04d}"]
        previous = request
    (request,) = host.request({**wanted(), **options}, directory="https://other.example/dir")["requests"]
    assert (request["version"], request["reused"]) == (f"{number + 1:04d}", False)
    # The sequence of names does not matter.
    names = wanted("shop", "b.lab.test", "a.lab.test"), wanted("shop", "a.lab.test", "b.lab.test")
    requests = [host.request(certificate)["requests"][0] for certificate in names]
    assert [request["reused"] for request in requests] == [False, True]


DAMAGE = {
    "key of another": "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out privkey.pem",
    "key that is none": "echo > privkey.pem",
    "request gone": "rm request.csr",
    "manifest damaged": "echo > version.json",
}


@pytest.mark.hard
def test_request_damaged_pending_version_is_replaced(host: Host) -> None:
    certificates = [wanted(f"c{number}", f"c{number}.lab.test") for number in range(len(DAMAGE))]
    host.request(*certificates)
    for certificate, script in zip(certificates, DAMAGE.values()):
        host.shell(f"cd {HOME}/versions/{certificate['name']}/0001 && {script}")
    for request, case in zip(host.request(*certificates)["requests"], DAMAGE):
        assert (request["version"], request["reused"]) == ("0002", False), case


@pytest.mark.hard
def test_request_repairs_attributes_of_pending_key(host: Host) -> None:
    host.request()
    host.shell(f"chmod 0644 {VERSION}/privkey.pem")
    assert host.request(check=True)["changed"]
    assert host.shell(f"stat -c %a {VERSION}/privkey.pem") == "644"
    again = host.request()
    assert again["changed"]
    assert again["requests"][0]["reused"]
    assert host.shell(f"stat -c %a {VERSION}/privkey.pem") == "600"


@pytest.mark.hard
def test_request_does_not_change_live_version(host: Host, issuer: Issuer) -> None:
    host.make_live(issuer)
    before = [line for line in host.tree() if "/0001" in line or "/live" in line]
    (request,) = host.request()["requests"]
    assert (request["version"], request["reused"]) == ("0002", False)
    assert [line for line in host.tree() if "/0001" in line or "/live" in line] == before


@pytest.mark.hard
def test_request_journals_order(host: Host) -> None:
    host.request()
    assert manifest(host)["order_uri"] is None
    journaled = host.request(orders=[{"name": "shop", **ORDER}])
    assert journaled["changed"]
    assert journaled["ready"] == ["shop"]
    assert {field: manifest(host)[field] for field in ORDER} == ORDER
    assert host("certificate_info")["certificates"][0]["pending"]["order_uri"] == ORDER["order_uri"]
    # It is returned again without being given, and another takes its place.
    assert host.request()["requests"][0]["order_uri"] == ORDER["order_uri"]
    second = {**ORDER, "order_uri": "https://ca.example/order/2"}
    assert host.request(orders=[{"name": "shop", **second}])["requests"][0]["order_uri"] == second["order_uri"]
    assert (manifest(host)["order_uri"], manifest(host)["directory"]) == (second["order_uri"], DIRECTORY)


def test_request_challenges_are_served_by_web_server(host: Host) -> None:
    tokens = [TOKEN, "_-" * 11]
    host.request(orders=[{"name": "shop", **ORDER}], challenges=[challenge(token) for token in tokens])
    served = [host.shell(f"curl -sf http://localhost/.well-known/acme-challenge/{token}") for token in tokens]
    assert served == [f"{TOKEN}.thumbprint", f"{tokens[1]}.thumbprint"]
    assert host.shell(f"stat -c '%a %U' {CHALLENGES}/{tokens[1]}") == "644 root"


_TOKEN = "invalid challenge token {}: RFC 8555 section 8.3 does not allow it"
_AUTHORIZATION = f"invalid key authorization for token {TOKEN}: it does not begin with the token"
REFUSED = {
    "token with a path": ({"token": "../../../../etc/cron.d/x"}, _TOKEN.format("'../../../../etc/cron.d/x'")),
    "token with a dot": ({"token": ".."}, _TOKEN.format("'..'")),
    "token with a null": ({"token": "a\0b"}, _TOKEN.format(r"'a\x00b'")),
    "token with too few bits": ({"token": "x" * 21}, _TOKEN.format(f"'{'x' * 21}'")),
    "token with a newline": ({"token": "a\n"}, _TOKEN.format(r"'a\n'")),
    "key authorization of another": ({"key_authorization": f"{SECOND}.thumbprint"}, _AUTHORIZATION),
    "key authorization with more in it": ({"key_authorization": f"{TOKEN}.thumb print"}, _AUTHORIZATION),
    "no key authorization": ({"key_authorization": None}, _AUTHORIZATION),
    "relative webroot": ({"webroot": "html"}, "webroot 'html' is not an absolute path"),
}


@pytest.mark.parametrize(
    "case", hard_but(["token with a path", "key authorization of another", "relative webroot"], REFUSED)
)
def test_request_hostile_challenge_is_refused_before_any_change(host: Host, case: str) -> None:
    before = host.tree()
    change, expected = REFUSED[case]
    bad = challenge(**change)
    message = msg_of(host.request(orders=[{"name": "shop", **ORDER}], challenges=[challenge(), bad]))
    assert expected in message
    assert host.tree() == before


def test_request_one_failure_does_not_affect_others(host: Host) -> None:
    host.shell(f"mkdir -p {HOME}/live/bad")
    certificates = [wanted(name) for name in ("bad", "dark", "good")]
    orders = [{"name": certificate["name"], **ORDER} for certificate in certificates]
    challenges = [
        challenge("one" * 8, name="bad"),
        challenge("two" * 8, name="dark", webroot="/srv/none"),
        challenge("three" * 5, name="good"),
    ]
    result = host.request(*certificates, orders=orders, challenges=challenges)
    message = msg_of(result)
    assert f"certificate bad: {HOME}/live/bad is not a link" in message
    assert "certificate dark: webroot /srv/none does not exist" in message
    assert result["failures"].keys() == {"bad", "dark"}
    assert result["ready"] == ["good"]
    # The request of dark stays for the next run: its webroot can be made.
    assert [item["name"] for item in result["requests"]] == ["dark", "good"]
    assert host.names(CHALLENGES) == ["three" * 5]


@pytest.mark.hard
def test_request_repeated_name_fails(host: Host) -> None:
    assert msg_of(host.request(wanted(), wanted())) == "certificate shop: more than one certificate has this name"
    assert host.names(HOME) == []


@pytest.mark.hard
def test_request_other_home(host: Host) -> None:
    assert msg_of(host.request(home="certs")).startswith("home 'certs' is not an absolute path")
    assert host.request(home="/srv/certs/a b")["requests"][0]["version"] == "0001"
    assert host.names("/srv/certs/a b/versions/shop") == [".lock", "0001"]
    assert host.names(HOME) == []


def test_request_disk_full_fails(host: Host) -> None:
    host.shell(f"mkdir {HOME} && mount -t tmpfs -o size=16k,nr_inodes=32 tmpfs {HOME} && mkdir {HOME}/versions")
    host.shell(f"head -c 1000000 /dev/zero > {HOME}/versions/filler || :")
    result = host.request()
    assert msg_of(result) == (
        f"certificate shop: cannot write {VERSION}: No space left on device. Make room there and run again"
    )
    assert result["requests"] == []
    assert host.names(f"{HOME}/versions/shop") == [".lock"]
    host.shell(f"rm {HOME}/versions/filler")
    assert host.request()["requests"][0]["version"] == "0001"
