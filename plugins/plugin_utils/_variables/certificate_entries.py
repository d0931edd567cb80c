# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse and validate acme_certificates, by the functions that the modules parse entries with.

Users, groups and folders are only known on the host, so modules validate these there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import listed, one_line
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import verify_path
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import endpoints, formats, reloads
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import parse_mode
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.listen_address import Listen
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import verify_order

from .faults import Faults
from .plain import plain

_LONGEST_NAME = 60  # characters, in messages
_ANY_HOST = {"owner": None, "group": None}  # a host's users and groups are unknown here


class Fault(str):
    """A message about one certificate.

    certificate: its name as messages show it. text: the message without host and certificate.
    """

    certificate: str
    text: str

    @classmethod
    def of(cls, certificate: str, place: str, text: str) -> Fault:
        """Return the message *text* about *certificate*. *place*: begins the message, and names the host."""
        fault = cls(f"{place}: certificate {certificate}: {text}")
        fault.certificate, fault.text = certificate, text
        return fault


class Means(NamedTuple):
    """The ways to answer challenges by DNS. by_dns: TXT records can be written. persistent: of dns-persist-01, too."""

    by_dns: bool = True
    persistent: bool = False


def parse(given: Any, home: str, means: Means | None, place: str, lines: list[str]) -> list[dict[str, Any]]:
    """Return the certificates with all options, converted. Append a message for each fault to *lines*.

    A message about one certificate is a Fault, and all begin with *place*. *means*: None where nothing is ordered, so
    that no challenge has to be answered.
    """
    try:
        items = to.to_mappings(given)
    except Invalid as error:
        lines.append(f"{place}: acme_certificates: {error}.")
        return []
    entries = []
    for number, item in enumerate(items, 1):
        name = _shown_name(item, number)
        faults = Faults(f"{place}: certificate {name}")
        try:
            given_options = to.to_mapping(item, secret=True)
        except Invalid as error:
            faults.lines.append(f"{faults.place}: {error} of name, identifiers and other options.")
        else:
            entry = to.options(given_options, CERTIFICATE_SPEC, faults.place, faults.lines, faults.invalid)
            _validate_entry(entry, home, means, faults)
            entries.append(entry)
        lines += [Fault.of(name, place, line.removeprefix(f"{faults.place}: ")) for line in faults.lines]
    _validate_together(entries, place, lines)
    return entries


def parse_valid(given: Any, home: str) -> list[dict[str, Any]]:
    """Return the certificates that have no fault as modules take them: converted, without nulls.

    ansible-core before 2.19 refuses nulls in lists of a module's options.
    """
    return [_without_nulls(entry) for entry in parse(plain(given), home, None, "", [])]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


def _shown_name(item: Any, number: int) -> str:
    """Return the name of an entry for messages, or its number if it has no name."""
    name = item.get("name") if isinstance(item, Mapping) else None
    is_name = isinstance(name, (str, int)) and not isinstance(name, bool) and str(name).strip()
    return one_line(name, _LONGEST_NAME) if is_name else f"number {number} of acme_certificates"


def _validate_entry(entry: Mapping[str, Any], home: str, means: Means | None, faults: Faults) -> None:
    problem = name_problem(entry["name"]) if entry["name"] is not None else ""
    if problem:
        faults.add("name", f"{problem}.")
    listens = {
        kind: faults.attempt(option, Listen.of, entry[option]) if entry[option] else None
        for kind, option in ((HTTP_01, "http_01_listen"), (TLS_ALPN_01, "tls_alpn_01_listen"))
    }
    proved = _parse_identifiers(entry, faults)
    _validate_webroots(entry, proved, faults)
    if means and "webroot" not in faults.invalid:
        _validate_http(proved, entry, listens, faults)
        _validate_dns(proved, means, faults)
    faults.attempt("mode", parse_mode, entry["mode"])
    if entry["not_before"] or entry["not_after"]:
        requested = RequestedValidity(entry["not_before"], entry["not_after"])
        faults.attempt("", requested.fields, datetime.now(timezone.utc))
    _validate_services(entry, identifiers.names(proved), faults)
    if "formats" not in faults.invalid:
        _validate_formats(entry, home, faults)


