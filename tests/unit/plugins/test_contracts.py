# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that go from step to step: few, documented, and the same after the way through JSON."""

from __future__ import annotations

import inspect
import json
import random
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import (
    CERTIFICATE_SPEC,
    CHALLENGE_SPEC,
    JOURNAL_SPEC,
    RESULT_SPEC,
    RESULTS,
)
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import ORDER_SPEC, PREPARED_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.record_options import RECORDS_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.revocations import REVOCATION_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common import contracts as plugin
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import Malformed
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import (
    UNORDERED,
    Action,
    Reason,
    RevocationResult,
    Status,
)
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import planner
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.plan import MALFORMED
from tests.unit import contracts
from tests.unit.plugins.mutations import mutated

MODULES = Path(__file__).parents[3] / "plugins" / "modules"
SHAPES = {
    shape.__name__: shape
    for shape in vars(plugin).values()
    if inspect.isclass(shape) and shape.__module__ == plugin.__name__ and not shape.__name__.startswith("_")
}
EACH = pytest.mark.parametrize("instance", contracts.ALL, ids=lambda instance: type(instance).__name__)


def names(shape):
    return {field.name for field in fields(shape)}


def test_shapes_are_few_and_each_has_an_instance():
    assert set(SHAPES) == {type(instance).__name__ for instance in contracts.ALL}
    assert len(SHAPES) <= 12


