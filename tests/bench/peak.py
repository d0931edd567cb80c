# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python peak.py FILE COMMAND...: runs the command and appends to FILE its peak of resident memory, in KiB.

A process of its own, and a small one: the kernel also counts what was in memory before the program was loaded, which is
what its parent has.
"""

from __future__ import annotations

import resource
import subprocess
import sys

if __name__ == "__main__":
    code = subprocess.call(sys.argv[2:])
    with open(sys.argv[1], "a") as file:
        file.write(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}\n")
    sys.exit(code)
