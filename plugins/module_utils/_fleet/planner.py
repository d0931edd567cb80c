# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One plan for all hosts: what acme_plan does with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._acme import registered_domain
from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.http import Http
from .._acme.renewal_cache import RenewalCache
from .._acme.renewal_info import ask_all
from .._common.clock import Clock
from .._common.contracts import HostCertificate, plain
from .._common.schema import Malformed
from .._common.statuses import Action
from .._common.times import parse_interval
from . import forecast, issuance_history, plan, rationing, shared_certificates, unlisted
from .rate_limits import limits_of_all
from .selection import Selection, counted

_CONNECTIONS = 8


def make(options: Mapping[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the plan, and what is told of it: `summary` to everybody, `coming` to who wants to know more.

    options: those of acme_plan, with `ca_paths` for acme_directory: the ca_path of each CA by the URL of its directory,
    the first choice first. Raises AcmeError for bad options.
    """
    ca_paths = options["ca_paths"]
    found, others = parse_found(options["certificates"]), parse_found(options["elsewhere"])
    urls = list(ca_paths)
    clock = Clock()
    selection = Selection.parse(options["replace"], _text, clock.now())
    interval, limits = parse_interval(options["run_interval"]), limits_of_all(options["limits"])
    cache = RenewalCache(options["cache"])
    cas = {url: _Ca(url, Http(clock, url, ca_paths[url], options["request_timeout"], _CONNECTIONS)) for url in urls}
    warnings: list[str] = []

    def ask_renewal(asked: Mapping[str, list[str]]) -> dict[str, Any]:
        suggested: dict[str, Any] = {}
        for url, ari_ids in asked.items() if options["renewal_information"] else ():
            directory = cas[url].look() if url in cas else None
            if directory and directory.renewal_info:
                found, trouble = ask_all(cas[url].http, directory.renewal_info, ari_ids, _CONNECTIONS, cache)
                suggested.update(found)
                warnings.extend(trouble)
        return suggested

    try:
        if found:
            cas[urls[0]].look()
        revoked = _revoked(options, [*found, *others], clock, warnings) if options["check_revocation"] else {}
        now = clock.now()
        planned = plan.make(found, urls, now, options["force"], ask_renewal, selection, interval, revoked)
        elsewhere = plan.make(others, urls, now, False, ask_renewal, revoked=revoked)
        record = _Record(options["history"], warnings)
        planned = shared_certificates.share(planned, elsewhere, record.read, selection.since() if selection else "")
        if any(item.decision.action == Action.ISSUE for item in planned):
            planned = _with_a_ca(planned, list(cas.values()), warnings)
            able = [url for url in urls if not cas[url].trouble]
            planned = [plan.ordered_from(item, able[0] if able else urls[0], urls[0]) for item in planned]
            planned, waiting = rationing.keep_within(planned, limits, able, now, registered_domain.counter, record.read)
            warnings += waiting
        elif found and cas[urls[0]].trouble:
            warnings.append(f"{cas[urls[0]].trouble}; nothing is issued in this run")
    finally:
        for ca in cas.values():
            ca.http.close()
    told = "; ".join(warnings)
    warnings += [ca.trouble for ca in cas.values() if ca.trouble and ca.trouble not in told]
    warnings += filter(None, [cache.save(now)])
    planned = shared_certificates.settle(planned)
    replacing = _replacing(planned, selection)
    summary = forecast.summary(planned, interval)
    if replacing:
        summary.insert(0, counted(replacing["selected"], replacing["now"]))
    coming = forecast.lines(forecast.coming(planned))
    warnings += forecast.failing(planned)
    removed, left = unlisted.settle(planned, options["unlisted"], options["remove_unlisted"])
    planned += removed
    warnings += left
    hosts: dict[str, list[dict[str, Any]]] = {}
    for item in planned:
        hosts.setdefault(item.host, []).append(item.decided().to_result())
    for text in warnings:
        warn(text)
    return {
        "directory": urls[0],
        "directories": urls,
        "due": sorted({item.host for item in planned if item.decision.action != Action.KEEP}),
        "lines": [item.line() for item in planned if item.decision.action != Action.KEEP],
        "hosts": hosts,
        "shares": plain(shared_certificates.shares(planned)),
        "replacing": replacing,
        "summary": summary,
        "coming": coming,
    }


def parse_found(items: Sequence[Mapping[str, Any]]) -> list[HostCertificate]:
    """What hosts have. A certificate of which this is malformed is refused, and no other."""
    found = []
    for number, item in enumerate(items):
        try:
            found.append(HostCertificate.from_result(item, f"certificates[{number}]"))
        except Malformed as error:
            host, name = (str(item.get(field) or "") for field in ("host", "name"))
            found.append(HostCertificate(name, host, invalid=(f"{plan.MALFORMED}: {error}",)))
    return found


def _replacing(planned: list[plan.Planned], selection: Selection | None) -> dict[str, Any] | None:
    """Count the certificates to be replaced, in this run and after it; and say from when on a key is a new one."""
    if not selection:
        return None
    selected = [item for item in planned if item.selected]
    now = sum(item.decision.action in (Action.ISSUE, Action.RECEIVE) for item in selected)
    return {"selected": len(selected), "now": now, "left": len(selected) - now, "before": selection.since()}


def _with_a_ca(planned: list[plan.Planned], cas: list[_Ca], warnings: list[str]) -> list[plan.Planned]:
    """Hold what is to be issued against the CAs that answer; without any, what can wait does."""
    offering = []
    for ca in cas:
        directory = ca.look()
        if directory:
            offering.append(directory)
            if len(cas) == 1 or not any(item.found.wanted and item.found.wanted.profile for item in planned):
                break  # the others are asked when they are needed
    if offering:
        return [plan.verify_profile(item, offering) for item in planned]
    unavailable = "; ".join(ca.trouble for ca in cas)
    warnings.append(f"{unavailable}; nothing is issued in this run")
    return [plan.without_ca(item, unavailable) for item in planned]


def _revoked(
    options: Mapping[str, Any], found: Sequence[HostCertificate], clock: Clock, warnings: list[str]
) -> dict[plan.Version, str]:
    """The certificates that are revoked, and what the CA says of them."""
    # Only here, as their libraries take a while to load.
    from .._status import look_up
    from . import revoked_certificates

    def ask(contents: Sequence[str]) -> Sequence[Any]:
        statuses, problem = look_up.look_up(
            contents,
            clock,
            look_up.LookUpOptions(
                options["cache"], next(iter(options["ca_paths"].values())), options["request_timeout"]
            ),
        )
        warnings.extend(filter(None, [problem]))
        return statuses

    revoked, trouble = revoked_certificates.revoked(found, ask)
    warnings.extend(trouble)
    return revoked


def _text(path: str) -> str:
    """The text of a file of the controller."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AcmeError(f"{path} cannot be read: {error.strerror}") from None


class _Record:
    """The controller's record of what it was issued, read once it is needed."""

    def __init__(self, path: str | None, warnings: list[str]) -> None:
        self._path = path
        self._warnings = warnings
        self._issuances: list[issuance_history.Issuance] | None = None

    def read(self) -> Sequence[issuance_history.Issuance]:
        """The issuances, the oldest first; none where it cannot be read, of which there is a warning."""
        if self._issuances is None:
            try:
                # What is damaged is reported where the record is needed most, in a revocation.
                self._issuances = issuance_history.read(self._path)[0] if self._path else []
            except AcmeError as error:
                self._warnings.append(str(error))
                self._issuances = []
        return self._issuances


class _Ca:
    """A CA's directory, read once it is needed. trouble: why it could not be; empty as long as nothing is known."""

    def __init__(self, url: str, http: Http) -> None:
        self.url = url
        self.http = http
        self.trouble = ""
        self._directory: Directory | None = None

    def look(self) -> Directory | None:
        """The directory; None if it cannot be had."""
        if self._directory is None and not self.trouble:
            try:
                self._directory = Directory.fetch(self.http, self.url)
            except AcmeError as error:
                self.trouble = str(error)
        return self._directory