def test_shapes_all_have_a_row_in_documentation():
    page = (MODULES.parents[1] / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `([A-Z]\w+)` \|", page.partition("### Contracts")[2].partition("\n#")[0], re.MULTILINE)
    assert sorted(rows) == sorted(SHAPES)


@EACH
def test_from_result_reads_what_to_result_wrote(instance):
    result = instance.to_result()
    assert type(instance).from_result(json.loads(json.dumps(result))) == instance
    assert type(instance).from_result(result).to_result() == result


@EACH
def test_to_result_has_types_of_json_alone(instance):
    def kinds(value):
        if value.__class__ is dict:
            return {kind for item in (*value, *value.values()) for kind in kinds(item)}
        return {kind for item in value for kind in kinds(item)} if value.__class__ is list else {type(value)}

    assert kinds(instance.to_result()) <= {str, bool, int, type(None)}


@EACH
def test_from_result_missing_field_raises_and_unknown_one_is_dropped(instance):
    shape, result = type(instance), instance.to_result()
    assert shape.from_result({**result, "ansible_facts": {}}) == instance
    with pytest.raises(Malformed, match=r"^x\[0\]\.name|^x\[0\]\.\w+ is missing$"):
        shape.from_result({}, "x[0]")
    for odd in (None, [], "x", 1):
        with pytest.raises(Malformed, match="is not a mapping"):
            shape.from_result(odd)


@EACH
def test_fuzz_mutated_result_is_malformed_or_has_a_result_of_its_own(instance):
    dice = random.Random(type(instance).__name__)  # noqa: S311 - to repeat what failed
    refused = 0
    for number in range(300):
        changed = mutated(instance.to_result(), dice)
        try:
            read = type(instance).from_result(changed)
        except Malformed:
            refused += 1
        else:
            assert type(instance).from_result(read.to_result()) == read, number
    assert 0 < refused < 300, "some are refused, and some are not"


@pytest.mark.parametrize(
    ("shape", "field", "value"),
    [
        (contracts.decided(), "action", "reissue"),
        (contracts.decided(), "reason", "because"),
        (contracts.decided(), "reason", None),
        (contracts.ordered(), "status", "done"),
        (contracts.ordered(), "status", "keep"),
        (contracts.ordered(), "status", "notified"),
        (contracts.not_ordered(Action.KEEP), "action", "issue"),
        (contracts.challenge(), "status", "revoked"),
        (contracts.challenge(), "status", "open"),
        (contracts.revocation(status=RevocationResult.REVOKED), "status", "gone"),
    ],
)
def test_from_result_unknown_word_raises(shape, field, value):
    with pytest.raises(Malformed, match=f"{field} is not one of "):
        type(shape).from_result({**shape.to_result(), field: value})


@pytest.mark.parametrize("word", [*Action, *Reason, *Status, *RevocationResult])
def test_words_equal_their_text(word):
    assert (f"{word}", str(word), json.dumps(word)) == (word.value, word.value, f'"{word.value}"')


def sample_of(fields):
    """Return a result with the samples of documented fields."""

    def sample(item):
        if "contains" not in item:
            return item["sample"]
        return [sample_of(item["contains"])] if item["type"] == "list" else sample_of(item["contains"])

    return {name: sample(item) for name, item in fields.items()}


def documented(module, *path):
    """Return the sample or the fields of a part of a module's documented result."""
    found = yaml.safe_load((MODULES / f"{module}.py").read_text().split('RETURN = r"""')[1].split('"""')[0])
    for step in path:
        found = found[step]
    return found


@pytest.mark.parametrize(
    ("module", "path", "shape"),
    [
        ("certificate_info", ("certificates", "contains"), plugin.HostCertificate),
        ("certificate_info", ("certificates", "contains", "wanted", "contains"), plugin.CertificateEntry),
        ("certificate_info", ("certificates", "contains", "live", "contains"), plugin.Version),
        ("certificate_info", ("certificates", "contains", "pending", "contains"), plugin.Version),
        ("certificate_info", ("certificates", "contains", "issued", "contains"), plugin.CountedOrder),
        ("certificate_info", ("history", "contains"), plugin.PastVersion),
        ("certificate_request", ("requests", "contains"), plugin.CertificateRequest),
        ("certificate_share", ("shares", "contains"), plugin.SharedKey),
        ("acme_batch", ("holders", "sample", 0, "certificates", 0), plugin.CertificateEntry),
        ("acme_plan", ("hosts", "sample", "web1", 0), plugin.PlannedCertificate),
        ("acme_plan", ("shares", "contains"), plugin.SharedKey),
        ("acme_order", ("hosts", "contains"), plugin.CertificateOrder),
        ("acme_order", ("hosts", "sample", "localhost", 0), plugin.CertificateOrder),
        ("acme_order", ("hosts", "sample", "localhost", 0, "challenges", 0), plugin.ChallengeData),
        ("acme_order_finalize", ("hosts", "contains"), plugin.CertificateOrder),
        ("acme_order_finalize", ("hosts", "sample", "localhost", 0), plugin.CertificateOrder),
        ("acme_order_finalize", ("hosts", "sample", "localhost", 1), plugin.CertificateOrder),
        ("acme_revoke", ("certificates", "sample", 0), plugin.Revocation),
        ("dns_txt_record", ("records", "contains"), plugin.TxtRecord),
        ("dns_propagation", ("records", "contains"), plugin.TxtRecord),
    ],
)
def test_documented_results_are_of_the_shapes(module, path, shape):
    result = documented(module, *path)
    assert set(result) <= names(shape)
    if path[-1] != "contains":
        shape.from_result(result)
    elif module.startswith("certificate"):  # in others some fields have no sample, as they are rarely returned
        shape.from_result(sample_of(result))


def test_all_reasons_are_documented():
    text = (MODULES / "acme_plan.py").read_text().split('DOCUMENTATION = r"""')[1].split('"""')[0]
    said = " ".join(yaml.safe_load(text)["description"])
    assert [reason.value for reason in Reason if reason and f"V({reason})" not in said] == []


def test_plan_fields_are_documented():
    assert set(documented("acme_plan", "hosts", "contains")) == names(plugin.PlannedCertificate)


#: A key that is always in a result has to be in the documentation, too.
@pytest.mark.parametrize(
    ("module", "path", "instance"),
    [
        ("certificate_info", ("certificates", "contains"), contracts.found(host=None)),
        ("certificate_info", ("certificates", "contains", "wanted", "contains"), contracts.wanted()),
        ("acme_batch", ("holders", "contains", "certificates", "contains"), contracts.wanted()),
        ("certificate_info", ("certificates", "contains", "live", "contains"), contracts.live()),
        ("certificate_info", ("certificates", "contains", "issued", "contains"), contracts.issued()),
        ("certificate_info", ("history", "contains"), contracts.past()),
        ("certificate_request", ("requests", "contains"), contracts.request()),
        ("certificate_share", ("shares", "contains"), contracts.given()),
        ("acme_plan", ("hosts", "contains"), contracts.decided()),
        ("acme_plan", ("shares", "sample", 0), contracts.share()),
        ("acme_order", ("hosts", "contains"), contracts.ordered()),
        ("acme_order", ("hosts", "contains"), contracts.stopped("refused")),
        ("acme_order", ("hosts", "contains"), contracts.asked()),
        ("acme_order", ("hosts", "contains", "challenges", "contains"), contracts.challenge()),
        ("acme_authorization", ("authorizations", "contains", "challenges", "contains"), contracts.challenge()),
        ("acme_order_finalize", ("hosts", "contains"), contracts.final()),
        ("acme_order_finalize", ("hosts", "contains"), contracts.stopped("refused")),
        ("acme_revoke", ("certificates", "sample", 0), contracts.revocation(status=RevocationResult.REVOKED)),
    ],
)
def test_result_fields_are_documented(module, path, instance):
    assert set(instance.to_result()) <= set(documented(module, *path))


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (ORDER_SPEC, plugin.CertificateOrder),
        (PREPARED_SPEC, plugin.CertificateOrder),
        (RESULT_SPEC, plugin.CertificateOrder),
        (JOURNAL_SPEC, plugin.CertificateOrder),
        (CHALLENGE_SPEC, plugin.ChallengeData),
        (RECORDS_SPEC["records"]["options"], plugin.TxtRecord),
        (REVOCATION_SPEC, plugin.Revocation),
    ],
    ids=["orders", "made orders", "results", "journal", "challenges", "records", "revocations"],
)
def test_options_of_modules_are_fields(spec, shape):
    assert set(spec) <= names(shape)


