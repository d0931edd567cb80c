# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats beside the PEM files: their content, their mode, and when they are written again."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Outcome
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import FormatError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment, inspection
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import (
    format_encodings,
    format_files,
    pkcs12_encoder,
    trusted_roots,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import formats
from tests.unit.host import ca, faults, host
from tests.unit.host.deploying import issue, run
from tests.unit.host.format_options import asking, option, wanted
from tests.unit.host.host import ORDER_2, WANTED

PBES2, TRIPLE_DES = bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("060a2a864886f70d010c0103")


@pytest.fixture
def place(quick_path):
    (quick_path / "srv").mkdir()
    return quick_path / "srv"


def live(home, wanted):
    """Deploy the first version by a whole run."""
    host.prepare(home, wanted)
    deployed = host.deploy(home, wanted)
    host.confirm(home)
    return deployed


def drift(home, wanted):
    found = read_versions(str(home), "shop")
    key = (home / "live" / "shop" / "privkey.pem").read_bytes()
    return formats.drift(wanted.formats, host.manifest(home, found.live), key)


def repair(home, wanted, check=False):
    return deployment.repair(str(home), wanted, ca.NOW, check)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_combined_has_key_and_chain(home, place):
    live(home, wanted(option("combined", place / "shop.pem")))
    pem = {file: (home / "live" / "shop" / file).read_bytes() for file in ("privkey.pem", "fullchain.pem")}
    assert (place / "shop.pem").read_bytes() == pem["privkey.pem"] + pem["fullchain.pem"]
    assert mode(place / "shop.pem") == 0o640, "as the private key's"
    assert os.listdir(place) == ["shop.pem"]


@pytest.mark.parametrize(
    ("encryption", "algorithm"),
    [("modern", PBES2), ("legacy", TRIPLE_DES)],
)
def test_pkcs12_is_read_by_library(home, place, encryption, algorithm):
    live(home, wanted(option("pkcs12", place / "shop.p12", encryption=encryption)))
    data = (place / "shop.p12").read_bytes()
    assert algorithm in data
    assert formats.LOCAL_KEY_ID in data
    key, leaf, chain = pkcs12.load_key_and_certificates(data, b"sesame")
    assert leaf == x509.load_pem_x509_certificate((home / "live" / "shop" / "cert.pem").read_bytes())
    assert chain == [host.authority().certificate]
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()
    assert mode(place / "shop.p12") == 0o640
    if hasattr(pkcs12, "load_pkcs12"):
        assert pkcs12.load_pkcs12(data, b"sesame").cert.friendly_name == b"shop"


def test_der_and_root_are_written(home, place):
    (place / "roots.pem").write_text("# odd\n" + ca.pem(ca.Authority.root("Other").certificate))
    root = option("root", place / "root.pem", roots=str(place / "roots.pem"))
    asked = wanted(option("der", place / "shop.der"), root)
    deployed = live(home, asked)
    assert deployed.problem == (
        f"cannot write {place}/root.pem: the chain's root CN=Root is not in {place}/roots.pem. "
        "Name a file that contains it in roots"
    )
    assert deployed.reason == "issued", "the other formats are written"
    leaf = x509.load_der_x509_certificate((place / "shop.der").read_bytes())
    assert ca.pem(leaf) == (home / "live" / "shop" / "cert.pem").read_text()
    assert mode(place / "shop.der") == 0o644

    with open(place / "roots.pem", "a") as file:
        file.write(ca.pem(ROOT.certificate))
    by = ROOT.intermediate()
    leaf = by.leaf(ca.ec_key().public_key(), ["shop.example"])
    item = asked.formats[1]
    assert format_encodings.encode(item, None, leaf, [by.certificate], ca.NOW).decode() == ca.pem(ROOT.certificate)
    assert format_encodings.encode(item, None, leaf, [by.certificate, ROOT.certificate], ca.NOW).decode() == (
        ca.pem(ROOT.certificate)
    )
    with pytest.raises(FormatError, match="not in"):  # of that name, but it did not sign
        format_encodings.encode(item, None, leaf, [ca.Authority.root("Root").intermediate().certificate], ca.NOW)


ROOT = ca.Authority.root("Root")

# A change of the file, and the reported drift; it is repaired without a new certificate.
DRIFT = {
    "missing": (lambda path: path.unlink(), "is missing"),
    "damaged": (lambda path: path.write_bytes(b"zeros"), "is damaged"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is damaged"),
    "a link": (lambda path: (path.rename(f"{path}.old"), path.symlink_to(f"{path}.old")), "is damaged"),
    "open": (lambda path: path.chmod(0o644), "mode 0644 instead of 0640"),
}


@pytest.mark.parametrize("kind", ["combined", "pkcs12"])
@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_found_and_repaired(home, place, kind, case):
    change, said = DRIFT[case]
    asked = wanted(option(kind, place / "shop"))
    live(home, asked)
    before = (place / "shop").read_bytes()
    assert drift(home, asked) == []
    assert repair(home, asked).changed is False
    change(place / "shop")
    assert drift(home, asked) == [f"{place}/shop {said}"]
    untouched = host.snapshot(home)
    foreseen = repair(home, asked, check=True)
    assert (foreseen.changed, foreseen.reason) == (True, f"{place}/shop {said}")
    assert host.snapshot(home) == untouched
    repaired = repair(home, asked)
    assert (repaired.changed, repaired.reason, repaired.problem) == (True, f"{place}/shop {said}", "")
    assert drift(home, asked) == []
    assert mode(place / "shop") == 0o640
    assert kind == "pkcs12" or (place / "shop").read_bytes() == before
    assert host.outstanding(home) is (case != "open"), "only new content needs a reload"
    assert host.versions(home) == ["0001"]


def live_by(encode, home, asked, monkeypatch):
    """Deploy with files as another release wrote them."""
    monkeypatch.setattr(format_files, "encode", encode)
    live(home, asked)
    monkeypatch.undo()


def assert_written_again(home, asked, said):
    assert drift(home, asked) == [said]
    assert repair(home, asked).reason == said
    assert drift(home, asked) == []
    assert host.versions(home) == ["0001"]


def test_drift_pkcs12_without_local_key_id_is_written_again(home, place, monkeypatch):
    """0.3.0 wrote such a file on a host with cryptography 43."""
    asked = wanted(option("pkcs12", place / "shop.p12"))

    def without(*arguments):
        return format_encodings.encode(*arguments).replace(formats.LOCAL_KEY_ID, bytes(len(formats.LOCAL_KEY_ID)))

    live_by(without, home, asked, monkeypatch)
    said = f"{place}/shop.p12 has no localKeyID, so readers do not find the certificate of the key"
    assert_written_again(home, asked, said)


@pytest.mark.parametrize("rounds", [1, 2048])
def test_drift_pkcs12_with_a_weak_mac_is_written_again(home, place, monkeypatch, rounds):
    """0.3.0 wrote such a file: cryptography gives a MAC 1 iteration before version 43, and 2048 since."""
    asked = wanted(option("pkcs12", place / "shop.p12"))

    def weak(item, key, leaf, chain, _now):
        protection = pkcs12_encoder.Protection(item.passphrase, item.encryption, rounds)
        return pkcs12_encoder.encode(key, leaf, chain, item.friendly_name, protection)

    live_by(weak, home, asked, monkeypatch)
    assert_written_again(home, asked, f"{place}/shop.p12 has a weak MAC, against which passphrases can be tried")


@pytest.mark.parametrize(
    ("passphrase", "refused"), [("changeit", True), ("x" * 11, True), ("x" * 12, False), ("ö" * 11, True)]
)
def test_passphrase_problems_short_one_is_refused(passphrase, refused):
    asked = [asking("shop", option("der"), option("pkcs12", "/srv/x.p12", passphrase=passphrase)), asking("mail")]
    problems = formats.passphrase_problems(asked)
    assert list(problems) == (["shop"] if refused else [])
    if refused:
        assert problems["shop"].startswith("formats has /srv/x.p12 with a passphrase of fewer than 12 characters")
        assert passphrase not in problems["shop"]


CHANGES = [{"passphrase": "mellon"}, {"friendly_name": "other"}, {"encryption": "modern"}]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_drift_other_options_is_written_again(home, place, change):
    live(home, wanted(option("pkcs12", place / "shop.p12")))
    asked = wanted(option("pkcs12", place / "shop.p12", **change))
    assert drift(home, asked) == [f"{place}/shop.p12 is wanted otherwise"]
    assert repair(home, asked).changed
    assert drift(home, asked) == []
    passphrase = change.get("passphrase", "sesame").encode()
    assert pkcs12.load_key_and_certificates((place / "shop.p12").read_bytes(), passphrase)[0]


def test_manifest_has_no_passphrase_and_no_plain_digest(home, place):
    asked = wanted(option("pkcs12", place / "shop.p12"))
    live(home, asked)
    text = (home / "versions" / "shop" / "0001" / "version.json").read_text()
    assert "sesame" not in text
    record = json.loads(text)["formats"][f"{place}/shop.p12"]
    assert set(record) == {"sha256", "wanted"}
    key = (home / "live" / "shop" / "privkey.pem").read_bytes()
    assert record["wanted"] == asked.formats[0].stamp(key)
    assert record["wanted"] != asked.formats[0].stamp(key + b"\n"), "keyed"
    known = formats.digest("sesame")
    assert record["wanted"] == asked.formats[0]._replace(passphrase=known).stamp(key), "a digest is enough to compare"


def test_deploy_new_version_writes_its_formats(home, place):
    asked = wanted(option("combined", place / "shop.pem"), option("der", place / "shop.der"))
    live(home, asked)
    first = (place / "shop.pem").read_bytes()
    host.prepare(home, asked, ORDER_2)
    assert (place / "shop.pem").read_bytes() == first
    with open(place / "shop.pem", "rb") as old:
        run(home, issue(home, "0002"), asked)
        assert old.read() == first, "readers that have it open, or mounted, are not affected"
    assert (place / "shop.pem").read_bytes().startswith((home / "live" / "shop" / "privkey.pem").read_bytes())
    assert drift(home, asked) == []
    back = host.go_back(home, asked)
    assert (back.live, back.trouble) == ("0001", "")
    assert (place / "shop.pem").read_bytes() == first
    assert drift(home, asked) == []
    assert deployment.switch(str(home), asked, ca.NOW, False).version == "0002"
    assert drift(home, asked) == []


def test_repair_after_killed_run_writes_formats(home, place):
    live(home, WANTED)
    asked = wanted(option("combined", place / "shop.pem"))
    assert drift(home, asked) == [f"{place}/shop.pem is missing"]
    (place / "shop.pem").write_text("of the version before")
    assert drift(home, asked) == [f"{place}/shop.pem is not of this version"]
    assert host.deploy(home, asked).reason == f"{place}/shop.pem is not of this version"
    assert host.deploy(home, asked) == replace(host.deploy(home, asked), changed=False, outcome=Outcome.UNCHANGED)


def test_repair_file_with_other_hard_link_warns(home, place):
    asked = wanted(option("combined", place / "shop.pem"))
    live(home, asked)
    os.link(place / "shop.pem", place / "other.pem")
    (place / "shop.pem").write_text("damaged")
    repaired = repair(home, asked)
    assert repaired.warning == (
        f"{place}/shop.pem had a second hard link, which keeps the old content. Replace that hard link with a symbolic "
        "link"
    )
    assert (place / "other.pem").read_text() == "damaged"


def test_inspect_mount_point_is_a_problem(home, place, monkeypatch, tmp_path):
    odd = place / "a b.pem"
    asked = wanted(option("combined", odd))
    live(home, asked)
    (tmp_path / "mountinfo").write_text(f"36 35 98:0 /x {place}/a\\040b.pem rw,noatime master:1 - ext4 /dev/root rw\n")
    monkeypatch.setattr(format_files, "_MOUNTS", str(tmp_path / "mountinfo"))
    odd.chmod(0o644)
    assert repair(home, asked).warning == (
        f"{odd} is a mount point, which a renewal cannot replace. Mount the folder that it is in"
    )


def test_deploy_format_that_cannot_be_written_does_not_affect_others(home, place):
    asked = wanted(option("combined", place / "none" / "shop.pem"), option("der", place / "shop.der"))
    deployed = live(home, asked)
    assert deployed.changed
    assert deployed.problem == f"cannot write {place}/none/shop.pem: No such file or directory"
    assert (place / "shop.der").exists()
    (place / "none").mkdir()
    assert repair(home, asked).problem == ""
    assert drift(home, asked) == []


def test_repair_format_no_longer_listed_stays_and_warns_once(home, place):
    live(home, wanted(option("combined", place / "shop.pem"), option("der", place / "shop.der")))
    asked = wanted(option("der", place / "shop.der"))
    assert drift(home, asked) == [f"{place}/shop.pem is not wanted any more"]
    repaired = repair(home, asked)
    assert repaired.warning == (f"{place}/shop.pem is no longer in formats. It stays, but is not renewed any more")
    assert (place / "shop.pem").exists()
    assert drift(home, asked) == []
    assert repair(home, asked).changed is False
    assert host.outstanding(home) is False


@pytest.mark.parametrize("found", [None, [], "x", {"/a": None}, {"/a": {"sha256": 1, "wanted": "x"}}, {"/a": {}}])
def test_records_malformed_is_empty(found):
    assert formats.records({"formats": found}) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([option("der", "shop.der")], "not a plain absolute one"),
        ([option("der", "/srv/../etc/shop.der")], "not a plain absolute one"),
        ([option("der", "/srv/")], "not a plain absolute one"),
        ([option("der"), option("root")], "formats has /srv/shop twice"),
        ([option("pkcs12", passphrase=None)], "without a passphrase, which pkcs12 needs"),
        ([option("pkcs12", passphrase="")], "without a passphrase, which pkcs12 needs"),
        ([option("combined", passphrase="x")], "with a passphrase, which combined does not take"),
        ([option("combined", mode="0644")], "would let every user of the host read the private key"),
        ([option("der", mode="644")], "mode '644' is invalid"),
        ([option("pkcs12", friendly_name="\udcff")], "a friendly_name that is not text"),
        ([option("der", owner="no-such-user")], "is not a user of this host"),
    ],
)
def test_parse_formats_invalid_option_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        wanted(*options)


