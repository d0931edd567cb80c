# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wanted certificate, parsed before anything is changed for it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._common import paths
from ..._common.errors import OptionError
from ..._common.identifiers import HTTP_01, names, parse_identifiers
from ..._common.names import verify_name
from ..._common.paths import Rule
from ..._common.terms import Terms
from . import endpoints, formats, reloads
from .attributes import Attributes, resolve
from .claim import DEFAULT_CLAIM, Claim, Owned
from .endpoints import Endpoint
from .formats import Format
from .listen_address import Listen
from .reloads import NOTIFY, Reload


@dataclass(frozen=True)
class WantedCertificate:
    """A certificate as the options ask for it.

    identifiers: normalized. directories: URLs of the CAs that may issue it, empty if any may. webroots: the folders
    that http-01 needs, an empty text where an identifier has none. http_01_listen: where such a one is answered, or
    empty.
    """

    name: str
    identifiers: list[str]
    key_type: str
    profile: str | None
    reloads: tuple[Reload, ...]
    attributes: Attributes
    probes: tuple[Endpoint, ...] = ()
    formats: tuple[Format, ...] = ()
    claim: Claim = DEFAULT_CLAIM
    directories: tuple[str, ...] = ()
    webroots: frozenset[str] = frozenset()
    http_01_listen: str = ""

    @classmethod
    def of(
        cls, option: Mapping[str, Any], claim: Claim = DEFAULT_CLAIM, directories: Iterable[str] = ()
    ) -> WantedCertificate:
        """Parse an element of the option `certificates`. Raises CollectionError for what cannot be wanted."""
        verify_name(option["name"])
        for listen in filter(None, (option["http_01_listen"], option["tls_alpn_01_listen"])):
            Listen.of(listen)
        parsed = parse_identifiers(option["identifiers"], option["challenge"])
        identifiers = names(parsed)
        webroots = (item.webroot or option["webroot"] or "" for item in parsed if item.challenge == HTTP_01)
        wanted = cls(
            name=option["name"],
            identifiers=identifiers,
            key_type=option["key_type"],
            profile=option["profile"] or None,
            reloads=reloads.parse(option["reload"]),
            attributes=resolve(option),
            probes=endpoints.parse_all(option["probe"], identifiers),
            formats=formats.parse_all(option["formats"], option),
            claim=claim,
            directories=tuple(directories),
            webroots=frozenset(webroots),
            http_01_listen=option["http_01_listen"] or "",
        )
        verify_order(wanted.probes, wanted.reloads)
        return wanted

    @property
    def terms(self) -> Terms:
        """The terms of the certificate."""
        return Terms.wanted(self.identifiers, self.key_type, self.profile, self.directories)

    def manifest(self, found: Owned, **fields: Any) -> dict[str, Any]:
        """Return the manifest of a new version. *found*: earlier ones. *fields*: more of it, or other than wanted."""
        terms = {"identifiers": self.identifiers, "key_type": self.key_type, "profile": self.profile}
        return {"name": self.name, **self.claim.fields(found), **terms, "order_uri": None, **fields}


def verify_order(probes: Sequence[Endpoint], reloads: Sequence[Reload]) -> None:
    """Raise OptionError for a probe that would run before the service has the certificate."""
    if probes and any(entry.kind == NOTIFY for entry in reloads):
        raise OptionError("probe cannot be used with notify in reload: the handler runs after the probe")


def verify_absolute(home: str) -> None:
    """Raise OptionError for a relative path."""
    if not os.path.isabs(home):
        raise OptionError(f"home {home!r} is not an absolute path")


def verify_home(home: str) -> None:
    """Raise OptionError for a home that is not an absolute path, or that other users than root can change."""
    verify_absolute(home)
    for folder in ("live", "versions", "challenges"):
        if unsafe := paths.find_problem(os.path.join(home, folder), Rule.OWN):
            raise OptionError(f"home {home} cannot be used: {unsafe}")


def twice(options: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names that more than one certificate has."""
    return {name for name, times in Counter(option["name"] for option in options).items() if times > 1}
