# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contacts and the external account of a new account. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._common import base64url
from .._common.text import one_line
from .errors import AcmeOptionError

# RFC 8555 section 7.3: a mailto URL of one address (RFC 6068) without fields of a header, such as ?subject=.
_ADDRESS = re.compile(r"[^\s@,?<>()]+@[^\s@,?<>()]+")
_OTHER_URL = re.compile(r"(tel|https?):\S+")


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


def verify_external_account(kid: str, hmac_key: str) -> None:
    """Raise AcmeOptionError for a malformed external account (RFC 8555 section 7.3.4).

    *hmac_key*: base64url. It is a secret, so no message contains it.
    """
    if not kid.strip():
        raise AcmeOptionError("the external account's kid is empty: copy the key id from the CA")
    try:
        base64url.decode(hmac_key.strip())
    except ValueError:
        raise AcmeOptionError("the external account's key is not base64url text: copy it as the CA shows it") from None
