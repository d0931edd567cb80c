# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_authorization: authorizations made before an order, validated, and deactivated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._acme.authorization import Authorization, new_authz_url
from .._acme.challenge_data import describe as describe_challenge
from .._acme.client import Client
from .._acme.concurrency import connections_for
from .._acme.errors import AcmeError, AcmeOptionError
from .._acme.issuance import Failure, run_all
from .._acme.validation import validate_authorization
from .._common.contracts import ChallengeData, plain
from .._common.deadline import Deadline
from .._common.identifiers import IdentifierError, parse_identifiers
from .._common.statuses import Status
from .ca_options import open_client, use_account
from .cas import only_ca
from .option_specs import texts

AUTHORIZATION_SPEC: dict[str, Any] = {
    "uri": {"type": "str", "required": True},
    **texts("type", "identifier"),
}


@dataclass(frozen=True)
class AuthorizationResult:
    """An authorization that is asked for, and its state afterwards. type: of the challenge that is answered."""

    uri: str
    identifier: str
    type: str
    status: str = ""
    problem: str = ""
    challenges: tuple[ChallengeData, ...] = ()
    changed: bool = False

    def to_result(self) -> dict[str, Any]:
        """Return the authorization as the module returns it."""
        return {name: plain(value) for name, value in vars(self).items() if name != "changed"}


def asked_for(params: Mapping[str, Any]) -> list[AuthorizationResult]:
    """Return the authorizations that the options ask for. Raises AcmeOptionError."""
    if params["state"] != "present":
        if params["identifiers"]:
            raise AcmeOptionError("identifiers go with state present: give authorizations")
        return [
            AuthorizationResult(item["uri"], item["identifier"] or "", item["type"] or params["challenge"])
            for item in params["authorizations"]
        ]
    if params["authorizations"]:
        raise AcmeOptionError("authorizations go with the states valid and absent: give identifiers")
    try:
        identifiers = parse_identifiers(params["identifiers"], params["challenge"]) if params["identifiers"] else []
    except IdentifierError as error:
        raise AcmeOptionError(str(error)) from None
    for identifier in identifiers:
        if identifier.name.startswith("*."):
            # RFC 8555 section 7.4.1
            raise AcmeOptionError(
                f"identifier '{identifier.name}' is a wildcard, which is authorized by its order only"
            )
    return [AuthorizationResult("", item.name, item.challenge) for item in identifiers]


def check_all(params: Mapping[str, Any]) -> bool:
    """Return True if anything is asked for. Raises AcmeError for what is wrong without a signed request."""
    ca = only_ca(params)
    with open_client(ca) as client:
        items = asked_for(params)
        if items and params["state"] == "present":
            new_authz_url(client.directory)
        return bool(items)


def work_on_all(params: Mapping[str, Any]) -> list[AuthorizationResult]:
    """Bring each authorization into the state asked for. Raises AcmeError if none can be worked on."""
    items = asked_for(params)
    if not items:
        return []
    ca, work = only_ca(params), _WORK[params["state"]]
    with open_client(ca, connections_for(len(items), params["concurrency"])) as client:
        use_account(client, ca.account_uri)

        def one(item: AuthorizationResult) -> AuthorizationResult:
            deadline = Deadline(client.clock, params["timeout"])
            return work(client.within(deadline), item, deadline)

        results = run_all(items, one)
    return [_failed(item, result) if isinstance(result, Failure) else result for item, result in zip(items, results)]


def failure(items: Sequence[AuthorizationResult]) -> str:
    """Return one line with the problems of the authorizations that failed; empty if none did."""
    return "; ".join(item.problem for item in items if item.status == Status.FAILED)


def _make(client: Client, item: AuthorizationResult, _deadline: Deadline) -> AuthorizationResult:
    authorization = Authorization.create(client, item.identifier)
    pending = authorization.status == Status.PENDING
    challenges = (describe_challenge(client, authorization, item.type),) if pending else ()
    return replace(_result(item, authorization, changed=pending), challenges=challenges)


def _validate(client: Client, item: AuthorizationResult, deadline: Deadline) -> AuthorizationResult:
    authorization = Authorization.fetch(client, item.uri)
    pending = authorization.status == Status.PENDING
    if pending:
        challenge = describe_challenge(client, authorization, item.type)
        authorization = validate_authorization(client, authorization, challenge, deadline)
    if authorization.status != Status.VALID:
        raise AcmeError(authorization.failure() or f"{authorization.identifier}: it is {authorization.status}")
    return _result(item, authorization, changed=pending)


def _deactivate(client: Client, item: AuthorizationResult, _deadline: Deadline) -> AuthorizationResult:
    authorization = Authorization.fetch(client, item.uri)
    usable = authorization.is_usable
    return _result(item, authorization.deactivate(client) if usable else authorization, changed=usable)


_WORK: dict[str, Callable[[Client, AuthorizationResult, Deadline], AuthorizationResult]] = {
    "present": _make,
    "valid": _validate,
    "absent": _deactivate,
}


def _result(item: AuthorizationResult, authorization: Authorization, changed: bool) -> AuthorizationResult:
    return replace(
        item,
        uri=authorization.url,
        identifier=authorization.identifier or item.identifier,
        status=authorization.status,
        changed=changed,
    )


def _failed(item: AuthorizationResult, failure: Failure) -> AuthorizationResult:
    name = item.identifier or item.uri
    problem = failure.message if failure.message.startswith(name) else f"{name}: {failure.message}"
    return replace(item, status=Status.FAILED.value, problem=problem)
