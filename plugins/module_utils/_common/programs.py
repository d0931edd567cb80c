# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a program without a shell, for a limited time. Standard library only."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # each use is explained where it is
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_MOST_READ = 1 << 16  # bytes, of the end of each output


@dataclass(frozen=True)
class ProgramResult:
    """The end of a program.

    status: its exit status, negative for the signal that ended it, None if it was killed as its time was over.
    out, err: the last 64 KiB of its outputs.
    """

    status: int | None
    out: bytes
    err: bytes


def run(
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
    keep_output: bool = True,
) -> ProgramResult:
    """Run a program to its end. After *seconds* it is killed, with all that it started in its process group.

    *environment*: None for that of this process. *folder*: where it runs. *keep_output*: False discards its standard
    output. Raises OSError if it cannot be started, ValueError for an argument with a NUL byte.
    """
    # Files, not pipes: a server that the program leaves running may keep them open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # The callers say whose command it is; there is no shell.
        process = subprocess.Popen(  # nosec B603 # see the line above
            command,
            stdin=subprocess.DEVNULL,
            stdout=out if keep_output else subprocess.DEVNULL,
            stderr=err,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        status: int | None = None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
        return ProgramResult(status, _end_of(out), _end_of(err))


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _end_of(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MOST_READ))
    return file.read()
