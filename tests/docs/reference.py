# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/playbooks-and-variables.md from the sources: make docs. A unit test finds stale ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import VARIABLES, Variable

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "playbooks-and-variables.md"
END = "<!-- end of what make docs made -->"
#: O(x), V(x), C(x), E(x) and M(x) of Ansible's documentation.
_MARKUP = re.compile(r"\b[OVCEM]\(([^)]*)\)")


def main() -> None:
    """Update the page."""
    PAGE.write_text(updated(PAGE.read_text()))
    print(f"{PAGE.name}: {len(VARIABLES)} variables")


def updated(page: str) -> str:
    """Return the page with new tables."""
    for name, table in (("variables", _variables()), ("modules", _modules())):
        start = f"<!-- {name}: made by make docs: do not edit -->"
        before, found, rest = page.partition(start)
        if not found:
            raise ValueError(f"{PAGE.name} lacks the line {start}")
        page = f"{before}{start}\n{table}\n{END}{rest.partition(END)[2]}"
    return page


def _variables() -> str:
    specs = yaml.safe_load((CHECKOUT / "roles/acme/meta/argument_specs.yml").read_text())["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    rows = ["| variable | default | whose | what it is |", "|---|---|---|---|"]
    for name, variable in VARIABLES.items():
        secret = r"\*" if variable.secret else ""
        whose = "host" if variable.of_host else "batch"
        only = f" For `{variable.entry_point}` only." if variable.entry_point else ""
        text = _first_sentence(options[name]["description"])
        rows.append(f"| `{name}`{secret} | {_default(variable)} | {whose} | {text}{only} |")
    return "\n".join(rows)


def _default(variable: Variable) -> str:
    if variable.default is None:
        return "required"
    if variable.default in ("", [], {}):
        return "none"
    if isinstance(variable.default, bool):
        return f"`{str(variable.default).lower()}`"
    listed = isinstance(variable.default, list)
    return f"`{', '.join(variable.default) if listed else variable.default}`"


def _modules() -> str:
    rows = ["| module | where | what it does |", "|---|---|---|"]
    for path in sorted((CHECKOUT / "plugins/modules").glob("*.py")):
        documentation = re.search(r'DOCUMENTATION = r?"""(.*?)"""', path.read_text(), re.DOTALL)
        if documentation:
            text = _first_sentence(yaml.safe_load(documentation[1])["short_description"])
            rows.append(f"| `{path.stem}` | {_where(path.stem)} | {text} |")
    return "\n".join(rows)


def _where(module: str) -> str:
    action = CHECKOUT / "plugins/action" / f"{module}.py"
    if not action.exists():
        return "host of the task"
    return "host" if "HostAction" in action.read_text() else "controller"


def _first_sentence(description: str | list[str]) -> str:
    text = " ".join((description if isinstance(description, str) else description[0]).split())
    sentence = re.split(r"(?<=\.) (?=[A-Z])", text, maxsplit=1)[0]
    return _MARKUP.sub(r"`\1`", sentence).replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
