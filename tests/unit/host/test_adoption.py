# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption: a certificate of another client on a host becomes the first version.

The folders are made here, as the clients make them; tests/fleet/test_adopt.py has folders that certbot, lego and
dehydrated made themselves.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import adoption, other_clients, revocation
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.other_clients import Lineage
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import live_facts, read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.versions import Versions
from tests.unit.host import ca, host
from tests.unit.host.host import DIRECTORY, WANTED
from tests.unit.host.other_client_files import (
    ACCOUNT,
    PemFiles,
    acme_sh,
    adopt,
    certbot,
    dehydrated,
    files,
    lego,
    put,
    sec1,
)

OTHER_CA = "https://other.example/directory"


MADE = {
    other_clients.CERTBOT: (certbot, "", True, ACCOUNT, "/var/www/html"),
    other_clients.ACME_SH: (acme_sh, "", True, ACCOUNT, "/var/www/html"),
    other_clients.LEGO: (lego, "", False, ACCOUNT, None),
    other_clients.DEHYDRATED: (dehydrated, "conf", True, ACCOUNT, None),
}


@pytest.mark.parametrize("client", MADE)
def test_find_folder_of_each_client(home, tmp_path, client):
    make, config, has_directory, account, webroot = MADE[client]
    pem = PemFiles()
    make(tmp_path / "their", pem)
    (lineage,) = other_clients.find(client, str(tmp_path / "their" / config))
    assert (lineage.client, bool(lineage.directory)) == (client, has_directory)
    assert (lineage.account_uri, lineage.webroot) == (account, webroot)
    before = host.snapshot(tmp_path / "their")
    (found,) = adoption.read_candidates([lineage], ca.NOW)
    assert found.facts()["identifiers"] == sorted(WANTED.identifiers)
    assert (found.facts()["key_type"], found.facts()["problem"]) == ("ec256", "")

    assert adopt(home, lineage, check=True) == replace(adopt(home, lineage), version=None)
    assert host.snapshot(tmp_path / "their") == before
    served = host.served(home)
    assert served["cert.pem"] == pem.certificate
    assert served["chain.pem"] == pem.chain
    manifest = host.manifest(home, "0001")
    assert (manifest["directory"], manifest["account_uri"]) == (DIRECTORY, account)
    assert manifest["reloaded"] is True, "no service has to read anything again"
    assert manifest["created"] == manifest["not_before"], "its key was not made today"
    assert manifest["profile"] is None
    facts = live_facts(str(home), "shop", "0001")
    assert (facts["key_type"], facts["identifiers"]) == ("ec256", WANTED.identifiers)
    assert host.key_drift(home, "0001") == []
    host.keys_are_closed(home)
    again = adopt(home, lineage)
    assert (again.changed, again.problem, again.source) == (False, "", lineage)
    assert host.versions(home) == ["0001"]


@pytest.mark.parametrize("client", MADE)
def test_find_missing_or_empty_folder_is_empty(tmp_path, client):
    assert other_clients.find(client, str(tmp_path / "none")) == []
    assert other_clients.find(client, str(tmp_path)) == []


@pytest.mark.parametrize(
    ("ca_url", "directory"),
    [
        ("", DIRECTORY),
        ("https://ca.example/cert/1", DIRECTORY),
        ("https://second.example/cert/1", "https://second.example/dir"),
        ("https://else.example:14000/cert/1", "https://else.example:14000/"),
        ("https://[oops", DIRECTORY),
    ],
)
def test_adopt_directory_is_found_by_url_of_ca(home, tmp_path, ca_url, directory):
    lineage = files(tmp_path / "srv", PemFiles())._replace(certificate_uri=ca_url)
    adopted = adopt(home, lineage, directories=[DIRECTORY, "https://second.example/dir"])
    assert host.manifest(home, "0001")["directory"] == directory
    assert bool(adopted.warning) == ("else" in ca_url)


