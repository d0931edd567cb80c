# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instants as CAs and manifests write them. Standard library only: it runs in every run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ..pki.manifest import utc
from ..pki.text import one_line
from .errors import ProtocolError


def parse_time(value: object) -> datetime:
    """An RFC 3339 time as aware UTC, cut to microseconds. Raises ProtocolError."""
    text = str(value).strip().upper().replace("Z", "+00:00")
    whole, point, fraction = text.partition(".")
    if point:
        digits = len(fraction) - len(fraction.lstrip("0123456789"))
        text = f"{whole}.{fraction[:digits][:6]:0<6}{fraction[digits:]}"
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ProtocolError(f"'{one_line(value, 60)}' has no time zone")
        return instant.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ProtocolError(f"'{one_line(value, 60)}' is not an RFC 3339 time") from None


def parse_utc(text: str) -> datetime:
    """A manifest's time, YYYY-MM-DDTHH:MM:SSZ, as aware UTC."""
    # strptime takes twenty times as long, which counts where certificates are many.
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a manifest's time")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)


def first_second(instant: datetime) -> str:
    """The first of a manifest's times, which are whole seconds, that is not before *instant*."""
    return utc(instant + timedelta(seconds=1) if instant.microsecond else instant)
