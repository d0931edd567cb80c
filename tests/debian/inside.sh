#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# inside.sh TARGET...: in the new Debian, as root: has a user with sudo, then root make the targets, each in a checkout of its own.
set -eu

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive

# Downloads of apt are kept for the next run: a container's image may have set it up otherwise.
echo 'APT::Keep-Downloaded-Packages "true"; Binary::apt-get::APT::Keep-Downloaded-Packages "true";' \
    >/etc/apt/apt.conf.d/91keep
rm -f /etc/apt/apt.conf.d/docker-clean
apt-get update --quiet --quiet

# The default of some distributions, and a stricter one.
useradd --create-home --shell /bin/bash person
chmod 0700 /home/person
echo 'person ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/person
chmod 0440 /etc/sudoers.d/person

# try USER UMASK TARGET...: in a path with a blank
try() {
    user=$1 umask=$2 home=$(getent passwd "$1" | cut -d : -f 6)
    shift 2
    checkout="$home/a checkout"
    cp -a /checkout/ansible_collections/certfleet/tls "$checkout"
    [ "$umask" = 022 ] || chmod -R go= "$checkout"
    chown -R "$user:" "$checkout"
    for target; do
        echo "== $VERSION_CODENAME: make $target, as $user with umask $umask"
        su --login "$user" --command "umask $umask && cd '$checkout' && make $target"
        passed="$passed
$VERSION_CODENAME: make $target as $user with umask $umask passed"
    done
}

# shellcheck source=/dev/null
. /etc/os-release
passed=
try person 077 "$@"
try root 022 "$@"
echo "$passed"
