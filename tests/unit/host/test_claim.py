# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several lists on one host: each has its own certificates, and none takes or removes what is another's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import DEFAULT_LIST
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment, inspection, preparation
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.inspection import unlisted
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.removal import remove
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import StoredVersions, read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import DEFAULT_CLAIM, Claim
from tests.unit.host import ca, faults, host, key_transfers, other_client_files
from tests.unit.host.host import ORDER, ORDER_2, WANTED
from tests.unit.host.rollouts import result, rollout

WEB, MAIL = Claim("web"), Claim("mail")
REASSIGNING = Claim("web", reassign=True)
NAMES = ["shop.example", "www.shop.example"]
OTHER_NAMES = ["mail.example"]


def of(claim, **more):
    """Return the certificate as a list wants it."""
    return replace(WANTED, claim=claim, **more)


def owner(home, name="shop"):
    newest = read_versions(str(home), name).newest
    return newest["list"], newest["former_lists"]


def repair(home, wanted, check=False):
    return deployment.repair(str(home), wanted, ca.NOW, check)


# --- pure


def found(*manifests, numbers=None, newer=""):
    """Return a certificate whose manifests name these lists, the newest last."""
    known = {f"{number:04d}": fields for number, fields in enumerate(manifests, 1)}
    return StoredVersions(None, False, None, list(known) if numbers is None else numbers, known, newer)


def manifest_of(owner, former=(), names=tuple(NAMES)):
    return {"list": owner, "former_lists": list(former), "identifiers": list(names)}


NEW = found()
TWO = "two lists of this host have it: it moved from list 'web' to list 'mail'; remove it from this list, or set"
NAMESAKE = "list 'mail' of this host has a certificate of this name for mail.example; choose another name"


@pytest.mark.parametrize(
    ("there", "claim", "names", "conflict"),
    [
        (NEW, WEB, NAMES, ""),
        (found(manifest_of("web")), WEB, NAMES, ""),
        (found(manifest_of("web")), WEB, OTHER_NAMES, ""),
        (found(manifest_of("web", ["mail"])), WEB, OTHER_NAMES, ""),
        (found(manifest_of("mail")), WEB, NAMES, ""),
        (found(manifest_of("mail")), WEB, NAMES[::-1], ""),
        (found(manifest_of("mail")), WEB, NAMES[:1], "for shop.example, www.shop.example; choose another name"),
        (found(manifest_of("mail", names=OTHER_NAMES)), WEB, NAMES, NAMESAKE),
        (found(manifest_of("mail", names=OTHER_NAMES)), REASSIGNING, NAMES, ""),
        (found(manifest_of("mail", ["web"])), WEB, NAMES, TWO),
        (found(manifest_of("mail", ["web"], OTHER_NAMES)), WEB, NAMES, TWO),
        (found(manifest_of("mail", ["web"])), REASSIGNING, NAMES, ""),
        (found(manifest_of("mail", ["web", "db"])), WEB, NAMES, TWO),
        # The newest counts, a pending version before the live one.
        (found(manifest_of("web"), manifest_of("mail", ["web"])), WEB, NAMES, TWO),
        (found(manifest_of("mail", names=OTHER_NAMES), manifest_of("web")), WEB, NAMES, ""),
        # Manifests that are damaged stop nobody from getting a new certificate.
        (found(numbers=["0001"]), WEB, NAMES, ""),
    ],
)
def test_verify_two_lists_raises_unless_reassigned(there, claim, names, conflict):
    if not conflict:
        claim.verify(there, names)
        return
    with pytest.raises(StateError, match="reassign: true for one run") as error:
        claim.verify(there, names)
    assert conflict in str(error.value)


@pytest.mark.parametrize(
    ("there", "claim", "owns"),
    [
        (found(manifest_of("web")), WEB, True),
        (found(manifest_of("web")), MAIL, False),
        (found(manifest_of("mail")), REASSIGNING, False),
        (found(manifest_of("web"), manifest_of("mail", ["web"])), WEB, False),
        (found(manifest_of("web"), manifest_of("mail", ["web"])), MAIL, True),
        (NEW, WEB, True),
        (found(numbers=["0001"]), WEB, False),
        (found(numbers=["0001"]), DEFAULT_CLAIM, False),
        (found(manifest_of("web"), newer="a newer release wrote it"), WEB, False),
        (found(numbers=["0001"], newer="a newer release wrote it"), WEB, False),
    ],
)
def test_owns_by_newest_manifest(there, claim, owns):
    assert claim.owns(there) is owns


