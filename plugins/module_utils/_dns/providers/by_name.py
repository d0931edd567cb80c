# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The providers that are written in Python, by the name in `provider` of an entry of acme_dns."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ..errors import NotInstalledError
from ..options import parse_options
from ..pace import Limits
from .acme_dns import AcmeDns
from .base import Provider
from .exec import Exec
from .lexicon import Lexicon
from .rfc2136 import Rfc2136

#: All providers in Python. docs/dns-providers.md says how to add one.
CLASSES: dict[str, type[Provider]] = {provider.name: provider for provider in (Rfc2136, Lexicon, AcmeDns, Exec)}

_MODULES = {"dnspython": "dns", "dns-lexicon": "lexicon"}


def create(name: str, options: Mapping[str, Any], limits: Limits) -> Provider:
    """Return the provider *name* with *options*. Raises DnsError."""
    provider = CLASSES[name]
    require_libraries(provider)
    return provider(parse_options(provider.options, options, name), limits)


def require_libraries(provider: type[Provider]) -> None:
    """Raise NotInstalledError, with the command that installs it, if a library of *provider* is missing."""
    absent = [library for library in provider.libraries if find_spec(_MODULES.get(library, library)) is None]
    if absent:
        raise NotInstalledError(
            f"the provider {provider.name} needs {', '.join(absent)}, which the controller's Python does not have: "
            f"install with '{sys.executable} -m pip install {' '.join(absent)}', or add it to the execution environment"
        )
