# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for the system's resolvers in the environment of a step's process: a pure function (man 5 resolv.conf)."""

from __future__ import annotations

from collections.abc import Mapping

# Seconds for one resolver, and rounds through all of them. So they have ten seconds if there are two, as by default.
_OPTIONS = "timeout:1 attempts:5"
_VARIABLE = "RES_OPTIONS"


def environment(resolv_conf: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a process that leaves a dead resolver after one second; glibc would after five.

    *resolv_conf*: the text of /etc/resolv.conf. *given*: the environment. Empty if there is no second resolver, which
    those of systemd and Docker are without, or if the file says how long to wait. Options in *given* stay in force.
    """
    lines = [line.split() for line in resolv_conf.splitlines()]
    servers = [words for words in lines if words[:1] == ["nameserver"]]
    own = [word for words in lines if words[:1] == ["options"] for word in words[1:]]
    if len(servers) < 2 or any(word.startswith(("timeout:", "attempts:")) for word in own):
        return {}
    # The last one counts.
    return {_VARIABLE: " ".join(filter(None, (_OPTIONS, given.get(_VARIABLE))))}
