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


def name_problem(name: str) -> str:
    """What is wrong with a certificate's name, which becomes a file name; empty if nothing is."""
    if NAME.fullmatch(name):
        return ""
    return (
        "the name is not usable: letters, digits, '.', '_' and '-' only, at most 100, a letter or digit first, no '..'"
    )


def check_name(name: str) -> None:
    """Raise OptionError for a name that cannot become a file's."""
    problem = name_problem(name)
    if problem:
        raise OptionError(problem)
