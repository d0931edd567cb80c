# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows of renewal information that would have a certificate issued in every run. Pure.

A window in the past means that a certificate is renewed now, as before a mass revocation (RFC 9773 section 4.2). A CA
that gives such a window for the new certificate as well would be asked for another one by each run. So after two young
certificates in a row such windows do not count. One may have been replaced for another reason, such as other names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from .._acme.renewal_info import RenewalInfo
from .._common.contracts import HostCertificate
from .._common.times import parse_utc
from .lifetime import lifetime_point, validity


def is_credible(info: RenewalInfo, certificate: HostCertificate) -> bool:
    """Return False for a window that does not count: the lifetime decides then. Raises ValueError without dates.

    *certificate*: with a live version, which the window is for.
    """
    live = certificate.live
    if live is None:
        return True
    not_before, not_after = validity(live)
    if info.end <= not_before:
        return False
    youth = (lifetime_point(not_before, not_after) - not_before) / 2
    return info.start >= not_before + youth or not _replaced_young(certificate, youth)


def _replaced_young(certificate: HostCertificate, youth: timedelta) -> bool:
    """Return True if each of the last two certificates was replaced before it had lived for as long as *youth*."""
    directory = certificate.live.directory if certificate.live else None
    instants = sorted(parse_utc(item.at) for item in certificate.issued if item.directory == directory)[-3:]
    return len(instants) > 2 and all(later - earlier < youth for earlier, later in zip(instants, instants[1:]))


def warnings(ignored: Iterable[tuple[HostCertificate, RenewalInfo]]) -> list[str]:
    """Return one line for each CA whose windows do not count. *ignored*: these, each with its certificate."""
    by_ca: dict[str, list[tuple[HostCertificate, RenewalInfo]]] = {}
    for certificate, info in ignored:
        by_ca.setdefault((certificate.live and certificate.live.directory) or "", []).append((certificate, info))
    return [
        f"{directory} suggests to renew {_counted(len(found))} in a window that would have them issued in every run "
        f"(certificate {found[0][0].name} of {found[0][0].host}: {found[0][1].start:%Y-%m-%d %H:%M} to "
        f"{found[0][1].end:%Y-%m-%d %H:%M} UTC): their lifetime decides when they are renewed. Report this to the CA"
        for directory, found in by_ca.items()
    ]


def _counted(certificates: int) -> str:
    return f"{certificates} certificate{'s' if certificates > 1 else ''}"
