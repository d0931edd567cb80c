# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that ends between any two changes of the disk: killed, the power cut, or the disk full.

After each: what was served is served still, or the whole of what is new; and a plain run finishes the work.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import atomic_file
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import (
    adoption,
    deployment,
    key_transfer,
    preparation,
    revocation,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import JournaledOrder
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import (
    issued_facts,
    pending_facts,
    read_versions,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import DEFAULT_CLAIM
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates
from tests.unit.host import ca, faults, host, other_client_files
from tests.unit.host.host import ACCOUNT, ORDER, ORDER_2, OTHER, WANTED


def nothing(home):
    os.makedirs(home)


def with_live(home):
    nothing(home)
    host.make_live(home)


def with_pending(home):
    with_live(home)
    host.prepare(home, order=ORDER)


def first_pending(home):
    nothing(home)
    host.prepare(home, order=ORDER)


def with_other_pending(home):
    with_live(home)
    host.prepare(home, OTHER, ORDER)


def with_unordered_pending(home):
    with_live(home)
    host.prepare(home)


def with_damaged_pending(home):
    with_pending(home)
    with open(os.path.join(home, "versions", "shop", "0002", "privkey.pem"), "wb") as file:
        file.write(b"zeros, after a power cut")


def with_drifted_pending(home):
    with_pending(home)
    os.chmod(os.path.join(home, "versions", "shop", "0002", "privkey.pem"), 0o400)


def with_drifted_live(home):
    with_live(home)
    os.chmod(os.path.join(home, "live", "shop", "privkey.pem"), 0o600)


def with_history(home):
    nothing(home)
    for number in range(1, 6):
        host.make_live(home, order=JournaledOrder(f"https://ca.example/order/{number}", ACCOUNT))
    # Restore pruned versions, as after runs that could not prune.
    for number in ("0001", "0002"):
        shutil.copytree(os.path.join(home, "versions", "shop", "0003"), os.path.join(home, "versions", "shop", number))
    host.prepare(home, order=ORDER)
    host.deploy(home)


def with_unproved(home):
    with_pending(home)
    host.deploy(home)


def with_one_taken_back(home):
    with_unproved(home)
    go_back(home)


def prepare(home):
    host.prepare(home)


def prepare_with_order(home):
    host.prepare(home, order=ORDER_2)


def journal(home):
    preparation.journal(home, "shop", ORDER_2, False)


def deploy(home):
    host.deploy(home)


def receive(home):
    """Get what another host has, as all of a run's steps do it."""
    public = key_transfer.await_key(home, "shop")
    given = key_transfer.give(giver(), "shop", host.manifest(giver(), "0001")["serial"], {"here": public})
    issued = host.IssuedCertificate(given.certificate, given.chain, ACCOUNT)
    key_transfer.receive(
        home, WANTED, key_transfer.Received(issued, given.sealed["here"], host.DIRECTORY), host.ca.NOW, False
    )


@cache
def giver():
    """Another host's home; the disk that may fail is this host's."""
    home = os.path.join(tempfile.mkdtemp(prefix="giver-"), "home")
    atexit.register(shutil.rmtree, os.path.dirname(home))
    with pytest.MonkeyPatch.context() as patch:
        for module in (files, atomic_file):
            patch.setattr(module, "os", os)
        host.make_live(home)
    return home


def adopt(home):
    """Take over what another client left; and what the role does where that was killed before its end."""
    adopted = adoption.adopt(home, replace(WANTED, directories=(host.DIRECTORY,)), adoptable(), ca.NOW, False)
    if not adopted.changed and host.outstanding(home):
        repair(home)
        confirm(home)


@cache
def adoptable():
    """Return the certificates of another client."""
    folder = Path(tempfile.mkdtemp(prefix="left-"))
    atexit.register(shutil.rmtree, folder)
    return adoption.read_candidates([other_client_files.files(folder, other_client_files.PemFiles())], ca.NOW)


def forget_order(home):
    preparation.forget_order(home, "shop", ORDER.order_uri, DEFAULT_CLAIM, False)


def repair(home):
    deployment.repair(home, WANTED, ca.NOW, False)


def go_back(home):
    if read_versions(home, "shop").live == "0002":
        host.go_back(home)


def mark(home):
    path = os.path.join(home, "versions", "shop", "0001", "cert.pem")
    (leaf,) = certificates.load_all(Path(path).read_text(), "it")
    revocation.mark(home, "shop", certificates.serial(leaf), "2026-11-23T12:00:00Z", False, False)


def switch(home):
    deployment.switch(home, WANTED, ca.NOW, False)


def confirm(home):
    host.confirm(home)


class Authority:
    """Counts the orders that runs make."""

    def __init__(self):
        self.orders = 0

    def uri(self):
        return f"https://ca.example/order/of-run/{self.orders}"

    def run(self, home, due="0001"):
        """Do all that a run of the role does for a certificate that is due while version *due* is live."""
        if read_versions(home, "shop").live == due:
            facts = pending_facts(str(home), "shop", read_versions(home, "shop"))
            if facts and facts["order_uri"]:
                order = JournaledOrder(facts["order_uri"], facts["account_uri"])
            else:
                self.orders += 1
                order = JournaledOrder(self.uri(), ACCOUNT)
            host.prepare(home, order=order)
            host.deploy(home)
        if host.outstanding(home):
            host.confirm(home)


def whole_run(home):
    Authority().run(home)


def first_whole_run(home):
    Authority().run(home, due=None)


def pending_has(order_uri, number="0002"):
    def settled(home):
        found = read_versions(home, "shop")
        assert (found.pending, found.manifest["order_uri"]) == (number, order_uri)
        assert found.manifest["identifiers"] == WANTED.identifiers
        assert host.key_drift(home, number) == []

    return settled


def live_is(number, *older):
    def settled(home):
        assert read_versions(home, "shop")[:4] == (number, False, None, [*older, number])
        assert host.served(home)
        assert host.key_drift(home, number) == []

    return settled


def adopted(home):
    found = read_versions(home, "shop")
    assert (found.numbers, found.pending) == ([found.live], None)
    with open(adoptable()[0].lineage.certificate, "rb") as file:
        assert host.served(home)["cert.pem"] == file.read()
    assert host.key_drift(home, found.live) == []
    assert not host.outstanding(home)


def marked(home):
    live_is("0001")(home)
    assert host.manifest(home, "0001")["revoked"]


def taken_back(home):
    found = read_versions(home, "shop")
    assert (found.live, found.pending) == ("0001", "0002")
    assert issued_facts(home, "shop", found)
    assert host.served(home)


@dataclass(frozen=True)
class Scene:
    """A state before, an action, and the expected state once the action was repeated without a fault."""

    name: str
    before: Callable[[str], None]
    action: Callable[[str], None]
    settled: Callable[[str], None]

    @property
    def real(self):
        """Return True if its process is also killed for real, which takes longer."""
        real = (whole_run, first_whole_run, forget_order, repair, go_back, switch, confirm, adopt)
        return self.action in real or "other" in self.name

    @property
    def switches(self):
        return self.action in (deploy, receive, adopt, go_back, switch, whole_run, first_whole_run)


SCENES = [
    Scene("first prepare", nothing, prepare, pending_has(None, "0001")),
    Scene("prepare", with_live, prepare, pending_has(None)),
    Scene("prepare with its order", with_live, prepare_with_order, pending_has(ORDER_2.order_uri)),
    Scene("prepare again", with_pending, prepare, pending_has(ORDER.order_uri)),
    Scene("prepare again with an order", with_unordered_pending, prepare_with_order, pending_has(ORDER_2.order_uri)),
    Scene("prepare other names", with_other_pending, prepare, pending_has(None, "0003")),
    Scene("prepare after damage", with_damaged_pending, prepare, pending_has(None, "0003")),
    Scene("prepare after drift", with_drifted_pending, prepare, pending_has(ORDER.order_uri)),
    Scene("journal", with_unordered_pending, journal, pending_has(ORDER_2.order_uri)),
    Scene("forget the order", with_pending, forget_order, pending_has(None)),
    Scene("first deploy", first_pending, deploy, live_is("0001")),
    Scene("deploy", with_pending, deploy, live_is("0002", "0001")),
    Scene("deploy after drift", with_drifted_pending, deploy, live_is("0002", "0001")),
    Scene("first receive", nothing, receive, live_is("0001")),
    Scene("receive", with_live, receive, live_is("0002", "0001")),
    Scene("adopt", nothing, adopt, adopted),
    Scene("repair", with_drifted_live, repair, live_is("0001")),
    Scene("mark as revoked", with_live, mark, marked),
    Scene("go back", with_unproved, go_back, taken_back),
    Scene("switch again", with_one_taken_back, switch, live_is("0002", "0001")),
    Scene("confirm and prune", with_history, confirm, live_is("0006", "0004", "0005")),
    Scene("first whole run", nothing, first_whole_run, live_is("0001")),
    Scene("whole run", with_live, whole_run, live_is("0002", "0001")),
]

every_scene = pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])


