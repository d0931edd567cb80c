# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requested validity of a certificate (RFC 8555 section 7.4), if it is not left to the CA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .._common.errors import OptionError
from .._common.text import one_line
from .._common.times import parse_duration, parse_time, utc
from .errors import AcmeOptionError


@dataclass(frozen=True)
class RequestedValidity:
    """The requested validity: instants with a time zone ("2026-01-31T12:00:00Z") or durations from now ("+30d").

    Empty or None leaves it to the CA.
    """

    not_before: str | None = None
    not_after: str | None = None

    def fields(self, now: datetime) -> dict[str, str]:
        """Return the fields for newOrder. *now*: aware UTC datetime.

        Raises AcmeOptionError for a malformed time, and for an end before the beginning.
        """
        given = {"not_before": self.not_before, "not_after": self.not_after}
        found = {name: _instant(text, name, now) for name, text in given.items() if text}
        begin, end = found.get("not_before", now), found.get("not_after")
        if end and end <= max(begin, now):
            raise AcmeOptionError(f"not_after {self.not_after} is not after {'not_before' if begin > now else 'now'}")
        names = {"not_before": "notBefore", "not_after": "notAfter"}
        # RFC 3339 (RFC 8555 section 7.4); whole seconds, as in certificates (RFC 5280 section 4.1.2.5).
        return {names[name]: utc(instant) for name, instant in found.items()}

    def fixed(self, now: datetime) -> RequestedValidity:
        """Return the same validity with instants in place of durations. Raises AcmeOptionError as fields() does."""
        sent = self.fields(now)
        return RequestedValidity(sent.get("notBefore"), sent.get("notAfter"))


def _instant(text: str, option: str, now: datetime) -> datetime:
    try:
        if text.startswith("+"):
            return now + parse_duration(text[1:])
        return now - parse_duration(text[1:]) if text.startswith("-") else parse_time(text)
    except (OptionError, ValueError, OverflowError):
        raise AcmeOptionError(
            f"{option} '{one_line(text, 60)}' is not a time: give an instant with its zone, 2026-01-31T12:00:00Z, "
            "or a span from now, +30d or +12h30m"
        ) from None
