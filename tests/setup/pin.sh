#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# pin.sh PYTHON NAME: resolves tests/setup/NAME.in in an empty environment and writes NAME.txt.
set -eu

python=$1 setup=tests/setup name=$2
venv=build/venv-pins

"$python" -m venv --clear "$venv"
# Virtual environments before Python 3.12 come with setuptools: uninstalled, so that NAME.in has to name it.
"$venv/bin/python" -m pip uninstall --quiet --yes setuptools
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$setup/$name.in"
{
    sed -n '/^# Copyright/p; /^# SPDX/p' "$setup/$name.in"
    printf '#\n# Made from %s.in by make pins: do not edit.\n' "$name"
    # Pins of NAME.in with a version of Python are copied unchanged: they were resolved for one version only.
    by_python=$(sed -n '/^[^#]*;/p' "$setup/$name.in")
    names=$(echo "$by_python" | sed 's/==.*//' | sort -u | xargs)
    "$venv/bin/python" -m pip freeze --disable-pip-version-check --all --exclude pip |
        awk -F '==' -v names=" $names " '!index(names, " " $1 " ")'
    [ -z "$by_python" ] || echo "$by_python"
} >"$setup/$name.txt.new"
mv "$setup/$name.txt.new" "$setup/$name.txt"
rm -rf "$venv"
