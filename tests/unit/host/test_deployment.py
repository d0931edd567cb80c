# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployment of certificates: only suitable ones, by one switch; repaired, confirmed, rolled back."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Outcome
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.deployment import Deployed, IssuedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import (
    CertificateError,
    KeyFileError,
    ValidityError,
)
from tests.unit.host import ca, host
from tests.unit.host.deploying import issue, run
from tests.unit.host.host import ACCOUNT, ORDER, ORDER_2, OTHER, WANTED


def same_run(home, issued, wanted=WANTED):
    """Run in check mode, then for real; verify that both report the same."""
    before = host.snapshot(home)
    foreseen = run(home, issued, wanted, check=True)
    assert host.snapshot(home) == before, "a check changes nothing"
    done = run(home, issued, wanted)
    assert done == foreseen
    assert done.changed == (host.snapshot(home) != before)
    return done


def test_deploy_certificate_becomes_live(home, any_umask):
    host.prepare(home, order=ORDER)
    issued = issue(home, serial=0xABC)
    done = same_run(home, issued)
    assert done == Deployed(True, "0001", "0abc", "2027-01-22T12:00:00Z", Outcome.ISSUED)
    assert os.readlink(home / "live" / "shop") == "../versions/shop/0001"
    files = host.served(home)
    assert files["cert.pem"].decode() == issued.certificate
    assert files["chain.pem"].decode() == issued.chain
    folder = home / "live" / "shop"
    modes = {name: (folder / name).stat().st_mode & 0o7777 for name in os.listdir(folder)}
    assert modes.pop("privkey.pem") == 0o640
    assert set(modes) == {"cert.pem", "chain.pem", "fullchain.pem", "request.csr", "version.json"}
    assert set(modes.values()) == {0o644}
    facts = host.manifest(home, "0001")
    assert facts["order_uri"] == ORDER.order_uri
    assert facts["account_uri"] == ACCOUNT
    assert facts["issuer"] == "CN=Intermediate"
    assert facts["ari_id"].count(".") == 1
    assert facts["reloaded"] is False
    assert facts["created"] == "2026-11-23T12:00:00Z"


def test_deploy_same_certificate_changes_nothing(home):
    host.prepare(home)
    issued = issue(home)
    first = run(home, issued)
    again = same_run(home, issued)
    assert again == replace(first, changed=False, outcome=Outcome.UNCHANGED)
    host.prepare(home, OTHER)
    assert same_run(home, issued) == again, "even if another version is pending by now"


def test_deploy_removes_text_around_pem(home):
    host.prepare(home)
    issued = issue(home)
    noisy = IssuedCertificate(
        "subject=x\r\n" + issued.certificate.replace("\n", "\r\n"), "# chain\n" + issued.chain + "\nend"
    )
    run(home, noisy)
    assert host.served(home)["fullchain.pem"].decode() == issued.certificate + issued.chain
    assert not same_run(home, issued).changed


def test_deploy_chain_out_of_order_is_sorted(home):
    host.prepare(home)
    issued = issue(home)
    above, root = host.authority().certificate, host.root().certificate
    run(home, replace(issued, chain=ca.pem(root, above, above) + issued.certificate))
    assert host.served(home)["chain.pem"].decode() == ca.pem(above, root)


def test_deploy_empty_chain_is_accepted(home):
    host.prepare(home)
    run(home, issue(home, chain=""))
    assert host.served(home)["chain.pem"] == b""


def test_deploy_without_account_keeps_that_of_journal(home):
    host.prepare(home, order=ORDER)
    run(home, issue(home, account=None))
    assert host.manifest(home, "0001")["account_uri"] == ACCOUNT
    host.prepare(home, order=ORDER_2)
    run(home, issue(home, "0002", account="https://ca.example/account/2"))
    assert host.manifest(home, "0002")["account_uri"] == "https://ca.example/account/2"


def test_deploy_not_yet_valid_certificate_warns(home):
    host.prepare(home)
    done = same_run(home, issue(home, not_before=ca.NOW + ca.DAY / 48))
    assert done.changed
    assert "is not valid before 2026-11-23T12:30:00Z" in done.warning


