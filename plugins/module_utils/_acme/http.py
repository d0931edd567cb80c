# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unsigned requests to a CA, with limits of time and size. Requests that fail temporarily are repeated."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.text import one_line, printable
from . import ca_clock, tls_trust
from .errors import ProtocolError, SilentError, TransportError, UnreadableError, UntrustedError
from .exchange import ExchangeError, OutOfTimeError, Request, body, exchange, new_session
from .retry import MOST_SILENT, Retry, is_retryable
from .urls import verify_url

try:
    import requests
    import urllib3.exceptions
    from requests.structures import CaseInsensitiveDict
    from requests.utils import parse_header_links
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

# A chain of ten RSA-4096 certificates has about 30 kB; no answer of a CA is larger than this.
_LARGEST_ANSWER = 1024 * 1024
_ATTEMPTS = 5
# Seconds that a request gets even just before a deadline: with less, it would only add to the CA's load.
_SHORTEST_TIME = 1.0


@dataclass(frozen=True)
class Response:
    """A complete answer. Its headers and its JSON contain printable characters only."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises UnreadableError."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        # An answer is verified first, so that its request can be repeated, and read after that.
        try:
            document = _printable(json.loads(self.body))
        except (ValueError, RecursionError):
            kind = one_line(self.headers.get("Content-Type", "no Content-Type"), 60)
            raise UnreadableError(f"{self.url} answered {kind} that is not JSON: is this an ACME server?") from None
        if not isinstance(document, dict):
            raise UnreadableError(f"{self.url} answered JSON that is not an object: is this an ACME server?")
        return document

    def empty_or_json(self) -> None:
        """Raise UnreadableError if there is a body that is not a JSON object, such as a maintenance page."""
        if self.body.strip():
            self.json()

    def links(self, relation: str) -> tuple[str, ...]:
        """Return the URLs in the Link headers that have this relation (RFC 8288). They are not verified."""
        links = parse_header_links(self.headers.get("Link", ""))
        return tuple(link["url"] for link in links if relation in link.get("rel", "").lower().split())

    def retry_after(self, now: datetime) -> float | None:
        """Return Retry-After, seconds or an HTTP date (RFC 9110 section 10.2.3), as seconds from *now*, at least 0.

        None if it is absent or malformed.
        """
        return ca_clock.retry_after(self.headers, now)


def _printable(value: Any) -> Any:
    """Return a JSON value whose texts, names of fields included, have printable characters only."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(name): _printable(item) for name, item in value.items()}
    return value


