# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of orders as the batch modules return them."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import with_urls_once
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CertificateOrder

UNPAUSE = "https://ca.example/sfe/v1/unpause"
OTHER = "https://other.example/unpause"


def url(base, token):
    return f"{base}?jwt={token * 900}"


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        (["", "no"], ["", "no"]),
        (
            ["see https://ca.example/docs?a=b", "see https://ca.example/docs?a=b"],
            ["see https://ca.example/docs?a=b"] * 2,
        ),
        (
            [f"paused: {url(UNPAUSE, 'x')} [sub]", f"paused: {url(UNPAUSE, 'y')}, then"],
            [
                f"paused: {url(UNPAUSE, 'x')} [sub]",
                f"paused: {UNPAUSE} (the whole URL is in the problem of certificate c0 of web0), then",
            ],
        ),
        (
            [f"paused: {url(UNPAUSE, 'x')}", f"paused: {url(OTHER, 'y')}"],
            [f"paused: {url(UNPAUSE, 'x')}", f"paused: {url(OTHER, 'y')}"],
        ),
    ],
)
def test_with_urls_once_shows_long_url_whole_and_once(problems, expected):
    orders = [CertificateOrder(f"c{number}", text, f"web{number}") for number, text in enumerate(problems)]
    shown = with_urls_once(orders)
    assert [order.problem for order in shown] == expected
    assert [order.name for order in shown] == [order.name for order in orders]
