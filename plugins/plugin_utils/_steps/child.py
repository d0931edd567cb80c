# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of one task on the controller, in a process of its own: a program, started by controller_action.py.

Ansible's own process for a task is a fork of a process with threads, in which macOS ends whoever looks up a proxy, and
no library is ready to start threads. This one is fresh. Standard input has the work, since a list of processes shows
arguments and environments; standard output the result, and nothing that a library prints.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from threading import Thread
from types import ModuleType
from typing import Any

_PACKAGE = "ansible_collections.certfleet.tls"


def _work(request: dict[str, Any]) -> dict[str, Any]:
    # As its parent has it: the folder of this file would hide libraries of its files' names.
    sys.path[:] = request["path"]
    _as_package("ansible_collections", request["collections"])
    import_module("ansible_collections.certfleet")
    _as_package(_PACKAGE, [request["root"]])
    module = import_module(f"{_PACKAGE}.plugins.modules.{request['module']}")
    answer: dict[str, Any] = module.MODULE.answer(request["arguments"], request["check_mode"])
    return answer


def _as_package(name: str, places: list[str]) -> None:
    package = ModuleType(name)
    package.__path__ = places
    sys.modules[name] = package


def _end_with(parent: int) -> None:
    """End this process once *parent* has ended: nobody would read the answer, so orders would be lost."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    """Read the work, do it, write the result."""
    request = json.load(sys.stdin.buffer)
    Thread(target=_end_with, args=(request["parent"],), daemon=True).start()
    out = os.dup(1)
    os.dup2(2, 1)
    answer = _work(request)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main()