def test_adopt_certificate_with_other_terms_warns(home, tmp_path):
    lineage = files(tmp_path / "srv", PemFiles(kind="rsa"))._replace(directory=OTHER_CA)
    adopted = adopt(home, lineage, wanted=replace(WANTED, profile="shortlived"))
    assert adopted.changed
    assert adopted.warning == (
        "the next run replaces it: its key is rsa2048 and key_type is ec256 and its profile is none and "
        f"shortlived is wanted and it is from {OTHER_CA} and {DIRECTORY} is wanted"
    )


def self_signed(pem):
    name = ca.subject("Own")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(pem.private.public_key())
    builder = builder.not_valid_before(ca.NOW.replace(tzinfo=None)).serial_number(1)
    builder = builder.not_valid_after((ca.NOW + ca.DAY).replace(tzinfo=None))
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in WANTED.identifiers])
    pem.leaf = builder.add_extension(names, False).sign(pem.private, hashes.SHA256())
    pem.certificate = ca.pem(pem.leaf).encode()


def broken_chain(pem):
    pem.chain = ca.pem(ca.Authority.root("Intermediate").intermediate().certificate).encode()


def other_key(pem):
    pem.key = sec1(ca.ec_key())


def odd_key(pem):
    pem.private = ec.generate_private_key(ec.SECP521R1())
    pem.leaf = host.authority().leaf(pem.private.public_key(), WANTED.identifiers)
    pem.key, pem.certificate = sec1(pem.private), ca.pem(pem.leaf).encode()


def odd_certificate(pem):
    curve = bytes.fromhex("2a8648ce3d030107")
    pem.certificate = ca.patched(pem.leaf, curve, curve[:-1] + b"\x7f").encode()


