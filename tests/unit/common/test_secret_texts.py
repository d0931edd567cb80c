# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are hidden in each form that a message may have them in."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import quote, quote_plus, urlencode

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.secret_texts import all_forms, hide
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line

SECRETS = [
    "plain-token",
    'pa"ss\\word',
    "passwörtlich",
    "a b&c=d/e+f",
    "two\nlines  of a <key>",
    "it's",
    "\ud800x",
    "日本",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "repeated",
    [
        str,
        repr,
        one_line,
        escape,
        json.dumps,
        lambda secret: json.dumps({"error": secret}, ensure_ascii=False),
        lambda secret: quote(secret, errors="replace"),
        lambda secret: quote(secret, safe="", errors="replace"),
        lambda secret: quote_plus(secret, errors="replace"),
        lambda secret: urlencode({"token": secret}, errors="replace"),
        lambda secret: f"{ValueError(secret)!r}",
    ],
    ids=["text", "repr", "line", "XML", "JSON", "JSON in UTF-8", "path", "parameter", "form", "query", "error"],
)
def test_hide_removes_each_form(secret, repeated):
    said = hide(f"the answer is {repeated(secret)}.", all_forms([secret]))
    assert said.count("********") == 1
    assert len(said) < 60
    assert not any(part in said for part in (secret, secret[1:-1]) if len(part) > 1)


def test_hide_longer_secret_comes_first():
    assert hide("token-of-many", all_forms(["token", "token-of-many"])) == "********"


def test_all_forms_empty_secret_hides_nothing():
    assert hide("text", all_forms([""])) == "text"
