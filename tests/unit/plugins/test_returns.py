# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules document each key of what they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

MODULES = Path(__file__).parents[3] / "plugins" / "modules"
EACH = pytest.mark.parametrize("module", sorted(path.stem for path in MODULES.glob("[a-z]*.py")))
#: Mappings whose keys are names: of certificates, hosts, tokens, records, URLs, or the CA chooses them.
OF_NAMES = {
    *("batch", "deferred", "digests", "failures", "meta", "nonces", "options", "others", "profiles", "receivers"),
    *("refusals", "refused", "sealed", "signatures"),
}
#: Mappings with lists by the name of a host; `contains` has the keys of their elements.
BY_HOST = {"hosts"}


def returns(module: str) -> dict[str, Any]:
    """Return the documented result of a module."""
    found: dict[str, Any] = yaml.safe_load(
        (MODULES / f"{module}.py").read_text().split('RETURN = r"""')[1].split('"""')[0]
    )
    return found


def mappings(
    fields: Mapping[str, Any], samples: tuple[Mapping[str, Any], ...] = ()
) -> Iterator[tuple[str, Mapping[str, Any], tuple[Mapping[str, Any], ...]]]:
    """Yield each field that is a mapping or a list of mappings, at any depth, with the mappings in its samples."""
    for name, field in fields.items():
        if "dict" in (field["type"], field.get("elements")):
            given = [sample[name] for sample in (*samples, {name: field.get("sample")}) if sample.get(name)]
            by_host = [items for sample in given for items in sample.values()] if name in BY_HOST else given
            own = tuple(each for sample in by_host for each in (sample if isinstance(sample, list) else [sample]))
            yield name, field, own
            yield from mappings(field.get("contains", {}), own)


def test_return_modules_are_all_read() -> None:
    assert len(list(MODULES.glob("[a-z]*.py"))) == 19


@EACH
def test_return_mappings_have_contains(module: str) -> None:
    assert {name for name, field, _samples in mappings(returns(module)) if "contains" not in field} <= OF_NAMES


@EACH
def test_return_keys_have_description_returned_type_and_sample(module: str) -> None:
    for name, field, samples in mappings(returns(module)):
        for key, item in field.get("contains", {}).items():
            place = f"{name}.{key}"
            assert {"description", "returned", "type"} <= set(item), place
            assert samples or "sample" in item or "contains" in item, place


@EACH
def test_return_samples_have_documented_keys_only(module: str) -> None:
    for name, field, samples in mappings(returns(module)):
        if "contains" in field:
            assert {key for sample in samples for key in sample} <= set(field["contains"]), name