UNUSABLE = {
    "a curve that nobody knows": (odd_certificate, "no certificate with just these"),
    "another key": (other_key, "/key.pem is not the key of "),
    "no key": (lambda pem: setattr(pem, "key", b""), "/key.pem: it is not an unencrypted private key in PEM form"),
    "encrypted": (
        lambda pem: setattr(pem, "key", pem.key.replace(b"EC PRIVATE", b"ENCRYPTED PRIVATE")),
        "/key.pem: it is not an unencrypted private key in PEM form",
    ),
    "a curve that is not ours": (odd_key, "/key.pem is ec521, which is not one of ec256"),
    "a chain that is not valid": (broken_chain, "the CA's chain is invalid"),
    "self-signed": (self_signed, "/cert.pem is self-signed"),
    "a chain file with nothing in it": (
        lambda pem: setattr(pem, "chain", b""),
        "/chain.pem has no readable certificate",
    ),
    "a damaged chain": (lambda pem: setattr(pem, "chain", pem.chain[:-40]), "/chain.pem: it is damaged"),
    "a damaged chain after it": (
        lambda pem: setattr(pem, "certificate", pem.certificate + pem.chain[:-40]),
        "no certificate with just these",
    ),
    "no certificate": (lambda pem: setattr(pem, "certificate", b"x" * 2_000_000), "no certificate with just these"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_adopt_unusable_certificate_has_problem(home, tmp_path, case):
    spoil, said = UNUSABLE[case]
    pem = PemFiles()
    spoil(pem)
    adopted = adopt(home, files(tmp_path / "srv", pem))
    assert not adopted.changed
    assert said in adopted.problem
    assert not home.exists()


def test_adopt_revoked_certificate_that_was_taken_away_has_problem(home, tmp_path):
    lineage = files(tmp_path / "srv", PemFiles())
    serial = adopt(home, lineage).serial
    revocation.mark(str(home), "shop", serial, "2026-11-23T12:00:00Z", remove_live=True, check=False)
    assert adopt(home, lineage).problem == f"{lineage.certificate} (serial {serial}) is revoked"
    assert host.served(home) is None
    assert adopt(home, lineage, files(tmp_path / "other", PemFiles())).changed


def test_adopt_expired_or_other_names_has_problem(home, tmp_path):
    over = files(tmp_path / "over", PemFiles(not_after=ca.NOW - ca.DAY / 2))
    more = files(tmp_path / "more", PemFiles(names=["shop.example", "www.shop.example", "more.example"]))
    assert adopt(home, more).problem == "no certificate with just these identifiers was found"
    assert "/cert.pem ended at 2026-11-23T00:00:00Z" in adopt(home, over, more).problem
    assert not home.exists()


def test_adopt_best_of_several_is_chosen(home, tmp_path):
    days = {"rsa": 50, "old": 10, "best": 40}
    lineages = [
        files(tmp_path / name, PemFiles(kind="rsa" if name == "rsa" else "ec256", not_after=ca.NOW + number * ca.DAY))
        for name, number in days.items()
    ]
    assert adopt(home, *lineages).source.certificate == str(tmp_path / "best" / "cert.pem")


def test_adopt_trusted_root_precedes_longer_validity(home, tmp_path, monkeypatch):
    own = ca.Authority.root("Anybody").intermediate("Anybody's")
    other, good = PemFiles(), PemFiles()
    leaf = own.leaf(other.private.public_key(), WANTED.identifiers, not_after=ca.NOW + 400 * ca.DAY)
    other.certificate, other.chain = ca.pem(leaf).encode(), ca.pem(own.certificate).encode()
    lineages = files(tmp_path / "other", other), files(tmp_path / "good", good)
    (tmp_path / "trusted.pem").write_text(ca.pem(host.authority().certificate))
    monkeypatch.setattr(adoption.trusted_roots, "TRUSTED", (str(tmp_path / "trusted.pem"),))
    assert adopt(home, *lineages, check=True).source == lineages[1]
    monkeypatch.setattr(adoption.trusted_roots, "TRUSTED", ())
    assert adopt(home, *lineages, check=True).source == lineages[0]


def test_adopt_without_chain_is_last_choice_and_warns(home, tmp_path):
    bare = files(tmp_path / "bare", PemFiles(not_after=ca.NOW + 50 * ca.DAY), chain=False)
    whole = files(tmp_path / "whole", PemFiles(kind="rsa", not_after=ca.NOW + 10 * ca.DAY))
    assert adopt(home, bare, whole, check=True).source == whole
    assert adopt(home, bare).warning == (
        f"{tmp_path}/bare/cert.pem has no chain, which most clients of a server need: name its file, too"
    )
    assert host.served(home)["chain.pem"] == b""


def test_adopt_foreign_live_link_is_refused_also_in_check_mode(home, tmp_path):
    (home / "live").mkdir(parents=True)
    (home / "live" / "shop").symlink_to("/etc")
    for check in (True, False):
        with pytest.raises(StateError, match=r"is not a link to one of its versions\. Move it away"):
            adopt(home, files(tmp_path / "srv", PemFiles()), check=check)


def test_adopt_after_other_run_changes_nothing(home, tmp_path, monkeypatch):
    lineage = files(tmp_path / "srv", PemFiles())
    real = Versions.locked

    def locked(self):
        monkeypatch.setattr(Versions, "locked", real)
        assert adopt(home, lineage).changed  # the other's
        return self.locked()

    monkeypatch.setattr(Versions, "locked", locked)
    assert adopt(home, lineage).changed is False
    assert host.versions(home) == ["0001"]


def test_find_numbered_lineages_of_certbot(home, tmp_path):
    certbot(tmp_path, PemFiles(not_after=ca.NOW + ca.DAY))
    certbot(tmp_path, PemFiles(), name="shop.example-0001")
    found = other_clients.find(other_clients.CERTBOT, str(tmp_path))
    assert [lineage.name for lineage in found] == ["shop.example-0001", "shop.example"]
    assert adopt(home, *found).source.name == "shop.example-0001"


def test_find_certbot_folder_that_was_moved(home, tmp_path):
    certbot(tmp_path / "old", PemFiles())
    (tmp_path / "old").rename(tmp_path / "new")
    assert adopt(home, *other_clients.find(other_clients.CERTBOT, str(tmp_path / "new"))).changed


def test_find_acme_sh_certificates_in_configured_folder(home, tmp_path):
    acme_sh(tmp_path / "own", PemFiles(), certs=tmp_path / "certs")
    put(tmp_path / "own", account__conf=f"CERT_HOME='{tmp_path}/certs'\n")
    (lineage,) = other_clients.find(other_clients.ACME_SH, str(tmp_path / "own"))
    assert lineage.account_uri == ACCOUNT
    assert adopt(home, lineage).changed


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  export A='b c' ", "b c"),
        ("A = b # c", "b"),
        ("A=b#c", "b#c"),
        ('A="b # c"', "b # c"),
        ("A='b'  # it's", "b"),
        ("A= # b", ""),
        ("A=", ""),
        ("A='", "'"),
        ("#A=b", None),
        ("A b=c", None),
    ],
)
def test_assignments_of_shell_line(line, value):
    assert other_clients._assignments(line).get("A") == value