@pytest.fixture
def stage(quick_path, disk):
    """Return a class that sets a scene up as often as needed, and verifies its result."""

    class Stage:
        def __init__(self):
            self.home = str(quick_path / "home")
            self.served = None

        def set(self, scene):
            template = str(quick_path / "template")
            if not os.path.exists(template):
                disk()
                scene.before(template)
                self.served = host.served(template)
            shutil.rmtree(self.home, ignore_errors=True)
            shutil.copytree(template, self.home, symlinks=True)

        def rehearse(self, scene):
            """Without a fault, looked at after every change: so need not be the runs that end on the way. Gives the
            number of changes."""
            self.set(scene)
            made = disk(watch=self.look)
            scene.action(self.home)
            scene.settled(self.home)
            # Nothing to do is done without a change, and only that.
            assert bool(made.changes) != (scene.name == "prepare again")
            return len(made.changes)

        def look(self):
            """Verify the invariants of every moment."""
            host.keys_are_closed(self.home)
            found = host.served(self.home)
            if self.served:
                assert found, "no version is live any more"

        def after_fault(self, scene):
            """Verify the state after a run that failed. Return what the next run has to keep."""
            self.look()
            if host.served(self.home) != self.served:  # then it is the new one, all of it: served() has seen to that
                assert scene.switches
            kept = host.pending(self.home)
            return kept if kept and kept[0] == WANTED.identifiers and kept[1] else None

        def rerun(self, scene, kept, watch=False):
            disk(watch=self.look if watch else None)
            scene.action(self.home)
            scene.settled(self.home)
            assert host.leftovers(self.home) == []
            # The order that was journaled, with the key that its request was made with.
            if kept and scene.before is not with_damaged_pending:
                found = host.pending(self.home)
                assert (found[2] if found else host.served(self.home)["privkey.pem"]) == kept[2]
                assert scene.action is forget_order or found is None or found[1] in (kept[1], ORDER_2.order_uri)

    return Stage()


