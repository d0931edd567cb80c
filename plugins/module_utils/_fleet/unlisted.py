# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that hosts have and that are not listed any more: reported, or removed where that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .._common.contracts import HostCertificate
from .._common.statuses import Action, Reason
from .decision import Decision
from .plan import Planned


def plan_removals(
    planned: Iterable[Planned], names: Mapping[str, Iterable[str]], remove: Collection[str]
) -> tuple[list[Planned], list[str]]:
    """Return the removals of certificates that are not listed, and a warning about those that stay.

    *names*: of the certificates that are not listed, by host. *remove*: the hosts that want theirs removed. A host for
    which nothing at all is listed keeps its certificates, as that is more likely a mistake.
    """
    listing = {item.host for item in planned}
    removals, kept = [], []
    for host, unlisted in names.items():
        if host in remove and host in listing:
            removals += [
                Planned(host, name, HostCertificate(name, host), Decision(Action.REMOVE, Reason.UNLISTED))
                for name in unlisted
            ]
        else:
            empty = "; no certificate at all is listed there" if host in remove else ""
            kept.append(f"{host} ({', '.join(unlisted)}{empty})")
    if not kept:
        return removals, []
    text = f"these hosts have certificates that are not listed and nobody renews: {', '.join(kept)}"
    is_option = not all(host in remove for host in names)
    return removals, [f"{text}; acme_remove_unlisted: true would remove them" if is_option else text]