class Http:
    """An HTTP session with one CA. Each request has a time limit, and goes to no other hosts.

    clock: shows the CA's time of day, once an answer has shown that this machine's clock is wrong. clock_ahead: by how
    much the CA's clock is ahead of it, zero within a few minutes.
    """

    def __init__(
        self,
        clock: Clock,
        directory_url: str,
        ca_path: str | None = None,
        timeout: float = 30.0,
        connections: int = 1,
    ) -> None:
        """*directory_url*: identifies the CA; *ca_path*: a file of PEM roots that replaces the system's.

        *timeout*: seconds for each request with its whole answer. *connections*: how many are kept open.
        """
        self.own_clock = clock
        self.clock = ca_clock.shifted(clock, lambda: self.clock_ahead)
        self.clock_ahead = timedelta(0)
        self.count = 0
        self._count_lock = threading.Lock()
        self.directory_url = verify_url(directory_url)
        self.timeout = timeout
        # Passed with each request: REQUESTS_CA_BUNDLE would override that of the session.
        self._verify = verify_bundle(ca_path) if ca_path else None
        self._session = new_session({"Accept-Language": "en"}, connections=connections)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def verify_url(self, url: object) -> str:
        """Return *url*, which the CA sent, if it is one of the CA's own. Raises ProtocolError."""
        return verify_url(url, self.directory_url)

    def request_once(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> Response:
        """Send one request within the time limit and *deadline*, and return the answer, whatever its status.

        Raises TransportError if there is no answer, ProtocolError if it is refused.
        """
        self.verify_url(url)
        with self._count_lock:
            self.count += 1
        seconds = (
            self.timeout if deadline is None else min(self.timeout, round(max(deadline.left(), _SHORTEST_TIME), 1))
        )
        try:
            request = Request(method, url, _LARGEST_ANSWER, data, headers)
            with exchange(self._session, request, seconds, self._verify) as answer:
                clean = CaseInsensitiveDict((name, printable(value)) for name, value in answer.headers.items())
                ahead = ca_clock.ahead_of(clean, self.own_clock.now())
                if method != "GET" and ahead is not None:
                    self.clock_ahead = ahead
                return Response(url, answer.status_code, clean, body(answer))
        except OutOfTimeError as error:
            kind = TransportError if seconds < self.timeout else SilentError
            raise kind(f"{_origin(url)} {error}") from None
        except ExchangeError as error:
            raise ProtocolError(f"{url} {error}") from None
        except requests.exceptions.SSLError as error:
            cause = innermost(error)
            if not isinstance(cause, ssl.SSLCertVerificationError):
                raise TransportError(f"{_origin(url)} cannot be reached with TLS ({reason(cause)})") from None
            why = tls_trust.explain(cause.verify_code, reason(cause), self.own_clock.now())
            raise UntrustedError(f"{_origin(url)} {why}") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportError(f"{_origin(url)} cannot be reached ({reason(innermost(error))})") from None

    def get(
        self,
        url: str,
        method: str = "GET",
        attempts: int = _ATTEMPTS,
        deadline: Deadline | None = None,
        verify: Callable[[Response], object] | None = None,
        most_silent: int = MOST_SILENT,
    ) -> Response:
        """Send an unsigned request. After connection errors, 429 and 5xx it is repeated, with growing pauses.

        So it is after an answer for which *verify* raises UnreadableError. No attempt begins after *deadline*, or
        after *most_silent* ones that had no answer at all.
        """
        retry = Retry(self.clock, attempts, deadline, most_silent)
        while True:
            try:
                answer = self.request_once(method, url, deadline=deadline)
                if verify and answer.status < 300:
                    verify(answer)
            except (TransportError, UnreadableError) as error:
                if isinstance(error, UntrustedError) or not retry.wait(is_silent=isinstance(error, SilentError)):
                    raise
                continue
            if not is_retryable(answer.status) or not retry.wait(answer.retry_after(self.clock.now())):
                return answer

    def compare_clocks(self, answer: Response, new_nonce: str, deadline: Deadline) -> None:
        """Learn the CA's time if the answer to a GET seems to be of another one, which may be a cache's.

        *new_nonce*: the URL of newNonce, whose answers are not cached (RFC 8555 section 7.2).
        """
        if ca_clock.ahead_of(answer.headers, self.own_clock.now()):
            with suppress(TransportError, ProtocolError):
                self.request_once("HEAD", new_nonce, deadline=deadline)

    def retry_at(self, answer: Response) -> datetime | None:
        """Return the answer's Retry-After as an instant, if it has one."""
        now = self.clock.now()
        seconds = answer.retry_after(now)
        return now + timedelta(seconds=min(seconds, 10**9)) if seconds is not None else None


def texts(value: object) -> tuple[str, ...]:
    """Return the elements of a JSON list as texts; none if *value* is not a list."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the JSON objects in a list; none if *value* is not a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def verify_bundle(path: str) -> str:
    """Return *path* if it is a CA bundle. Raises TransportError: the library's own messages do not name the file."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        raise TransportError(f"ca_path {path} does not exist: give a file of PEM certificates") from None
    except IsADirectoryError:
        return path  # a folder of hashed names, which OpenSSL accepts as well
    except OSError as error:
        raise TransportError(f"ca_path {path} cannot be read: {error.strerror}") from None
    if b"CERTIFICATE-----" not in text:
        raise TransportError(f"ca_path {path} has no certificates: give a file of PEM certificates")
    return path


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def innermost(error: BaseException) -> BaseException:
    """Return the innermost of nested library exceptions."""
    for _level in range(10):
        inner = getattr(error, "reason", None) or getattr(error, "original_error", None)
        inner = inner or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            inner = error.__cause__ or error.__context__
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    return error


def reason(error: BaseException) -> str:
    """Return the text of an exception in one line."""
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return one_line(text or type(error).__name__, 200)
