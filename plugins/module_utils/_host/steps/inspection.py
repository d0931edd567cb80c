# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspect a host: what it has of each certificate, and what would keep it from getting a new one.

Standard library only, and nothing is changed: a host with nothing due runs nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..._common import paths
from ..._common.errors import CollectionError
from ..._common.names import FULLCHAIN, KEY, name_problem
from ..._common.paths import Rule
from ..._x509 import availability
from ..store import manifest
from ..store.manifest import StoredVersions
from ..wanted import formats
from ..wanted.attributes import drift
from ..wanted.claim import DEFAULT_CLAIM, Claim
from ..wanted.wanted import WantedCertificate, verify_home


def inspect(
    home: str, wanted: list[Mapping[str, Any]], content: bool = False, claim: Claim = DEFAULT_CLAIM
) -> list[dict[str, Any]]:
    """Return what the host has of each *wanted* certificate (options of the modules), as certificate_info does.

    *claim*: the list that these are in. *content*: with the live certificates, and the pending ones, and their chains.
    """
    host_problems = [text for text in (availability.problem(), _home_problem(home)) if text]
    contended = formats.contended(wanted)
    return [_certificate(home, option, claim, host_problems, contended, content) for option in wanted]


def inventory(home: str, content: bool = False) -> list[dict[str, Any]]:
    """Return what the host has of every certificate in *home*."""
    names = {name for folder in ("live", "versions") for name in paths.entries(os.path.join(home, folder))}
    found = []
    for name in sorted(names):
        if not name_problem(name):
            there = manifest.read_versions(home, name)
            problems = [there.newer] if there.newer else []
            found.append({"name": name, "invalid": [], "problems": problems, **_facts(home, name, there, content)})
    return found


def unlisted(home: str, names: Iterable[str], claim: Claim) -> list[str]:
    """Return the certificates of the list of *claim* in *home* that are not among *names*."""
    entries = set(paths.entries(os.path.join(home, "versions")))
    others = sorted(entry for entry in entries.difference(names) if not name_problem(entry))
    return [entry for entry in others if claim.owns(manifest.read_versions(home, entry))]


def _certificate(
    home: str, option: Mapping[str, Any], claim: Claim, host_problems: list[str], contended: set[str], content: bool
) -> dict[str, Any]:
    result = {"name": option["name"], "invalid": [], "problems": [], "live": None, "pending": None}
    if name_problem(option["name"]):
        return {**result, "invalid": [name_problem(option["name"])]}
    found = manifest.read_versions(home, option["name"])
    result.update(_facts(home, option["name"], found, content))
    if found.newer:
        return {**result, "invalid": [found.newer]}
    try:
        wanted = WantedCertificate.of(option, claim)
        formats.verify_places(wanted.formats, home, contended)
        claim.verify(found, wanted.identifiers)
    except CollectionError as error:
        return {**result, "invalid": [str(error)]}
    if live := result["live"]:
        key = manifest.folder_path(home, wanted.name, live["version"], KEY)
        live["attributes"] = [*drift(key, wanted.attributes), *claim.drift(found)]
        live["formats"] = _format_drift(home, wanted, live, found)
    result["problems"] = [
        *host_problems,
        *_problems(home, wanted.name, live),
        *_unanswerable(wanted),
        *_unwritable(wanted),
    ]
    return result


def _facts(home: str, name: str, found: StoredVersions, content: bool) -> dict[str, Any]:
    facts = manifest.live_facts(home, name, found.live, found) if found.live else None
    live = {**facts, "attributes": [], "formats": []} if facts else None
    pending = manifest.pending_facts(home, name, found)
    if content:
        issued = pending if pending and pending["serial"] else None
        for version in filter(None, (live, issued)):
            data = manifest.content(home, name, version["version"], FULLCHAIN)
            version["content"] = data.decode("ascii", "replace")
    return {
        "list": found.owner,
        "live": live,
        "pending": pending,
        "issued": manifest.counted_orders(found),
        "failed": list(found.failures.failed) if found.failures else [],
    }


def _format_drift(home: str, wanted: WantedCertificate, live: Mapping[str, Any], found: StoredVersions) -> list[str]:
    """Return how the formats differ from the live version, if that is whole."""
    if live["missing"] or live["damaged"]:
        return []
    said = found.manifests[live["version"]]
    if not wanted.formats and not formats.records(said):
        return []
    key = manifest.content(home, wanted.name, live["version"], KEY)
    return formats.drift(wanted.formats, said, key) if key else []


def _unanswerable(wanted: WantedCertificate) -> list[str]:
    """Return what keeps the host from answering the certificate's challenges."""
    problems = []
    if "" in wanted.webroots and not wanted.http_01_listen:
        problems.append(
            "webroot is not set: http-01 needs the folder that the web server serves, or http_01_listen, a port to "
            "answer at where there is no web server"
        )
    for webroot in sorted(filter(None, wanted.webroots)):
        if not os.path.isdir(webroot):
            problems.append(f"webroot {webroot} does not exist. Create it, and have the web server serve it")
        if unsafe := paths.find_problem(os.path.join(webroot, ".well-known", "acme-challenge"), Rule.WEBROOT):
            problems.append(f"cannot use webroot {webroot}: {unsafe}")
    return problems


def _unwritable(wanted: WantedCertificate) -> list[str]:
    """Return what keeps the host from writing the certificate's formats."""
    unsafe = ((item.path, paths.find_problem(os.path.dirname(item.path), Rule.SAFE)) for item in wanted.formats)
    return [f"{path} cannot be written: {problem}" for path, problem in unsafe if problem]


def _problems(home: str, name: str, live: Mapping[str, Any] | None) -> list[str]:
    problems = []
    link = manifest.link_path(home, name)
    if not live and os.path.lexists(link):
        problems.append(f"{link} is not a link to one of its versions. Move it away")
    if live and live["unreadable"]:
        problems.append(f"{', '.join(live['unreadable'])} cannot be read: does the task lack 'become: true'?")
    return problems


def _home_problem(home: str) -> str:
    try:
        verify_home(home)
    except CollectionError as error:
        return str(error)
    for folder in (os.path.join(home, "versions"), os.path.join(home, "live")):
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder):
            return f"home {home} cannot be used: {folder} is not a folder"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"home {home} cannot be written: {folder} is read-only here, or the task lacks 'become: true'"
    return ""