@pytest.mark.parametrize(
    ("there", "claim", "former"),
    [
        (NEW, WEB, []),
        (found(manifest_of("web")), WEB, []),
        (found(manifest_of("web", ["db"])), WEB, ["db"]),
        (found(manifest_of("mail")), WEB, ["mail"]),
        (found(manifest_of("mail", ["db"])), WEB, ["db", "mail"]),
        (found(manifest_of("mail", ["web"])), REASSIGNING, ["mail"]),
    ],
)
def test_fields_name_former_lists(there, claim, former):
    assert claim.fields(there) == {"list": claim.list_name, "former_lists": former}


@pytest.mark.parametrize("name", ["", "a b", "../up", "-web", "a" * 101, "web\n"])
def test_claim_of_unusable_name_is_refused(name):
    with pytest.raises(OptionError, match="the name is invalid"):
        Claim.of({"list": name, "reassign": False})


def test_claim_of_options():
    assert Claim.of({"list": "web-1.example", "reassign": True}) == Claim("web-1.example", reassign=True)
    assert Claim.of({"list": DEFAULT_LIST, "reassign": False}) == DEFAULT_CLAIM


# --- on the disk


def test_unlisted_shows_certificates_of_own_list_only(home):
    host.make_live(home, of(WEB))
    host.make_live(home, replace(of(MAIL), name="imap"))
    host.prepare(home, replace(of(MAIL), name="started"))
    (home / "versions" / "leftover").mkdir()  # of a killed removal: anybody may end it
    assert unlisted(str(home), [], WEB) == ["leftover", "shop"]
    assert unlisted(str(home), [], MAIL) == ["imap", "leftover", "started"]
    assert unlisted(str(home), ["imap"], MAIL) == ["leftover", "started"]
    assert unlisted(str(home), [], DEFAULT_CLAIM) == ["leftover"]


@pytest.mark.parametrize("check", [True, False])
def test_remove_of_another_lists_certificate_is_refused(home, check):
    host.make_live(home, of(WEB))
    before = host.snapshot(home)
    for claim in (MAIL, DEFAULT_CLAIM, Claim("mail", reassign=True)):
        with pytest.raises(StateError, match=f"it belongs to list 'web', not to '{claim.list_name}'"):
            remove(str(home), "shop", claim, check)
    assert host.snapshot(home) == before
    assert remove(str(home), "shop", WEB, check).reason == "removed"


def test_remove_of_unknown_owner_is_refused(home):
    host.make_live(home, of(WEB))
    (home / "versions" / "shop" / "0001" / "version.json").write_text("{")
    for claim in (WEB, DEFAULT_CLAIM):
        assert unlisted(str(home), [], claim) == []
        with pytest.raises(StateError, match="its manifests are damaged, so its list is unknown; remove it by hand"):
            remove(str(home), "shop", claim, check=False)
    assert (home / "live" / "shop" / "privkey.pem").exists()


def test_remove_after_a_lost_race_is_refused(home, monkeypatch):
    """Another list's run makes the first version between the look without the lock and the one under it."""
    host.make_live(home, of(WEB))
    real = Claim.owns
    answers = [True]
    monkeypatch.setattr(Claim, "owns", lambda self, there: answers.pop() if answers else real(self, there))
    with pytest.raises(StateError, match="belongs to list 'web'"):
        remove(str(home), "shop", MAIL, check=False)
    assert host.served(home)


