#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# run.sh RELEASE PIP_CONF [TARGET...]: runs these targets of the Makefile (demo and test-unit) on a fresh Debian RELEASE, once as a
# user with sudo whose files nobody else may read, in a path with a blank, and once as root. Needs root.
#
# The Debian is a directory, made by debootstrap and kept in build/debian/RELEASE/base; each run works on a copy. It shares the
# machine's network and has its own mount and PID namespaces, so that nothing of it is left when its process 1 ends. Its mirror
# and its pip settings are those of this machine.
# shellcheck disable=SC2016 # apt's own notation
set -eu

release=$1 pip_conf=$2
shift 2
[ $# -gt 0 ] || set -- demo test-unit

# The person who ran make, under sudo, may have an umask that keeps the chroot's own users out.
umask 022
work=$PWD/build/debian/$release
base=$work/base root=$work/root

# The first mirror of the machine with this label (apt's word for who makes the packages).
mirror_of() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Label: $1" | head -n 1
}

make_base() {
    command -v debootstrap >/dev/null || {
        apt-get update --quiet --quiet
        apt-get install --quiet --quiet --yes --no-install-recommends debootstrap
    }
    echo "making Debian $release in $base"
    rm -rf --one-file-system "$base.new"
    # README.md says what is needed: git, make, Python, and root or sudo.
    debootstrap --variant=minbase --include=ca-certificates,git,make,python3,sudo "$release" "$base.new" "$mirror" \
        >"$work/debootstrap.log" || {
        tail -n 20 "$work/debootstrap.log" >&2
        exit 1
    }
    mv "$base.new" "$base"
}

sources() {
    echo "deb $mirror $release main"
    case $release in
        testing | unstable) ;;
        *)
            echo "deb $mirror $release-updates main"
            security=$(mirror_of Debian-Security)
            [ -z "$security" ] || echo "deb $security $release-security main"
            ;;
    esac
}

# The files and directories of this machine that a pip.conf names. An index's pages link to files beside them.
paths_of_pip() {
    tr ' \t,' '[\n*]' <"$pip_conf" | sed -n 's|^file://\(/..*\)/[^/]*/*$|\1|p; s|^\(/..*\)$|\1|p' | sort -u
}

# What the new Debian has of this machine's settings: where packages come from, and how names are looked up.
configure() {
    sources >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || :
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    echo "127.0.1.1 debian" >>"$root/etc/hosts" # the name that enter.sh gives it
    env | grep -i '_proxy=' >>"$root/etc/environment" || :
    install -m 0644 "$pip_conf" "$root/etc/pip.conf"
    : >"$root/etc/mounts"
    paths_of_pip | while read -r path; do
        if [ -d "$path" ]; then
            mkdir -p "$root$path"
            echo "$path" >>"$root/etc/mounts"
        elif [ -f "$path" ]; then
            mkdir -p "$root${path%/*}"
            cp --dereference "$path" "$root$path"
        fi
    done
}

mirror=$(mirror_of Debian)
[ -n "$mirror" ] || {
    echo 'apt knows no mirror of Debian: check its sources, then run apt-get update' >&2
    exit 1
}
# Its users may not be those of the machine, and pip.conf may hold a password.
install -d -m 0700 build/debian
mkdir -p "$work/archives/partial"
exec 9>"$work/lock"
flock 9
[ -d "$base" ] || make_base

inside=
# In any case. The mounts are in another mount namespace; --one-file-system is for the day when they are not.
clean_up() {
    [ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null || :
    rm -rf --one-file-system "$root" || { sleep 2 && rm -rf --one-file-system "$root"; } # they may still be ending
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
rm -rf --one-file-system "$root"
cp -a "$base" "$root"
configure
sh tests/setup/mirror.sh "$root/checkout"
cp tests/debian/inside.sh "$root/inside.sh"

# When this process ends, even by SIGKILL, so does unshare, and with it process 1 in there, all other processes and the mounts.
setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --fork --kill-child -- \
    sh tests/debian/enter.sh "$root" "$work/archives" "$@" 9>&- &
inside=$!
wait "$inside"
inside=
