# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils.acme import (
    issuance_history,
    plan,
    rationing,
    registered_domain,
    report,
    sharing,
    unlisted,
)
from ansible_collections.certfleet.tls.plugins.module_utils.acme.budget import limits_of_all
from ansible_collections.certfleet.tls.plugins.module_utils.acme.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils.acme.decision import ISSUE, KEEP, RECEIVE
from ansible_collections.certfleet.tls.plugins.module_utils.acme.directory import Directory, resolve
from ansible_collections.certfleet.tls.plugins.module_utils.acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils.acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils.acme.renewal_cache import RenewalCache
from ansible_collections.certfleet.tls.plugins.module_utils.acme.renewal_info import ask_all
from ansible_collections.certfleet.tls.plugins.module_utils.acme.replacement import Selection, counted
from ansible_collections.certfleet.tls.plugins.module_utils.ansible.libraries import missing
from ansible_collections.certfleet.tls.plugins.plugin_utils import batch, facts

_CONNECTIONS = 8
_LOCKSTEP = ("linear", "ansible.builtin.linear", "ansible.legacy.linear", "debug", "ansible.builtin.debug")


class ActionModule(ActionBase):
    """One plan for all hosts of the batch, made in the controller's own process: that spares a module run."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._refuse_strategies_without_run_once()
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                "acme_directory": {"type": "str", "required": True},
                "ca_path": {"type": "path"},
                "alternatives": {"type": "list", "elements": "dict", "default": []},
                "request_timeout": {"type": "int", "default": 30},
                "certificates": {"type": "list", "elements": "dict", "required": True},
                "batch": {"type": "str"},
                "history": {"type": "path"},
                "elsewhere": {"type": "list", "elements": "dict", "default": []},
                "unlisted": {"type": "dict", "default": {}},
                "remove_unlisted": {"type": "bool", "default": False},
                "force": {"type": "bool", "default": False},
                "replace": {"type": "dict", "default": {}},
                "renewal_information": {"type": "bool", "default": True},
                "check_revocation": {"type": "bool", "default": False},
                "cache": {"type": "path"},
                "run_interval": {"type": "str", "default": ""},
                "limits": {"type": "dict", "default": {}},
            }
        )
        try:
            given = {} if options["batch"] is None else self._freeze(options["batch"], task_vars)
            result.update(changed=False, **given, **self._plan(options))
        except AcmeError as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _freeze(self, variable: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The batch's options for the steps to come. Raises AnsibleActionFail where hosts do not agree in them."""
        digests = batch.seen(task_vars["ansible_play_batch"], task_vars["hostvars"], variable)
        if task_vars["inventory_hostname"] not in digests:
            raise AnsibleActionFail(f"batch (acme_plan): {variable} is no result of certificate_info or acme_batch")
        differing = batch.difference(digests)
        if differing:
            name, *hosts = differing
            raise AnsibleActionFail(batch.differs(name, hosts, lambda host: self._seen_by(host, name, task_vars)))
        frozen = batch.freeze(task_vars, self._templar.template, digests[task_vars["inventory_hostname"]])
        if frozen["options"]["acme_history"]:
            issuance_history.absolute(frozen["options"]["acme_history"])
        return frozen

    def _seen_by(self, host: str, name: str, task_vars: Mapping[str, Any]) -> Any:
        """Return a host's value of the variable *name*."""
        variables = facts.variables_of(host, task_vars["hostvars"], self._task)
        return self._templar.copy_with_new_env(available_variables=variables).template(variables.get(name))

    def _refuse_strategies_without_run_once(self) -> None:
        play = self._task.get_play()
        if self._task.run_once and play.strategy not in _LOCKSTEP:
            raise AnsibleActionFail(
                f"the play's strategy is '{play.strategy}', under which run_once does not hold and every host would "
                "order for all: set 'strategy: linear' on the play that has the role certfleet.tls.acme"
            )

    def _plan(self, options: dict[str, Any]) -> dict[str, Any]:
        given = [options, *options["alternatives"]]
        ca_paths = {resolve(ca["acme_directory"]): ca.get("ca_path") for ca in reversed(given)}
        urls = list(reversed(ca_paths))
        absent = missing(("requests", "cryptography") if options["check_revocation"] else ("requests",))
        if absent:
            raise AcmeError(absent)
        clock = Clock()
        selection = Selection.parse(options["replace"], _text, clock.now())
        interval, limits = report.span(options["run_interval"]), limits_of_all(options["limits"])
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
            if options["certificates"]:
                cas[urls[0]].look()
            revoked = _revoked(options, clock, warnings) if options["check_revocation"] else {}
            now = clock.now()
            planned = plan.make(
                options["certificates"], urls, now, options["force"], ask_renewal, selection, interval, revoked
            )
            elsewhere = plan.make(options["elsewhere"], urls, now, False, ask_renewal, revoked=revoked)
            record = _Record(options["history"], warnings)
            planned = sharing.share(planned, elsewhere, record.read, selection.since() if selection else "")
            if any(item.decision.action == ISSUE for item in planned):
                planned = self._with_a_ca(planned, list(cas.values()), warnings)
                able = [url for url in urls if not cas[url].trouble]
                planned = [plan.ordered_from(item, able[0] if able else urls[0], urls[0]) for item in planned]
                planned, waiting = rationing.keep_within(
                    planned, limits, able, now, registered_domain.counter, record.read
                )
                warnings += waiting
            elif options["certificates"] and cas[urls[0]].trouble:
                warnings.append(f"{cas[urls[0]].trouble}; nothing is issued in this run")
        finally:
            for ca in cas.values():
                ca.http.close()
        told = "; ".join(warnings)
        warnings += [ca.trouble for ca in cas.values() if ca.trouble and ca.trouble not in told]
        warnings += filter(None, [cache.save(now)])
        planned = sharing.settle(planned)
        replacing = self._replacing(planned, selection)
        self._report(planned, interval, replacing)
        removed, told = unlisted.settle(planned, options["unlisted"], options["remove_unlisted"])
        planned += removed
        warnings += told
        hosts: dict[str, list[dict[str, Any]]] = {}
        for item in planned:
            hosts.setdefault(item.host, []).append(item.result())
        return {
            "directory": urls[0],
            "directories": urls,
            "due": sorted({item.host for item in planned if item.decision.action != KEEP}),
            "lines": [item.line() for item in planned if item.decision.action != KEEP],
            "hosts": hosts,
            "shares": sharing.shares(planned),
            "replacing": replacing,
            **({"warnings": warnings} if warnings else {}),
        }

    def _replacing(self, planned: list[plan.Planned], selection: Selection | None) -> dict[str, Any] | None:
        """How many certificates are to be replaced, in this run and after it; and from when on a key is a new one."""
        if not selection:
            return None
        selected = [item for item in planned if item.selected]
        now = sum(item.decision.action in (ISSUE, RECEIVE) for item in selected)
        return {"selected": len(selected), "now": now, "left": len(selected) - now, "before": selection.since()}

    def _report(self, planned: list[plan.Planned], interval: timedelta, replacing: dict[str, Any] | None) -> None:
        """Tell of the runs to come; on stderr, as stdout may be for a program."""
        lines = report.summary(planned, interval)
        if replacing:
            lines.insert(0, counted(replacing["selected"], replacing["now"]))
        for line in lines:
            self._display.display(f"certfleet.tls: {line}", stderr=True)
        for line in report.lines(report.coming(planned)) if self._display.verbosity else ():
            self._display.v(line)

    def _with_a_ca(self, planned: list[plan.Planned], cas: list[_Ca], warnings: list[str]) -> list[plan.Planned]:
        """What is to be issued, held against the CAs that answer; without any, what can wait does."""
        offering = []
        for ca in cas:
            directory = ca.look()
            if directory:
                offering.append(directory)
                if len(cas) == 1 or not any(item.found["wanted"]["profile"] for item in planned):
                    break  # the others are asked when they are needed
        if offering:
            return [plan.check_profile(item, offering) for item in planned]
        unavailable = "; ".join(ca.trouble for ca in cas)
        warnings.append(f"{unavailable}; nothing is issued in this run")
        return [plan.without_ca(item, unavailable) for item in planned]


def _revoked(options: Mapping[str, Any], clock: Clock, warnings: list[str]) -> dict[plan.Version, str]:
    """The certificates that are revoked, and what the CA says of them."""
    # Only here, as their libraries take a while to load.
    from ansible_collections.certfleet.tls.plugins.module_utils.status import live, look_up

    def ask(contents: Sequence[str]) -> Sequence[Any]:
        statuses, problem = look_up.look_up(
            contents,
            clock,
            cache=options["cache"],
            ca_path=options["ca_path"],
            timeout=options["request_timeout"],
        )
        warnings.extend(filter(None, [problem]))
        return statuses

    found = [*options["certificates"], *options["elsewhere"]]
    revoked, trouble = live.revoked(found, ask)
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