@pytest.mark.parametrize("live", [False, True], ids=["first", "renewal"])
@pytest.mark.parametrize(
    ("deliver", "match"),
    [
        (lambda home, n: IssuedCertificate("", ""), "has 0 certificates instead of one"),
        (
            lambda home, n: replace(issue(home, n), certificate="<html>"),
            "cannot read the certificate from the CA: it is not PEM",
        ),
        (lambda home, n: replace(issue(home, n), chain="<html>"), "cannot read the chain from the CA: it is not PEM"),
        (
            lambda home, n: replace(issue(home, n), certificate=issue(home, n).certificate * 2),
            "has 2 certificates instead of one",
        ),
        (lambda home, n: issue(home, n, names=["shop.example"]), "is for shop.example instead of"),
        (lambda home, n: issue(home, n, names=[*WANTED.identifiers, "evil.example"]), "evil.example"),
        (lambda home, n: issue(home, n, chain=ca.pem(ca.Authority.root().certificate)), "has a gap"),
        (
            lambda home, n: issue(home, n, chain=ca.pem(ca.Authority.root().intermediate().certificate)),
            "did not sign the certificate",
        ),
        (
            lambda home, n: IssuedCertificate(
                ca.pem(host.authority().leaf(ca.ec_key().public_key(), WANTED.identifiers)), ""
            ),
            "does not match the pending private key",
        ),
    ],
    ids=range(9),
)
def test_deploy_unsuitable_certificate_is_refused_before_any_change(home, deliver, match, live):
    if live:
        host.make_live(home)
    number = host.prepare(home, order=ORDER_2).version
    before = host.snapshot(home)
    for check in (True, False):
        with pytest.raises(CertificateError, match=match) as raised:
            run(home, deliver(home, number), check=check)
        assert len(str(raised.value).splitlines()) == 1
        assert host.snapshot(home) == before


@pytest.mark.parametrize("live", [False, True], ids=["first", "renewal"])
@pytest.mark.parametrize("off", [-3 * ca.DAY, 90 * ca.DAY], ids=["clock behind", "clock ahead"])
def test_deploy_certificate_not_valid_now_stays_pending_for_a_switch(home, off, live):
    if live:
        host.make_live(home)
    number = host.prepare(home, order=ORDER_2).version
    issued, before = issue(home, number), host.snapshot(home)
    for check in (True, False):
        assert host.snapshot(home) == before
        with pytest.raises(ValidityError, match="and this host's clock shows"):
            deployment.deploy(str(home), WANTED, issued, ca.NOW + off, check)
    found = read_versions(str(home), "shop")
    assert (found.live, found.pending) == ("0001" if live else None, number)
    with pytest.raises(ValidityError):
        deployment.switch(str(home), WANTED, ca.NOW + off, False)
    assert deployment.switch(str(home), WANTED, ca.NOW, False).changed
    assert host.served(home)["cert.pem"].decode() == issued.certificate


def test_deploy_unusable_private_key_raises(home):
    host.prepare(home)
    issued = issue(home)
    (home / "versions" / "shop" / "0001" / "privkey.pem").write_bytes(b"")
    with pytest.raises(KeyFileError, match=r"0001/privkey\.pem: it is not an unencrypted private key"):
        run(home, issued)
    assert host.served(home) is None


def test_deploy_without_pending_version_raises(home):
    host.make_live(home)
    leaf = host.authority().leaf(ca.ec_key().public_key(), WANTED.identifiers)
    before = host.served(home)
    with pytest.raises(StateError, match="the certificate has no pending version"):
        run(home, IssuedCertificate(ca.pem(leaf), ""))
    assert host.served(home) == before


def test_deploy_two_runs_second_certificate_changes_nothing(home):
    """Both are for the key of the version that was pending; the later run finds a live certificate."""
    host.prepare(home, order=ORDER)
    issued, later = issue(home), issue(home)
    assert issued.certificate != later.certificate
    first = run(home, issued)
    served = host.served(home)
    assert same_run(home, later) == replace(first, changed=False, outcome=Outcome.UNCHANGED)
    assert host.served(home) == served
    for other in (issue(home, names=OTHER.identifiers), issue(home, not_after=ca.NOW)):
        with pytest.raises(StateError, match="the certificate has no pending version"):
            run(home, other)


def test_deploy_two_runs_first_certificate_is_deployed_with_own_order(home):
    """The first certificate is deployed, with its own order; the other run finds it live."""
    host.prepare(home, order=ORDER)
    assert host.prepare(home, order=ORDER_2).reused
    first, later = (replace(issue(home), order_uri=order.order_uri) for order in (ORDER, ORDER_2))
    assert same_run(home, first).reason == "issued"
    assert host.manifest(home, "0001")["order_uri"] == ORDER.order_uri
    served = host.served(home)
    assert same_run(home, later).reason == "unchanged"
    assert host.served(home) == served
    assert host.manifest(home, "0001")["order_uri"] == ORDER.order_uri


