#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# mirror.sh ROOT: copies the checkout to ROOT/ansible_collections/certfleet/tls, for tools that refuse a symlink there.
set -eu

mirror=$1/ansible_collections/certfleet/tls

rm -rf "$mirror"
mkdir -p "$mirror"
# The files of a commit of everything; a file that was deleted but is still listed is skipped.
git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read | tar --extract --directory="$mirror"
# The tools ask git for the files, and would find the checkout's repository, which ignores build/.
git init --quiet "$mirror"
