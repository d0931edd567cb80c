# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the pip configuration in force, environment included, as one pip.conf.

ansible-test removes PIP_ variables and the runner gives it a home of its own, so both would be lost.
"""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys

if __name__ == "__main__":
    listing = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    config = configparser.RawConfigParser()
    # Sorted, ":env:" comes first; read backwards it comes last and wins, as it does in pip.
    for line in sorted(listing.splitlines(), reverse=True):
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, option, ast.literal_eval(value))
    config.write(sys.stdout)
