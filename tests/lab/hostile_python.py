# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand in for a host's Python: run the real one, and edit what Ansible's modules answer, as a plan file says.

hostile.py installs this file as /usr/bin/python3 of one host of the lab and documents the plan.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

FOLDER = "/var/lib/hostile"
REAL = os.path.realpath(sys.executable)
NAME = re.compile(rb'"_ansible_module_name": "(?:\w+\.)*(\w+)"')  # in every payload, on stdin as in a file


def main() -> int:
    payload = _payload()
    found = NAME.search(payload)
    module = found.group(1).decode() if found else ""
    rules = _rules(module)
    from_stdin = payload if len(sys.argv) == 1 else None
    command = [REAL, *sys.argv[1:]]
    if not rules:
        return subprocess.run(command, input=from_stdin, check=False).returncode
    if sleeping := [rule["sleep"] for rule in rules if "sleep" in rule]:
        _note(module)
        time.sleep(sleeping[0])
        return 1
    done = subprocess.run(command, input=from_stdin, stdout=subprocess.PIPE, check=False)
    answer = done.stdout
    for rule in rules:
        with suppress(LookupError, TypeError, ValueError):  # this answer has nothing at such a path
            answer = _edited(answer, rule)
    if answer != done.stdout:
        _note(module)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return done.returncode


def _payload() -> bytes:
    """Return the program that Ansible sends: on stdin with pipelining, in a file without."""
    if len(sys.argv) == 1:
        return sys.stdin.buffer.read()
    if not os.path.isfile(sys.argv[1]):
        return b""
    with open(sys.argv[1], "rb") as file:
        return file.read()


def _rules(module: str) -> list[dict[str, Any]]:
    with open(f"{FOLDER}/plan.json", encoding="utf-8") as file:
        return [rule for rule in json.load(file) if module and rule["module"] in (module, "*")]


def _note(module: str) -> None:
    with open(f"{FOLDER}/edited", "a", encoding="utf-8") as file:
        file.write(f"{module}\n")


def _edited(answer: bytes, rule: dict[str, Any]) -> bytes:
    if "text" in rule:
        text: str = rule["text"]
        return text.encode("utf-8", "surrogateescape")
    value = rule["answer"] if "answer" in rule else json.loads(answer)
    for path, new in rule.get("set", {}).items():
        _set(value, _keys(path), new)
    for path in rule.get("remove", ()):
        _remove(value, _keys(path))
    return json.dumps(value).encode()


def _keys(path: str) -> list[str]:
    """Return the parts of a JSON Pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _set(value: Any, keys: list[str], new: Any) -> None:
    """Set a value, and make the mappings on the way to it that are missing."""
    for key in keys[:-1]:
        value = value[int(key)] if isinstance(value, list) else value.setdefault(key, {})
    if isinstance(value, list):
        value[int(keys[-1])] = new
    else:
        value[keys[-1]] = new


def _remove(value: Any, keys: list[str]) -> None:
    for key in keys[:-1]:
        value = value[int(key)] if isinstance(value, list) else value[key]
    del value[int(keys[-1]) if isinstance(value, list) else keys[-1]]


if __name__ == "__main__":
    sys.exit(main())