def test_repair_for_renamed_list_moves_certificate_without_order(home):
    issued = host.make_live(home, of(WEB))
    host.prepare(home, of(WEB), ORDER_2)
    assert owner(home) == ("web", [])
    before = host.snapshot(home)
    foreseen = repair(home, of(MAIL), check=True)
    assert host.snapshot(home) == before
    done = repair(home, of(MAIL))
    assert foreseen == done
    assert (done.changed, done.reason, done.serial) == (
        True,
        "it belongs to list 'web' instead of 'mail'",
        issued.serial,
    )
    assert owner(home) == ("mail", ["web"])
    assert [host.manifest(home, number)["list"] for number in ("0001", "0002")] == ["mail", "mail"]
    assert host.pending(home)[:2] == (NAMES, ORDER_2.order_uri), "the order is resumed"
    assert not host.outstanding(home), "no service has anything to read again"
    assert not repair(home, of(MAIL)).changed
    assert unlisted(str(home), [], WEB) == []
    assert unlisted(str(home), [], MAIL) == ["shop"]


def test_repair_killed_during_move_owner_is_of_newest_version(home, disk):
    host.make_live(home, of(WEB))
    host.prepare(home, of(WEB), ORDER_2)
    disk(at=3, fault=faults.crash)
    with pytest.raises(faults.Crash):
        repair(home, of(MAIL))
    disk()
    kinds = {host.manifest(home, number)["list"] for number in ("0001", "0002")}
    newest = owner(home)[0]
    assert newest == ("mail" if "mail" in kinds else "web")
    repair(home, of(MAIL))
    assert owner(home) == ("mail", ["web"])


def test_claim_of_former_list_is_refused(home):
    host.make_live(home, of(WEB))
    repair(home, of(MAIL))
    before = host.snapshot(home)
    wanted = of(WEB)
    for step in (
        lambda: repair(home, wanted),
        lambda: repair(home, wanted, check=True),
        lambda: host.prepare(home, wanted, ORDER_2),
        lambda: host.prepare(home, wanted, ORDER_2, check=True),
        lambda: host.deploy(home, wanted),
    ):
        with pytest.raises(StateError, match="two lists of this host have it: it moved from list 'web' to"):
            step()
    assert {path: facts for path, facts in host.snapshot(home).items() if path in before} == before
    assert repair(home, of(REASSIGNING)).changed
    assert owner(home) == ("web", ["mail"])


def test_renewal_keeps_former_lists(home):
    host.make_live(home, of(WEB))
    repair(home, of(MAIL))
    host.make_live(home, of(MAIL), ORDER_2)
    assert owner(home) == ("mail", ["web"])


def test_prepare_for_renamed_list_moves_certificate(home):
    host.make_live(home, of(WEB))
    host.prepare(home, of(MAIL), ORDER_2)
    assert owner(home) == ("mail", ["web"])
    assert host.manifest(home, "0001")["list"] == "web", "the newest counts"
    host.deploy(home, of(MAIL))
    host.confirm(home)
    assert unlisted(str(home), [], WEB) == []
    # Going back does not give it back.
    deployment.unconfirm(str(home), "shop", "0002")
    assert owner(home) == ("mail", ["web"])


def test_prepare_for_renamed_list_reuses_pending_version(home):
    first = host.prepare(home, of(WEB), ORDER)
    foreseen = host.prepare(home, of(MAIL), ORDER, check=True)
    again = host.prepare(home, of(MAIL), ORDER)
    assert (foreseen.changed, again.changed, again.reused) == (True, True, True)
    assert again.request == first.request
    assert owner(home) == ("mail", ["web"])
    assert not host.prepare(home, of(MAIL), ORDER).changed


def test_go_back_keeps_list(home):
    host.make_live(home, of(WEB))
    host.prepare(home, of(MAIL), ORDER_2)
    host.deploy(home, of(MAIL))
    host.go_back(home, of(MAIL))
    assert (read_versions(str(home), "shop").live, owner(home)) == ("0001", ("mail", ["web"]))
    # So does the switch of it, if the list has another name by then.
    deployment.switch(str(home), of(Claim("db")), ca.NOW, False)
    assert (read_versions(str(home), "shop").live, owner(home)) == ("0002", ("db", ["web", "mail"]))


