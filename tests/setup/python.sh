#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# python.sh PYTHON VENV PINS: makes the virtual environment, or brings it to the pinned versions.
set -eu

python=$1 venv=$2 pins=$3

"$python" -c 'import ensurepip, venv' || {
    echo "$python cannot make virtual environments: run 'make system' (it installs python3-venv)" >&2
    exit 1
}
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
# The pins name everything, so nothing is resolved; pip check fails if they do not fit together.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$pins"
"$venv/bin/python" -m pip check --disable-pip-version-check