def test_inspect_path_of_two_certificates_is_refused(home, place):
    (place.parent / "link").symlink_to(place)
    paths = {"shop": place / "x", "mail": place.parent / "link" / "x", "other": place / "y"}
    asked = [asking(name, option("combined", path)) for name, path in paths.items()]
    for found in inspection.inspect(str(home), asked)[:2]:
        assert found["invalid"] == [f"formats has {paths[found['name']]}, which another certificate has as well"]
    assert inspection.inspect(str(home), asked)[2]["invalid"] == []
    with pytest.raises(OptionError, match="twice"):
        wanted(option("der", place / "x"), option("root", place.parent / "link" / "x"))


def test_inspect_path_below_home_is_refused(home, place):
    live(home, WANTED)
    (place / "link").symlink_to(home / "live" / "shop")
    for path in (home / "shop.pem", home / "live" / "shop" / "privkey.pem", place / "link" / "privkey.pem"):
        (found,) = inspection.inspect(str(home), [asking("shop", option("combined", path))])
        assert found["invalid"] == [f"formats has {path}, which is in {home}: that is for the versions alone"]
    (found,) = inspection.inspect(str(home), [asking("shop", option("combined", f"{home}-other"))])
    assert found["invalid"] == []


def test_deploy_encoder_error_is_reported(home, place, monkeypatch):
    def refuse(*arguments):
        raise ValueError("no such algorithm")

    monkeypatch.setattr(format_encodings.pkcs12_encoder, "encode", refuse)
    deployed = live(home, wanted(option("pkcs12", place / "shop.p12"), option("der", place / "shop.der")))
    assert (
        deployed.problem == f"cannot write {place}/shop.p12: this host's OpenSSL does not support it: no such algorithm"
    )
    assert (place / "shop.der").exists()


