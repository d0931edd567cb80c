# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to revoke a certificate (RFC 8555 section 7.6): by an account, or with a signature by its own key."""

from __future__ import annotations

from collections.abc import Collection

from .._common.base64url import encode
from .._common.statuses import RevocationWay
from .._x509 import certificates, revocation_request
from .certificate import REASONS
from .client import JOSE, Client
from .directory import Directory
from .errors import AcmeError, NoAccountError, ProblemError, ProtocolError
from .http import Http, Response
from .problem import Problem

#: The ways that are left where the account is not allowed to revoke, and the host cannot sign.
OTHER_WAYS = (
    "Revoke it with the account that ordered it, with an account that has valid authorizations for all of its names "
    "(acme_authorization), or on the CA's web page"
)
# RFC 8555 section 6.7. Without a problem document, only the status is known.
_REFUSING_ACCOUNT = ("accountDoesNotExist", "unauthorized")
_FORBIDDEN = 403


class NotAllowedError(AcmeError):
    """The CA does not let this account revoke, or knows no such account: another way is left."""


def next_way(reason: int, can_sign: bool, refused: Collection[str]) -> RevocationWay | None:
    """Return the way to try next, None if no way is left. *refused*: the ways that were tried.

    *can_sign*: the host may have the certificate's private key. *reason*: a code of RFC 5280 section 5.3.1.

    The account comes first, as it costs a request and no run on a host, and keeps the reason: some CAs, such as Let's
    Encrypt, take each signature by a certificate's own key as a proof that the key is compromised, never accept the key
    again, and revoke all certificates with it. That is what a compromised key needs, so there it comes first. For the
    same reason only a CA's refusal of the account leads to the own key: a busy CA or a key file that cannot be read
    leaves a later run.
    """
    ways = [RevocationWay.ACCOUNT, RevocationWay.OWN_KEY]
    if reason == REASONS["key_compromise"]:
        ways.reverse()
    left = (way for way in ways if way not in refused and (can_sign or way != RevocationWay.OWN_KEY))
    return next(left, None)


def by_account(
    client: Client, certificate_der: bytes, reason: int | None = None, with_certificate_key: bool = False
) -> bool:
    """Revoke a certificate (DER bytes), and return False if it was revoked before.

    The client has the account's key, or the certificate's own (*with_certificate_key*). Raises NotAllowedError if the
    CA refuses the account, AcmeError for any other failure.
    """
    payload: dict[str, object] = {"certificate": encode(certificate_der)}
    if reason is not None:
        payload["reason"] = reason
    try:
        client.post(
            url_of(client.directory),
            payload,
            "revocation",
            with_jwk=with_certificate_key,
            verify=Response.empty_or_json,
        )
    except ProblemError as error:
        if error.problem.type == "alreadyRevoked":
            return False
        if with_certificate_key or not refuses_account(error):
            raise
        raise NotAllowedError(advised(error)) from None
    return True


def refuses_account(error: AcmeError) -> bool:
    """Return True if the account is the reason of a refusal, so that another key may be allowed to revoke."""
    if not isinstance(error, ProblemError):
        return isinstance(error, NoAccountError)
    return error.problem.type in _REFUSING_ACCOUNT or (
        error.problem.type == "unknown" and error.problem.status == _FORBIDDEN
    )


def advised(refusal: object) -> str:
    """Return a refusal with the ways that are left."""
    return f"{str(refusal).rstrip('.')}. {OTHER_WAYS}"


def url_of(directory: Directory) -> str:
    """Return the URL of revokeCert. Raises ProtocolError if the CA has none."""
    if not directory.revoke_cert:
        raise ProtocolError(f"{directory.url} does not offer revocation (it has no revokeCert)")
    return directory.revoke_cert


def signing_input(certificate_pem: str, reason: int, url: str, nonce: str) -> bytes:
    """Return what the certificate's own key has to sign. Raises CollectionError if it cannot."""
    leaf = certificates.load_all(certificate_pem, "the certificate")[0]
    return revocation_request.signing_input(leaf, reason, url, nonce)


def post_signed(
    http: Http, directory: Directory, certificate_pem: str, reason: int, nonce: str, signature: str
) -> bool:
    """Revoke a certificate with a signature by its own key, and return False if it was revoked before.

    The request is sent once: a nonce is valid once (RFC 8555 section 6.5). Raises SignatureError if the signature is
    not by that key; the CA is not asked then.
    """
    url = http.verify_url(url_of(directory))
    leaf = certificates.load_all(certificate_pem, "the certificate")[0]
    message = revocation_request.signing_input(leaf, reason, url, nonce)
    revocation_request.verify(leaf, message, signature)
    answer = http.request_once("POST", url, revocation_request.request(message, signature), JOSE)
    if answer.status < 300:
        answer.empty_or_json()
        return True
    problem = Problem.of_response(answer.status, answer.body)
    if problem.type == "alreadyRevoked":
        return False
    raise ProblemError(problem, "revocation", http.retry_at(answer))
