# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in the forms that messages may have them in, and texts without them. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from html import escape
from urllib.parse import quote, quote_plus

from .text import one_line

#: Each returns a secret as somebody else repeats it: URLs, forms, JSON, XML, Python, lines folded into one.
_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    lambda secret: one_line(secret, len(secret)),
    lambda secret: repr(secret)[1:-1],
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: quote(secret, errors="replace"),
    lambda secret: quote(secret, safe="", errors="replace"),
    lambda secret: quote_plus(secret, errors="replace"),
    escape,
)


def all_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return *secrets* in every form that a message may have them in, the longest first."""
    forms = {form(secret) for secret in secrets for form in _FORMS}
    return tuple(sorted(filter(None, forms), key=len, reverse=True))


def hide(text: str, forms: Iterable[str]) -> str:
    """Return *text* with asterisks for each of *forms*, which all_forms() returned.

    Shorten a text only after that: a part of a secret at the cut is not recognized.
    """
    for form in forms:
        text = text.replace(form, "********")
    return text
