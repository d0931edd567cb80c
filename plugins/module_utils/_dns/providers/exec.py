# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program of the user, run without a shell for each record.

The record is in the environment. One of 64 challenge values begins with '-', which most programs would parse as an
option; not all of them support '--'.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..._common import programs
from ..._common.contracts import TxtRecord
from .. import provider_options
from ..errors import BusyError, DnsError, Unusable
from ..pace import Limits
from .base import Provider

_KEPT = ("PATH", "HOME")
_END_OF_OUTPUT = 4096
# EX_TEMPFAIL of sysexits.h
_BUSY = 75


class Exec(Provider):
    """Run PROGRAM [args] present|absent, with the record in ACME_DNS_NAME, ACME_DNS_VALUE and ACME_DNS_ZONE."""

    name = "exec"
    title = "A program of your own"
    notes = (
        "Called on the controller for each record, without a shell: `PROGRAM [args] present` or `PROGRAM [args] "
        "absent`. The record is in the environment, as values may begin with `-`: `ACME_DNS_NAME`, `ACME_DNS_VALUE` "
        "and `ACME_DNS_ZONE`, with names without final dot. The program adds the value to the TXT records of the name, "
        "or removes it. It exits with 0, also if there is nothing to do. If it exits with 75 (`EX_TEMPFAIL`), as after "
        "too many requests, it is run again after a pause, for at most `acme_dns_timeout`. If it fails, the last line "
        "that it wrote to stderr is the message. After 30 seconds, or `acme_dns_timeout` if that is shorter, it is "
        "killed. If it passes the value to another program, it should use standard input or `--`."
    )
    options = provider_options.EXEC
    writes_sets = True  # nobody knows

    def __init__(self, options: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(options, limits)
        self._program: str = options["program"]
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = {**inherited, **provider_options.parse_environment(options)}

    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        command = [self._program, *self.values["args"], "present" if present else "absent"]

        def run(record: TxtRecord) -> None:
            self._run(command, {"ACME_DNS_NAME": record.name, "ACME_DNS_VALUE": record.value, "ACME_DNS_ZONE": zone})

        return self.one_by_one(records, run)

    def _run(self, command: Sequence[str], record: Mapping[str, str]) -> None:
        try:
            # The inventory's own program, without a shell.
            ended = programs.run(command, self.timeout, {**self._environment, **record}, "/", keep_output=False)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "an argument or a variable has a NUL byte"
            raise Unusable(f"{self._program} cannot be run ({reason})") from None
        if ended.status is None:
            raise Unusable(f"{self._program} was killed: it took longer than {self.timeout:g} s")
        if ended.status:
            how = f"was killed by signal {-ended.status}" if ended.status < 0 else f"exited with {ended.status}"
            said = self.scrub(_last_line(self.hide(ended.err.decode(errors="replace"))))
            kind = BusyError if ended.status == _BUSY else DnsError
            raise kind(f"{self._program} {how}: {said or 'nothing on stderr'}")


def _last_line(output: str) -> str:
    lines = output[-_END_OF_OUTPUT:].split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
