# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of provider that are written in Python, by the name that an entry of acme_dns has for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ..errors import NotInstalledError
from ..options import check
from .acme_dns import AcmeDns
from .base import Provider
from .exec import Exec
from .lexicon import Lexicon
from .rfc2136 import Rfc2136

#: All kinds. A new one is a file here and a line in this list.
CLASSES: dict[str, type[Provider]] = {kind.name: kind for kind in (Rfc2136, Lexicon, AcmeDns, Exec)}

_MODULES = {"dnspython": "dns", "dns-lexicon": "lexicon"}


def make(name: str, options: Mapping[str, Any], timeout: float) -> Provider:
    """The provider of kind *name* with *options*; *timeout*: seconds for each exchange. Raises DnsError."""
    kind = CLASSES[name]
    check_libraries(kind)
    return kind(check(kind.options, options, name), timeout)


def check_libraries(kind: type[Provider]) -> None:
    """Raise NotInstalledError, with how to get it, where a library of *kind* is missing."""
    absent = [library for library in kind.libraries if find_spec(_MODULES.get(library, library)) is None]
    if absent:
        raise NotInstalledError(
            f"the provider {kind.name} needs {', '.join(absent)}, which the controller's Python lacks: "
            f"install with '{sys.executable} -m pip install {' '.join(absent)}', or add to the execution environment"
        )
