# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test would download: bootstraps pip from Python's own copy.

ansible-test calls it with the requirements to install and with options that only get-pip knows.
"""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    pip_arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", *pip_arguments], check=True)
