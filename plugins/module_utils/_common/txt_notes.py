# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes of a host about TXT records that runs set for its orders: a record that stays is removed by a later run.

A note has the fields in FIELDS, of contracts.TxtRecord. The key authorization is what the value is the digest of, so a
host can note no value that somebody else has set. Standard library only, since every host reads them in every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .times import as_time, parse_utc

#: The most notes of a host.
MOST_NOTES = 2000
#: A record that cannot be removed for so long is forgotten.
KEPT = timedelta(days=30)
#: A note that says that its run takes longer is that of a wrong clock.
_LONGEST_RUN = timedelta(days=7)

#: Of dns-01 and dns-account-01. Records of dns-persist-01 are meant to stay.
RECORD_NAME = re.compile(r"(?:_[a-z2-7]{16}\.)?_acme-challenge\.[A-Za-z0-9._-]{1,253}")
VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
KEY_AUTHORIZATION = re.compile(r"[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{43}")
FIELDS = ("name", "value", "key_authorization", "noted", "until")

Note = dict[str, Any]


def is_valid(note: Mapping[str, Any]) -> bool:
    """Return True if *note* has all fields, in their form. Raises LookupError, TypeError."""
    return bool(
        RECORD_NAME.fullmatch(note["name"])
        and VALUE.fullmatch(note["value"])
        and KEY_AUTHORIZATION.fullmatch(note["key_authorization"])
        and as_time(note["noted"])
        and as_time(note["until"])
    )


def is_left(until: str, now: datetime) -> bool:
    """Return True if the run that noted a record has ended, whatever became of it.

    *until*: as manifests have an instant; until then the run may still need the record. *now*: aware UTC.
    """
    return not now < parse_utc(until) <= now + _LONGEST_RUN


def is_last(noted: str, now: datetime) -> bool:
    """Return True if a record that cannot be removed now is forgotten. *noted*: when, as manifests have an instant."""
    return parse_utc(noted) + KEPT <= now