@every_scene
@pytest.mark.parametrize("power", [True, False], ids=["killed", "power cut"])
def test_crash_at_any_step_is_repaired_by_next_run(stage, disk, scene, power):
    for step in range(1, stage.rehearse(scene) + 1):
        stage.set(scene)
        faulty = disk(at=step, fault=faults.crash)
        with pytest.raises(faults.Crash):
            scene.action(stage.home)
        faulty.end(power)
        stage.rerun(scene, stage.after_fault(scene), watch=power)


@every_scene
@pytest.mark.parametrize("full", [False, True], ids=["once", "from then on"])
def test_full_disk_at_any_step_is_reported_and_leaves_no_partial_state(stage, disk, scene, full):
    for step in range(1, stage.rehearse(scene) + 1):
        stage.set(scene)
        faulty = disk(at=step, fault=faults.no_space, full=full)
        with pytest.raises(DiskError) as raised:
            scene.action(stage.home)
        message = str(raised.value)
        faulty.end()
        assert "No space left on device. Make room there and run again" in message
        assert stage.home in message
        assert len(message.splitlines()) == 1
        # A file that cannot be written is removed at once. One that cannot be removed stays for the next run.
        if faulty.struck not in ("unlink", "rmdir"):
            assert host.leftovers(stage.home) == []
        stage.rerun(scene, stage.after_fault(scene))


# Prepare, journal and deploy are parts of the whole runs.
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.real], ids=lambda scene: scene.name)
def test_kill_at_any_step_is_repaired_by_next_run(stage, disk, scene):
    for step in range(1, stage.rehearse(scene) + 1):
        stage.set(scene)
        child = os.fork()
        if not child:
            try:
                disk(at=step, fault=faults.kill)
                scene.action(stage.home)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        stage.rerun(scene, stage.after_fault(scene))


@pytest.mark.parametrize("seed", range(20))
def test_crashes_in_a_row_cost_orders_only_if_not_journaled(stage, disk, seed):
    chance = random.Random(seed)  # noqa: S311 # a dice, not a secret
    scene = SCENES[-1]
    authority = Authority()
    stage.set(scene)
    unknown = 0
    for _unused in range(8):
        before = authority.orders
        disk(at=chance.randint(1, 60), fault=faults.crash)
        with contextlib.suppress(faults.Crash):
            authority.run(stage.home)
        stage.look()
        if authority.orders > before:
            journals = [host.manifest(stage.home, number) for number in host.versions(stage.home)]
            unknown += authority.uri() not in [manifest["order_uri"] for manifest in journals if manifest]
    disk()
    authority.run(stage.home)
    scene.settled(stage.home)
    assert host.leftovers(stage.home) == []
    assert authority.orders == unknown + 1
