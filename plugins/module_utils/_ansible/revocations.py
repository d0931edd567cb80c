# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_revoke: certificates revoked in one way or the other, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .._acme.certificate import REASONS, der_of
from .._acme.issuance import Failure, run_all
from .._acme.known_cas import resolve_directory
from .._acme.revocation import OTHER_WAYS, advised, next_way
from .._common.contracts import Revocation
from .._common.errors import CollectionError
from .._common.statuses import RevocationResult, RevocationWay
from .._common.times import utc
from .._fleet.issuance_history import RecordedRevocation, Recorder
from .._x509 import certificates
from .cas import Ca, cas_of
from .revocation_attempts import STATUS, by_account, by_own_key, signing_key

REVOCATION_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
    "directory": {"type": "str"},
    "can_sign": {"type": "bool"},
    "nonces": {"type": "dict"},
    "signatures": {"type": "dict"},
    "is_last": {"type": "bool"},
    "refusals": {"type": "dict"},
}

_RETURNED = ("host", "name", "problem", "status", "way")
#: Of a certificate whose host is to sign.
_ASKED = ("nonces", "is_last", "refusals")


def revocations_of(options: Iterable[Mapping[str, Any]]) -> list[Revocation]:
    """Return the certificates that a module is given, with the URLs of their CAs. Raises AcmeError, OptionError."""
    found = Revocation.from_options(options, "certificates")
    return [replace(item, directory=resolve_directory(item.directory) if item.directory else None) for item in found]


def revoke_all(
    params: Mapping[str, Any], revocations: Sequence[Revocation], warn: Callable[[str], None]
) -> list[Revocation]:
    """Revoke each certificate, or return the nonces that its host is to sign with. Record what is revoked (`history`).

    Raises AcmeError if none can be revoked for the same reason.
    """
    cas, reason = cas_to_ask(cas_of(params), revocations), _reason(params)
    recorder = Recorder(params["history"])
    found = _read(revocations)
    # Each way leads to the other one: the account comes first or last.
    for way in (RevocationWay.ACCOUNT, RevocationWay.OWN_KEY, RevocationWay.ACCOUNT):
        numbers = [number for number, item in enumerate(found) if item.status is None and _next(item, reason) == way]
        given = [found[number] for number in numbers]
        is_own = way == RevocationWay.OWN_KEY
        tried = by_own_key(cas, given, reason) if is_own else by_account(cas, params, given, reason)
        for number, item in zip(numbers, tried):
            found[number] = item
            if params["history"] and item.status in STATUS.values():
                with suppress(CollectionError):  # the CA can read certificates that this library cannot
                    recorder.add(_recorded(item))
    recorder.close()
    if recorder.problem:
        warn(recorder.problem)
    return [_result(item) for item in found]


def cas_to_ask(cas: Sequence[Ca], revocations: Iterable[Revocation]) -> list[Ca]:
    """Return the CAs that are to be asked: those that certificates name, and all for certificates that name none."""
    named = {item.directory for item in revocations if item.directory}
    first = replace(cas[0], account_uri=None, key=replace(cas[0].key, new_content=None))
    others = [replace(first, directory=url) for url in sorted(named - {ca.directory for ca in cas})]
    names_all = any(item.directory is None for item in revocations)
    return [ca for ca in [*cas, *others] if names_all or ca.directory in named]


def check_all(params: Mapping[str, Any], revocations: Sequence[Revocation]) -> list[Revocation]:
    """Return what check mode finds without a signed request. Raises AcmeError."""
    signing_key(cas_of(params)[0], params)
    return [_result(replace(item, status=item.status or STATUS[True])) for item in _read(revocations)]


def _read(revocations: Sequence[Revocation]) -> list[Revocation]:
    """Return the certificates, with a status where the text is none."""
    return [
        replace(item, problem=result.message, status=RevocationResult.FAILED) if isinstance(result, Failure) else item
        for item, result in zip(revocations, run_all(revocations, lambda item: der_of(item.content or "")))
    ]


def _reason(params: Mapping[str, Any]) -> int:
    return int(REASONS.get(params["revoke_reason"], params["revoke_reason"]))


def _next(item: Revocation, reason: int) -> RevocationWay | None:
    return next_way(reason, bool(item.can_sign), item.refusals or ())


def _recorded(item: Revocation) -> RecordedRevocation:
    leaf = certificates.load_all(item.content or "", "the certificate")[0]
    return RecordedRevocation(
        revoked=utc(datetime.now(timezone.utc)),
        host=item.host,
        name=item.name,
        serial=certificates.serial(leaf),
        not_after=utc(certificates.validity(leaf).not_after),
        directory=item.directory or "",
    )


def _result(item: Revocation) -> Revocation:
    """Return what the module says of a certificate: without what it was given."""
    if item.status in (None, RevocationResult.FAILED):
        problem = item.problem or _problem(item.refusals or {})
        item = replace(item, problem=problem, status=RevocationResult.FAILED)
    more = _ASKED if item.status == RevocationResult.UNSIGNED else ()
    return Revocation(**{name: getattr(item, name) for name in (*_RETURNED, *more)})


def _problem(refusals: Mapping[str, str]) -> str:
    """Return why a certificate is not revoked in any way, and what is left to do."""
    account, own_key = (refusals.get(way) for way in RevocationWay)
    if not own_key:
        return account or "no way to revoke it was tried"
    if not account:
        return f"with its own key: {own_key}"
    last = account if OTHER_WAYS in account else advised(account)
    return f"with its own key: {own_key}; by the account: {last}"
