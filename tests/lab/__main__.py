# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, a DNS server and a CA on this machine, in namespaces of their own."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from .authorities import ZONES
from .errors import LabError
from .lab import Lab
from .namespaces import CLEAN_ENV


def main() -> int:
    arguments = _parser().parse_args()
    try:
        code: int = arguments.function(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--state", default="build/lab", metavar="DIR", help="where its files are (%(default)s)")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    up = verbs.add_parser("up", help="bring it up")
    up.set_defaults(function=_up)
    up.add_argument("--hosts", type=int, default=3, metavar="N", help="number of hosts (%(default)s)")
    up.add_argument("--lb", type=int, metavar="N", help="lb.lab.test leads to the first N hosts (all)")
    up.add_argument("--forks", type=int, metavar="N", help="Ansible's forks (one for each host, 20 at most)")
    up.add_argument("--eab", action="store_true", help="the CA wants external account binding")
    up.add_argument("--dns-zones", action="store_true", help="DNS servers whose zones can be changed")
    up.add_argument("--collections-path", metavar="PATH", help="Ansible's collections_path (this checkout)")
    up.add_argument("--pebble-env", action="append", default=[], metavar="K=V", help="for Pebble; repeatable")

    verbs.add_parser("down", help="take it down, also what a killed process left").set_defaults(function=_down)
    verbs.add_parser("status", help="say what is up").set_defaults(function=_status)

    run = verbs.add_parser("run", help="run a command in the controller's network, as in: run -- ansible web -m ping")
    run.set_defaults(function=_run)
    run.add_argument("command", nargs="+", metavar="CMD")

    inside = verbs.add_parser("exec", help="run a command inside a host, as root, as in: exec web1 -- ps ax")
    inside.set_defaults(function=_exec)
    inside.add_argument("host", metavar="HOST")
    inside.add_argument("command", nargs="+", metavar="CMD")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    env = {}
    for setting in arguments.pebble_env:
        name, equals, value = setting.partition("=")
        if not equals:
            raise LabError(f"--pebble-env wants K=V, not {setting}")
        env[name] = value
    lab = Lab(
        arguments.state,
        hosts=arguments.hosts,
        lb=arguments.lb,
        forks=arguments.forks,
        eab=arguments.eab,
        dns_zones=arguments.dns_zones,
        collections_path=arguments.collections_path,
        pebble_env=env,
    )
    lab.up()
    return _status(arguments)


def _down(arguments: argparse.Namespace) -> int:
    Lab(arguments.state).down()
    return 0


def _status(arguments: argparse.Namespace) -> int:
    lab = Lab.attach(arguments.state)
    for host in lab.hosts:
        print(f"{lab.fqdn(host)}  {lab.address(host)}  {'up' if lab.alive(host) else 'down'}")
    print(f"directory  {lab.pebble.directory_url}")
    print(f"its CA     {lab.pebble.ca_path}")
    if lab.options.dns_zones:
        print(f"DNS zones  {', '.join(lab.authorities.zone(zone) for zone in ZONES)}")
    print(f"for Ansible: {lab.state}/ansible.cfg, inventory.ini, vars.json")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    lab = Lab.attach(arguments.state)
    _become(lab.command(arguments.command), lab.environment())


def _exec(arguments: argparse.Namespace) -> int:
    lab = Lab.attach(arguments.state)
    terminal = {"TERM": os.environ.get("TERM", "dumb")}
    _become(lab.exec_command(arguments.host, arguments.command), {**CLEAN_ENV, **terminal})


def _become(command: list[str], env: dict[str, str]) -> NoReturn:
    """Run it in this process's place, so that signals reach it."""
    sys.stdout.flush()
    os.execvpe(command[0], command, env)  # noqa: S606 - without a shell on purpose


if __name__ == "__main__":
    sys.exit(main())
