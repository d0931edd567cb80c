# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of text.py: lists of names, and the suggestion of a name for one that is unknown."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.text import (
    did_you_mean,
    listed,
    most_similar,
    suggestion,
)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("key_typ", ["mode", "key_type"], " (did you mean 'key_type'?)"),
        ("Key-Type", ["mode", "key_type"], " (did you mean 'key_type'?)"),
        ("KEYCOMPROMISE", ["keyCompromise"], " (did you mean 'keyCompromise'?)"),
        ("colour", ["mode", "key_type"], ""),
        (1, ["", "01"], " (did you mean '01'?)"),
        ("x", [], ""),
    ],
)
def test_suggestion_similar_name_or_nothing(word, known, expected):
    assert suggestion(word, known) == expected


@pytest.mark.parametrize(
    ("names", "expected"), [([], ""), (["a"], " (did you mean 'a'?)"), (["a", "b"], " (did you mean 'a' or 'b'?)")]
)
def test_did_you_mean_all_names_listed(names, expected):
    assert did_you_mean(names) == expected


@pytest.mark.parametrize(("similarity", "expected"), [(0.6, "limits"), (0.99, "")])
def test_most_similar_less_similar_empty(similarity, expected):
    assert most_similar("limit", ["mode", "limits"], similarity) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_listed_names_first_ones_and_count_of_others(names, expected):
    assert listed(names) == expected
