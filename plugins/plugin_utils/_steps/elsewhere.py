# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on other hosts than the one that it is for: the loops of tasks that are delegated to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain

from . import flow
from .run import Run


def place(run: Run, host: str) -> dict[str, Any]:
    """Return where certificates lie on a host, and for how many seconds it may take; the task's host where unknown."""
    known = "options" in run.first(host)  # not of a host whose variables are wrong (acme_fail: warn)
    names = ("acme_home", "acme_host_timeout")
    home, timeout = (run.option_of(host if known else run.host, name) for name in names)
    return {"home": home, "timeout": timeout}


def challenges(run: Run, ordered: Mapping[str, Any], stale: bool = False) -> list[dict[str, Any]]:
    """Return for each host of the play the challenges of all, where all of them are to answer (acme_http_01_scope).

    *stale*: also those of orders that are given up; they are to be removed only.
    """
    if run.check_mode or not ordered.get("hosts") or run.option("acme_http_01_scope") != "play":
        return []
    found = plain(flow.challenges(ordered, run.results, stale=stale))
    hosts = run.variables["ansible_play_hosts"] if found else ()
    common = {"challenges": found, "listen_timeout": run.listen_timeout(ordered)}
    return [{"host": host, **place(run, host), **common} for host in hosts]
