# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile host plants variables in its answers, and they reach neither the controller nor another host.

test_hostile_matrix.py has each module on its own, at each place, with each core.
"""

from __future__ import annotations

import pytest

from tests.fleet.fleet import Fleet
from tests.fleet.hostile import ENTRIES, MARK, MODULES, Battlefield, certificates_only, plant, plant_by_setup
from tests.lab import cores

OF_A_RUN = set(MODULES) - set(ENTRIES)


@pytest.mark.hard
def test_honest_fleet_with_facts_gets_all_certificates(four: Fleet) -> None:
    field = Battlefield.at(four, "first")
    run = field.run_honestly(gather_facts=True)
    assert run.code == 0
    assert field.harm(run) == []
    for host in four.lab.hosts:
        assert four.lab.path(host, "/run/wanted").exists(), "the handler that the inventory names runs"


@pytest.mark.parametrize(
    ("place", "loud", "core"),
    [
        cores.parameter("first", False, core="oldest", hard=True),
        cores.parameter("middle", True, core="", hard=True),
        cores.parameter("last", False, core="newest", hard=True),
    ],
)
def test_modules_plant_every_variable_without_effect(four: Fleet, place: str, loud: bool, core: str) -> None:
    field = Battlefield.at(four, place, core)
    if place != "first":
        # The first host that has what is shared seals it for others.
        assert field.run_honestly(field.hostile).code == 0
    run = field.run(*plant(OF_A_RUN, field.planted(loud)))
    assert not (harm := field.harm(run)), harm
    quiet = {"certificate_info", "challenge_response", "certificate_share"}
    assert field.edited() == (OF_A_RUN if place == "first" else quiet)


@pytest.mark.hard
@pytest.mark.parametrize(
    ("place", "core"),
    [
        cores.parameter("first", core="newest"),
        cores.parameter("middle", core="", hard=True),
        cores.parameter("last", core="oldest"),
    ],
)
def test_setup_plants_every_variable_and_host_is_left_out(four: Fleet, place: str, core: str) -> None:
    field = Battlefield.at(four, place, core)
    run = field.run(*plant_by_setup(field.planted()), gather_facts=True)
    assert field.edited() == {"setup"}
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.hosts_with("failed") == [field.hostile]
    message = run.message(field.hostile)
    assert "facts" in message
    assert "acme_certificates" in message


def test_setup_plants_names_and_keys_of_others_and_host_gets_none(four: Fleet) -> None:
    field = Battlefield.at(four, "middle")
    run = field.run(*plant_by_setup(certificates_only(field.planted())), gather_facts=True)
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.hosts_with("failed") == [field.hostile]
    assert "acme_certificates" in run.message(field.hostile)


@pytest.mark.hard
@pytest.mark.parametrize("module", ENTRIES)
def test_other_entry_point_plants_every_variable_without_effect(four: Fleet, module: str) -> None:
    field = Battlefield.at(four, "middle")
    run = field.run(*plant([module], field.planted(loud=False)), entries=ENTRIES[module])
    assert field.edited() == {module}
    assert not (harm := field.harm(run)), harm


@pytest.mark.hard
def test_fact_that_shadows_another_variable_is_a_warning(four: Fleet) -> None:
    field = Battlefield.at(four, "first")
    run = field.run(*plant_by_setup({"site_setting": MARK}), gather_facts=True)
    assert not (harm := field.harm(run, own_facts=True)), harm
    assert run.code == 0
    (warning,) = {line for line in run.text.split("[WARNING]: ") if "site_setting" in line.partition("\n\n")[0]}
    assert field.hostile in warning


@pytest.mark.hard
def test_set_fact_counts_as_fact_only_where_it_is_cacheable(four: Fleet) -> None:
    field = Battlefield.at(four, "first")
    facts = {"acme_keep_versions": 5}
    task = {"ansible.builtin.set_fact": facts, "when": f"inventory_hostname == '{field.hostile}'"}
    assert field.run_honestly(pre_tasks=[task]).code == 0
    task["ansible.builtin.set_fact"] = {**facts, "cacheable": True}
    run = field.run_honestly(pre_tasks=[task])
    assert run.hosts_with("failed") == [field.hostile]
    message = run.message(field.hostile)
    assert "acme_keep_versions" in message
    assert "cacheable" in message
