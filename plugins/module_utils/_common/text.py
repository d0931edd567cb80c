# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make texts of other origin safe to print, and suggest names for misspelled ones."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str) -> str:
    """Return *text* with a space in place of each character that cannot be printed.

    These are control characters (C0, C1), line breaks of all kinds, what changes the direction of text, surrogates.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def one_line(text: object, limit: int = 500) -> str:
    """Return *text* as one printable line of at most *limit* characters, with runs of spaces folded."""
    line = " ".join(printable(str(text)).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the name in *known* most similar to *word*; empty if none is similar."""
    from difflib import get_close_matches  # imported only if there is something to suggest

    given = str(word)[:80].lower().replace("-", "_")
    forms = {name.lower().replace("-", "_"): name for name in known if name}
    matches = get_close_matches(given, forms, n=1, cutoff=0.6)
    return f" (did you mean {forms[matches[0]]!r}?)" if matches else ""