def test_adopt_chain_in_certificate_file_is_split(home, tmp_path):
    pem = PemFiles()
    pem.certificate += pem.chain
    assert adopt(home, files(tmp_path / "srv", pem, chain=False)).changed
    assert host.served(home)["chain.pem"] == pem.chain


def test_adopt_chain_before_its_certificate_is_sorted(home, tmp_path):
    pem = PemFiles()
    leaf = pem.certificate
    pem.certificate = pem.chain + leaf + pem.chain
    assert adopt(home, files(tmp_path / "srv", pem, chain=False)).changed
    assert (host.served(home)["cert.pem"], host.served(home)["chain.pem"]) == (leaf, pem.chain)


def test_adopt_replaces_pending_version(home, tmp_path):
    lineage = files(tmp_path / "srv", PemFiles())
    host.prepare(home)
    assert adopt(home, lineage).version == "0002"
    assert host.versions(home) == ["0002"]
    assert read_versions(str(home), "shop").pending is None


def test_find_malformed_file_does_not_affect_others(tmp_path):
    for make, client in (
        (acme_sh, other_clients.ACME_SH),
        (lego, other_clients.LEGO),
        (certbot, other_clients.CERTBOT),
    ):
        make(tmp_path / client, PemFiles())
    for path in (path for path in tmp_path.rglob("*") if path.suffix in (".conf", ".json") and path.is_file()):
        path.write_text(path.read_text().replace("https://ca.example", "https://[oops"))
    for client in (other_clients.ACME_SH, other_clients.LEGO, other_clients.CERTBOT):
        (lineage,) = other_clients.find(client, str(tmp_path / client))
        (found,) = adoption.read_candidates([lineage], ca.NOW)
        assert (lineage.account_uri, found.problem) == (None, "")
    dehydrated(tmp_path, PemFiles())
    put(tmp_path / "conf", config="CERTDIR='/srv/\0'\n")
    assert other_clients.find(other_clients.DEHYDRATED, str(tmp_path / "conf")) == []
    (found,) = adoption.read_candidates([Lineage(other_clients.FILES, "x", "/srv/\0", "/srv/\0")], ca.NOW)
    assert "has no readable certificate" in found.problem


def test_find_hostile_configuration_opens_no_other_path(tmp_path):
    folder = tmp_path / "letsencrypt"
    certbot(folder, PemFiles())
    conf = folder / "renewal" / "shop.example.conf"
    conf.write_text(conf.read_text().replace("0123456789abcdef", "../../../../etc").replace("/var/www", "var/www"))
    put(tmp_path / "etc", regr__json=json.dumps({"uri": "https://hostile.example"}))
    (lineage,) = other_clients.find(other_clients.CERTBOT, str(folder))
    assert (lineage.account_uri, lineage.webroot) == (None, None)
    conf.write_bytes(b"\xff\x00=\n= =\n")
    (lineage,) = other_clients.find(other_clients.CERTBOT, str(folder))
    assert lineage.key == str(folder / "live" / "shop.example" / "privkey.pem"), "the default place"
    conf.unlink()
    conf.symlink_to("/dev/zero")
    assert len(other_clients.find(other_clients.CERTBOT, str(folder))) == 1
