#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# run.sh: runs every linter over the checkout; fails if one of them failed. Needs build/venv on PATH.
set -u

failed=
run() {
    name=$1
    shift
    echo "== $name"
    "$@" || failed="$failed $name"
}

shell_files() { git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run; }
# In a home of its own: these tools keep caches and logs there.
in_mirror() { (cd build/lint/ansible_collections/certfleet/tls && HOME=$work/home "$@"); }

work=$PWD/build/lint
# ansible-lint and antsibull-docs look the collection up where Ansible would find it.
sh tests/setup/mirror.sh build/lint || exit
mkdir -p "$work/home"
export ANSIBLE_COLLECTIONS_PATH="$work"

run ruff ruff check --quiet
run ruff-format ruff format --quiet --check --diff
run bandit bandit --quiet --configfile pyproject.toml --recursive plugins
run yamllint yamllint --strict .
shell_files | run shellcheck xargs -0 shellcheck
run changelog antsibull-changelog lint
run words python tests/lint/words.py
run neutral sh tests/lint/neutral.sh
run ansible-lint in_mirror ansible-lint -q
run documentation in_mirror antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .

[ -z "$failed" ] || {
    echo "lint: failed:$failed" >&2
    exit 1
}