def spoil_chain(home):
    (home / "live" / "shop" / "chain.pem").write_bytes(b"")


@pytest.mark.parametrize(
    ("order", "theirs", "spoil", "served"),
    [
        (ORDER, WANTED, None, True),
        (ORDER, OTHER, None, False),
        (ORDER, replace(WANTED, key_type="rsa2048"), None, False),
        (ORDER, WANTED, spoil_chain, False),
        (ORDER_2, WANTED, None, False),
    ],
    ids=["theirs holds", "other names", "another key type", "damaged", "its own order"],
)
def test_deploy_pending_version_replaced_by_other_run(home, order, theirs, spoil, served):
    """The other run had ordered at another CA: its version has another key."""
    host.prepare(home, order=ORDER)
    ours = replace(issue(home), order_uri=order.order_uri)
    assert host.prepare(home, theirs, ORDER_2, directory="https://other.example/directory").version == "0002"
    host.deploy(home, theirs)
    if spoil:
        spoil(home)
    if served:
        done = same_run(home, ours)
        assert (done.changed, done.version, done.reason) == (False, "0002", "unchanged")
    else:
        with pytest.raises(StateError, match="the certificate has no pending version"):
            run(home, ours)
    assert read_versions(str(home), "shop").live == "0002"


def test_deploy_unsuitable_for_later_order_keeps_that_order(home):
    """It is no reason to forget that order."""
    host.prepare(home, order=ORDER)
    ours = replace(issue(home), order_uri=ORDER.order_uri)
    host.prepare(home, order=ORDER_2, directory="https://other.example/directory")
    with pytest.raises(StateError) as raised:
        run(home, ours)
    assert str(raised.value) == (
        f"the certificate is of the order {ORDER.order_uri}, but the journal has {ORDER_2.order_uri}: "
        "another run ordered it at the same time; the next run goes on with that order"
    )


def test_deploy_certificate_for_former_names_raises(home):
    """The names changed while the CA worked on the order."""
    host.prepare(home, OTHER)
    issued = issue(home, names=OTHER.identifiers)
    with pytest.raises(CertificateError, match=r"is for other\.example instead of shop\.example"):
        run(home, issued)


def test_confirm_invalid_name_raises(home):
    for name in ("..", "../x", ""):
        with pytest.raises(OptionError, match="the name is invalid"):
            deployment.confirm(str(home), name, "0001")
    assert not home.exists()


def test_deploy_foreign_live_link_raises(home):
    host.prepare(home)
    (home / "live").mkdir()
    (home / "live" / "shop").symlink_to("/etc/letsencrypt/live/shop")
    with pytest.raises(StateError, match="is not a link to one of its versions"):
        run(home, issue(home))
    assert os.readlink(home / "live" / "shop") == "/etc/letsencrypt/live/shop"


def test_deploy_dangling_live_link_is_replaced(home):
    host.make_live(home)
    (home / "live" / "shop").unlink()
    (home / "live" / "shop").symlink_to("../versions/shop/0005")
    assert host.prepare(home).version == "0006", "not a number that somebody may roll back to"
    host.deploy(home)
    assert read_versions(str(home), "shop").live == "0006"
    assert host.served(home)


def test_deploy_key_has_its_mode_before_switch(home, disk):
    host.prepare(home)
    key = home / "versions" / "shop" / "0001" / "privkey.pem"
    key.chmod(0o600)
    seen = []

    def watch():
        if os.path.lexists(home / "live" / "shop"):
            seen.append(key.stat().st_mode & 0o7777)

    disk(watch=watch)
    run(home, issue(home))
    assert set(seen) == {0o640}


# --- putting right


def repair(home, wanted=WANTED):
    before = host.snapshot(home)
    foreseen = deployment.repair(str(home), wanted, ca.NOW, True)
    assert host.snapshot(home) == before
    done = deployment.repair(str(home), wanted, ca.NOW, False)
    assert done == foreseen
    if done:
        assert done.changed == (host.snapshot(home) != before)
    return done


def test_repair_without_drift_changes_nothing(home):
    assert deployment.repair(str(home), WANTED, ca.NOW, True) is None
    assert deployment.repair(str(home), WANTED, ca.NOW, False) is None
    first = host.make_live(home)
    assert repair(home) == replace(first, changed=False, outcome=Outcome.UNCHANGED)


def test_repair_sets_mode_of_live_key(home):
    first = host.make_live(home)
    key = home / "live" / "shop" / "privkey.pem"
    key.chmod(0o644)
    assert repair(home) == replace(first, outcome=Outcome.REPAIRED, details=("privkey.pem mode 0644 instead of 0640",))
    assert host.key_drift(home, "0001") == []
    assert repair(home, replace(WANTED, attributes=Attributes(0o600))).changed
    assert key.stat().st_mode & 0o7777 == 0o600