@pytest.mark.parametrize(
    ("spec", "instance"),
    [
        (ORDER_SPEC, contracts.asked(forced=False)),
        (PREPARED_SPEC, replace(contracts.ordered(), csr_content=contracts.PEM, directory=None)),
        (REVOCATION_SPEC, contracts.revocation(content=contracts.PEM)),
    ],
    ids=["orders", "made orders", "revocations"],
)
def test_from_options_reads_result_passed_through_ansible(spec, instance):
    """It adds what is not given, as null."""
    given = {name: value for name, value in instance.to_result().items() if name in spec}
    options = ArgumentSpecValidator(dict(spec)).validate(given).validated_parameters
    assert None in options.values()
    assert type(instance).from_options([options], "orders") == [instance]


def test_from_options_names_what_is_malformed():
    record = {"name": "_acme-challenge.example.com", "value": "x", "target": None}
    with pytest.raises(OptionError, match=r"^records\[1\]\.aliases has 1001 elements, more than 1000$"):
        plugin.TxtRecord.from_options([record, {**record, "aliases": ["a.example"] * 1001}], "records")


def test_wanted_has_all_options_of_a_certificate():
    assert names(plugin.CertificateEntry) == set(CERTIFICATE_SPEC)


def test_outcomes_are_options_of_the_module_certificate():
    outcomes = [contracts.final(), contracts.stopped("no"), contracts.not_ordered(Action.KEEP)]
    for outcome in outcomes:
        assert set(outcome.to_result()) <= {*RESULT_SPEC, "host"}
        assert (outcome.status in RESULTS) != (outcome.action in UNORDERED)


def test_parse_certificates_malformed_facts_refuse_one_certificate_only():
    good = contracts.found().to_result()
    odd = [
        *({**good, "name": "odd", "live": live} for live in (5, {}, {**good["live"], "not_before": "soon"})),
        *({**good, "name": "odd", **more} for more in ({"issued": "x"}, {"issued": [{}]}, {"wanted": 1})),
    ]
    for item in odd:
        (malformed, found) = planner.parse_certificates([item, good])
        assert found == contracts.found()
        assert (malformed.host, malformed.name, malformed.live) == ("web1", "odd", None)
        assert malformed.invalid[0].startswith(f"{MALFORMED}: certificates[0].")
