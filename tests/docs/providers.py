# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/dns-providers.md, from the sources: make docs. A unit test fails where they are stale."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from ansible_collections.certfleet.tls.plugins.module_utils._dns import task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.entries import COMMON_OPTIONS
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import lexicon
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers.by_name import CLASSES

PAGE = Path(__file__).parents[2] / "docs" / "dns-providers.md"
START, END = "<!-- made by make docs: do not edit -->", "<!-- end of what make docs made -->"
_GALAXY = "ansible-galaxy collection install"


def main():
    PAGE.write_text(updated(PAGE.read_text()))
    print(f"{PAGE.name}: {len(_rows())} providers")


def updated(page):
    """Return the page with its tables made again."""
    before, _start, rest = page.partition(START)
    _old, _end, after = rest.partition(END)
    return f"{before}{START}\n{_tables()}\n{END}{after}"


def _tables():
    parts = [
        f"{len(_rows())} providers; those of dns-lexicon are the ones that its version {version('dns-lexicon')} has.",
        "Options in **bold** are required; those marked with * are kept out of all messages.",
        "",
        "| `provider` | what it is | options | [two runs at once](#several-runs-at-once) |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in _rows()),
        "",
        "## The options in full",
        "",
        "### Every entry",
        "",
        "Whatever its provider, an entry takes these options, too.",
        "",
        *_details(COMMON_OPTIONS),
    ]
    for kind in CLASSES.values():
        needs = f" Needs {_listed(kind.libraries)}." if kind.libraries else ""
        parts += [
            "",
            f"### `{kind.name}`: {kind.title}",
            "",
            f"{kind.notes}{needs}".strip(),
            "",
            *_details(kind.options),
        ]
    for file in map(task_files.find, task_files.names()):
        needs = f" It needs {file.requires}." if file.requires else ""
        module = f"By the module `{file.module}`: `{_GALAXY} {file.collection}`.{needs}"
        parts += ["", f"### `{file.name}`: {file.title}", "", module, "", *_details(file.options)]
    return "\n".join(parts)


def _rows():
    rows = [
        (f"`{kind.name}`", kind.title, _names(kind.options), _at_once(kind.writes_sets, kind.most_values))
        for kind in CLASSES.values()
        if kind is not lexicon.Lexicon
    ]
    rows += [
        (f"`{file.name}`", f"{file.title}, by `{file.module}`", _names(file.options), _at_once(file.replaces_sets))
        for file in map(task_files.find, task_files.names())
    ]
    rows += [
        (
            f"`lexicon`, `name: {name}`",
            "by dns-lexicon",
            _names(lexicon.declared_options(name)),
            _at_once(name in lexicon.WRITING_SETS, lexicon.MOST_VALUES.get(name)),
        )
        for name in lexicon.providers()
    ]
    return rows


def _at_once(writes_sets, most_values=None):
    """Return the word for a provider; the page explains these words."""
    if most_values:
        return f"newest {most_values}"
    return "by set" if writes_sets else "by value"


def _names(options):
    return ", ".join(_marked(option) for option in options)


def _marked(option):
    name = f"`{option.name}`" + (r"\*" if option.secret else "")
    return f"**{name}**" if option.required else name


def _details(options):
    lines = ["| option | what it is for |", "|---|---|"]
    for option in options:
        default = f" Default: `{option.default}`." if option.default not in (None, "", (), {}) else ""
        choices = f" One of {_listed(option.choices)}." if option.choices else ""
        lines.append(f"| {_marked(option)} | {option.help}{choices}{default} |")
    return lines


def _listed(names):
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main())
