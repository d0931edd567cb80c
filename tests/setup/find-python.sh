#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# find-python.sh VERSION (as in 3.9): prints the path of such a Python, on PATH or kept by pyenv; fails without one.
set -eu

version=$1

for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    # Run it, as a pyenv shim exists also for versions that are not active.
    "$candidate" -c 'import ensurepip, sys, venv; print(sys.executable)' 2>/dev/null && exit
done
exit 1
