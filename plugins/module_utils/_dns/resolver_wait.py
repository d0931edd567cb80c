# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until a resolver has records, with few questions: it keeps the answer that there is none."""

from __future__ import annotations

from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor

from .._acme.txt_record import is_persistent
from .._common.deadline import Deadline
from .errors import QuestionError
from .propagation import TO_PUBLISH, with_grants
from .resolver import Resolver, TxtAnswer

_THREADS = 16
# Seconds. A resolver that has a negative answer gives it again until the answer's TTL is over.
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
_MOST_QUESTIONS = 20


def wait(resolver: Resolver, wanted: Mapping[str, Set[str]], deadline: Deadline) -> dict[str, str]:
    """Ask with growing pauses until *resolver* has all values of each name, or the deadline has passed.

    Return the problem of each name in one line; empty if it was seen. There is one wait for all names.
    """
    problems = dict.fromkeys(wanted, "")
    clock = deadline.clock
    missing, pause = list(wanted), _FIRST_PAUSE

    def one(name: str) -> str:
        try:
            answer = resolver.read_values(name)
        except QuestionError as error:
            return error.answer
        values = with_grants(answer.values, clock) if is_persistent(name) else answer.values
        return _lacking(resolver, answer, wanted[name] - values)

    with ThreadPoolExecutor(_THREADS) as pool:
        while True:
            problems.update(zip(missing, list(pool.map(one, missing))))
            missing = [name for name in missing if problems[name]]
            if not missing or deadline.left() <= 0:
                break
            clock.sleep(min(pause, deadline.left()))
            pause = min(2 * pause, max(_LONGEST_PAUSE, deadline.seconds / _MOST_QUESTIONS))
    advice = (
        "Give it more time with timeout (acme_dns_timeout), or have it asked later with delay (acme_dns_delay). If the "
        "CA sees other records than this resolver, name another one in resolver (acme_dns_resolver), or set wait "
        "(acme_dns_wait) to none with a delay"
    )
    waited = f"waited {deadline.passed():g} s."
    return {
        name: f"{problem}; {waited} {f'{TO_PUBLISH} ' if is_persistent(name) else ''}{advice}" if problem else ""
        for name, problem in problems.items()
    }


def _lacking(resolver: Resolver, answer: TxtAnswer, values: Set[str]) -> str:
    if not values:
        return ""
    # RFC 2308: an answer without records has a TTL, too.
    ttl = "TTL of the record" if answer.values else "negative TTL of the zone"
    kept = f", and may give this answer for {answer.ttl} s ({ttl})" if answer.ttl is not None else ""
    return f"{resolver.label} does not have {', '.join(map(repr, sorted(values)))}{kept}"
