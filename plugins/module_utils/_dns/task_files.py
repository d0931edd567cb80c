# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Providers for which Ansible has a module: each is a tasks file of the role, whose header says what it takes.

The header is the comment before the first '---':

    # Title: Amazon Route 53
    # Module: amazon.aws.route53
    # Requires: boto3, botocore
    # Options:
    #   access_key (required, secret): What it is for,
    #     and more of it.

A file's name is what entries of acme_dns call the provider. Requires may be left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from .errors import DnsError, NotInstalledError
from .options import ANY, Option

FOLDER = Path(__file__).parents[3] / "roles" / "acme" / "tasks" / "dns"

_FIELD = re.compile(r"# (Title|Module|Requires|Options):(?: (.+))?")
_OPTION = re.compile(r"#   ([a-z0-9_]+)(?: \(([a-z, ]+)\))?: (.+)")
_MORE = re.compile(r"#     +(.+)")
_MODULE = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_.]+")
_MARKS = ("required", "secret")


@dataclass(frozen=True)
class TaskFile:
    """A provider that a tasks file of the role brings along; module is the module's full name."""

    name: str
    path: str
    title: str
    module: str
    options: tuple[Option, ...]
    requires: str = ""

    @property
    def collection(self) -> str:
        """The collection that the module belongs to."""
        return ".".join(self.module.split(".")[:2])

    def check_collection(self) -> None:
        """Raise NotInstalledError, with the command that installs it, where the module's collection is missing."""
        try:
            if find_spec(f"ansible_collections.{self.collection}"):
                return
        except ModuleNotFoundError:
            pass  # nor is there any other collection of that namespace
        raise NotInstalledError(
            f"the provider {self.name} needs the module {self.module}, which is not installed: "
            f"install it with: ansible-galaxy collection install {self.collection}"
        )


def names(folder: Path = FOLDER) -> list[str]:
    """The providers that have a tasks file."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def find(name: str, folder: Path = FOLDER) -> TaskFile:
    """The provider *name*, which names() lists. Raises DnsError for a header that does not say what it should."""
    path = folder / f"{name}.yml"
    fields: dict[str, str] = {}
    options: list[Option] = []
    in_options = False
    for line in path.read_text(encoding="utf-8").split("---\n", 1)[0].splitlines():
        field, option, more = _FIELD.fullmatch(line), _OPTION.fullmatch(line), _MORE.fullmatch(line)
        if field:
            in_options = field[1] == "Options"
            fields[field[1]] = (field[2] or "").strip()
        elif in_options and option:
            marks = [mark.strip() for mark in (option[2] or "").split(",") if mark.strip()]
            if set(marks) - set(_MARKS):
                raise DnsError(f"{path}: the option {option[1]} is marked {option[2]!r}; known are {', '.join(_MARKS)}")
            options.append(Option(option[1], option[3].strip(), "required" in marks, "secret" in marks, kind=ANY))
        elif in_options and more and options:
            options[-1] = replace(options[-1], help=f"{options[-1].help} {more[1].strip()}")
        elif in_options and line.strip("# "):
            raise DnsError(f"{path}: the header's line {line!r} is no option, as '#   name (required, secret): text'")
    if not fields.get("Title") or not _MODULE.fullmatch(fields.get("Module", "")) or "Options" not in fields:
        raise DnsError(f"{path}: its header lacks Title, Module (with the collection's name) or Options")
    return TaskFile(name, str(path), fields["Title"], fields["Module"], tuple(options), fields.get("Requires", ""))
