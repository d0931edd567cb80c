# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_revoke: certificates revoked, each at its own CA or at the first one that revokes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Union

from .._acme.certificate import REASONS, der_of, revoke
from .._acme.errors import AcmeError
from .._acme.issuance import Failure, run_all, to_failure
from .._acme.jws import AccountKey
from .._acme.known_cas import resolve_directory
from .._common.contracts import Revocation
from .._common.statuses import RevocationResult
from .ca_options import open_client, use_account
from .cas import Ca, KeySource, cas_of
from .key_files import load_key

REVOCATION_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
    "directory": {"type": "str"},
}

#: True: revoked. False: it was revoked before.
Revoked = Union[bool, Failure]


def revocations_of(options: Iterable[Mapping[str, Any]]) -> list[Revocation]:
    """Return the certificates that a module is given, with the URLs of their CAs. Raises AcmeError, OptionError."""
    found = Revocation.from_options(options, "certificates")
    return [replace(item, directory=resolve_directory(item.directory) if item.directory else None) for item in found]


def revoke_all(params: Mapping[str, Any], revocations: Sequence[Revocation]) -> list[Revocation]:
    """Revoke each certificate. Raises AcmeError if none can be revoked for the same reason."""
    results: dict[int, Revoked] = {
        number: result for number, result in enumerate(run_all(revocations, _parse)) if isinstance(result, Failure)
    }
    readable = [number for number in range(len(revocations)) if number not in results]
    cas = cas_to_ask(cas_of(params), revocations)
    for ca in cas:
        left = [
            number
            for number in readable
            if isinstance(results.get(number, _UNASKED), Failure)
            and revocations[number].directory in (None, ca.directory)
        ]
        given = [revocations[number] for number in left]
        for number, result in zip(left, _revoke_at(ca, params, given, is_only=len(cas) == 1) if left else ()):
            # The first CA's refusal is reported: another one mostly does not know the certificate.
            if not isinstance(result, Failure) or number not in results:
                results[number] = result
    return [_result(item, results[number]) for number, item in enumerate(revocations)]


def cas_to_ask(cas: Sequence[Ca], revocations: Iterable[Revocation]) -> list[Ca]:
    """Return the CAs that are to be asked: those that certificates name, and all for certificates that name none."""
    named = {item.directory for item in revocations if item.directory}
    first = replace(cas[0], account_uri=None, key=replace(cas[0].key, new_content=None))
    others = [replace(first, directory=url) for url in sorted(named - {ca.directory for ca in cas})]
    names_all = any(item.directory is None for item in revocations)
    return [ca for ca in [*cas, *others] if names_all or ca.directory in named]


def check_all(params: Mapping[str, Any], revocations: Sequence[Revocation]) -> list[Revocation]:
    """Return what check mode finds without a signed request. Raises AcmeError."""
    _key(cas_of(params)[0], params)
    return [_result(item, result) for item, result in zip(revocations, run_all(revocations, _parse))]


_UNASKED = Failure("no CA was asked")


def _parse(item: Revocation) -> bool:
    """Return True for a certificate. Raises AcmeError for anything else."""
    return bool(der_of(item.content or ""))


def _revoke_at(ca: Ca, params: Mapping[str, Any], revocations: Sequence[Revocation], is_only: bool) -> list[Revoked]:
    """Return the results at one CA. Raises the AcmeError of an only CA."""
    reason = int(REASONS.get(params["revoke_reason"], params["revoke_reason"]))
    own_key = _has_own_key(params)

    def one(item: Revocation) -> bool:
        return revoke(client, der_of(item.content or ""), reason, own_key)

    try:
        with open_client(ca, key=_key(ca, params)) as client:
            if not own_key:
                use_account(client, ca.account_uri)
            return list(run_all(revocations, one))
    except AcmeError as error:
        if is_only:
            raise
        return [to_failure(error)] * len(revocations)


def _has_own_key(params: Mapping[str, Any]) -> bool:
    return bool(params["private_key_src"] or params["private_key_content"])


def _key(ca: Ca, params: Mapping[str, Any]) -> AccountKey:
    """Return the key to sign with: the account's, or the certificates' own (RFC 8555 section 7.6)."""
    if not _has_own_key(params):
        return load_key(ca.key)
    return load_key(
        KeySource(
            src=params["private_key_src"],
            content=params["private_key_content"],
            passphrase=params["private_key_passphrase"],
            permissions=params["private_key_permissions"],
            kind="private",
        )
    )


def _result(item: Revocation, result: Revoked) -> Revocation:
    if isinstance(result, Failure):
        return Revocation(item.host, item.name, problem=result.message, status=RevocationResult.FAILED)
    status = RevocationResult.REVOKED if result else RevocationResult.ALREADY_REVOKED
    return Revocation(item.host, item.name, status=status)
