# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that hosts have and that are not listed any more: told, or removed where that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .._common.contracts import HostCertificate
from .._common.statuses import Action, Reason
from .decision import Decision
from .plan import Planned


def settle(
    planned: Iterable[Planned], names: Mapping[str, Iterable[str]], remove: Collection[str]
) -> tuple[list[Planned], list[str]]:
    """What becomes of the certificates that are on hosts, by host, and not wanted there: removals, and a warning.

    *remove*: the hosts that want theirs removed. Where nothing at all is wanted, that is more likely a mistake than
    what is meant.
    """
    with_some = {item.host for item in planned}
    removals, kept = [], []
    for host, found in names.items():
        if host in remove and host in with_some:
            removals += [
                Planned(host, name, HostCertificate(name, host), Decision(Action.REMOVE, Reason.UNLISTED))
                for name in found
            ]
        else:
            empty = "; no certificate at all is listed there" if host in remove else ""
            kept.append(f"{host} ({', '.join(found)}{empty})")
    if not kept:
        return removals, []
    text = f"these hosts have certificates that are not listed and nobody renews: {', '.join(kept)}"
    some = not all(host in remove for host in names)
    return removals, [f"{text}; acme_remove_unlisted: true would remove them" if some else text]
