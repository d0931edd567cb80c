# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a program for a limited time."""

from __future__ import annotations

import os
import select
import signal
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import programs
from ansible_collections.certfleet.tls.plugins.module_utils._common.programs import ProgramResult


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("echo one; echo two >&2", ProgramResult(0, b"one\n", b"two\n")),
        ("exit 3", ProgramResult(3, b"", b"")),
        ("kill -KILL $$", ProgramResult(-signal.SIGKILL, b"", b"")),
        # Standard input is empty.
        ("cat; echo $?", ProgramResult(0, b"0\n", b"")),
    ],
)
def test_run_returns_status_and_outputs(script, result):
    assert programs.run(["sh", "-c", script], 30) == result


def test_run_time_over_kills_the_process_group(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    result = programs.run(["sh", "-c", f"sleep 60 > {fifo} & echo waiting; wait"], 2)
    # At its end once the process in the background, which writes to it, is gone.
    ended, _writable, _exceptional = select.select([reader], [], [], 10)
    os.close(reader)
    assert result == ProgramResult(None, b"waiting\n", b"")
    assert ended == [reader]


def test_run_long_output_returns_its_end():
    result = programs.run([sys.executable, "-c", "print('x' * 100_000 + 'end')"], 30)
    assert (len(result.out), result.out[-4:]) == (1 << 16, b"end\n")


def test_run_environment_folder_and_discarded_output(tmp_path):
    folder = os.path.realpath(tmp_path)
    result = programs.run(["/bin/sh", "-c", "echo $ONLY $PWD >&2; echo no"], 30, {"ONLY": "this"}, folder, False)
    assert result == ProgramResult(0, b"", f"this {folder}\n".encode())


@pytest.mark.parametrize(("command", "error"), [(["/no/such/program"], FileNotFoundError), (["a\0b"], ValueError)])
def test_run_program_that_cannot_be_started_raises(command, error):
    with pytest.raises(error):
        programs.run(command, 30)
