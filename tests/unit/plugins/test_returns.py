# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules on hosts document each key of what they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

MODULES = Path(__file__).parents[3] / "plugins" / "modules"
ON_HOSTS = sorted(path.stem for path in MODULES.glob("c*.py"))
#: Mappings whose keys are names of certificates, hosts, tokens or options, and one that has another module's options.
OF_NAMES = {"batch", "failures", "receivers", "sealed", "refused", "wanted"}


def returns(module: str) -> dict[str, Any]:
    """Return the documented result of a module."""
    found: dict[str, Any] = yaml.safe_load(
        (MODULES / f"{module}.py").read_text().split('RETURN = r"""')[1].split('"""')[0]
    )
    return found


def mappings(fields: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each field that is a mapping or a list of mappings, at any depth."""
    for name, field in fields.items():
        if "dict" in (field["type"], field.get("elements")):
            yield name, field
        yield from mappings(field.get("contains", {}))


@pytest.mark.parametrize("module", ON_HOSTS)
def test_return_values_have_contains(module: str) -> None:
    assert len(ON_HOSTS) == 7
    lacking = [name for name, field in mappings(returns(module)) if "contains" not in field]
    assert set(lacking) <= OF_NAMES


@pytest.mark.parametrize("module", ON_HOSTS)
def test_keys_have_a_description_a_type_and_a_sample(module: str) -> None:
    for name, field in mappings(returns(module)):
        for key, item in field.get("contains", {}).items():
            place = f"{name}.{key}"
            assert item["description"], place
            assert item["type"], place
            assert "sample" in item or "contains" in item, place
