# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempts to revoke certificates in one of two ways: by the account, or with signatures by their own keys.

Each certificate is tried at its own CA, or at one after the other until one revokes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from .._acme import revocation
from .._acme.certificate import der_of
from .._acme.client import Client, fetch_nonce
from .._acme.directory import Directory
from .._acme.errors import AcmeError
from .._acme.http import Http
from .._acme.issuance import Failure, run_all, to_failure
from .._acme.jws import AccountKey
from .._common.contracts import Revocation
from .._common.errors import CollectionError
from .._common.statuses import RevocationResult, RevocationWay
from .ca_options import open_client, open_directory, use_account
from .cas import Ca, KeySource
from .key_files import load_key


@dataclass(frozen=True)
class Unsigned:
    """A request for a signature by the certificate's host: the URL of a CA's revokeCert, and a nonce of this CA."""

    url: str
    nonce: str


@dataclass(frozen=True)
class NotAllowed:
    """A refusal by the CA that leaves the other way. Other failures of the account leave a later run."""

    message: str


#: True: revoked. False: it was revoked before.
Outcome = Union[bool, Unsigned, NotAllowed, Failure]
_UNASKED = Failure("no CA was asked")
STATUS = {True: RevocationResult.REVOKED, False: RevocationResult.ALREADY_REVOKED}


def by_account(
    cas: Sequence[Ca], params: Mapping[str, Any], items: Sequence[Revocation], reason: int
) -> list[Revocation]:
    """Try each certificate with the account's key. Raises the AcmeError of an only CA if no host can sign.

    With a `private_key_` option in *params*, the certificates' own key signs here, without an account.
    """
    is_own = has_own_key(params)
    is_only = len(cas) == 1 and not any(item.can_sign for item in items)

    def one(client: Client, item: Revocation) -> Outcome:
        try:
            return revocation.by_account(client, der_of(item.content or ""), reason, is_own)
        except revocation.NotAllowedError as error:
            return NotAllowed(str(error))

    def at(ca: Ca, given: Sequence[Revocation]) -> list[Outcome]:
        try:
            with open_client(ca, key=signing_key(ca, params)) as client:
                if not is_own:
                    _use_account(client, ca)
                return list(run_all(given, lambda item: one(client, item)))
        except AcmeError as error:
            if is_only:
                raise
            is_refused = isinstance(error, revocation.NotAllowedError)
            return [NotAllowed(str(error)) if is_refused else to_failure(error)] * len(given)

    return _tried(RevocationWay.ACCOUNT, cas, items, at)


def by_own_key(cas: Sequence[Ca], items: Sequence[Revocation], reason: int) -> list[Revocation]:
    """Try each certificate with its signatures; one that has none yet gets nonces, for its host to sign with."""

    def at(ca: Ca, given: Sequence[Revocation]) -> list[Outcome]:
        try:
            with open_directory(ca) as (http, directory):
                return list(run_all(given, lambda item: _with_signature(http, directory, item, reason)))
        except AcmeError as error:
            return [to_failure(error)] * len(given)

    return _tried(RevocationWay.OWN_KEY, cas, items, at)


def has_own_key(params: Mapping[str, Any]) -> bool:
    """Return True if the options give the certificates' own key on the controller."""
    return bool(params["private_key_src"] or params["private_key_content"])


def signing_key(ca: Ca, params: Mapping[str, Any]) -> AccountKey:
    """Return the key to sign with: the account's, or the certificates' own (RFC 8555 section 7.6). Raises AcmeError."""
    if not has_own_key(params):
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


def _use_account(client: Client, ca: Ca) -> None:
    """Use the account of the client's key. Raises NotAllowedError if the CA has no such account, or refuses it."""
    try:
        use_account(client, ca.account_uri)
    except AcmeError as error:
        if not revocation.refuses_account(error):
            raise
        raise revocation.NotAllowedError(error) from None


def _with_signature(http: Http, directory: Directory, item: Revocation, reason: int) -> Outcome:
    """Revoke a certificate with its host's signature, or return a nonce to ask for one. Raises AcmeError."""
    content, url = item.content or "", revocation.url_of(directory)
    try:
        if not item.signatures:
            unsigned = Unsigned(url, fetch_nonce(http, directory))
            revocation.signing_input(content, reason, url, unsigned.nonce)  # not every key can sign
            return unsigned
        if url not in item.signatures:
            raise AcmeError("its host did not sign for this CA")
        nonce = (item.nonces or {}).get(url, "")
        return revocation.post_signed(http, directory, content, reason, nonce, item.signatures[url])
    except AcmeError as error:
        # RFC 8555 section 6.5: also an answer that got lost may have used the nonce up.
        if not (error.is_temporary and item.signatures):
            raise
        if item.is_last:
            raise AcmeError(f"{error}, also with a second signature. Run again") from None
        return Unsigned(url, fetch_nonce(http, directory))
    except CollectionError as error:
        raise AcmeError(error) from None


def _tried(
    way: RevocationWay,
    cas: Sequence[Ca],
    items: Sequence[Revocation],
    at: Callable[[Ca, Sequence[Revocation]], list[Outcome]],
) -> list[Revocation]:
    """Try each certificate at one CA after the other. *at* returns the outcomes at one CA."""
    found: list[list[tuple[str, Outcome]]] = [[] for _item in items]
    for ca in cas:
        left = [
            number
            for number, item in enumerate(items)
            if item.directory in (None, ca.directory) and not any(isinstance(one, bool) for _url, one in found[number])
        ]
        for number, outcome in zip(left, at(ca, [items[number] for number in left]) if left else ()):
            found[number].append((ca.directory, outcome))
    return [_concluded(way, item, outcomes) for item, outcomes in zip(items, found)]


def _concluded(way: RevocationWay, item: Revocation, outcomes: Sequence[tuple[str, Outcome]]) -> Revocation:
    """Return a certificate with what the CAs said, in their order."""
    for directory, outcome in outcomes:
        if isinstance(outcome, bool):
            return replace(item, directory=directory, way=way, status=STATUS[outcome])
    nonces = {outcome.url: outcome.nonce for _url, outcome in outcomes if isinstance(outcome, Unsigned)}
    if nonces:
        is_last = bool(item.signatures)
        return replace(item, nonces=nonces, signatures=None, is_last=is_last, status=RevocationResult.UNSIGNED)
    # The first CA's refusal is reported: another one mostly does not know the certificate.
    failed = [outcome for _url, outcome in outcomes if isinstance(outcome, (Failure, NotAllowed))] or [_UNASKED]
    refusals = {**(item.refusals or {}), way.value: failed[0].message}
    # The own key is no way around an account key that cannot be read, or a CA that is busy: see next_way().
    is_final = way == RevocationWay.ACCOUNT and any(isinstance(outcome, Failure) for outcome in failed)
    return replace(item, refusals=refusals, status=RevocationResult.FAILED if is_final else None)
