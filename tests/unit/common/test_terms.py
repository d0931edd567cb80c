# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terms are compared in six places: in each of them a difference has the effect that is right there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import REQUEST
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Reason
from ansible_collections.certfleet.tls.plugins.module_utils._common.terms import Terms
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.decision import decide
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import adoption, deployment
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import folder_path
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import flow
from tests.unit import contracts
from tests.unit.contracts import DIRECTORY, FRESH, ORDER
from tests.unit.host import ca, host

SECOND, OTHER = "https://second.example/directory", "https://other.example/directory"
CAS = (DIRECTORY, SECOND)
WANTED = replace(host.WANTED, directories=CAS)
NAMES = tuple(host.WANTED.identifiers)


def terms(identifiers=NAMES, key_types=("ec256",), profile=None, directories=CAS):
    return Terms(frozenset(identifiers), frozenset(key_types), profile, frozenset(directories))


VERSION = terms(directories=[DIRECTORY])


@pytest.mark.parametrize(
    ("wanted", "version", "difference"),
    [
        (terms(), VERSION, []),
        (terms(), terms(directories=[SECOND]), []),
        (terms(NAMES[::-1]), VERSION, []),
        (terms(NAMES[:1]), VERSION, [Reason.IDENTIFIERS]),
        (terms([*NAMES, "more.example"]), VERSION, [Reason.IDENTIFIERS]),
        (terms(key_types=["rsa2048"]), VERSION, [Reason.KEY_TYPE]),
        (terms(key_types=["ec256", "rsa2048"]), VERSION, [Reason.KEY_TYPE]),
        (terms(key_types=["ec256", "rsa2048"]), replace(VERSION, key_types=frozenset(["rsa2048", "ec256"])), []),
        (terms(), replace(VERSION, key_types=frozenset()), [Reason.KEY_TYPE]),
        (terms(profile="short"), VERSION, [Reason.PROFILE]),
        (terms(), replace(VERSION, profile="short"), [Reason.PROFILE]),
        (terms(), terms(directories=[OTHER]), [Reason.ISSUER]),
        (terms(), terms(directories=[]), [Reason.ISSUER]),
        (terms(), terms(directories=[DIRECTORY, OTHER]), [Reason.ISSUER]),
        (terms(directories=[]), terms(directories=[OTHER]), []),
        (
            terms(["a.example"], ["rsa2048"], "short"),
            terms(directories=[OTHER]),
            [Reason.IDENTIFIERS, Reason.KEY_TYPE, Reason.PROFILE, Reason.ISSUER],
        ),
    ],
)
def test_difference_has_the_gravest_reason_first(wanted, version, difference):
    assert wanted.difference(version) == difference


def test_of_version_a_profile_that_is_empty_is_none():
    facts = {"identifiers": list(NAMES), "key_type": "ec256", "profile": "", "directory": DIRECTORY}
    assert Terms.of_version(facts) == VERSION
    unknown = Terms.of_version({"identifiers": [], **dict.fromkeys(("key_type", "profile", "directory"))})
    assert unknown == terms((), (), None, ())


# --- the six places; each returns True if a version that was made otherwise counts as what is wanted


def in_plan_live(tmp_path, **made):
    return decide(contracts.found(live=made), CAS, FRESH).action == Action.KEEP


def in_plan_pending(tmp_path, **made):
    found = contracts.found(live=None, pending=contracts.awaiting(**made))
    return decide(found, CAS, FRESH).action == Action.SWITCH


def in_flow(tmp_path, **made):
    found = contracts.found(host=None, pending=contracts.pending(**made))
    plan = {"directory": DIRECTORY, "directories": list(CAS), "due": ["web1"]}
    plan["hosts"] = {"web1": [contracts.decided().to_result()]}
    (order,) = flow.orders(plan, {"web1": {"_acme_found": {"certificates": [found.to_result()]}}})
    return order.order_uri == ORDER


def otherwise(made):
    """Return the terms of a run that made a version so, and its CA."""
    made = {**made}
    directory = made.pop("directory", DIRECTORY)
    return replace(WANTED, **made), directory


def in_preparation(tmp_path, **made):
    wanted, directory = otherwise(made)
    host.prepare(tmp_path, wanted, host.ORDER, directory)
    return host.prepare(tmp_path, WANTED, host.ORDER, DIRECTORY).reused


def in_deployment(tmp_path, **made):
    """Another run's version is live, and this run's certificate has no version any more."""
    wanted, directory = otherwise(made)
    host.prepare(tmp_path, WANTED, host.ORDER)
    with open(folder_path(str(tmp_path), "shop", "0001", REQUEST), "rb") as file:
        ours = replace(host.issued(file.read()), order_uri=host.ORDER.order_uri)
    host.prepare(tmp_path, wanted, host.ORDER_2, directory, new_key=True)
    host.deploy(tmp_path, wanted)
    try:
        return deployment.deploy(str(tmp_path), WANTED, ours, ca.NOW, False).version == "0002"
    except CollectionError:
        return False


def in_adoption(tmp_path, **made):
    """Return True if the next run keeps what was taken over."""
    facts = {"identifiers": list(NAMES), "key_type": "ec256", "profile": None, "directory": DIRECTORY, **made}
    return not adoption._differences(facts, WANTED)


EVERYWHERE = (in_plan_live, in_plan_pending, in_flow, in_preparation, in_deployment, in_adoption)
NOWHERE = ()


@pytest.mark.parametrize("place", EVERYWHERE, ids=lambda place: place.__name__)
@pytest.mark.parametrize(
    ("made", "counts"),
    [
        pytest.param({}, EVERYWHERE, id="the same"),
        pytest.param({"identifiers": list(NAMES[::-1])}, EVERYWHERE, id="another order"),
        pytest.param({"profile": ""}, EVERYWHERE, id="empty profile"),
        # An order for other identifiers goes to acme_order: that knows what is left of it on hosts and in zones.
        # An adopted certificate has the identifiers already: it was chosen by them.
        pytest.param({"identifiers": ["shop.example"]}, (in_flow, in_adoption), id="identifiers"),
        pytest.param({"key_type": "rsa2048"}, NOWHERE, id="key type"),
        pytest.param({"profile": "short"}, NOWHERE, id="profile"),
        pytest.param({"directory": OTHER}, NOWHERE, id="other CA"),
        # Each CA of the list is wanted, but a request is for the one that was asked for the order.
        pytest.param(
            {"directory": SECOND}, tuple(place for place in EVERYWHERE if place != in_preparation), id="second CA"
        ),
    ],
)
def test_version_made_otherwise_counts_only_where_that_is_right(tmp_path, place, made, counts):
    assert place(tmp_path, **made) is (place in counts)


def test_deployment_that_does_not_know_the_cas_takes_any(tmp_path):
    """A playbook without the role may leave the CAs out."""
    wanted = replace(WANTED, directories=())
    host.prepare(tmp_path, wanted, host.ORDER)
    with open(folder_path(str(tmp_path), "shop", "0001", REQUEST), "rb") as file:
        ours = replace(host.issued(file.read()), order_uri=host.ORDER.order_uri)
    host.prepare(tmp_path, wanted, host.ORDER_2, OTHER)
    host.deploy(tmp_path, wanted)
    assert deployment.deploy(str(tmp_path), wanted, ours, ca.NOW, False).version == "0002"
