# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that another CA than the first one issued, and why, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .._acme.issuance import Failure
from .._common.contracts import CertificateOrder
from .._common.statuses import STOPPED, Status
from .._common.text import listed


def with_reason(order: CertificateOrder, first: str, failures: Sequence[tuple[str, Failure]]) -> CertificateOrder:
    """Return an *order* that a CA accepted, with the reason why that is not the CA with the directory URL *first*.

    *failures*: at the CAs that were asked before, by URL.
    """
    if order.directory == first:
        return replace(order, not_first=None)
    reasons = filter(None, [order.not_first, *(f"{url}: {failure.message}" for url, failure in failures)])
    return replace(order, not_first="; ".join(reasons) or None)


def with_place(final: CertificateOrder) -> CertificateOrder:
    """Return the result of an order at one of several CAs; its problem says which one, and why not the first."""
    if final.status not in STOPPED or not final.directory:
        return final
    why = f" (asked in place of {final.not_first})" if final.not_first else ""
    return replace(final, problem=f"{final.directory}: {final.problem}{why}")


def lines(finals: Iterable[CertificateOrder]) -> list[str]:
    """Return one line for each CA that issued certificates in the place of the first one.

    It has the reason for the first of them, whole: that may have a URL at which somebody has to do something.
    """
    by_ca: dict[str, list[CertificateOrder]] = {}
    for final in finals:
        if final.status == Status.VALID and final.not_first:
            by_ca.setdefault(final.directory or "", []).append(final)
    return [_line(url, moved) for url, moved in by_ca.items()]


def _line(url: str, moved: Sequence[CertificateOrder]) -> str:
    named = listed([f"{final.name} of {final.host}" for final in moved])
    what = "1 certificate" if len(moved) == 1 else f"{len(moved)} certificates"
    others = "; others have other reasons" if len({final.not_first for final in moved}) > 1 else ""
    return f"{url} issued {what} ({named}) in place of {moved[0].not_first}{others}"
