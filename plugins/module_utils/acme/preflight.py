# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look before you spend: what of a challenge can be seen from here, before the CA looks and counts the failure.

What is seen to be wrong stops the order. What cannot be seen from here, as the CA may well see it, is a warning.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit

from ..pki.identifiers import HTTP_01, TLS_ALPN_01
from ..pki.text import OneLineError, one_line
from ..pki.tls_alpn import ACME_IDENTIFIER, PROTOCOL, authorization, server_name
from .challenge_data import ChallengeData
from .errors import PreflightError
from .exchange import USER_AGENT
from .http import innermost, reason

try:
    import requests
    import urllib3
    from cryptography import x509
except ImportError:
    pass  # said by ansible/libraries.py, before anything here is called

_REDIRECTS = 10  # as Boulder has it; RFC 8555 section 8.3 leaves it to the CA
_READS = 4  # a look as a whole may take so many times what one read may
_LARGEST_BODY = 1024  # a key authorization has some hundred


class Unseen(OneLineError):
    """Something cannot be looked at from here; str() says what and why."""


#: Why CAA keeps the CA from issuing for a name, wildcard or not, by a kind of challenge; empty if it does not.
#: Raises Unseen.
Caa = Callable[[str, bool, str], str]


class Preflight:
    """Looks at challenges as the CA will."""

    def __init__(self, timeout: float = 5.0, http_port: int = 80, tls_port: int = 443) -> None:
        """*timeout*: seconds, to connect and for each read. The ports are the CA's (RFC 8555 section 8.3, RFC 8737)."""
        self._timeout = timeout
        self._http_port = http_port
        self._tls_port = tls_port
        # Not a word on the certificates that are not verified.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def look_all(self, challenges: Iterable[ChallengeData], caa: Caa) -> list[str]:
        """Look at those that the CA is about to be told of, of one order; gives warnings.

        Raises PreflightError for the first that is wrong.
        """
        warnings = []
        for challenge in challenges:
            if challenge.status != "pending":
                continue
            domain = challenge.identifier
            try:
                refusal = caa(domain, challenge.wildcard, challenge.type)
            except Unseen as unseen:
                warnings.append(str(unseen))
            else:
                if refusal:
                    raise PreflightError(f"{domain}: {refusal}: the CA is not asked (acme_preflight)")
            try:
                self._look_in_time(challenge)
            except Unseen as unseen:
                warnings.append(f"{domain}: {unseen}")
        return warnings

    def _look_in_time(self, challenge: ChallengeData) -> None:
        """look(), given up where a server that answers byte by byte would hold up all others."""
        told: list[Exception] = []

        def look() -> None:
            try:
                self.look(challenge)
            except Exception as error:
                told.append(error)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(_READS * self._timeout)
        if thread.is_alive():
            raise Unseen(f"it takes longer than {_READS * self._timeout:g} s to answer")
        if told:
            raise told[0]

    def look(self, challenge: ChallengeData) -> None:
        """Raises PreflightError or Unseen; challenges by DNS and onion services are not for looking at here."""
        if challenge.identifier.endswith(".onion"):
            return
        if challenge.type == HTTP_01:
            self._look_by_http(challenge)
        elif challenge.type == TLS_ALPN_01:
            self._look_by_tls(challenge)

    def _look_by_http(self, challenge: ChallengeData) -> None:
        # RFC 8555 section 8.3
        port = "" if self._http_port == 80 else f":{self._http_port}"
        url = f"http://{_authority(challenge.identifier)}{port}/.well-known/acme-challenge/{challenge.token}"
        status, body, seen = self._fetch(url)
        if status != 200:
            raise PreflightError(
                f"{challenge.identifier}: {seen} answers HTTP {status} instead of the challenge's response: "
                "does the web server give out the webroot there? The CA is not asked to look (acme_preflight)"
            )
        # RFC 8555 section 8.3: white space at its end is passed over.
        if body.rstrip() != challenge.key_authorization.encode():
            raise PreflightError(
                f"{challenge.identifier}: {seen} answers something else than the challenge's response: "
                "does the name lead to this host? The CA is not asked to look (acme_preflight)"
            )

    def _fetch(self, url: str) -> tuple[int, bytes, str]:
        """Status, body and URL of the last answer, redirects followed as a CA does: http or https, usual ports."""
        with requests.Session() as session:
            session.trust_env = False  # a CA has no proxy
            for _hop in range(_REDIRECTS + 1):
                try:
                    answer = self._get(session, url)
                    target = answer.headers.get("Location")
                    if not (300 <= answer.status_code < 400 and target):
                        return answer.status_code, answer.raw.read(_LARGEST_BODY, decode_content=True), url
                except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                    raise _unreached(url, error) from None
                url = self._redirected(url, target)
        raise PreflightError(f"{one_line(url, 200)}: more than {_REDIRECTS} redirects")

    def _get(self, session: requests.Session, url: str) -> requests.Response:
        return session.get(
            url,
            headers={"User-Agent": USER_AGENT},
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
            verify=False,  # as a CA does behind a redirect: there may be no certificate yet
        )

    def _redirected(self, url: str, target: str) -> str:
        target = urljoin(url, target)
        parts = urlsplit(target)
        usual = {"http": (None, 80, self._http_port), "https": (None, 443, self._tls_port)}
        try:
            known = parts.port in usual.get(parts.scheme, ())
        except ValueError:
            known = False
        if not known or not parts.hostname:
            raise PreflightError(f"{one_line(url, 200)} redirects to {one_line(target, 200)}, where no CA follows")
        return target

    def _look_by_tls(self, challenge: ChallengeData) -> None:
        where = f"{_authority(challenge.identifier)}:{self._tls_port}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([PROTOCOL])
        try:
            with (
                socket.create_connection((challenge.identifier, self._tls_port), self._timeout) as connection,
                context.wrap_socket(connection, server_hostname=server_name(challenge.identifier)) as tls,
            ):
                protocol, certificate = tls.selected_alpn_protocol(), tls.getpeercert(binary_form=True)
        except ssl.SSLError as error:
            raise PreflightError(
                f"{challenge.identifier}: {where} takes no {PROTOCOL} connection ({reason(error)})"
            ) from None
        except OSError as error:
            raise _unreached(where, error) from None
        if protocol != PROTOCOL or not certificate:
            raise PreflightError(
                f"{challenge.identifier}: {where} does not speak {PROTOCOL}: another server than the challenge's "
                "listener has the port there"
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


def _unreached(where: str, error: Exception) -> Exception:
    """A refused connection was seen: nobody listens. Anything else may look otherwise from where the CA is."""
    cause = innermost(error)
    if isinstance(cause, ConnectionRefusedError):
        return PreflightError(f"{one_line(where, 200)}: nothing listens there (connection refused)")
    return Unseen(f"{one_line(where, 200)} cannot be looked at from here ({reason(cause)})")
