#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# enter.sh ROOT ARCHIVES TARGET...: process 1 of the Debian in ROOT, in mount and PID namespaces that run.sh made. ARCHIVES is where apt
# keeps packages from one run to the next.
set -eu

root=$1 archives=$2
shift 2

hostname debian
# pivot_root wants a mount point, and the tests pivot once more: below a mere chroot they could not.
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind "$archives" var/cache/apt/archives
while read -r path; do
    mount --bind -o ro "$path" "./$path"
done <etc/mounts
pivot_root . mnt
cd /
umount -l mnt

# Not exec: packages of Debian send process 1 a SIGTERM, with which systemd starts again, and this process has no use for it. When it
# ends, or is killed from outside, everything in here ends.
sh /inside.sh "$@" </dev/null &
wait $!
