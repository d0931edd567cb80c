# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Note TXT records before a run sets them, so that a later run finds what a killed one left; forget what is removed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Callable

from ..._common.paths import Rule
from ..._common.times import utc
from ..._common.txt_notes import Note
from ..errors import StateError
from ..wanted.attributes import Attributes
from . import files
from .files import Content
from .txt_notes import FILE, SCHEMA, Record, of_record, read_all, with_notes, with_outcomes

_LOCK = ".txt_records.lock"


def add(home: str, list_name: str, records: Sequence[Record], now: datetime, lifetime: timedelta) -> None:
    """Note *records* before a run sets them, which ends within *lifetime*.

    *records*: with name, value and key_authorization. *now*: aware UTC, by the controller's clock. Raises
    CollectionError.
    """
    period = {"noted": utc(now), "until": utc(now + lifetime)}
    added = [{"list": list_name, **of_record(record), **period} for record in records]
    if added:
        _change(home, lambda notes: with_notes(notes, added))


def settle(home: str, list_name: str, records: Sequence[Record], now: datetime, check: bool) -> bool:
    """Forget *records* that were removed, and keep the others for the next run.

    *records*: as add() takes them, and `removed`. Return False if nothing changed. Raises CollectionError.
    """

    def settled(notes: list[Note]) -> list[Note]:
        return with_outcomes(notes, list_name, records, now)

    schema, notes = read_all(home)
    if not records or (schema <= SCHEMA and settled(notes) == notes):
        return False
    if not check:
        _change(home, settled)
    return True


def _change(home: str, change: Callable[[list[Note]], list[Note]]) -> None:
    """Write what *change* returns for the notes that are there. Raises CollectionError."""
    files.make_folders(home, rule=Rule.OWN)
    with files.locked(os.path.join(home, _LOCK)):
        schema, before = read_all(home)
        if schema > SCHEMA:
            raise StateError(
                f"{os.path.join(home, FILE)} was written by a newer certfleet.tls (schema {schema}, this release knows "
                f"{SCHEMA}). Upgrade certfleet.tls on the controller"
            )
        files.sweep(home, FILE)
        after = change(before)
        if after:
            whole = {"schema": SCHEMA, "records": after}
            data = (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()
            files.write_all(home, {FILE: Content(data, Attributes(0o600))})
        else:
            files.remove_file(os.path.join(home, FILE))
