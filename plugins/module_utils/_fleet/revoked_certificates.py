# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the certificates that are revoked, of those that are live or await their switch.

This collection marks those that it revokes, on their hosts and in the controller's record: that costs no question.
CAs are asked only with `check_revocation`. If the status of one is unknown, there is a warning, and nothing else
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from .._common.contracts import HostCertificate, Version
from .._status.revocation_status import REVOKED, UNKNOWN, RevocationStatus
from . import plan
from .issuance_history import RecordedRevocation
from .plan import LIVE, PENDING


def marked(
    certificates: Iterable[HostCertificate], recorded: Mapping[tuple[str, str], RecordedRevocation]
) -> dict[plan.Version, str]:
    """Return the versions that are marked as revoked, each with a line about it.

    *recorded*: by serial number and expiry. A host's word counts for its own certificate only, so the result is by
    host.
    """
    found = {}
    for of, version in _versions(certificates):
        record = recorded.get((version.serial or "", version.not_after or ""))
        if version.revoked:
            found[of] = f"since {version.revoked}, as the host has marked it"
        elif record:
            found[of] = f"since {record.revoked}, according to acme_history"
    return found


def revoked(
    certificates: Sequence[HostCertificate],
    ask: Callable[[Sequence[str]], Sequence[RevocationStatus]],
    known: Mapping[plan.Version, str] = MappingProxyType({}),
) -> tuple[dict[plan.Version, str], list[str]]:
    """Return the versions that are revoked, with what the CA says of each in a line, and warnings.

    *ask* returns the status for each of several PEM texts. It is not asked for those of *known*.
    """
    versions = [(of, version) for of, version in _versions(certificates) if of not in known]
    asked = [(of, version.content) for of, version in versions if version.content]
    statuses = ask([content for _of, content in asked]) if asked else []
    answers = [(of, status) for (of, _content), status in zip(asked, statuses)]
    reasons = {of: status.revocation() for of, status in answers if status.status == REVOKED}
    unknown = [(of, status.problem) for of, status in answers if status.status == UNKNOWN]
    unknown += [(of, _no_content(version)) for of, version in versions if not version.content]
    reasons.update(known)
    if not unknown:
        return reasons, []
    (host, name, _which), problem = unknown[0]
    return reasons, [
        f"revocation status unknown for {len(unknown)} of {len(versions)} certificates "
        f"({host}: certificate {name}: {problem})"
    ]


def _versions(certificates: Iterable[HostCertificate]) -> Iterator[tuple[plan.Version, Version]]:
    for item in certificates:
        for which, version in _relevant(item):
            yield (item.host or "", item.name, which), version


def _relevant(item: HostCertificate) -> Iterator[tuple[str, Version]]:
    """Yield the live version, and the pending one if it awaits its switch."""
    live, pending = item.live, item.pending
    # A missing or damaged version is due anyway, and a damaged file is not the certificate of the manifest.
    if live and not live.missing and not live.damaged:
        yield LIVE, live
    if pending and pending.is_issued:
        yield PENDING, pending


def _no_content(version: Version) -> str:
    """Return why a version has no content: certificate_info returns an empty one for a file that it cannot read."""
    if version.content is None:
        return "certificate_info was not asked for its content"
    return "its fullchain.pem cannot be read: does the task lack 'become: true'?"
