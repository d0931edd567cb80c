# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA that is asked first for a certificate, and why that is not the first one of the list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .._common.contracts import CountedOrder
from .._common.statuses import FailureKind
from .._common.times import parse_utc, to_minute

#: Failures after which another CA may do better; others are the same at every CA.
_OF_A_CA = (FailureKind.CA, FailureKind.REFUSAL, FailureKind.CERTIFICATE)


@dataclass(frozen=True)
class Choice:
    """The CAs in the order in which they are asked. reasons: why one is not asked in its turn of the list, by URL."""

    directories: tuple[str, ...]
    reasons: Mapping[str, str]


def choose(
    directories: Sequence[str],
    failed: Iterable[CountedOrder] = (),
    is_near_end: bool = False,
    journaled: str | None = None,
) -> Choice:
    """Return the order in which the CAs with these *directories* (URLs, the first choice first) are asked.

    *failed*: orders since the certificate was issued last, by CA and kind of failure. *is_near_end*: the live one ends
    soon, and any failure is a reason to try another CA. *journaled*: the CA that has an order for it already.
    """
    last: dict[str, CountedOrder] = {}
    for item in sorted(failed, key=lambda item: item.at):
        if is_near_end or item.kind in _OF_A_CA:
            last[item.directory] = item

    def turn(url: str) -> tuple[str, bool]:
        # The CA that failed last is behind all others, so that each has its turn.
        return last[url].at if url in last else "", url != journaled

    return Choice(tuple(sorted(directories, key=turn)), {url: _reason(failure) for url, failure in last.items()})


def passed_over(chosen: str, directories: Sequence[str], reasons: Mapping[str, str]) -> str:
    """Return why the CAs before *chosen* in the list are not asked before it; empty for the first one."""
    before = directories[: directories.index(chosen)]
    return "; ".join(f"{url}: {reasons.get(url, 'another CA has its order already')}" for url in before)


def _reason(failed: CountedOrder) -> str:
    orders = f"{failed.count} orders" if (failed.count or 1) > 1 else "its last order"
    text = f"{orders} failed there (since {to_minute(parse_utc(failed.since or failed.at))})"
    return f"{text}: {failed.problem}" if failed.problem else text
