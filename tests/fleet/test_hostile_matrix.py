# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile host plants variables without effect: each module, each place in the play, the oldest and newest core."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.fleet.fleet import Fleet
from tests.fleet.hostile import ENTRIES, MODULES, PLACES, Battlefield, certificates_only, plant, plant_by_setup
from tests.lab import cores

pytestmark = pytest.mark.hard

CORES = ("oldest", "newest")


@pytest.mark.parametrize(
    ("module", "place", "loud", "core"),
    [
        cores.parameter(module, place, loud, core=core)
        for module, place, loud, core in itertools.product(MODULES, PLACES, (False, True), CORES)
    ],
)
def test_module_plants_every_variable_without_effect(
    four: Fleet, module: str, place: str, loud: bool, core: str
) -> None:
    field = Battlefield.at(four, place, core)
    if module == "certificate_share" and place != "first":
        # The first host that has what is shared seals it for others.
        assert field.run_honestly(field.hostile).code == 0
    run = field.run(*plant([module], field.planted(loud)), entries=ENTRIES.get(module, ["main"]))
    assert field.edited() == {module}
    assert not (harm := field.harm(run)), harm


@pytest.mark.parametrize(
    ("place", "kind", "core"),
    [
        cores.parameter(place, kind, core=core)
        for place, kind, core in itertools.product(PLACES, ("loud", "quiet", "certificates"), CORES)
    ],
)
def test_setup_plants_variables_and_host_is_left_out(four: Fleet, place: str, kind: str, core: str) -> None:
    field = Battlefield.at(four, place, core)
    facts = field.planted(loud=kind == "loud")
    facts = certificates_only(facts) if kind == "certificates" else facts
    run = field.run(*plant_by_setup(facts), gather_facts=True)
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.hosts_with("failed") == [field.hostile]
    assert "acme_certificates" in run.message(field.hostile)


@pytest.mark.parametrize("core", [cores.parameter(core=core) for core in CORES])
def test_setup_and_modules_plant_at_once_without_effect(four: Fleet, core: str) -> None:
    field = Battlefield.at(four, "first", core)
    facts = field.planted(loud=False)
    run = field.run(*plant_by_setup(facts), *plant(MODULES, facts), gather_facts=True)
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.hosts_with("failed") == [field.hostile]


@pytest.mark.parametrize("core", [cores.parameter(core=core) for core in CORES])
def test_batches_plant_without_effect_on_later_ones(four: Fleet, core: str) -> None:
    """A later batch asks the first one what it has of a shared certificate, and for its key."""
    field = Battlefield.at(four, "first", core)
    modules = [module for module in MODULES if module != "certificate"]
    run = field.run(*plant(modules, field.planted(loud=False)), serial="1")
    assert not (harm := field.harm(run)), harm
    assert "certificate_share" in field.edited()


@pytest.mark.parametrize("core", [cores.parameter(core=core) for core in CORES])
def test_facts_from_a_cache_are_refused_like_those_of_setup(four: Fleet, core: str, tmp_path: Path) -> None:
    field = Battlefield.at(four, "middle", core)
    env = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path)}
    facts = certificates_only(field.planted())
    # An earlier play of somebody else's gathered them.
    field.run(*plant_by_setup(facts), gather_facts=True, entries=[], env=env)
    assert field.edited() == {"setup"}
    run = field.run_honestly(env=env)
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.hosts_with("failed") == [field.hostile]
    assert "acme_certificates" in run.message(field.hostile)