def _parse_identifiers(entry: Mapping[str, Any], faults: Faults) -> list[Identifier]:
    """Return the identifiers that can be ordered. Each of the others has a fault, not only the first."""
    given, challenge = entry["identifiers"], entry["challenge"]
    if given is None:
        return []  # which has a fault already
    try:
        return identifiers.parse_identifiers(given, challenge)
    except CollectionError:
        alone = [faults.attempt("identifiers", identifiers.parse_identifiers, [item], challenge) for item in given]
    if not given or all(alone):  # each is valid, and not all of them together
        faults.attempt("identifiers", identifiers.parse_identifiers, given, challenge)
    return [item for items in filter(None, alone) for item in items]


def _validate_webroots(entry: Mapping[str, Any], proved: Sequence[Identifier], faults: Faults) -> None:
    for folder in dict.fromkeys((entry["webroot"], *(item.webroot for item in proved))):
        if folder and not folder.startswith(("~", "$")):  # which the host expands
            faults.attempt("webroot", verify_path, folder)


def _validate_http(
    proved: Sequence[Identifier], entry: Mapping[str, Any], listens: Mapping[str, Listen | None], faults: Faults
) -> None:
    """Add a fault for identifiers with http-01 that nothing could answer for, and for two listeners at one port."""
    by_http = [item.name for item in proved if item.challenge == HTTP_01 and not (item.webroot or entry["webroot"])]
    if by_http and not entry["http_01_listen"]:
        faults.add(
            "webroot",
            f"http-01 for {listed(by_http)} needs a webroot or http_01_listen, and has neither. Give one of them, or "
            "another challenge.",
        )
    by_tls = any(item.challenge == TLS_ALPN_01 for item in proved)
    if by_http and by_tls and listens[HTTP_01] and listens[HTTP_01] == listens[TLS_ALPN_01]:
        faults.add(
            "http_01_listen",
            f"{listens[HTTP_01]} is also the port of tls_alpn_01_listen. Give each its own port.",
        )


def _validate_dns(proved: Sequence[Identifier], means: Means, faults: Faults) -> None:
    """Add a fault for identifiers with a challenge by DNS if no TXT record can be written."""
    by_dns = [item.name for item in proved if item.challenge in BY_DNS and item.challenge != DNS_PERSIST_01]
    if means.persistent:
        by_dns += [item.name for item in proved if item.challenge == DNS_PERSIST_01]
    if by_dns and not means.by_dns:
        faults.add(
            "challenge",
            f"a TXT record for {listed(by_dns)} cannot be written: acme_dns and acme_dns_tasks are empty. Give a DNS "
            "provider in acme_dns.",
        )


def _validate_services(entry: Mapping[str, Any], names: Sequence[str], faults: Faults) -> None:
    probes = [faults.attempt("probe", endpoints.parse, option, names) for option in entry["probe"]]
    reloaded = [faults.attempt("", reloads.parse, [option]) or () for option in entry["reload"]]
    faults.attempt("", verify_order, list(filter(None, probes)), [item for items in reloaded for item in items])


def _validate_formats(entry: Mapping[str, Any], home: str, faults: Faults) -> None:
    for option in entry["formats"]:
        if not option["kind"] or option["path"] is None:
            continue
        parsed = faults.attempt("formats", formats.parse, {**option, **_ANY_HOST}, {**entry, **_ANY_HOST})
        if parsed and f"{parsed.path}/".startswith(f"{home.rstrip('/')}/"):
            faults.add("formats", f"{parsed.path} is in acme_home, where only the role writes. Give another path.")


def _validate_together(entries: Sequence[Mapping[str, Any]], place: str, lines: list[str]) -> None:
    """Append a message for each name, path and passphrase that several certificates cannot share."""
    named = [entry for entry in entries if entry["name"]]
    for name, times in Counter(entry["name"] for entry in named).items():
        if times > 1:
            text = f"name: {times} certificates have this name. Give each its own name."
            lines.append(Fault.of(one_line(name, _LONGEST_NAME), place, text))
    paths = [(option["path"], entry["name"]) for entry in named for option in entry["formats"] if option["path"]]
    for path, times in Counter(path for path, _name in paths).items():
        if times > 1:
            names = list(dict.fromkeys(one_line(name, _LONGEST_NAME) for where, name in paths if where == path))
            lines.append(
                f"{place}: certificate {' and '.join(names)}: formats: {path} is listed {times} times. Give each file "
                "its own path."
            )
    for name, problem in formats.passphrase_problems(named).items():
        lines.append(Fault.of(one_line(name, _LONGEST_NAME), place, f"{problem}."))
