# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh

# spawn.sh PIDFILE COMMAND...: becomes the command, having noted which process it is, as the machine counts: see init.sh.
set -eu

read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/self/stat
echo "$pid $start" >"$1"
shift
exec "$@"
