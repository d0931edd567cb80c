# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of acme_certificates, checked by the parsers that hosts and orders use.

What only the host knows is left to it: its users and groups, its folders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.certfleet.tls.plugins.module_utils._acme.validity import RequestedValidity
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import CERTIFICATE_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.values import Invalid
from ansible_collections.certfleet.tls.plugins.module_utils._common import identifiers
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import (
    BY_DNS,
    DNS_PERSIST_01,
    HTTP_01,
    TLS_ALPN_01,
    Identifier,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import name_problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import verify_path
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import endpoints, formats, reloads
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import parse_mode
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import check_order

_LONGEST_NAME = 60  # characters, in messages
_AS_ON_ANY_HOST = {"owner": None, "group": None}  # users and groups are the host's


class Fault(str):
    """A line about one certificate.

    certificate: its name as it is shown; told: the line without host and certificate.
    """

    certificate: str
    told: str

    @classmethod
    def of(cls, certificate: str, place: str, told: str) -> Fault:
        """Return the line; *place* begins it."""
        fault = cls(f"{place}: certificate {certificate}: {told}")
        fault.certificate, fault.told = certificate, told
        return fault


class Means(NamedTuple):
    """What else proves control. by_dns: somebody writes TXT records; persistent: those of dns-persist-01, too."""

    by_dns: bool = True
    persistent: bool = False


def check(given: Any, home: str, means: Means | None, place: str, lines: list[str]) -> list[dict[str, Any]]:
    """Return the certificates with all options, converted. Each fault becomes one of *lines*; of one of them, a Fault.

    *means*: None where nothing is ordered, so that nothing has to be proved. *place*: begins each line.
    """
    try:
        listed = to.to_mappings(given)
    except Invalid as error:
        lines.append(f"{place}: acme_certificates: {error}.")
        return []
    found = []
    for number, item in enumerate(listed, 1):
        name, before = _shown_name(item, number), len(lines)
        where = f"{place}: certificate {name}"
        invalid: set[str] = set()
        try:
            entry = to.options(to.to_mapping(item, secret=True), CERTIFICATE_SPEC, where, lines, invalid)
        except Invalid as error:
            lines.append(f"{where}: {error} of name, identifiers and other options.")
        else:
            _check_entry(entry, home, means, where, lines, invalid)
            found.append(entry)
        lines[before:] = [Fault.of(name, place, line.removeprefix(f"{where}: ")) for line in lines[before:]]
    _check_together(found, place, lines)
    return found


def valid(given: Any, home: str) -> list[dict[str, Any]]:
    """Return the certificates without a fault in themselves, as modules take them: converted, without nulls.

    ansible-core before 2.19 refuses nulls in lists of a module's options.
    """
    lines: list[str] = []
    entries = check(to.plain(given), home, None, "", lines)
    faulty = {line.certificate for line in lines if isinstance(line, Fault)}
    return [_without_nulls(entry) for entry in entries if one_line(entry["name"], _LONGEST_NAME) not in faulty]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


def _shown_name(item: Any, number: int) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    is_name = isinstance(name, (str, int)) and not isinstance(name, bool) and str(name).strip()
    return one_line(name, _LONGEST_NAME) if is_name else f"number {number} of acme_certificates"


def _check_entry(
    entry: dict[str, Any], home: str, means: Means | None, place: str, lines: list[str], invalid: set[str]
) -> None:
    """*invalid*: the options whose faults are among *lines* already; more are added."""

    def attempt(option: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *function* returns, None where it refuses. *option* is for messages that do not name it."""
        try:
            return function(*arguments)
        except CollectionError as error:
            lines.append(to.line(place, option, error))
            invalid.add(option)
            return None

    if entry["name"] is not None:
        problem = name_problem(entry["name"])
        if problem:
            lines.append(f"{place}: name: {problem}.")
    listens = {
        kind: attempt(option, Listen.of, entry[option]) if entry[option] else None
        for kind, option in ((HTTP_01, "http_01_listen"), (TLS_ALPN_01, "tls_alpn_01_listen"))
    }
    proved = _identifiers(entry, attempt)
    for folder in dict.fromkeys((entry["webroot"], *(item.webroot for item in proved))):
        if folder and not folder.startswith(("~", "$")):  # which the host expands
            attempt("webroot", verify_path, folder)
    if means and "webroot" not in invalid:
        _check_means(proved, entry, means, listens, place, lines)
    attempt("mode", parse_mode, entry["mode"])
    if entry["not_before"] or entry["not_after"]:
        attempt("", RequestedValidity(entry["not_before"], entry["not_after"]).fields, datetime.now(timezone.utc))
    names = identifiers.names(proved)
    probes = [attempt("probe", endpoints.parse, option, names) for option in entry["probe"]]
    reloaded = [attempt("", reloads.check, [option]) or () for option in entry["reload"]]
    attempt("", check_order, list(filter(None, probes)), [item for items in reloaded for item in items])
    for option in () if "formats" in invalid else entry["formats"]:
        if option["kind"] and option["path"] is not None:
            made = attempt("formats", formats.parse, {**option, **_AS_ON_ANY_HOST}, {**entry, **_AS_ON_ANY_HOST})
            if made and f"{made.path}/".startswith(f"{home.rstrip('/')}/"):
                lines.append(
                    f"{place}: formats: {made.path} is in acme_home, which is for the role. Give another path."
                )


def _identifiers(entry: Mapping[str, Any], attempt: Callable[..., Any]) -> list[Identifier]:
    """Return the identifiers that can be ordered. All that cannot are told of, and not only the first."""
    given, challenge = entry["identifiers"], entry["challenge"]
    if given is None:
        return []  # which is told already
    try:
        return identifiers.parse_identifiers(given, challenge)
    except CollectionError:
        alone = [attempt("identifiers", identifiers.parse_identifiers, [item], challenge) for item in given]
    if not given or all(alone):
        attempt("identifiers", identifiers.parse_identifiers, given, challenge)  # they do not go together
    return [item for items in filter(None, alone) for item in items]


def _check_means(
    proved: Sequence[Identifier],
    entry: Mapping[str, Any],
    means: Means,
    listens: Mapping[str, Listen | None],
    place: str,
    lines: list[str],
) -> None:
    """Find identifiers for which nothing could answer the challenge."""
    by_http = [item.name for item in proved if item.challenge == HTTP_01 and not (item.webroot or entry["webroot"])]
    if by_http and not entry["http_01_listen"]:
        lines.append(
            f"{place}: webroot: http-01 for {_listed(by_http)} needs a webroot or http_01_listen, and has neither. "
            "Give one of them, or another challenge."
        )
    by_tls = any(item.challenge == TLS_ALPN_01 for item in proved)
    if by_http and by_tls and listens[HTTP_01] and listens[HTTP_01] == listens[TLS_ALPN_01]:
        lines.append(
            f"{place}: http_01_listen: {listens[HTTP_01]} is that of tls_alpn_01_listen, too. Give each its own."
        )
    by_dns = [item.name for item in proved if item.challenge in BY_DNS and item.challenge != DNS_PERSIST_01]
    if means.persistent:
        by_dns += [item.name for item in proved if item.challenge == DNS_PERSIST_01]
    if by_dns and not means.by_dns:
        lines.append(
            f"{place}: challenge: a TXT record for {_listed(by_dns)} is needed, and nobody writes it: acme_dns and "
            "acme_dns_tasks are empty. Say in acme_dns who does."
        )


def _check_together(found: Sequence[Mapping[str, Any]], place: str, lines: list[str]) -> None:
    named = [entry for entry in found if entry["name"]]
    for name, times in Counter(entry["name"] for entry in named).items():
        if times > 1:
            lines.append(Fault.of(one_line(name, 60), place, f"name: {times} certificates have it. Give each its own."))
    paths = [(option["path"], entry["name"]) for entry in named for option in entry["formats"] if option["path"]]
    for path, times in Counter(path for path, _name in paths).items():
        if times > 1:
            names = list(dict.fromkeys(one_line(name, 60) for where, name in paths if where == path))
            lines.append(
                f"{place}: certificate {' and '.join(names)}: formats: {path} is listed {times} times. Give each file "
                "its own path."
            )
    for name, problem in formats.passphrase_problems(named).items():
        lines.append(Fault.of(one_line(name, 60), place, f"{problem}."))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
