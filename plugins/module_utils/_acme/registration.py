# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contacts and the external account of a new account. Standard library only: it validates variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._common import base64url
from .._common.text import one_line
from .errors import AcmeOptionError
from .problem import Problem

# RFC 8555 section 7.3: a mailto URL of one address (RFC 6068) without fields of a header, such as ?subject=.
_ADDRESS = re.compile(r"[^\s@,?<>()]+@[^\s@,?<>()]+")
_OTHER_URL = re.compile(r"(tel|https?):\S+")
# Some CAs ask for a contact with other types than those of RFC 8555 section 6.7, such as malformed.
_CONTACT_TYPES = ("invalidContact", "unsupportedContact")
_CONTACT = r"\b(contacts?(?! (us|support|sales|your|the|an?)\b)|e-?mails?)\b"
_ASKS_FOR_CONTACT = re.compile(
    rf"(?i)\b(no|without|missing|provide|specify|at least (one|1))\b.*{_CONTACT}"
    rf"|{_CONTACT}.*\b(required|missing|empty|needed|mandatory|must|needs?)\b"
)
# RFC 4648 sections 4 and 5
_URL_SAFE = str.maketrans("+/", "-_")
# Bytes: RFC 7518 section 3.2 requires as many for HS256.
_SHORTEST_SECRET = 32
#: The advice for a key whose account is deactivated or revoked.
OTHER_KEY = "it cannot be used again; use another account key (account_key_src, acme_account_key_src)"


def contacts(addresses: Sequence[str]) -> list[str]:
    """Return contacts as URLs: a bare mail address gets its mailto: (RFC 8555 section 7.3). Raises AcmeOptionError."""
    return [_contact(text) for text in map(str.strip, addresses) if text]


def _contact(text: str) -> str:
    if _OTHER_URL.fullmatch(text):
        return text
    address = text.removeprefix("mailto:")
    if not _ADDRESS.fullmatch(address) or ":" in address:
        raise AcmeOptionError(
            f"contact '{one_line(text, 80)}' is not a mail address: give one such as admin@example.com"
        )
    return f"mailto:{address}"


def advice(problem: Problem, contact: Sequence[str], has_binding: bool = False) -> str:
    """Return what to do if a CA refuses to make or change an account; empty if nothing is known.

    *contact* and *has_binding*: what the request had.
    """
    if problem.type in _CONTACT_TYPES or (not contact and _ASKS_FOR_CONTACT.search(problem.detail)):
        return "Correct contact (acme_contact)" if contact else "Set contact (acme_contact)"
    if has_binding and problem.type != "userActionRequired":
        return "Check eab (acme_eab). A CA may accept a binding once only: if this one was used, get another one there"
    # Boulder and others refuse the key of an account that is deactivated (RFC 8555 section 7.3.6) so.
    return f"If the account was deactivated or revoked, {OTHER_KEY}" if problem.type == "unauthorized" else ""


def verify_external_account(kid: str, hmac_key: str) -> None:
    """Raise AcmeOptionError for a malformed external account (RFC 8555 section 7.3.4).

    *hmac_key*: a text that hmac_secret() accepts. It is a secret, so no message contains it.
    """
    if not kid.strip():
        raise AcmeOptionError("the external account's kid is empty: copy the key id from the CA")
    hmac_secret(hmac_key)


def hmac_secret(text: str) -> bytes:
    """Return the HMAC key of an external account from its text, base64url or base64. Raises AcmeOptionError.

    Blanks and line ends do not count. Google's tools encode the text of a key once more, as base64 with padding.
    DigiCert's keys look like that, too: they decode to a text in base64url, which is the key. But they are
    shown without padding, as in RFC 8555. So only a padded text may be decoded twice. This is decided before the
    request, as a CA may accept a binding once only (section 7.3.4).
    """
    bare = "".join(text.split())
    try:
        secret = _base64(bare)
    except ValueError:
        raise AcmeOptionError(
            "the external account's key is neither base64url nor base64 text: copy it as the CA shows it"
        ) from None
    inner = _key_text(secret) if bare.endswith("=") else ""
    return _base64(inner) if inner else secret


def _key_text(data: bytes) -> str:
    """Return *data* as a text if it is a key in base64url or base64 itself, else an empty text.

    Random bytes have no such look. A passphrase, or digits in hexadecimal, do not mix all kinds of characters.
    """
    text = "".join(data.decode("ascii", "replace").split())
    try:
        key = _base64(text)
    except ValueError:
        return ""
    canonical = base64url.encode(key) == text.rstrip("=").translate(_URL_SAFE)
    mixed = all(re.search(kind, text) for kind in ("[A-Z]", "[a-z]", "[-_+/0-9]"))
    return text if len(key) >= _SHORTEST_SECRET and canonical and mixed else ""


def _base64(text: str) -> bytes:
    """Return the bytes of a base64url or base64 text, but for one with characters of both. Raises ValueError."""
    if re.search("[-_]", text) and re.search("[+/]", text):
        raise ValueError("neither base64url nor base64")
    return base64url.decode(text.translate(_URL_SAFE))
