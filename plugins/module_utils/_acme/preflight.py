# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight: verifying challenges from the controller before the CA validates them and counts a failure.

A challenge that is wrong stops its order. One that cannot be verified from here is a warning, as the CA may succeed.
"""

from __future__ import annotations

import re
import ssl
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import quote, urljoin, urlsplit

from .._common.clock import Clock
from .._common.contracts import ChallengeData
from .._common.deadline import Deadline
from .._common.errors import CollectionError
from .._common.identifiers import HTTP_01, TLS_ALPN_01
from .._common.statuses import Status
from .._common.text import one_line
from .._x509.acme_tls import ACME_IDENTIFIER, PROTOCOL, authorization, server_name
from .addresses import Address, parse_address
from .bounded import SocketAddress, system_addresses
from .connection import HttpAnswer, OutOfTime, Refused, Resolve, addresses_of, connect, get, resolve, tls
from .errors import PreflightError
from .http import reason
from .redirects import REDIRECT_CODES, TooManyRedirects, follow

try:
    from cryptography import x509
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_REDIRECTS = 10  # as Boulder; RFC 8555 section 8.3 leaves it to the CA
_READS = 4  # times the limit of a read: the limit for a whole challenge
_LARGEST_BODY = 1024  # a key authorization has about a hundred
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")


class NotVerifiable(CollectionError):
    """A challenge cannot be verified from here; str(): what, and why."""


#: Return why CAA records forbid the CA to issue for a domain, wildcard or not, with a kind of challenge; empty if they
#: do not. Raises NotVerifiable.
Caa = Callable[[str, bool, str], str]


@dataclass(frozen=True)
class _Url:
    """A URL to fetch. redirected_by: the name whose server chose it; empty for the challenge's own URL."""

    secure: bool
    host: str
    port: int
    path: str
    redirected_by: str = ""

    @property
    def authority(self) -> str:
        """Return host and port as in URLs and the Host header."""
        usual = 443 if self.secure else 80
        return _authority(self.host) + ("" if self.port == usual else f":{self.port}")

    @property
    def origin(self) -> str:
        """Return scheme, host and port."""
        return f"http{'s' if self.secure else ''}://{self.authority}"

    @property
    def shown(self) -> str:
        """Return the URL for messages, without its path if a server chose it."""
        if self.redirected_by:
            return f"{self.origin} (by a redirect of {self.redirected_by})"
        return one_line(self.origin + self.path, 200)


@dataclass
class _Verification:
    """The verification of one challenge: its deadline, addresses by host, and those of the name itself."""

    deadline: Deadline
    addresses: dict[str, Sequence[SocketAddress]] = field(default_factory=dict)
    own: frozenset[Address] = frozenset()


