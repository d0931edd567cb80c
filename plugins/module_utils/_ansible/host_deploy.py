# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of the module certificate: options become objects, and what came of them a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from .._common.errors import CollectionError
from .._common.names import verify_name
from .._common.statuses import STOPPED, Action
from .._common.times import parse_time
from .._host.challenges import challenge_responses
from .._host.errors import summary
from .._host.services.probe import prove_all
from .._host.steps.rollout import Rollout
from .._host.store.versions import KEPT
from .._host.wanted import formats
from .._host.wanted.claim import Claim
from .._host.wanted.wanted import WantedCertificate
from .host_module import HostModule, HostTask, verify_host
from .host_options import (
    CERTIFICATE_SPEC,
    CHALLENGE_SPEC,
    HANDLED_SPEC,
    LIST_SPEC,
    RESULT_SPEC,
    STATUS_OR_ACTION,
    TXT_RECORD_SPEC,
    wanted_certificates,
)
from .option_specs import list_of
from .services import HostServices

SPEC: dict[str, Any] = {
    **LIST_SPEC,
    "certificates": list_of(CERTIFICATE_SPEC),
    "results": list_of(RESULT_SPEC, **STATUS_OR_ACTION),
    "after_handlers": list_of(HANDLED_SPEC),
    "challenges": list_of(CHALLENGE_SPEC),
    "txt_records": list_of({**TXT_RECORD_SPEC, "removed": {"type": "bool", "required": True}}),
    "directories": {"type": "list", "elements": "str", "default": []},
    "keep_versions": {"type": "int", "default": KEPT},
    "controller_time": {"type": "str"},
}


def run(task: HostTask) -> dict[str, Any]:
    """Carry out what became of each certificate. Raises CollectionError before anything is changed."""
    params = task.params
    # A host that lacks the library reports what stopped its certificates, and not the library once more.
    if params["after_handlers"] or any(result["status"] not in STOPPED for result in params["results"]):
        verify_host(params["home"])
    claim = Claim.of(params)
    certificates = concerned(params, claim)
    responses = challenge_responses.parse_challenges(params["challenges"], False, params["home"])
    rollout = Rollout(
        params["home"],
        certificates,
        HostServices(task),
        prove_all,
        datetime.now(timezone.utc),
        task.check_mode,
        claim=claim,
        keep=params["keep_versions"],
        places=formats.places(params["certificates"]),
        controller_time=parse_time(params["controller_time"]) if params["controller_time"] else None,
    )
    rollout.remove(responses)
    rollout.settle_records(params["txt_records"])
    for result in params["results"]:
        rollout.take(result)
    for handled in params["after_handlers"]:
        rollout.take_handled(handled["name"], handled["version"])
    rollout.finish()
    for warning in rollout.warnings:
        task.warn(warning)
    return rollout.result()


def concerned(params: Mapping[str, Any], claim: Claim) -> dict[str, WantedCertificate]:
    """Return the wanted certificates that `results` and `after_handlers` are for.

    Raises CollectionError for what does not go together.
    """
    listed, results = params["certificates"], params["results"]
    _verify_meaning(results)
    _verify_removals({item["name"] for item in listed}, results)
    carried_out = [
        result for result in results if result["status"] not in STOPPED and result["action"] != Action.REMOVE
    ]
    names = {item["name"] for item in (*carried_out, *params["after_handlers"])}
    options = (item for item in listed if item["name"] in names)
    certificates = wanted_certificates(options, claim, params["directories"])
    failures = _format_failures(params, certificates)
    if failures:
        raise CollectionError(summary(failures))
    unknown = sorted(names - set(certificates))
    if unknown:
        option = "results" if any(item["name"] == unknown[0] for item in carried_out) else "after_handlers"
        raise CollectionError(f"{option} names certificate '{unknown[0]}', which is not in certificates")
    return certificates


def _verify_meaning(results: Iterable[Mapping[str, Any]]) -> None:
    """Raise CollectionError for a result without a status and an action, such as with null for them, or with both."""
    for result in results:
        if bool(result["status"]) == bool(result["action"]):
            raise CollectionError(
                f"results needs either a status or an action for certificate '{result['name']}'. Give one of them"
            )


def _verify_removals(listed: set[str], results: Iterable[Mapping[str, Any]]) -> None:
    for name in (result["name"] for result in results if result["action"] == Action.REMOVE):
        verify_name(name)
        if name in listed:
            raise CollectionError(f"results would remove certificate '{name}', which is in certificates")


def _format_failures(params: Mapping[str, Any], certificates: Mapping[str, WantedCertificate]) -> dict[str, str]:
    """Return by certificate why its formats cannot be written, as seen beside those of all listed certificates."""
    listed = params["certificates"]
    problems = formats.passphrase_problems(listed)
    failures = {name: problems[name] for name in certificates if name in problems}
    contended = formats.contended(listed)
    for name, certificate in certificates.items():
        try:
            formats.verify_places(certificate.formats, params["home"], contended)
        except CollectionError as error:
            failures[name] = str(error)
    return failures


_NOTHING: dict[str, Any] = {
    "certificates": [],
    "reloaded": [],
    "notify": [],
    "after_handlers": [],
    "failures": {},
    "deferred": {},
}
MODULE = HostModule(SPEC, run, _NOTHING)
