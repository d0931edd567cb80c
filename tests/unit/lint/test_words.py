# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of words.py: it finds the words in each kind of file, and accepts ordinary English."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint import words


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Start it anew.", [1]),
        ("Start it again.", []),
        ("A line.\nWhat is due is issued.", [2]),
        ("What is due?", []),
        ("Set to `anew` or `What`.", []),
        ("```yaml\nanew\n```\nWhether it is due.", [4]),
        ("```\nanew\n```\nWhether it is due.", [2, 4]),
        ("- item:\n  ```text\n  anew\n  ```\n  ```yaml\n  anew\n  ```\nanew", [3, 8]),
        ("Whoever has it may. Which one is unknown. How it works is unknown.", [1, 1, 1]),
        ("## How it works", []),
        ("That costs nothing.", []),
    ],
)
def test_in_markdown_words_found_by_line(text, lines):
    assert [line for line, _finding in words.in_markdown(text)] == lines


@pytest.mark.parametrize(
    ("code", "findings"),
    [
        ('"""What it is."""', 1),
        ('"""Return what it is."""', 0),
        ('def f():\n    """Whether it is."""', 1),
        ('class C:\n    """The same as D."""', 1),
        ("x = 1  # made anew", 1),
        ('x = f"{y} is told of {z}"', 1),
        ('x = "anew"', 1),
        ("anew = told_of = 1", 2),
        ("# It is due. What is due is issued.", 1),
        ('"""Return it. Those that hang end."""', 1),
        ('"""All that is due."""', 1),
        ('"""Which one it is."""', 1),
        ('"""Whoever has it."""', 1),
        ('x = "What is told"', 1),
        ("def test_what_is_wrong():\n    pass", 1),
        ("def test_parse_what_is_wrong():\n    pass", 0),
        ('DOCUMENTATION = """\ndescription: Whether it is."""', 1),
    ],
)
def test_in_python_docstrings_comments_texts_and_names_found(code, findings):
    assert len(list(words.in_python(code))) == findings


def test_in_yaml_descriptions_and_comments_found():
    assert [line for line, _finding in words.in_yaml("# anew\ndescription: Whether it is.")] == [1, 2]


def test_main_wrong_word_fails(monkeypatch, capsys):
    monkeypatch.setattr(words, "findings", lambda: iter([(Path("docs/a.md"), 7, "'anew': say again")]))
    assert words.main() == 1
    assert capsys.readouterr().out == "docs/a.md:7: 'anew': say again\n"


def test_main_no_wrong_word_passes(monkeypatch, capsys):
    monkeypatch.setattr(words, "findings", lambda: iter([]))
    assert words.main() == 0
    assert capsys.readouterr().out == ""
