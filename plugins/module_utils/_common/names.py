# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that become file names: of certificates, versions, lists, challenges' tokens. Standard library only."""

from __future__ import annotations

import re

from .errors import OptionError

DEFAULT_LIST = "default"
MANIFEST, KEY, REQUEST = "version.json", "privkey.pem", "request.csr"
CERTIFICATE, CHAIN, FULLCHAIN = "cert.pem", "chain.pem", "fullchain.pem"
FILES = (KEY, CERTIFICATE, CHAIN, FULLCHAIN)

NAME = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{0,99}")
NUMBER = re.compile(r"[0-9]{4,9}")
# RFC 8555 section 8.3: the base64url alphabet, at least 128 bits. Nobody can guess the name of its file; with what a
# temporary file adds to it, that name has at most 255 bytes.
TOKEN = re.compile(r"[A-Za-z0-9_-]{22,200}")
# RFC 9773 section 4.1, of at most 64 bytes for the key and 32 for the serial number: it becomes a part of URLs.
ARI_ID = re.compile(r"[A-Za-z0-9_-]{1,86}\.[A-Za-z0-9_-]{1,43}")

#: The types of keys that certificates are issued for, and those of account keys.
CERTIFICATE_KEY_TYPES = ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096")
ACCOUNT_KEY_TYPES = ("ec256", "ec384", "ec521", "rsa2048", "rsa3072", "rsa4096", "ed25519")


def name_problem(name: str) -> str:
    """Return why *name* cannot be the name of a certificate or list, which becomes a file name; empty if it can."""
    if NAME.fullmatch(name):
        return ""
    return (
        "the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit first, and no '..'"
    )


def verify_name(name: str) -> None:
    """Raise OptionError for a name that cannot become a file name."""
    if problem := name_problem(name):
        raise OptionError(problem)
