# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following redirects: which request is the last, and how many are sent."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.redirects import TooManyRedirects, follow


def followed(answers, most):
    """Follow numbers, each answered by the next one; return the result and the requests that were sent."""
    sent = []

    def get(request):
        sent.append(request)
        return f"answer {request}"

    return follow(0, get, lambda request, _answer: answers.get(request), most), sent


@pytest.mark.parametrize(("answers", "last", "sent"), [({}, 0, [0]), ({0: 1}, 1, [0, 1]), ({0: 1, 1: 2}, 2, [0, 1, 2])])
def test_follow_returns_last_request_and_answer(answers, last, sent):
    assert followed(answers, 2) == ((last, f"answer {last}"), sent)


def test_follow_too_many_redirects_raises_with_the_request_not_sent():
    with pytest.raises(TooManyRedirects) as error:
        followed({0: 1, 1: 2, 2: 3}, 2)
    assert error.value.args == (3,)
