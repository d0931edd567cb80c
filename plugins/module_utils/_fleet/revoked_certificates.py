# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the plan, which certificates are revoked, of those that are live or await their switch.

What cannot be told is a warning and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .._common.contracts import HostCertificate, Version
from .._status.revocation_status import REVOKED, UNKNOWN, RevocationStatus
from . import plan
from .plan import LIVE, PENDING


def revoked(
    found: Sequence[HostCertificate], ask: Callable[[Sequence[str]], Sequence[RevocationStatus]]
) -> tuple[dict[plan.Version, str], list[str]]:
    """Of certificates of hosts those that are revoked, with why in a line, and warnings.

    *ask* gives the status of PEM texts. A host's word counts for its own certificate only, so it is kept by host.
    """
    versions = [((item.host or "", item.name, which), version) for item in found for which, version in _of_weight(item)]
    asked = [(of, version.content) for of, version in versions if version.content]
    statuses = ask([content for _of, content in asked]) if asked else []
    told = [(of, status) for (of, _content), status in zip(asked, statuses)]
    reasons = {of: status.revocation() for of, status in told if status.status == REVOKED}
    unknown = [(of, status.problem) for of, status in told if status.status == UNKNOWN]
    unknown += [(of, _why_not(version)) for of, version in versions if not version.content]
    if not unknown:
        return reasons, []
    (host, name, _which), problem = unknown[0]
    return reasons, [
        f"it is not known of {len(unknown)} of {len(versions)} certificates whether they are revoked "
        f"({host}: certificate {name}: {problem})"
    ]


def _of_weight(item: HostCertificate) -> Iterator[tuple[str, Version]]:
    """The live version, and the pending one if it awaits its switch."""
    live, pending = item.live, item.pending
    # What is missing or damaged is due anyway, and a file that is not the manifest's says nothing of it.
    if live and not live.missing and not live.damaged:
        yield LIVE, live
    if pending and pending.is_issued:
        yield PENDING, pending


def _why_not(version: Version) -> str:
    """Why a version is without its content: certificate_info gives an empty one of a file that it cannot read."""
    if version.content is None:
        return "certificate_info was not asked for its content"
    return "its fullchain.pem cannot be read: does the task lack 'become: true'?"
