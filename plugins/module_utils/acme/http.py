# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All of the network: plain requests to a CA, bounded in time and size, and repeated where the trouble passes."""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

from .clock import Clock
from .errors import ProtocolError, TransportError, UntrustedError
from .polling import Deadline
from .problem import one_line

try:
    import requests
    import urllib3.exceptions
    from requests.adapters import HTTPAdapter
except ImportError:
    pass  # said by ansible/libraries.py, before anything here is called

USER_AGENT = "certfleet.tls/0.3.0 (Ansible collection)"
# RFC 3986 section 2, and no backslash: the library that connects takes it for a slash and sees another host than here.
URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")
# A chain of ten RSA-4096 certificates is some 30 kB; nothing a CA has to say is larger than this.
_LARGEST_ANSWER = 1024 * 1024
# A longer wait than this is not slept through: the caller is told the instant and decides.
_LONGEST_PAUSE = 60.0
_ATTEMPTS = 5


@dataclass(frozen=True)
class Response:
    """An answer, read to its end."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ProtocolError, with what it is instead."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            kind = one_line(self.headers.get("Content-Type", "no Content-Type"), 60)
            raise ProtocolError(f"{self.url} answered {kind} that is not JSON: is this an ACME server?") from None
        if not isinstance(document, dict):
            raise ProtocolError(f"{self.url} answered JSON that is not an object: is this an ACME server?")
        return document

    def retry_after(self, now: datetime) -> float | None:
        """Retry-After in seconds from *now*, both forms (RFC 9110 section 10.2.3); None if absent or nonsense."""
        return parse_retry_after(self.headers.get("Retry-After"), now)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from *now*, never negative, for a Retry-After given as seconds or as an HTTP date (which is UTC)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        instant = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return max(0.0, (instant - now).total_seconds())


def check_url(url: object) -> str:
    """Refuse what is not https, but for loopback addresses (RFC 8555 section 6.1)."""
    if not isinstance(url, str) or not url:
        raise ProtocolError("the CA gave no URL where one belongs")
    if not URL_CHARACTERS.fullmatch(url):
        raise ProtocolError(f"{one_line(url, 200)} is not a URL")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ProtocolError(f"{one_line(url, 200)} is not a URL") from None
    if parts.scheme == "https" and host:
        return url
    if parts.scheme == "http" and _is_loopback(host):
        return url
    raise ProtocolError(f"{one_line(url, 200)} is refused: ACME is spoken over https only")


def is_same_origin(url: str, known: str) -> bool:
    """Whether *url*, which anybody may have written, is of the server of *known*, a URL that has been checked."""
    try:
        return _origin_parts(check_url(url)) == _origin_parts(known)
    except (ProtocolError, ValueError):
        return False


def _origin_parts(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}[parts.scheme]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Http:
    """One HTTP session with a CA: keep-alive, a CA bundle, a time limit on every request."""

    def __init__(
        self,
        clock: Clock,
        ca_path: str | None = None,
        timeout: float = 30.0,
        connections: int = 1,
    ) -> None:
        """*ca_path*: a file of PEM roots instead of the system's; *timeout*: seconds, to connect and for each read."""
        self.clock = clock
        self.count = 0
        self._count_lock = threading.Lock()
        self._timeout = timeout
        # Given with each request, not with the session, where REQUESTS_CA_BUNDLE would win over it.
        self._verify = check_bundle(ca_path) if ca_path else None
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, pool_block=True)
        self._session = new_session(adapter, {"Accept-Language": "en"})

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request_once(
        self, method: str, url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request, whatever the answer. Raises TransportError if there is none, ProtocolError if it is large."""
        check_url(url)
        with self._count_lock:
            self.count += 1
        try:
            with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                auth=no_auth,
                timeout=self._timeout,
                verify=self._verify,
                stream=True,
                allow_redirects=False,
            ) as answer:
                body = answer.raw.read(_LARGEST_ANSWER + 1, decode_content=True)
                if len(body) > _LARGEST_ANSWER:
                    raise ProtocolError(f"{url} answered more than {_LARGEST_ANSWER} bytes")
                return Response(url, answer.status_code, answer.headers, body)
        except requests.exceptions.SSLError as error:
            cause = innermost(error)
            if not isinstance(cause, ssl.SSLCertVerificationError):
                raise TransportError(f"{_origin(url)} cannot be reached by TLS ({reason(cause)})") from None
            raise UntrustedError(
                f"{_origin(url)} shows a certificate that is not trusted ({reason(cause)}); "
                "name the CA bundle that it is signed with in ca_path (acme_ca_path)"
            ) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):  # the latter while the body is read
            raise TransportError(f"{_origin(url)} did not answer within {self._timeout:g} s") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportError(f"{_origin(url)} cannot be reached ({reason(innermost(error))})") from None

    def get(
        self, url: str, method: str = "GET", attempts: int = _ATTEMPTS, deadline: Deadline | None = None
    ) -> Response:
        """An unsigned request, repeated with growing pauses while the trouble may pass (connection, 429, 5xx).

        Nothing is repeated beyond *deadline*.
        """
        attempt = 0
        while True:
            try:
                answer = self.request_once(method, url)
            except UntrustedError:
                raise
            except TransportError:
                attempt += 1
                grown = self.clock.pause(attempt)
                if attempt >= attempts or is_too_late(grown, deadline):
                    raise
                self.clock.sleep(grown)
                continue
            if not is_transient(answer.status):
                return answer
            attempt += 1
            pause = self.pause_for(answer, attempt)
            if attempt >= attempts or pause is None or is_too_late(pause, deadline):
                return answer
            self.clock.sleep(pause)

    def pause_for(self, answer: Response, attempt: int) -> float | None:
        """Seconds to wait before repeating what got *answer*; None if the CA asks for more than is sat through."""
        floor = answer.retry_after(self.clock.now()) or 0.0
        return self.clock.pause(attempt, floor) if floor <= _LONGEST_PAUSE else None

    def retry_at(self, answer: Response) -> datetime | None:
        """The instant that the answer's Retry-After means, if it has one."""
        now = self.clock.now()
        seconds = answer.retry_after(now)
        return now + timedelta(seconds=min(seconds, 10**9)) if seconds is not None else None


def new_session(adapter: HTTPAdapter, headers: Mapping[str, str]) -> requests.Session:
    """A session that says who asks, and takes no cookies."""
    session = requests.Session()
    session.headers.update({"User-Agent": USER_AGENT, **headers})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def check_bundle(path: str) -> str:
    """Raise TransportError for what is no CA bundle: the library's own messages do not name the file. Gives *path*."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        raise TransportError(f"ca_path {path} does not exist: name a file of PEM certificates") from None
    except IsADirectoryError:
        return path  # one of hashed names, which OpenSSL takes as well
    except OSError as error:
        raise TransportError(f"ca_path {path} cannot be read: {error.strerror}") from None
    if b"CERTIFICATE-----" not in text:
        raise TransportError(f"ca_path {path} holds no certificates: name a file of PEM certificates")
    return path


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps a ~/.netrc from adding credentials to what goes to the CA."""
    return request


def is_too_late(pause: float, deadline: Deadline | None) -> bool:
    """Whether a pause of so many seconds would reach beyond *deadline*."""
    return deadline is not None and pause > deadline.left()


def is_transient(status: int) -> bool:
    """Whether an answer of this status may be different a moment later."""
    return status == 429 or status >= 500


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def innermost(error: BaseException) -> BaseException:
    """The reason at the bottom of a nest of library exceptions."""
    seen = 0
    while seen < 10:
        seen += 1
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            inner = error.__cause__ or error.__context__
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    return error


def reason(error: BaseException) -> str:
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return one_line(text or type(error).__name__, 200)
