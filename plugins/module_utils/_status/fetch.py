# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network: what certificates name as places of CRLs, responders and issuers, bounded in time and size.

These places are plain http for the most part (RFC 5280 section 8): what comes from there counts by its signature.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote, urljoin, urlsplit

from .._acme.exchange import ExchangeError, OutOfTimeError, exchange, new_session, pieces
from .._acme.http import check_bundle, innermost, reason
from .._acme.urls import URL_CHARACTERS
from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.text import one_line
from .revocation_status import StatusError

try:
    import requests
    import urllib3.exceptions
except ImportError:
    pass  # said by _ansible/libraries.py, before anything here is called

_LONGEST_URL = 1000
_REDIRECTS = 5
_ISSUER_BYTES = 64 * 1024
_OCSP_BYTES = 64 * 1024
# RFC 5019 section 5: up to here a request is a GET, which caches in between answer.
_LONGEST_GET = 255
# For all of a run: what hosts' certificates name must not fill the memory.
_ALL_BYTES = 512 * 1024 * 1024


class Fetcher:
    """One HTTP session for all questions of a run. *largest*: bytes of a CRL; *timeout*: seconds for each answer."""

    def __init__(
        self,
        clock: Clock,
        largest: int,
        ca_path: str | None = None,
        timeout: float = 30.0,
        connections: int = 8,
    ) -> None:
        """Raises TransportError for a *ca_path* that is no CA bundle; it is for places that are https."""
        self.clock = clock
        self._largest = largest
        self._timeout = timeout
        self._left = _ALL_BYTES
        self._down: dict[str, str] = {}  # servers that did not answer, which are not asked on and on
        self._verify = check_bundle(ca_path) if ca_path else None
        self._session = new_session(hosts=connections, connections=connections)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def crl(self, url: str) -> bytes:
        """A CRL's bytes, whatever they are. Raises StatusError, as all here."""
        return self._ok("GET", url, self._largest)

    def issuer(self, url: str) -> bytes:
        """What is at the place of an issuer's certificate."""
        return self._ok("GET", url, _ISSUER_BYTES)

    def ocsp(self, url: str, request: bytes) -> bytes:
        """A responder's answer to an OCSPRequest: by GET where that may be, else, or where it is refused, by POST."""
        text = quote(base64.b64encode(request).decode(), safe="")
        if len(text) <= _LONGEST_GET:
            status, body = self._follow("GET", f"{url.rstrip('/')}/{text}", _OCSP_BYTES)
            if status == 200:
                return body
        headers = {"Content-Type": "application/ocsp-request"}
        return self._ok("POST", url, _OCSP_BYTES, request, headers)

    def _ok(
        self, method: str, url: str, largest: int, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        status, body = self._follow(method, url, largest, data, headers)
        if status != 200:
            raise StatusError(f"{one_line(url, 200)} answered HTTP {status}")
        return body

    def _follow(
        self, method: str, url: str, largest: int, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the last answer, redirects followed."""
        deadline = Deadline(self.clock, self._timeout)
        first = url
        for _hop in range(_REDIRECTS + 1):
            status, location, body = self._once(method, _checked(url), largest, deadline, data, headers, url == first)
            if not location:
                return status, body
            url = urljoin(url, location)
        raise StatusError(f"{one_line(first, 200)} redirects more than {_REDIRECTS} times")

    def _once(
        self,
        method: str,
        url: str,
        largest: int,
        deadline: Deadline,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        had_time: bool,
    ) -> tuple[int, str, bytes]:
        """Status, where it redirects to, and the body."""
        place = one_line(url, 200)
        server = urlsplit(url).netloc
        if server in self._down:
            raise StatusError(self._down[server])
        begun = False
        try:
            seconds = deadline.left()
            with exchange(self._session, method, url, seconds, largest, data, headers, self._verify) as answer:
                begun = True
                location = answer.headers.get("Location", "") if 300 <= answer.status_code < 400 else ""
                body = self._body(answer, place) if answer.status_code == 200 else b""
                return answer.status_code, location, body
        except OutOfTimeError:
            problem = f"{place} did not answer within {self._timeout:g} s"
            # Behind a redirect it had only what time the server before it had left.
            if had_time and not begun:
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
                raise StatusError(f"{place} is not read: CRLs have more than {_ALL_BYTES} bytes together")
        return bytes(found)


def usable(url: str) -> bool:
    """Whether *url* is one that is asked: http or https, and such as fits a line for people."""
    try:
        parts = urlsplit(url)
        if len(url) > _LONGEST_URL or not URL_CHARACTERS.fullmatch(url):
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _checked(url: str) -> str:
    if not usable(url):
        raise StatusError(f"{one_line(url, 200)} is refused: only http and https are followed")
    return url
