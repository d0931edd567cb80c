# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh

# init.sh STATE SEEN ID ADDRESS/PREFIX ADDRESS6/PREFIX: process 1 of a lab, in namespaces of its own (network, mount, PID). All that runs
# in the lab lives below it: when it is killed, the kernel ends every process, mount, interface and namespace of the lab.
# SEEN is the directory in which the lab's servers see STATE.
set -eu

state=$1 seen=$2 id=$3 address=$4 address6=$5

# /proc is still the machine's, so this is the number by which the machine knows this process, and its start time.
read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/self/stat
echo "$pid $start" >"$state/init.pid"

# A process that enters here looks names up at the lab's server.
mount --bind "$state/resolv.conf" /etc/resolv.conf
mount --bind "$state" "$seen"
# In memory, because an overlay's upper layer may not lie on an overlay, and because it goes when we go.
mount -t tmpfs -o mode=0755 tmpfs "$state/layers"
mkdir "$state/layers/base" "$state/layers/host"

ip -batch - <<LINKS
link set lo up
link add bridge type bridge
link set bridge alias $id
address add $address dev bridge
address add $address6 dev bridge nodad
link set bridge up
LINKS

echo up
exec </dev/null >/dev/null 2>&1
while :; do
    sleep 86400 &
    wait # also reaps those whose parent has ended
done