def test_root_is_found_in_bundle_of_distribution(place, monkeypatch):
    item = wanted(option("root")).formats[0]
    by = ROOT.intermediate()
    leaf = by.leaf(ca.ec_key().public_key(), ["shop.example"])
    (place / "bundle.pem").write_text(ca.pem(ca.Authority.root("Other").certificate, ROOT.certificate))
    (place / "link.pem").symlink_to("bundle.pem")  # as on RHEL
    monkeypatch.setattr(trusted_roots, "TRUSTED", (str(place / "none.pem"), str(place / "link.pem")))
    assert format_encodings.encode(item, None, leaf, [by.certificate], ca.NOW).decode() == ca.pem(ROOT.certificate)
    with pytest.raises(FormatError, match=f"not in {place}/none.pem or {place}/link.pem"):  # it is over
        format_encodings.encode(item, None, leaf, [by.certificate], ca.NOW + 100 * ca.DAY)


def test_deploy_format_no_longer_listed_warns_once(home, place):
    live(home, wanted(option("combined", place / "shop.pem")))
    text = f"{place}/shop.pem is no longer in formats. It stays, but is not renewed any more"
    for number, warning in (("0002", text), ("0003", "")):
        host.prepare(home, WANTED, replace(ORDER_2, order_uri=f"https://ca.example/order/{number}"))
        assert host.deploy(home, WANTED).warning == warning
        assert repair(home, WANTED).warning == ""
        host.confirm(home)


