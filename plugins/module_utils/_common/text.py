# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make texts of other origin safe to print, list names, and suggest some for misspelled ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    """Return *text* with a space in place of each character that cannot be printed.

    These are control characters (C0, C1), line breaks of all kinds, what changes the direction of text, surrogates.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def one_line(text: object, limit: int = 500) -> str:
    """Return *text* as one printable line of at most *limit* characters, with runs of spaces folded."""
    return shortened(" ".join(printable(str(text)).split()), limit)


def shortened(text: str, limit: int = 80) -> str:
    """Return *text*, cut to *limit* characters where it is longer."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names for a message: the first ones, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the most similar one of *known*, an empty string if none is similar."""
    similar = most_similar(str(word), known)
    return did_you_mean([similar] if similar else [])


def did_you_mean(names: Iterable[str]) -> str:
    """Return " (did you mean 'x' or 'y'?)" for *names*, an empty string without any."""
    listed = " or ".join(map(repr, names))
    return f" (did you mean {listed}?)" if listed else ""


def most_similar(word: str, known: Iterable[str], similarity: float = 0.6) -> str:
    """Return the one of *known* that is most similar to *word*, an empty string if none is.

    Case does not count, nor the difference between '-' and '_'. *similarity*: how similar it has to be, from 0 to 1.
    """
    from difflib import get_close_matches  # only once something is wrong

    forms = {name.lower().replace("-", "_"): name for name in known if name}
    matches = get_close_matches(word[:80].lower().replace("-", "_"), forms, n=1, cutoff=similarity)
    return forms[matches[0]] if matches else ""
