# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that each wrong value of a variable is refused by one message; tests/integration runs the role with them."""

from __future__ import annotations

from tests.unit.variables import (
    wrong_inputs_account,
    wrong_inputs_dns,
    wrong_inputs_entries,
    wrong_inputs_entry_points,
    wrong_inputs_variables,
)
from tests.unit.variables.variables import GOOD, faults


@wrong_inputs_variables.VARIABLES
def test_validate_wrong_variable_refused(given, expected):
    (line,) = faults(**given)
    assert line.startswith(f"host web1: {expected}")


@wrong_inputs_account.ACCOUNTS
def test_validate_wrong_account_refused_without_secret(entry_point, given, expected):
    (line,) = faults(entry_point, **given)
    assert line.startswith(f"host web1: {expected}")
    assert "SECRE" not in line
    assert "MC4CAQ" not in line


@wrong_inputs_dns.DNS
def test_validate_wrong_provider_refused_without_secret(given, expected):
    (line,) = faults(**given)
    assert line.startswith(f"host web1: {expected}")
    assert "SECRET" not in line


@wrong_inputs_entry_points.ENTRY_POINTS
def test_validate_wrong_option_of_entry_point_refused(entry_point, given, expected):
    (line,) = faults(entry_point, **given)
    assert line.startswith(f"host web1: {expected}")


@wrong_inputs_entries.CERTIFICATES
def test_validate_wrong_certificate_refused(change, expected):
    (line,) = faults(acme_certificates=[{**GOOD, **change}])
    assert line.startswith(f"host web1: {expected}")


@wrong_inputs_entries.LISTS
def test_validate_wrong_list_of_certificates_refused(given, expected):
    (line,) = faults(acme_certificates=given)
    assert line.startswith(f"host web1: {expected}")
