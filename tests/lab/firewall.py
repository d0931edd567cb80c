# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller in a network of its own, behind a firewall for port 53. Hosts, CA and name servers are outside."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LabError
from .namespaces import CLEAN_ENV, nsenter
from .process import Process, processes, wait

if TYPE_CHECKING:
    from .lab import Lab

NAME = "office"  # of the process that holds the network, and of the link that leads there
ADDRESS = 9  # the last part of the controller's address there
TABLE = """\
table inet firewall {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        {nat}
    }}
    chain input {{
        type filter hook input priority filter;
        {filter}
    }}
}}
"""
#: The controller's questions to other name servers than the resolvers.
QUESTION = "ip saddr {office} ip daddr != {{ {resolvers} }} {protocol} dport 53"
QUESTION6 = "ip6 saddr {office6} {protocol} dport 53"
RULES = {
    "drops": {"udp": "drop", "tcp": "drop"},
    "rejects": {"udp": "reject with icmpx port-unreachable", "tcp": "reject with tcp reset"},
}
REDIRECTS = "redirects"  # to the lab's resolver, whose answers look as if they came from the server that was asked


@contextmanager
def firewall(lab: Lab, effect: str) -> Iterator[str]:
    """Have all that Lab.run() and popen() start be behind a firewall; yield the address that others see.

    *effect* on the controller's questions to port 53: "drops", "rejects" (RULES) or "redirects" (REDIRECTS). The lab's
    own resolver and that of resolver() can be asked. Requires nftables and an IPv4 NAT in the kernel.
    """
    network, network6 = lab.controller.rpartition(".")[0], lab.controller6.rpartition(":")[0]
    office, office6 = f"{network}.{ADDRESS}", f"{network6}:{ADDRESS}"
    resolvers = ", ".join([lab.controller, *(f"{network}.{last}" for last in (6, 7, 8))])
    lines: dict[str, list[str]] = {"nat": [], "filter": []}
    for protocol in ("udp", "tcp"):
        question = QUESTION.format(office=office, resolvers=resolvers, protocol=protocol)
        question6 = QUESTION6.format(office6=office6, protocol=protocol)
        if effect == REDIRECTS:
            lines["nat"] += [f"{question} dnat ip to {lab.controller}", f"{question6} dnat ip6 to {lab.controller6}"]
        else:
            verdict = RULES[effect][protocol]
            lines["filter"] += [f"{question} {verdict}", f"{question6} {verdict}"]
    table = TABLE.format(**{hook: "\n        ".join(rules) for hook, rules in lines.items()})
    process = _open(lab, [f"{office}/16", f"{office6}/64"])
    try:
        _nft(lab, table)
        lab.office = process
        yield office
    finally:
        lab.office = None
        _close(lab, process)


def _open(lab: Lab, addresses: list[str]) -> Process:
    """Return a process in a new network that is joined to the lab's."""
    lab.spawn(NAME, ["unshare", "--net", "sleep", "infinity"])
    process = Process.recorded(lab.state / f"{NAME}.pid")
    if process is None:
        raise LabError(f"there is no network for the controller: see {lab.log(NAME)}")
    outside = lab.init.network()
    wait(lambda: process.network() != outside, 10, "the controller gets no network of its own")
    lab.ip("link", "add", NAME, "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
    lab.ip("link", "set", NAME, "master", "bridge", "up")
    links = ["link set lo up", *(f"address add {each} dev eth0 nodad" for each in addresses if ":" in each)]
    links += [f"address add {each} dev eth0" for each in addresses if ":" not in each]
    batch = "\n".join([*links, "link set eth0 up", ""])
    subprocess.run(
        [*nsenter(process, "--net"), "ip", "-batch", "-"],
        input=batch,
        text=True,
        env=CLEAN_ENV,
        check=True,
        capture_output=True,
    )
    return process


def _close(lab: Lab, process: Process) -> None:
    """End all that runs in the controller's network, also ssh's shared connections, and take the firewall away."""
    network = process.network()
    for each in processes():
        if each.network() == network:
            each.kill()
    for connection in Path(lab.control).iterdir():
        if connection.is_socket():
            connection.unlink()  # of the connections that were ended
    _nft(lab, "table inet firewall\ndelete table inet firewall\n")  # the first line, so that there is one
    lab.ip("link", "delete", NAME, check=False)


def _nft(lab: Lab, ruleset: str) -> None:
    program = shutil.which("nft", path=CLEAN_ENV["PATH"])
    if not program:
        raise LabError("there is no nft: install Debian's nftables (make system does)")
    command = [*nsenter(lab.init, "--net"), program, "-f", "-"]
    done = subprocess.run(command, input=ruleset, text=True, env=CLEAN_ENV, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"nft refuses the firewall: {done.stderr.strip()}")
