# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that somebody else wrote, made fit for a terminal."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str) -> str:
    """Return *text* with a blank for each character that cannot be printed.

    These are control characters (C0, C1), line breaks of all kinds, what changes the direction of text, surrogates.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def one_line(text: object, limit: int = 500) -> str:
    """Return *text* as one line: printable, runs of blanks folded, cut at *limit* characters."""
    line = " ".join(printable(str(text)).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the one of *known* that *word* is most like; empty if it is like none."""
    from difflib import get_close_matches  # only once something is wrong

    said = str(word)[:80].lower().replace("-", "_")
    forms = {name.lower().replace("-", "_"): name for name in known if name}
    found = get_close_matches(said, forms, n=1, cutoff=0.6)
    return f" (did you mean {forms[found[0]]!r}?)" if found else ""
