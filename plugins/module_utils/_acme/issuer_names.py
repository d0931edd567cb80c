# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The issuer domain names of a CA for dns-persist-01 (draft-ietf-acme-dns-persist-02 sections 3.1 and 3.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .directory import Directory
from .errors import ProtocolError

#: A domain name as A-labels in lower case, without a dot at its end.
ISSUER = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MOST = 10


def advertised(directory: Directory) -> tuple[str, ...]:
    """Return the names in a directory, which are in each challenge of the CA; empty for none, or malformed ones."""
    names = directory.issuer_domain_names
    return names if _are_valid(names) else ()


def choose(offered: Sequence[str], directory: Directory, draft: str) -> str:
    """Return the name to write in a record, of those that a challenge offers.

    By *draft* 02 their order means nothing, so it is always the same one, and one of the directory if there are any: a
    record that stays has to be the one of the next order, too. Raises ProtocolError for names that break the draft.
    """
    if not _are_valid(offered):
        raise ProtocolError(
            f"the challenge dns-persist-01 needs 1 to {_MOST} issuer domain names, and the CA sent others. Use dns-01"
        )
    if draft != "02":
        return offered[0]
    known = advertised(directory)
    _refuse(set(known).difference(offered), "lacks an issuer domain name of the CA's directory")
    identities = [name.lower().rstrip(".") for name in directory.caa_identities]
    if _are_valid(identities, most=len(identities)):
        _refuse(set(offered).difference(identities), "has an issuer domain name that is not in caaIdentities")
    return min(known or offered)


def _refuse(names: set[str], why: str) -> None:
    if names:
        raise ProtocolError(f"the challenge dns-persist-01 {why}: {min(names)}. Report it to the CA, or use dns-01")


def _are_valid(names: Sequence[str], most: int = _MOST) -> bool:
    return 0 < len(names) <= most and all(map(ISSUER.fullmatch, names))
