# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program of the user's own, run without a shell for each record.

The record is in the environment. One TXT value of a challenge in 64 begins with '-', and as an argument most programs
would take it for an option; not all of them know '--'.
"""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # each use is explained where it is
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from .. import kinds
from ..errors import DnsError
from ..records import Txt
from .base import Provider, Unusable

_KEPT = ("PATH", "HOME")
_END_OF_OUTPUT = 4096


class Exec(Provider):
    """PROGRAM [args] present|absent, with the record in ACME_DNS_NAME, ACME_DNS_VALUE and ACME_DNS_ZONE."""

    name = "exec"
    title = "A program of your own"
    notes = (
        "Called on the controller for each record, without a shell: `PROGRAM [args] present` or `PROGRAM [args] "
        "absent`. The record is in the environment, as values may begin with `-`: `ACME_DNS_NAME`, `ACME_DNS_VALUE` "
        "and `ACME_DNS_ZONE`, names without final dot. The program adds the value to the name's TXT records or removes "
        "it, does nothing where that is so already, and exits with 0. Otherwise the last line that it wrote to stderr "
        "is the message. Where it hands the value to another program, it should do so by standard input or after `--`."
    )
    options = kinds.EXEC

    def __init__(self, options: Mapping[str, Any], timeout: float) -> None:
        super().__init__(options, timeout)
        self._program: str = options["program"]
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = {**inherited, **kinds.check_exec(options)}

    def change(self, zone: str, records: Sequence[Txt], present: bool) -> dict[Txt, str]:
        command = [self._program, *self.values["args"], "present" if present else "absent"]

        def run(record: Txt) -> None:
            self._run(command, {"ACME_DNS_NAME": record.name, "ACME_DNS_VALUE": record.value, "ACME_DNS_ZONE": zone})

        return self.one_by_one(records, run)

    def _run(self, command: Sequence[str], record: Mapping[str, str]) -> None:
        # A file and no pipe: what the program leaves running behind it cannot keep us waiting.
        with tempfile.TemporaryFile() as stderr:
            try:
                process = subprocess.Popen(  # nosec B603 # the inventory's own program, without a shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    env={**self._environment, **record},
                    cwd="/",
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "something that it is given has a NUL byte"
                raise Unusable(f"{self._program} cannot be run ({reason})") from None
            try:
                status = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                raise Unusable(f"{self._program} was ended: it took longer than {self.timeout:g} s") from None
            if status:
                how = f"was killed by signal {-status}" if status < 0 else f"ended with {status}"
                raise DnsError(f"{self._program} {how}: {self.scrub(_last_line(stderr)) or 'nothing on stderr'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _last_line(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_OF_OUTPUT))
    lines = file.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
