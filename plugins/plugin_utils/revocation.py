# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of certificates are to be revoked, and what became of them.

The fleet's account may revoke the certificates of all hosts. So what a host shows is read as what it is, and not as
what the host says it is: one that somebody has taken over would have others' certificates revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.module_utils.acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils.acme.times import first_second, parse_time
from ansible_collections.certfleet.tls.plugins.module_utils.pki.errors import HostError
from ansible_collections.certfleet.tls.plugins.module_utils.pki.identifiers import canonical
from ansible_collections.certfleet.tls.plugins.plugin_utils.flow import registered


@dataclass(frozen=True)
class _Version:
    """A version of a certificate on a host. created: when its key was made, as the host says, if it is known."""

    host: str
    name: str
    live: bool
    created: str
    content: str
    serial: int
    not_after: datetime
    identifiers: frozenset[str]


def to_revoke(
    hosts: Sequence[str], hostvars: Mapping[str, Any], before: str = "", still: Iterable[str] = ()
) -> dict[str, list[Any]]:
    """The certificates of *hosts* that are to be revoked, as acme_revoke takes them, and what speaks against others.

    live: the names of certificates that any of them has.
    The live ones; with *before* those that were live, have not ended yet, and whose key was made before that instant.
    *still*: hosts that may serve what they had when the play began; what is in use there or on any host is left.
    """
    # Here, as the controller forks for every task of every host, and each process would carry its library along.
    from ansible_collections.certfleet.tls.plugins.module_utils.pki import certificates as pki

    since = _instant(before)
    versions, problems = [], []
    for host in hosts:
        for item in registered(hostvars, host, "acme_looked_at", "history"):  # the action plugin saw to the types
            try:
                version = _read(pki, host, item)
            except (HostError, ValueError):
                problems.append({"host": host, "name": item["name"], "problem": "what the host has is no certificate"})
            else:
                versions.append(version)
    if since:
        now = datetime.now(timezone.utc)
        served = {version.serial for version in versions if version.live}
        served |= {serial for host in set(still).difference(hosts) for serial in _found(hostvars, host)}
        unused = [each for each in versions if each.not_after > now and each.serial not in served]
        chosen = [each for each in unused if each.created < since]
    else:
        chosen = [each for each in versions if each.live]
    owners = _owners(hostvars) if chosen else {}
    certificates = []
    for version in chosen:
        others = sorted(name for name in version.identifiers if version.host not in owners.get(name, [version.host]))
        if others or not version.identifiers:
            problem = (
                f"it is for {others[0]}, which acme_certificates has for {owners[others[0]][0]} and not for this host"
                if others
                else "it is for nothing that could be told"
            )
            problems.append({"host": version.host, "name": version.name, "problem": problem})
        else:
            certificates.append({"host": version.host, "name": version.name, "content": version.content})
    live = sorted({version.name for version in versions if version.live})
    return {"certificates": certificates, "problems": problems, "live": live}


def not_revoked(
    chosen: Mapping[str, Any],
    looked: Mapping[str, Any],
    revoked: Mapping[str, Any],
    host: str,
    names: Iterable[str],
    before: str = "",
    check: bool = False,
) -> list[str]:
    """A line for each certificate of *host* that is to be revoked and could not be.

    *chosen*: of to_revoke(). *looked*: what certificate_info returned on the host. *revoked*: what acme_revoke
    returned. *check*: nothing has been replaced before.
    """
    if not isinstance(looked.get("history"), list):
        return [_line(name, looked["msg"]) for name in names] if looked.get("msg") else []
    since, lines = _instant(before), _problems(chosen, revoked, host)
    live = [item for item in looked["history"] if item["live"]]
    if not since:
        absent = sorted(set(names).difference(item["name"] for item in live))
        return [_line(name, "there is no live version of it on this host") for name in absent] + lines
    absent = sorted(set(names).difference(chosen["live"]))
    lines += [_line(name, "no host of the play has a live version of it") for name in absent]
    if check:
        return lines
    return lines + [
        _line(item["name"], f"it is still in use, with a key from {item['created']}: replace it first")
        for item in live
        if (item["created"] or "") < since
    ]


def _problems(chosen: Mapping[str, Any], revoked: Mapping[str, Any], host: str) -> list[str]:
    """What spoke against it, and what the CA said."""
    found = {(item["name"], item["problem"]) for item in chosen["problems"] if item["host"] == host}
    asked = {item["name"] for item in chosen["certificates"] if item["host"] == host}
    answers = [item for item in revoked.get("certificates", ()) if item["host"] == host]
    found |= {(item["name"], item["problem"]) for item in answers if item["problem"]}
    # What has no answer of its own shares what stopped them all.
    without = asked.difference(item["name"] for item in answers) if revoked.get("msg") else ()
    found |= {(name, revoked["msg"]) for name in without}
    return [_line(name, problem) for name, problem in sorted(found)]


def _line(name: str, problem: str) -> str:
    return f"certificate {name} is not revoked: {problem}"


def _read(pki: Any, host: str, item: Mapping[str, Any]) -> _Version:
    """A version by what its certificate says. Raises HostError or ValueError."""
    certificates = pki.load_all(item["certificate"], "the certificate")
    if not certificates:
        raise ValueError
    leaf = certificates[0]
    return _Version(
        host,
        item["name"],
        item["live"],
        item["created"] or "",  # where it is not known, it may be old
        item["certificate"],
        leaf.serial_number,
        pki.validity(leaf).not_after,
        frozenset(pki.covered(leaf)),
    )


def _owners(hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """By identifier the hosts for which acme_certificates has it, in the whole inventory."""
    owners: dict[str, list[str]] = {}
    for host in hostvars:
        listed = hostvars[host].get("acme_certificates")
        for certificate in listed if isinstance(listed, (list, tuple)) else ():
            for item in certificate.get("identifiers") or ():
                value = item.get("value") if isinstance(item, Mapping) else item
                owners.setdefault(canonical(str(value)), []).append(host)
    return owners


def _found(hostvars: Mapping[str, Any], host: str) -> list[int]:
    """The serial numbers of what a host had when the role looked at it first, if it could."""
    serials = []
    for item in registered(hostvars, host, "acme_found", "certificates") if host in hostvars else ():
        live = item.get("live")
        serial = live.get("serial") if isinstance(live, Mapping) else None
        try:
            serials.append(int(str(serial), 16))
        except ValueError:
            continue
    return serials


def _instant(before: Any) -> str:
    """An instant as manifests have it, which compare as texts."""
    try:
        return first_second(parse_time(before)) if before else ""
    except AcmeError:
        raise AnsibleFilterError(f"{before!r} is not an instant: give one such as 2026-01-31T12:00:00Z") from None
