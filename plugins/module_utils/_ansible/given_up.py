# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orders in journals that are given up for an order at another CA: what answers their challenges is removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from .._acme.client import Client
from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.http import Http
from .._acme.issuance import left_behind
from .._acme.urls import is_same_origin
from .._common.clock import Clock
from .._common.contracts import CertificateOrder, ChallengeData
from .._common.deadline import Deadline
from .cas import Ca
from .key_files import load_key
from .order_options import to_request

# Seconds for all questions to one CA. Answers that stay on a host are harmless, and the CA may be in trouble.
_PATIENCE = 10.0

Pair = tuple[CertificateOrder, CertificateOrder]


def with_left_behind(cas: Iterable[Ca], pairs: Sequence[Pair]) -> tuple[list[CertificateOrder], int]:
    """Return the orders that were made, with the stale challenges of those given up, and the number of requests.

    *cas*: those that may be asked. *pairs*: what was asked for and what was made, by the same place.
    """
    result, requests = [made for _asked, made in pairs], 0
    for ca in cas:
        given_up = {number: asked for number, (asked, made) in enumerate(pairs) if _is_given_up(asked, made, ca)}
        if given_up:
            challenges, count = _left_at(ca, given_up)
            requests += count
            for number, stale in challenges.items():
                result[number] = replace(result[number], challenges=(*(result[number].challenges or ()), *stale))
    return result, requests


def _is_given_up(asked: CertificateOrder, made: CertificateOrder, ca: Ca) -> bool:
    if not asked.order_uri or made.challenges is None or made.directory == ca.directory:
        return False
    return is_same_origin(asked.order_uri, ca.directory)


def _left_at(ca: Ca, orders: Mapping[int, CertificateOrder]) -> tuple[dict[int, tuple[ChallengeData, ...]], int]:
    """Return what is left of *orders* at a CA, as far as it says so in time, and the number of requests."""
    found: dict[int, tuple[ChallengeData, ...]] = {}
    clock = Clock()
    deadline = Deadline(clock, _PATIENCE)
    with closing(Http(clock, ca.directory, ca.ca_path, _PATIENCE)) as http:
        try:
            client = Client(http, Directory.fetch(http, ca.directory, deadline), load_key(ca.key))
            for number, order in orders.items():
                bound = client.within(deadline)
                bound.account_uri = order.account_uri
                bound.refuse_late("order")
                found[number] = left_behind(bound, to_request(order, ca.directory))
        except AcmeError:
            pass
        return found, http.count
