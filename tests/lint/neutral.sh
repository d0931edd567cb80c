#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# neutral.sh: no file of the project names this machine: where it fetches packages, where the checkout lies.
set -eu

names() {
    printf '%s/\n' "$PWD"
    pip config list | grep -oE "https?://[^ '/]+|file://[^ ']+" | sed 's|^[a-z]*://||'
    # shellcheck disable=SC2016 # $(URI) is apt's own notation
    apt-get indextargets --format '$(URI)' 2>/dev/null | sed 's|^[a-z+]*:/*||; s|/.*||'
}

names | grep . | sort -u >build/neutral
found=$(git grep --untracked --fixed-strings --line-number -f build/neutral) || [ $? -eq 1 ]
[ -z "$found" ] || {
    printf '%s\n' "$found"
    exit 1
}