def test_rollout_failure_keeps_order_of_other_list(home):
    host.prepare(home, of(WEB), ORDER)
    for claim, left in ((MAIL, ORDER.order_uri), (WEB, None)):
        done = rollout(home)
        done.claim = claim
        done.take(result("shop", "failed", problem="two lists have it"))
        assert done.failures == {"shop": "two lists have it"}
        assert host.pending(home)[1] == left


def test_receive_certificate_belongs_to_receiving_list(quick_path, home):
    giver = quick_path / "giver"
    host.make_live(giver, of(Claim("elsewhere")))
    host.prepare(home, of(WEB), ORDER)
    given = key_transfers.received(giver, home)
    assert key_transfers.receive(home, given, of(MAIL)).changed
    assert owner(home) == ("mail", ["web"])
    given = key_transfers.received(giver, home)
    for check in (True, False):
        with pytest.raises(StateError, match="two lists of this host have it"):
            key_transfers.receive(home, given, of(WEB), check)
    assert key_transfers.receiving(home) == [], "the receiving key is removed in any case"


def test_adopt_certificate_belongs_to_adopting_list(home, tmp_path):
    lineage = other_client_files.files(tmp_path / "their", other_client_files.PemFiles())
    host.prepare(home, of(WEB), ORDER)
    with pytest.raises(StateError, match="list 'web' of this host has a certificate of this name"):
        other_client_files.adopt(home, lineage, wanted=of(MAIL, identifiers=OTHER_NAMES))
    assert other_client_files.adopt(home, lineage, wanted=of(MAIL)).changed
    assert owner(home) == ("mail", ["web"])


OPTION = {
    "name": "shop",
    "identifiers": NAMES,
    "challenge": "dns-01",
    **dict.fromkeys(("webroot", "http_01_listen", "tls_alpn_01_listen", "profile", "owner", "group")),
    "key_type": "ec256",
    **{field: [] for field in ("reload", "probe", "formats")},
    "mode": "0640",
}


def test_inspect_by_other_list_shows_its_certificates(home):
    def looked(claim, **more):
        (item,) = inspection.inspect(str(home), [{**OPTION, **more}], claim=claim)
        return item["list"], item["invalid"], (item["live"] or {}).get("attributes")

    assert looked(WEB) == (None, [], None)
    host.make_live(home, of(WEB))
    assert looked(WEB) == ("web", [], [])
    assert looked(WEB, identifiers=OTHER_NAMES) == ("web", [], [])
    assert looked(MAIL) == ("web", [], ["it belongs to list 'web' instead of 'mail'"])
    assert looked(MAIL, identifiers=OTHER_NAMES)[1][0].startswith(
        "list 'web' of this host has a certificate of this name"
    )
    assert looked(Claim("mail", reassign=True), identifiers=OTHER_NAMES)[1] == []
    repair(home, of(MAIL))
    assert looked(MAIL) == ("mail", [], [])
    assert looked(WEB)[1][0].startswith("two lists of this host have it")


# --- manifests of other releases

#: As 0.3.0 wrote them: the live version's and the pending one's.
LIVE_0_3_0 = """\
{
  "account_uri": "https://ca.example/account/1",
  "ari_id": "R39T4DMdnmH21R7QwU3Cxbsc5Sk.d6qnEvoZJZLv3XBcxTpj5tOfIPc",
  "created": "2026-11-23T12:00:00Z",
  "directory": "https://ca.example/directory",
  "files": {
    "cert.pem": "95f494b599429493170de5556240beb9e42a3c7cae03b20798b34abb79e2fb27",
    "chain.pem": "d1944f88035438b2ad90cddda40ce162daccd85dbd22b7dc0c79effe3d6202fb",
    "fullchain.pem": "647584da1cc0bdd7c2299e39cf416d80c212fe357f9b25b937e53816c8d4d898",
    "privkey.pem": "58c839af302b77450c52700da2bd82cf6c46a212a2498564a016e0fdff094685"
  },
  "format": 1,
  "identifiers": [
    "shop.example",
    "www.shop.example"
  ],
  "issuer": "CN=Intermediate",
  "key_type": "ec256",
  "name": "shop",
  "not_after": "2027-01-22T12:00:00Z",
  "not_before": "2026-11-22T12:00:00Z",
  "order_uri": "https://ca.example/order/1",
  "profile": null,
  "reloaded": true,
  "serial": "77aaa712fa192592efdd705cc53a63e6d39f20f7"
}
"""
PENDING_0_3_0 = """\
{
  "account_uri": "https://ca.example/account/1",
  "created": "2026-11-23T12:00:00Z",
  "directory": "https://ca.example/directory",
  "format": 1,
  "identifiers": [
    "shop.example",
    "www.shop.example"
  ],
  "key_type": "ec256",
  "name": "shop",
  "order_uri": "https://ca.example/order/2",
  "profile": null
}
"""


