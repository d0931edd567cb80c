# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Providers for which Ansible has a module: each is a tasks file of the role, with a header that describes it.

The header is the comment from the line "# title: ..." to the first "---". Without the "# " it is YAML:

    # title: Amazon Route 53
    # module: amazon.aws.route53
    # requires: boto3, botocore
    # options:
    #   access_key:
    #     description: The access key's ID.
    #     required: true
    #     secret: true

requires (what the module needs besides its collection), required and secret may be left out. The name of the file is
the name of the provider in entries of acme_dns. "replaces_sets: false" before the options says that the tasks add and
remove single values; others set all values of a name at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._common.schema import Malformed, Reader, flag, record, table, text
from .errors import DnsError, NotInstalledError
from .options import ANY, Option

try:
    import yaml
except ImportError:
    pass  # a controller has it; other machines, to which a task is delegated, have no tasks files

FOLDER = Path(__file__).parents[3] / "roles" / "acme" / "tasks" / "dns"

_FIRST_LINE = "# title:"


@dataclass(frozen=True)
class TaskFile:
    """A provider by a tasks file of the role.

    module: the full name of the module that it uses. replaces_sets: the tasks set all values of a name at once.
    """

    name: str
    path: str
    title: str
    module: str
    options: tuple[Option, ...]
    requires: str = ""
    replaces_sets: bool = True

    @property
    def collection(self) -> str:
        """Return the collection that the module belongs to."""
        return ".".join(self.module.split(".")[:2])

    def require_collection(self) -> None:
        """Raise NotInstalledError, with the command that installs it, if the module's collection is missing."""
        try:
            if find_spec(f"ansible_collections.{self.collection}"):
                return
        except ModuleNotFoundError:
            pass  # no collection of that namespace is installed
        raise NotInstalledError(
            f"the provider {self.name} needs the module {self.module}, which is not installed: "
            f"install it with: ansible-galaxy collection install {self.collection}"
        )


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the providers that have a tasks file."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def find(name: str, folder: Path = FOLDER) -> TaskFile:
    """Return the provider *name*, one of names(). Raises DnsError if the header of its file is invalid."""
    path = folder / f"{name}.yml"
    try:
        header = _HEADER(_load(_header(path.read_text(encoding="utf-8"))), "header")
    except Malformed as error:
        raise DnsError(f"invalid tasks file {path}: {error}") from None
    options = tuple(
        Option(option, given["description"], given.get("required", False), given.get("secret", False), type=ANY)
        for option, given in header["options"].items()
    )
    return TaskFile(
        name,
        str(path),
        header["title"],
        header["module"],
        options,
        header.get("requires", ""),
        header.get("replaces_sets", True),
    )


def _header(content: str) -> str:
    """Return the header of a tasks file as YAML, as many lines below the first one as in the file. Raises Malformed."""
    comments = content.split("---\n", 1)[0].splitlines()
    start = next((number for number, line in enumerate(comments) if line.startswith(_FIRST_LINE)), None)
    if start is None:
        raise Malformed(f"no header: no comment line begins with '{_FIRST_LINE}' before the first '---'")
    # Empty lines stand for those above, so that an error names the line of the file.
    return "\n".join([""] * start + [line.removeprefix("#").removeprefix(" ") for line in comments[start:]])


def _load(header: str) -> Any:
    # The loader in C takes a tenth of the time, and variables are validated for every host. Both loaders are safe.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(header, Loader=loader)  # noqa: S506 # nosec B506
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Malformed(f"header is not YAML{line} ({error.problem})") from None
    except yaml.YAMLError as error:
        raise Malformed(f"header is not YAML ({error})") from None


def _closed(fields: Mapping[str, Reader], optional: tuple[str, ...] = ()) -> Reader:
    """Return record() that refuses all other keys: a misspelled 'secret' would show the value in messages."""
    known = record(fields, optional)

    def read(value: Any, place: str) -> Any:
        found = known(value, place)
        for key in value:
            if key not in fields:
                raise Malformed(f"{place} has the unknown key {key!r}; known are {', '.join(fields)}")
        return found

    return read


_OPTION = _closed({"description": text(".+"), "required": flag, "secret": flag}, ("required", "secret"))
_HEADER = _closed(
    {
        "title": text(".+"),
        "module": text(r"[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_.]+"),
        "requires": text(".+"),
        "replaces_sets": flag,
        "options": table(text("[a-z0-9_]+"), _OPTION),
    },
    ("requires", "replaces_sets"),
)
