# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetching CRLs, OCSP answers and issuers from the URLs in certificates, with limits of time and size.

Most of these URLs are http (RFC 5280 section 8): what they return is trusted by its signature only.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from .._acme.exchange import ExchangeError, OutOfTimeError, Request, exchange, new_session, pieces
from .._acme.http import innermost, reason, verify_bundle
from .._acme.redirects import REDIRECT_CODES, TooManyRedirects, follow
from .._acme.urls import URL_CHARACTERS
from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.text import one_line
from .revocation_status import StatusError

try:
    import requests
    import urllib3.exceptions
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_LONGEST_URL = 1000
_REDIRECTS = 5
_ISSUER_BYTES = 64 * 1024
_OCSP_BYTES = 64 * 1024
# RFC 5019 section 5: up to this length a request is a GET, which caches can answer.
_LONGEST_GET = 255
#: The most requests at the same time.
CONNECTIONS = 8
# For a whole run: the answers must not fill the memory.
_ALL_BYTES = 512 * 1024 * 1024


class _FetchedAnswer(NamedTuple):
    """An answer. location: where it redirects to, if it does; body: only with status 200."""

    status: int
    location: str
    body: bytes


class Fetcher:
    """One HTTP session for all questions of a run. *largest*: bytes of a CRL; *timeout*: seconds for each answer."""

    def __init__(self, clock: Clock, largest: int, ca_path: str | None = None, timeout: float = 30.0) -> None:
        """*ca_path*: a CA bundle for https URLs. Raises TransportError if it is none."""
        self.clock = clock
        self.largest = largest
        self._timeout = timeout
        self._left = _ALL_BYTES
        self._down: dict[str, str] = {}  # servers that did not answer are not asked again
        self._verify = verify_bundle(ca_path) if ca_path else None
        self._session = new_session(hosts=CONNECTIONS, connections=CONNECTIONS)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def crl(self, url: str) -> bytes:
        """Return a CRL's bytes, whatever they are. Raises StatusError, as all methods here."""
        return self._ok(Request("GET", url, self.largest))

    def issuer(self, url: str) -> bytes:
        """Return what is at the URL of an issuer's certificate."""
        return self._ok(Request("GET", url, _ISSUER_BYTES))

    def ocsp(self, url: str, request: bytes) -> bytes:
        """Return a responder's answer to an OCSPRequest: by GET if it is short enough and accepted, else by POST."""
        text = quote(base64.b64encode(request).decode(), safe="")
        if len(text) <= _LONGEST_GET:
            answer = self._follow(Request("GET", f"{url.rstrip('/')}/{text}", _OCSP_BYTES))
            if answer.status == 200:
                return answer.body
        return self._ok(Request("POST", url, _OCSP_BYTES, request, {"Content-Type": "application/ocsp-request"}))

    def _ok(self, request: Request) -> bytes:
        answer = self._follow(request)
        if answer.status != 200:
            raise StatusError(f"{one_line(request.url, 200)} answered HTTP {answer.status}")
        return answer.body

    def _follow(self, first: Request) -> _FetchedAnswer:
        """Return the last answer, redirects followed."""
        deadline = Deadline(self.clock, self._timeout)
        try:
            return follow(first, lambda one: self._send(one, deadline, is_first=one is first), _target, _REDIRECTS)[1]
        except TooManyRedirects:
            raise StatusError(f"{one_line(first.url, 200)} redirects more than {_REDIRECTS} times") from None

    def _send(self, request: Request, deadline: Deadline, is_first: bool) -> _FetchedAnswer:
        place = one_line(request.url, 200)
        if not is_usable(request.url):
            raise StatusError(f"{place} is refused: only http and https are followed")
        server = urlsplit(request.url).netloc
        if server in self._down:
            raise StatusError(self._down[server])
        begun = False
        try:
            with exchange(self._session, request, deadline.left(), verify=self._verify) as answer:
                begun = True
                body = self._body(answer, place) if answer.status_code == 200 else b""
                return _FetchedAnswer(answer.status_code, answer.headers.get("Location", ""), body)
        except OutOfTimeError:
            problem = f"{place} did not answer within {self._timeout:g} s"
            # After a redirect it had only the time that the first server left.
            if is_first and not begun:
                self._down[server] = problem
            raise StatusError(problem) from None
        except ExchangeError as error:
            raise StatusError(f"{place} {error}") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            problem = f"{place} cannot be reached ({reason(innermost(error))})"
            if isinstance(getattr(next(iter(error.args), None), "reason", None), urllib3.exceptions.NewConnectionError):
                self._down[server] = problem
            raise StatusError(problem) from None

    def _body(self, answer: requests.Response, place: str) -> bytes:
        found = bytearray()
        for piece in pieces(answer):
            found += piece
            self._left -= len(piece)
            if self._left < 0:
                raise StatusError(f"{place} is not read: the answers of this run exceed {_ALL_BYTES} bytes")
        return bytes(found)


def is_usable(url: str) -> bool:
    """Return True if requests may go to *url*: http or https, and short enough for messages."""
    try:
        parts = urlsplit(url)
        if len(url) > _LONGEST_URL or not URL_CHARACTERS.fullmatch(url):
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _target(request: Request, answer: _FetchedAnswer) -> Request | None:
    """Return the request that an answer redirects to, None if it does not."""
    if answer.status not in REDIRECT_CODES or not answer.location:
        return None
    return replace(request, url=urljoin(request.url, answer.location))