class Preflight:
    """Verify challenges as the CA will."""

    def __init__(
        self,
        timeout: float = 5.0,
        http_port: int = 80,
        tls_port: int = 443,
        look_up: Resolve = system_addresses,
        clock: Clock | None = None,
    ) -> None:
        """*timeout*: seconds to connect, and for each read. The ports are those of the CA (RFC 8555, RFC 8737)."""
        self._timeout = timeout
        self._http_port = http_port
        self._tls_port = tls_port
        self._look_up = look_up
        self._clock = clock or Clock()

    def verify_all(self, challenges: Iterable[ChallengeData], caa: Caa) -> list[str]:
        """Verify the pending challenges of an order, and return warnings.

        Raises PreflightError for the first that is wrong.
        """
        warnings = []
        for challenge in challenges:
            if challenge.status != Status.PENDING:
                continue
            domain = challenge.identifier
            try:
                refusal = caa(domain, challenge.wildcard, challenge.type)
            except NotVerifiable as unseen:
                warnings.append(str(unseen))
            else:
                if refusal:
                    raise PreflightError(f"{domain}: {refusal}: the CA was not asked to validate (acme_preflight)")
            try:
                self.verify(challenge)
            except NotVerifiable as unseen:
                warnings.append(f"{domain}: {unseen}")
        return warnings

    def verify(self, challenge: ChallengeData) -> None:
        """Verify a challenge by HTTP or TLS, not of an onion service. Raises PreflightError, NotVerifiable."""
        if challenge.identifier.endswith(".onion"):
            return
        verification = _Verification(Deadline(self._clock, _READS * self._timeout))
        try:
            if challenge.type == HTTP_01:
                self._verify_http_01(challenge, verification)
            elif challenge.type == TLS_ALPN_01:
                self._verify_tls_alpn_01(challenge, verification)
        except OutOfTime:
            raise NotVerifiable(f"it did not answer within {verification.deadline.seconds:g} s") from None

    def _verify_http_01(self, challenge: ChallengeData, verification: _Verification) -> None:
        # RFC 8555 section 8.3
        path = f"/.well-known/acme-challenge/{quote(challenge.token)}"
        url = _Url(False, challenge.identifier, self._http_port, path)
        answer, seen = self._fetch(url, verification)
        if answer.status != 200:
            raise PreflightError(
                f"{challenge.identifier}: {seen} answers HTTP {answer.status} instead of the challenge's response: "
                "check that its web server serves the webroot there. The CA was not asked to validate (acme_preflight)"
            )
        if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise NotVerifiable(f"{seen} answers with a Content-Encoding, for which it was not asked")
        # RFC 8555 section 8.3: white space at its end is ignored.
        if answer.body.rstrip() != challenge.key_authorization.encode():
            raise PreflightError(
                f"{challenge.identifier}: {seen} does not answer with the challenge's response: "
                "check that the name leads to this host. The CA was not asked to validate (acme_preflight)"
            )

    def _fetch(self, url: _Url, verification: _Verification) -> tuple[HttpAnswer, str]:
        """Return the last answer and its URL for messages. Redirects are followed as a CA does."""
        try:
            last, answer = follow(url, lambda one: self._get(one, verification), self._target, _REDIRECTS)
        except TooManyRedirects as error:
            raise PreflightError(
                f"{url.host}: the response cannot be fetched: more than {_REDIRECTS} redirects, the last to "
                f"{error.args[0].origin}, and CAs follow no more"
            ) from None
        return answer, last.shown

    def _get(self, url: _Url, verification: _Verification) -> HttpAnswer:
        deadline, redirected = verification.deadline, bool(url.redirected_by)
        try:
            places = self._places(url.host, url.port, verification)
            with connect(places, verification.own, redirected, self._timeout, deadline) as connection:
                if not url.secure:
                    return get(connection, url.authority, url.path, _LARGEST_BODY, self._timeout, deadline)
                # As a CA does after a redirect: there may be no valid certificate yet.
                with tls(connection, _unverified(), url.host, self._timeout, deadline) as wrapped:
                    return get(wrapped, url.authority, url.path, _LARGEST_BODY, self._timeout, deadline)
        except Refused as error:
            raise NotVerifiable(f"{url.shown} is not verified: {_has(url.host, error)}") from None
        except HTTPException:
            raise NotVerifiable(f"{url.shown} cannot be verified from here (it does not answer by HTTP)") from None
        except (OSError, ValueError) as error:
            raise _unreached(url.shown, error, deadline) from None

    def _places(self, host: str, port: int, verification: _Verification) -> Sequence[SocketAddress]:
        """Return a host's addresses, looked up once in a verification. The first host is the name itself."""
        if host not in verification.addresses:
            verification.addresses[host] = resolve(self._look_up, host, port, verification.deadline)
            verification.own = verification.own or addresses_of(verification.addresses[host])
        return [(place[0], port, *place[2:]) for place in verification.addresses[host]]

    def _target(self, url: _Url, answer: HttpAnswer) -> _Url | None:
        """Return the URL that an answer redirects to, None if it does not. Raises PreflightError, NotVerifiable."""
        location = answer.headers.get("Location")
        if answer.status not in REDIRECT_CODES or not location:
            return None
        # Blanks, control characters and non-ASCII characters would break the request.
        target = quote(location.strip(), safe=string.punctuation, encoding="latin-1")
        try:
            parts = urlsplit(urljoin(url.origin + url.path, target))
            host, port = _parse_host(parts.hostname or ""), parts.port
        except ValueError:
            raise PreflightError(f"{url.shown} redirects to a malformed URL") from None
        if parts.scheme not in ("http", "https"):
            raise PreflightError(f"{url.shown} redirects to a URL that is neither http nor https")
        secure = parts.scheme == "https"
        usual, lab = (443, self._tls_port) if secure else (80, self._http_port)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        found = _Url(secure, host, usual if port is None else port, path, url.redirected_by or url.host)
        if found.port not in (usual, lab):
            # Public CAs do not follow, but an internal CA may.
            raise NotVerifiable(
                f"{url.shown} redirects to {found.origin}, which is not verified: only the ports 80 and 443 are"
            )
        if parts.username is not None or parts.password is not None:
            raise NotVerifiable(f"{url.shown} redirects to {found.origin} with a user name, which is not followed")
        return found

    def _verify_tls_alpn_01(self, challenge: ChallengeData, verification: _Verification) -> None:
        where = f"{_authority(challenge.identifier)}:{self._tls_port}"
        context = _unverified()
        context.set_alpn_protocols([PROTOCOL])
        name, deadline = server_name(challenge.identifier), verification.deadline
        try:
            places = self._places(challenge.identifier, self._tls_port, verification)
            with (
                connect(places, verification.own, False, self._timeout, deadline) as connection,
                tls(connection, context, name, self._timeout, deadline) as wrapped,
            ):
                protocol, certificate = wrapped.selected_alpn_protocol(), wrapped.getpeercert(binary_form=True)
        except Refused as error:
            raise NotVerifiable(f"{where} is not verified: {_has(challenge.identifier, error)}") from None
        except ssl.SSLError as error:
            raise PreflightError(
                f"{challenge.identifier}: {where} does not accept {PROTOCOL} connections ({reason(error)})"
            ) from None
        except (OSError, ValueError) as error:
            raise _unreached(where, error, deadline) from None
        if protocol != PROTOCOL or not certificate:
            raise PreflightError(
                f"{challenge.identifier}: {where} does not speak {PROTOCOL}: the port belongs to "
                "another server than the challenge's listener"
            )
        if _acme_identifier(certificate) != authorization(challenge.key_authorization):
            raise PreflightError(f"{challenge.identifier}: {where} answers {PROTOCOL} for another challenge than this")


def _acme_identifier(certificate: bytes) -> bytes:
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        value = extensions.get_extension_for_oid(x509.ObjectIdentifier(ACME_IDENTIFIER)).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return b""
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _authority(identifier: str) -> str:
    return f"[{identifier}]" if ":" in identifier else identifier


def _parse_host(host: str) -> str:
    """Return the host of a URL if it is a name or an address. Raises ValueError."""
    if ":" in host and "%" not in host:
        return str(parse_address(host))
    if len(host) > 254 or not _HOST.fullmatch(host):
        raise ValueError
    return host


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _has(host: str, refused: Refused) -> str:
    return f"{host} has a {refused} address here, and requests for this certificate do not go there"


def _unreached(where: str, error: Exception, deadline: Deadline) -> Exception:
    """Return the error for a failed connection. Only a refused one is certain to fail for the CA, too."""
    if isinstance(error, ConnectionRefusedError):
        return PreflightError(f"{where}: nothing listens there (connection refused)")
    if deadline.left() <= 0:
        return OutOfTime()
    return NotVerifiable(f"{where} cannot be verified from here ({reason(error)})")