def test_repair_ignores_pending_key(home):
    host.make_live(home)
    host.prepare(home)
    (home / "versions" / "shop" / "0002" / "privkey.pem").chmod(0o600)
    assert not repair(home).changed


def test_repair_live_version_without_manifest(home):
    host.make_live(home)
    (home / "live" / "shop" / "version.json").write_bytes(b"{")
    (home / "live" / "shop" / "privkey.pem").chmod(0o644)
    done = repair(home)
    assert (done.changed, done.serial, done.not_after) == (True, "", "")


# --- telling the services


def test_reload_outstanding_until_confirmed(home):
    assert not host.outstanding(home)
    host.prepare(home)
    assert not host.outstanding(home)
    host.deploy(home)
    assert host.outstanding(home)
    host.confirm(home)
    assert not host.outstanding(home)
    assert host.manifest(home, "0001")["reloaded"] is True
    host.prepare(home)
    assert not host.outstanding(home)
    host.deploy(home)
    assert host.outstanding(home)


def test_confirm_without_versions_makes_nothing(home):
    deployment.confirm(str(home), "shop", "0001")
    assert read_versions(str(home), "shop").numbers == []


def test_confirm_damaged_manifest_raises(home):
    host.prepare(home)
    host.deploy(home)
    path = home / "live" / "shop" / "version.json"
    path.write_bytes(b"{")
    assert not host.outstanding(home)
    with pytest.raises(StateError, match=r"cannot read .*0001/version\.json: it is damaged"):
        host.confirm(home)
    assert path.read_bytes() == b"{"


def test_confirm_prunes_old_versions(home):
    kept = []
    for _unused in range(5):
        host.make_live(home)
        kept.append(host.versions(home))
    assert kept == [
        ["0001"],
        ["0001", "0002"],
        ["0001", "0002", "0003"],
        ["0002", "0003", "0004"],
        ["0003", "0004", "0005"],
    ]


def test_deploy_prunes_nothing_before_confirmation(home):
    for _unused in range(3):
        host.make_live(home)
    host.prepare(home)
    host.deploy(home)
    assert host.versions(home) == ["0001", "0002", "0003", "0004"]


def test_confirm_keeps_pending_version(home):
    for _unused in range(3):
        host.make_live(home)
    host.prepare(home, order=ORDER)
    host.confirm(home)
    assert host.versions(home) == ["0001", "0002", "0003", "0004"]
    assert host.pending(home)[1] == ORDER.order_uri


def test_go_back_then_prepare_takes_next_number(home):
    """Rolling back is switching the link; what was left is neither taken for pending nor for the next number."""
    for _unused in range(3):
        host.make_live(home)
    first = (home / "versions" / "shop" / "0001" / "cert.pem").read_bytes()
    (home / "live" / "shop").unlink()
    (home / "live" / "shop").symlink_to("../versions/shop/0001")
    assert host.served(home)["cert.pem"] == first
    assert read_versions(str(home), "shop").pending is None
    assert not host.outstanding(home)
    assert host.prepare(home).version == "0004"
    assert host.versions(home) == ["0001", "0002", "0003", "0004"]
    host.deploy(home)
    host.confirm(home)
    assert read_versions(str(home), "shop").live == "0004"
    assert host.versions(home) == ["0002", "0003", "0004"]


def test_deploy_reads_versions_again_under_lock(home, monkeypatch):
    """Two runs for one certificate: the second sees what the first did, not what there was before."""
    host.prepare(home)
    issued = issue(home)
    real = deployment.Versions.locked

    def late(self):
        monkeypatch.setattr(deployment.Versions, "locked", real)
        run(home, issued)  # another run's, while this one waits
        return real(self)

    monkeypatch.setattr(deployment.Versions, "locked", late)
    assert run(home, issued).reason == "unchanged"


@pytest.mark.parametrize(("keep", "left"), [(1, ["0005"]), (2, ["0004", "0005"]), (9, ["0003", "0004", "0005"])])
def test_confirm_keeps_wanted_number_of_versions(home, keep, left):
    for number in range(1, 6):
        host.make_live(home, order=host.JournaledOrder(f"https://ca.example/order/{number}", host.ACCOUNT))
    assert host.versions(home) == ["0003", "0004", "0005"]
    host.confirm(home, keep=keep)
    assert host.versions(home) == left
