# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records that runs set for this host's orders, in one file, until they are removed.

    HOME/txt_records.json   {"schema": 1, "records": [{"list": ..., "name": ..., "value": ..., ...}]}

The file is there only while it has notes. A damaged file is none. Standard library only, since every host reads it in
every run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..._common import paths
from ..._common.times import utc
from ..._common.txt_notes import FIELDS, MOST_NOTES, Note, is_last, is_valid

FILE = "txt_records.json"
#: Raised if older code would read such a file wrongly.
SCHEMA = 1
_MAX_SIZE = 1 << 22  # bytes

Record = Mapping[str, Any]


def read(home: str, list_name: str) -> list[Note]:
    """Return the notes of a list of certificates; none if the file cannot be read or a later release wrote it."""
    _schema, notes = read_all(home)
    return [{field: note[field] for field in FIELDS} for note in notes if note["list"] == list_name]


def read_all(home: str) -> tuple[int, list[Note]]:
    """Return the schema of the file, and the notes in it; of a later schema none."""
    try:
        found = json.loads(paths.read_whole(os.path.join(home, FILE), _MAX_SIZE))
        schema = int(found["schema"])
        return schema, [] if schema > SCHEMA else list(filter(_is_valid, found["records"]))[-MOST_NOTES:]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return SCHEMA, []


def with_notes(notes: Sequence[Note], more: Sequence[Note]) -> list[Note]:
    """Return *notes* and *more*, which replace those about the same records. Of too many, the oldest are dropped."""
    found = {_key(note): note for note in (*notes, *more)}
    return sorted(found.values(), key=lambda note: str(note["noted"]))[-MOST_NOTES:]


def with_outcomes(notes: Sequence[Note], list_name: str, records: Sequence[Record], now: datetime) -> list[Note]:
    """Return *notes* without records that were removed, or that could not be removed for 30 days.

    The others may be removed by any run from now on: the one that noted them has ended.
    """
    before = {_key(note): note for note in notes}
    ended, left = set(), []
    for record in records:
        new = {"list": list_name, **of_record(record), "noted": utc(now)}
        note = before.get(_key(new), new)
        if record["removed"] or is_last(note["noted"], now):
            ended.add(_key(note))
        else:
            left.append({**note, "until": note["noted"]})
    return [note for note in with_notes(notes, left) if _key(note) not in ended]


def of_record(record: Record) -> Note:
    """Return the fields of a note that a run knows of a record."""
    return {field: record[field] for field in ("name", "value", "key_authorization")}


def _is_valid(note: Any) -> bool:
    return isinstance(note["list"], str) and is_valid(note)


def _key(note: Note) -> tuple[str, str, str]:
    return note["list"], note["name"], note["value"]
