# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh

# host.sh STATE LAB NAME ADDRESS/PREFIX ADDRESS6/PREFIX: process 1 of a host, in namespaces of its own (network, mount, UTS, PID)
# below the lab's. LAB is the number of the lab's process 1. When this process is killed, the host is gone.
set -eu

state=$1 lab=$2 name=$3 address=$4 address6=$5

# As the machine counts: see init.sh
read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/self/stat
echo "$pid $start" >"$state/hosts/$name/init.pid"

# The same MAC address after each boot, or the others would send to the old one.
# shellcheck disable=SC2046 # four numbers
card=02:00$(printf ':%02x' $(echo "${address%/*}" | tr . ' '))

hostname "$name"
ip -batch - <<LINKS
link set lo up
link add eth0 address $card type veth peer name $name netns /proc/$lab/ns/net
address add $address dev eth0
address add $address6 dev eth0 nodad
link set eth0 up
LINKS
nsenter --net="/proc/$lab/ns/net" ip link set "$name" master bridge up

# Three layers: the machine's own files, what all hosts of the lab have, what this host writes.
cd "$state/layers"
mount -t tmpfs -o mode=0755 tmpfs host
mkdir host/root

# overlay NUMBER PATH: a file system of the machine, as the host sees it
overlay() {
    mkdir "host/$1" "host/$1/upper" "host/$1/work"
    mkdir -p "base$2"
    # Relative paths: a comma or a colon in the state directory's would end the option.
    mount -t overlay -o "lowerdir=base$2:$2,upperdir=host/$1/upper,workdir=host/$1/work" overlay "host/root$2"
}

overlay 0 /
count=0
while read -r _ path _; do
    case $path in
        # An overlay shows one file system, without those mounted in it.
        /etc | /home | /opt | /root | /srv | /usr | /var) count=$((count + 1)) && overlay "$count" "$path" ;;
    esac
done </proc/self/mounts

cp -a "$state/hosts/$name/files/." host/root

cd host/root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
cp -a /dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero dev
mkdir dev/pts dev/shm run/lock run/sshd
chmod 1777 dev/shm run/lock
mount -t devpts -o newinstance,mode=0620,ptmxmode=0666,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mkdir -p mnt
pivot_root . mnt
cd /
umount -l mnt

/usr/sbin/sshd -E /var/log/sshd.log
service nginx start >/dev/null
tries=500
until [ -s /run/sshd.pid ]; do # sshd goes into the background before it listens, and writes this after
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
        echo 'sshd does not listen:'
        cat /var/log/sshd.log
        exit 1
    }
    sleep 0.02
done

echo up
exec </dev/null >/dev/null 2>&1
while :; do
    sleep 86400 &
    wait # also reaps those whose parent has ended
done
