# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback plugin that writes a line of JSON for each task that Ansible starts a worker for, and for each result."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorded
type: aggregate
short_description: Records tasks and results for the tests
description: [Writes to the file that FLEET_RECORD names.]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorded"

    def _write(self, kind: str, host: Any, task: Any, result: Any = None) -> None:
        line = {"kind": kind, "host": host.get_name(), "task": task.get_name(), "result": result}
        with open(os.environ["FLEET_RECORD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("start", host, task)

    def _result(self, kind: str, result: Any) -> None:
        # ansible-core 2.23 is to take the underscored names away.
        host, task, found = (getattr(result, name, None) or getattr(result, f"_{name}") for name in _PARTS)
        self._write(kind, host, task, dict(found))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)


_PARTS = ("host", "task", "result")