@pytest.mark.parametrize("power", [True, False], ids=["killed", "power cut"])
def test_deploy_crash_at_any_step_leaves_whole_file(quick_path, place, disk, power):
    asked = wanted(option("combined", place / "shop.pem"))
    step, ended = 0, False
    while not ended:
        step += 1
        home = quick_path / f"acme{step}"
        disk()
        (place / "shop.pem").unlink(missing_ok=True)
        live(home, asked)
        host.prepare(home, asked, ORDER_2)
        pairs = {number: _pair(home, number) for number in ("0001", "0002")}
        faulty = disk(at=step, fault=faults.crash)
        try:
            host.deploy(home, asked)
            ended = True
        except faults.Crash:
            faulty.end(power)
        held = (place / "shop.pem").read_bytes()
        assert held.startswith(tuple(pairs.values())), step
        disk()
        if read_versions(str(home), "shop").pending:
            host.deploy(home, asked)
        assert read_versions(str(home), "shop").live == "0002"
        repair(home, asked)
        assert drift(home, asked) == []
        assert (place / "shop.pem").read_bytes().startswith(pairs["0002"])
        assert os.listdir(place) == ["shop.pem"], step
    assert step > 20


def _pair(home, number):
    """Return the private key of a version, as the file begins with it."""
    return (home / "versions" / "shop" / number / "privkey.pem").read_bytes()
