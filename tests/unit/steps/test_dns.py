# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps for TXT records: the locations that setting them found go to the wait and to the removal."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch
from tests.unit import contracts
from tests.unit.steps import steps

NAME, VALUE = "_acme-challenge.shop.example", "digest"
LOCATION = {"target": "shop.auth.example", "zone": "auth.example", "aliases": [NAME]}
ZONES = {
    "auth.example": {
        "provider": "rfc2136",
        "server": "192.0.2.1",
        "tsig_secret": "c2VjcmV0",
        "wait": "none",
        "delay": 9,
    }
}


def options(module, written, **arguments):
    """Return the options of *module* for one record, after a step that returned *written*."""
    action = steps.action_of(module, **arguments)
    order = contracts.ordered(host="web1", challenges=[contracts.by_dns()]).to_result()
    plan = steps.plan()
    plan["digests"]["acme_dns"] = batch.digest(ZONES)
    registered = {
        "_acme_found": steps.first_step(),
        "_acme_plan": plan,
        "_acme_ordered": steps.of_this_run(hosts={"web1": [order]}),
        "_acme_request": steps.of_this_run(ready=["shop"]),
        "_acme_dns_written": written,
    }
    variables = steps.task_vars("web1", {"web1": registered}, acme_dns=ZONES)
    return action.arguments_of(Run(action._task, action._templar, variables), action._task.args)


def written(**location):
    record = {"name": NAME, "value": VALUE, "status": "changed", "problem": "", **location}
    return steps.of_this_run(state="present", records=[record])


@pytest.mark.parametrize(
    ("module", "arguments"), [("dns_propagation", {}), ("dns_txt_record", {"state": "absent"})], ids=["wait", "removal"]
)
@pytest.mark.parametrize(
    ("result", "location"),
    [
        (written(**LOCATION), LOCATION),
        (written(target="", zone="", aliases=[]), {}),  # it was not found
        (steps.of_this_run(msg="no dnspython"), {}),
        ({**written(**LOCATION), "inclusion": "another"}, {}),
    ],
    ids=["found", "not found", "failed", "of another inclusion"],
)
def test_arguments_of_later_steps_have_the_location_that_setting_found(module, arguments, result, location):
    if "msg" in result and module == "dns_propagation":
        assert options(module, result, **arguments)["records"] == []  # there is nothing to wait for
    else:
        assert options(module, result, **arguments)["records"] == [{"name": NAME, "value": VALUE, **location}]


def test_arguments_of_setting_have_no_location_of_an_earlier_step():
    assert options("dns_txt_record", written(**LOCATION), state="present")["records"] == [
        {"name": NAME, "value": VALUE}
    ]


def test_arguments_of_wait_have_no_options_of_providers():
    given = options("dns_propagation", written(**LOCATION))
    assert given["zones"] == {"auth.example": {"provider": "rfc2136", "wait": "none", "delay": 9}}
    assert (given["wait"], given["delay"]) == ("authoritative", 0)
    assert options("dns_txt_record", {}, state="present")["wait"] == "authoritative"
