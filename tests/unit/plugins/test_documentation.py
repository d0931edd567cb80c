# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of the documentation name what is there: pages, headings, messages, playbooks, words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Outcome
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables

CHECKOUT = Path(__file__).parents[3]
PAGES = [
    *sorted(CHECKOUT.glob("*.md")),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
    CHECKOUT / "roles/acme/README.md",
    CHECKOUT / "tests/lab/README.md",
]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
#: The character that stands for anything in a message of docs/troubleshooting.md.
ANYTHING = "…"


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(page):
    return page.relative_to(CHECKOUT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_to_pages_and_headings(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for link in LINK.findall(text):
        if "://" in link or link.startswith("<"):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_readme_is_short():
    assert len((CHECKOUT / "README.md").read_text().splitlines()) < 170


def literals():
    """Return all texts in the code of plugins."""
    found = []
    for path in (CHECKOUT / "plugins").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(found)


def members():
    """Yield (class, member) for each class in the code of plugins, and (file, name) for each name in a file."""

    def names_in(body):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.id for target in targets if isinstance(target, ast.Name))

    for path in (CHECKOUT / "plugins").rglob("*.py"):
        tree = ast.parse(path.read_text())
        yield from ((path.stem, name) for name in names_in(tree.body))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield from ((node.name, name) for name in names_in(node.body))


def test_members_on_the_architecture_page_are_in_the_code():
    page = (CHECKOUT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`(\w+)\.(?!(?:py|yml|json|com)`)(\w+)(?:\(\))?`", page))
    named |= {(file, name) for name, file in re.findall(r"`(\w+)`\s+in\s+`(?:\w+/)*(\w+)\.py`", page)}
    assert len(named) > 10
    assert named - set(members()) == set()


def test_messages_of_the_troubleshooting_page_are_in_the_code():
    page = (CHECKOUT / "docs/troubleshooting.md").read_text()
    cells = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    assert len(messages) > 30
    code = literals()
    unknown = [
        message for message in messages if not all(part in code for part in message.split(ANYTHING) if part.strip())
    ]
    assert unknown == []


def test_playbooks_and_their_variables_are_documented():
    text = (CHECKOUT / "docs/playbooks-and-variables.md").read_text()
    for path in (CHECKOUT / "playbooks").glob("*.yml"):
        assert f"| `certfleet.tls.{path.stem}` |" in text
    used = set()
    for path in (CHECKOUT / "playbooks").rglob("*.yml"):
        used |= set(re.findall(r"(?<![\w.])acme_\w+", path.read_text()))
    for name in used - set(role_variables.ALL):
        assert f"| `{name}` |" in text, name


@pytest.mark.parametrize(("word", "enum"), [("action", Action), ("outcome", Outcome)])
def test_glossary_lists_all_words_of_an_enum(word, enum):
    (row,) = re.findall(rf"^\| {word} \| (.+) \|$", (CHECKOUT / "docs/glossary.md").read_text(), re.MULTILINE)
    listed = row.partition(":")[2].partition("(")[0]
    assert {found.strip() for found in listed.split(",")} == {item.value for item in enum}


@pytest.mark.parametrize("page", ["README.md", "roles/acme/README.md"])
def test_install_command_has_every_requirement(page):
    lines = (CHECKOUT / "meta/ee-requirements.txt").read_text().splitlines()
    libraries = {re.split(r"[<>=~!]", line)[0] for line in lines if line and not line.startswith("#")}
    text = (CHECKOUT / page).read_text()
    places = re.findall(r"pip install (.*?)(?:  |\n)", text) or [text]
    assert [(library, place) for place in places for library in sorted(libraries) if library not in place] == []
