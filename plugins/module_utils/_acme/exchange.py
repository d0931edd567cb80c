# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP exchange: a request and its answer, with one time limit and one size limit, and never decompressed.

Each operation on the socket gets the time that is left of the exchange: connecting, the TLS handshake, sending, and
each read of the head and of the body. The time for looking up the server's name depends on the system's resolver.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from .._common.errors import CollectionError
from .._common.text import one_line
from .bounded import USER_AGENT, BoundedAnswer, forget_addresses, system_addresses
from .happy_eyeballs import connect_any

try:
    import requests
    import urllib3.connection
    import urllib3.connectionpool
    import urllib3.exceptions
    from requests.adapters import HTTPAdapter
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:
    _LIBRARIES = False  # reported by _common/libraries.py, before anything here is called
else:
    _LIBRARIES = True

_PIECE = 65536  # bytes
_LARGEST_HEAD = 65536  # bytes
_IGNORE_END = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # since OpenSSL 3; Python sets it


class ExchangeError(CollectionError):
    """An answer that is refused. str(): what the server did, to be written after its URL."""


class OutOfTimeError(ExchangeError):
    """The time limit of the exchange has passed."""


class _ThreadLimits(threading.local):
    """The limits of this thread's exchange: its end on the monotonic clock, and the bytes left of the answer."""

    end = 0.0
    left = 0
    largest = 0  # for the message

    def seconds(self) -> float:
        """Return the seconds left. Raises socket.timeout if there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left

    def too_large(self) -> ExchangeError:
        """Return the error for an answer that is larger than the request allows."""
        return ExchangeError(f"sent more than {self.largest} bytes")


_limit = _ThreadLimits()


def new_session(headers: Mapping[str, str] | None = None, hosts: int = 4, connections: int = 1) -> requests.Session:
    """Return a session for exchanges that accepts no cookies.

    *hosts*: for how many hosts connections are kept; *connections*: how many for each.
    """
    session = _Session()
    # The size of a decompressed answer is unknown in advance: 1.8 kB can become 2 GiB.
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_connections=hosts, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass(frozen=True)
class Request:
    """A request. largest: bytes of the answer's body that are read at most."""

    method: str
    url: str
    largest: int
    data: bytes | None = None
    headers: Mapping[str, str] | None = None


@contextmanager
def exchange(
    session: requests.Session, request: Request, seconds: float, verify: str | bool | None = None
) -> Iterator[requests.Response]:
    """Yield the answer's head; pieces() and body() read the rest within the with block. Redirects are not followed.

    *session* is one of new_session(). *seconds*: for all of it, from here to the end of the with block. *verify*: a
    file or folder of CA certificates; None: the system's.
    Raises ExchangeError, and the libraries' errors (requests, urllib3, OSError).
    """
    _limit.end = time.monotonic() + seconds
    # Includes the head and the sizes of chunks: with a chunk size of -1 the library would read without end.
    _limit.left, _limit.largest = 2 * request.largest + _LARGEST_HEAD, request.largest
    try:
        with session.request(
            request.method,
            request.url,
            data=request.data,
            headers=request.headers,
            auth=_no_auth,
            timeout=max(seconds, 0.001),
            verify=verify,
            stream=True,
            allow_redirects=False,
        ) as answer:
            _refuse_encoded(answer)
            yield answer
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # Some of the libraries' errors do not show that a timeout caused them.
        timeouts = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, socket.timeout)
        if isinstance(error, timeouts) or time.monotonic() >= _limit.end:
            raise OutOfTimeError(f"did not answer within {seconds:g} s") from None
        raise
    except ValueError:  # raised by the library for malformed numbers in the answer
        raise ExchangeError("sent an answer that is not HTTP") from None


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield the answer's body as sent, in pieces. Raises ExchangeError, or the libraries' errors if it is cut short."""
    promised = answer.headers.get("Content-Length", "")
    size = 0
    while piece := answer.raw.read(_PIECE, decode_content=False):
        size += len(piece)
        if size > _limit.largest:
            raise _limit.too_large()
        yield piece
    # urllib3 verifies this since 2.0.
    bodiless = answer.request.method == "HEAD" or answer.status_code in (204, 304)
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    if promised.isdecimal() and size < int(promised) and not bodiless and not chunked:
        raise urllib3.exceptions.ProtocolError(f"the answer ends after {size} of {promised} bytes")


def body(answer: requests.Response) -> bytes:
    """Return the answer's body. Raises as pieces() does."""
    return b"".join(pieces(answer))


def _refuse_encoded(answer: requests.Response) -> None:
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise ExchangeError(f"sent Content-Encoding {one_line(encoding, 60)}, which was not asked for")


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep a ~/.netrc from adding credentials to the request."""
    return request


class _TimedAnswer(BoundedAnswer):
    """An answer that is read within the limits of this thread's exchange."""

    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        super().__init__(sock, _limit, *args, **more)


if _LIBRARIES:

    class _Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:
            """Return None. Otherwise the library would read a redirect's whole body, although it follows none."""
            return None

    class _HttpConnection(urllib3.connection.HTTPConnection):
        """A connection that connects and sends within the time that is left."""

        response_class: Any = _TimedAnswer

        def _new_conn(self) -> socket.socket:
            # Before the TLS handshake, to which Python applies the socket's timeout as a whole.
            place = self.host.strip("[]"), self.port
            try:
                connection = connect_any(system_addresses(*place), _limit.seconds, self.socket_options or ())
                connection.settimeout(_limit.seconds())
                return connection
            except socket.timeout as error:
                forget_addresses(*place)
                raise urllib3.exceptions.ConnectTimeoutError(self, f"no connection to {self.host} in time") from error
            except (OSError, UnicodeError) as error:
                forget_addresses(*place)
                raise urllib3.exceptions.NewConnectionError(self, f"no connection to {self.host}") from error

        def _tunnel(self) -> None:
            super()._tunnel()
            if self.sock is not None:  # the handshake is next, and the proxy has used some of the time
                self.sock.settimeout(_limit.seconds())

        def send(self, data: Any) -> None:
            if self.sock is not None:
                self.sock.settimeout(_limit.seconds())
            super().send(data)

    class _HttpsConnection(_HttpConnection, urllib3.connection.HTTPSConnection):
        """Such a connection over TLS."""

        def connect(self) -> None:
            """Connect, so that an end of the connection that the server does not announce is an error.

            RFC 9112 section 9.8: a body of unknown length is complete only after a closure alert of TLS.
            """
            if self.ssl_context is None:
                self.ssl_context = create_urllib3_context()
            self.ssl_context.options &= ~_IGNORE_END
            super().connect()
            sock: Any = self.sock
            if hasattr(sock, "suppress_ragged_eofs"):
                sock.suppress_ragged_eofs = False

    class _HttpPool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = _HttpConnection

    class _HttpsPool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = _HttpsConnection

    class _Adapter(HTTPAdapter):
        """Use these connections. Behind a SOCKS proxy, the library's own are used, with a time limit for each read."""

        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, **more)
            _use_timed(self.poolmanager)

        def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **more)
            if not proxy.lower().startswith("socks"):
                _use_timed(manager)
            return manager


def _use_timed(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