def rewrite(home, number, **fields):
    """Change fields of a manifest as somebody else's program would; None removes one."""
    path = home / "versions" / "shop" / number / "version.json"
    known = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({name: value for name, value in known.items() if value is not None}))


def test_manifest_of_0_3_0_belongs_to_default_list(home):
    for number, text in (("0001", LIVE_0_3_0), ("0002", PENDING_0_3_0)):
        (home / "versions" / "shop" / number).mkdir(parents=True)
        (home / "versions" / "shop" / number / "version.json").write_text(text)
    (home / "live").mkdir()
    (home / "live" / "shop").symlink_to("../versions/shop/0001")
    there = read_versions(str(home), "shop")
    assert (there.live, there.pending, there.newer) == ("0001", "0002", "")
    assert there.manifest["order_uri"] == ORDER_2.order_uri
    assert owner(home) == (DEFAULT_LIST, [])
    assert {name: there.manifests["0001"][name] for name in json.loads(LIVE_0_3_0)} == json.loads(LIVE_0_3_0)
    (found_there,) = inspection.inventory(str(home))
    assert (found_there["list"], found_there["live"]["serial"]) == (
        DEFAULT_LIST,
        "77aaa712fa192592efdd705cc53a63e6d39f20f7",
    )
    assert unlisted(str(home), [], DEFAULT_CLAIM) == ["shop"]
    assert unlisted(str(home), [], WEB) == []


def test_manifest_of_0_3_0_gets_schema_when_written(home):
    host.make_live(home)
    rewrite(home, "0001", schema=None, list=None, former_lists=None)
    before = host.snapshot(home)
    assert not repair(home, WANTED).changed
    assert host.snapshot(home) == before, "nothing is written for the schema alone"
    repair(home, of(WEB))
    assert (host.manifest(home, "0001")["schema"], owner(home)) == (1, ("web", [DEFAULT_LIST]))


@pytest.mark.parametrize("number", ["0001", "0002", "0003"], ids=["older", "live", "pending"])
def test_manifest_of_newer_schema_is_refused_before_any_change(home, number):
    for _unused in range(2):
        host.make_live(home)
    host.prepare(home, order=ORDER_2)
    rewrite(home, number, schema=2, format=7, identifiers="another form")
    before = host.snapshot(home)
    line = (
        f"{home}/versions/shop/{number}/version.json was written by a newer certfleet.tls (schema 2, this release "
        "knows 1). Upgrade certfleet.tls on the controller"
    )
    for check in (True, False):
        for step in (
            lambda check=check: host.prepare(home, WANTED, ORDER, check=check),
            lambda check=check: host.deploy(home, WANTED, check=check),
            lambda check=check: repair(home, WANTED, check),
            lambda check=check: deployment.switch(str(home), WANTED, ca.NOW, check),
            lambda check=check: remove(str(home), "shop", DEFAULT_CLAIM, check),
            lambda check=check: preparation.journal(str(home), "shop", ORDER, check),
        ):
            with pytest.raises(StateError) as raised:
                step()
            assert str(raised.value) == line
        assert not preparation.forget_order(str(home), "shop", None, DEFAULT_CLAIM, check)
    assert unlisted(str(home), [], DEFAULT_CLAIM) == []
    (item,) = inspection.inventory(str(home))
    assert item["problems"] == [line]
    (item,) = inspection.inspect(str(home), [OPTION])
    assert (item["invalid"], item["problems"]) == ([line], [])
    assert host.snapshot(home) == before
