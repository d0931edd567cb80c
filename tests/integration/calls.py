# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules called as a user calls them, from the lab's controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.lab import Lab

CHECKOUT = Path(__file__).parents[2]
COLLECTIONS = str(CHECKOUT / "build" / "collections_dev")


class Result(dict):  # type: ignore[type-arg]
    """A module's result; ok: it did not fail. text: all that was printed, as ansible wraps it."""

    ok: bool
    text: str

    @property
    def unwrapped(self) -> str:
        """The text with each run of white space as one space."""
        return " ".join(self.text.split())


def call(
    lab: Lab,
    module: str,
    host: str = "localhost",
    check: bool = False,
    diff: bool = False,
    as_user: str | None = None,
    **options: Any,
) -> Result:
    """Run one module of the collection; options as in a task. as_user: who logs in on the host."""
    command = ["ansible", host, "-m", f"certfleet.tls.{module}"]
    command += ["-a", json.dumps(options)] if options else []
    command += ["-u", as_user] if as_user else []
    command += [flag for flag, wanted in (("--check", check), ("--diff", diff)) if wanted]
    done = lab.run(command, capture_output=True, text=True, timeout=300)
    _unused, arrow, document = done.stdout.partition("=> ")
    assert arrow, done.stdout + done.stderr
    result = Result(json.JSONDecoder().raw_decode(document)[0])
    result.ok = done.returncode == 0
    result.text = done.stdout + done.stderr
    return result
