# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URLs of a CA: which ones requests may go to.

Variables of the role are validated with it: a library is loaded only to compare two hosts of which neither is below
the other.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit

from .._common.text import one_line
from .errors import ProtocolError
from .registered_domain import registered_domain

# RFC 3986 section 2, and no backslash: the library that connects treats it as a slash, and would find another host.
URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Journals of hosts have no longer ones, and the answer of a host with a longer one would be refused.
_LONGEST = 2048


def resolve(url: object, base: str) -> str:
    """Return the URL that an answer from the URL *base* means, which is not verified; empty if it has none.

    RFC 3986 section 5.1.3: a relative one, which some CAs send, is relative to the URL of the request.
    """
    if not isinstance(url, str) or not url:
        return ""
    try:
        return url if _SCHEME.match(url) else urljoin(base, url)
    except ValueError:
        return url


def verify_url(url: object, directory_url: str | None = None) -> str:
    """Return *url* if requests may go to it. Raises ProtocolError, which names the CA and the URL.

    RFC 8555 section 6.1 requires https. http is for a CA on this machine only: for loopback addresses, if the directory
    is at one, too, with http and the same port. With *directory_url*, which has been verified, the host has to be the
    directory's or in the same domain: no known CA has its resources elsewhere, and a hostile one must not choose where
    this machine connects to.
    """
    of_ca = f" (from the CA at {directory_url})" if directory_url else ""
    if not isinstance(url, str) or not url:
        raise ProtocolError(f"the CA returned no URL where one is required{of_ca}")
    shown = _without_user(one_line(url, 200))
    if len(url) > _LONGEST:
        raise ProtocolError(f"{shown} has {len(url)} characters, and at most {_LONGEST} are supported{of_ca}")
    try:
        parts = urlsplit(url) if URL_CHARACTERS.fullmatch(url) else None
        host, port = (parts.hostname or "", _port(parts)) if parts else ("", None)
    except ValueError:
        parts = None
    if parts is None:
        raise ProtocolError(f"{shown} is not a URL{of_ca}")
    why = _refusal(parts, host)
    if directory_url and not why:
        why = _foreignness(parts.scheme, host, port, urlsplit(directory_url))
    if why:
        raise ProtocolError(f"{shown} is refused: {why}{of_ca}")
    return url


def _refusal(parts: SplitResult, host: str) -> str:
    """Return why a URL is refused for every CA; empty if it is not."""
    if "@" in parts.netloc:
        return "it contains a user name"
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return ""
    return "ACME requires https"


def _foreignness(scheme: str, host: str, port: int | None, directory: SplitResult) -> str:
    """Return why a URL cannot belong to the CA with this directory; empty if it can."""
    if scheme == "http":
        if directory.scheme == "http" and port == _port(directory):
            return ""
        return "http is allowed only for a directory on this machine, at its port"
    if _is_of_domain(host, directory.hostname or ""):
        return ""
    return "its host is in another domain than the directory. If it is the CA's, give the directory's URL there"


def is_same_origin(url: str, known: str) -> bool:
    """Return True if *url*, which is not trusted, has the origin of *known*, which has been verified."""
    try:
        return _origin_parts(verify_url(url)) == _origin_parts(known)
    except (ProtocolError, ValueError):
        return False


def _origin_parts(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, _port(parts)


def _port(parts: SplitResult) -> int | None:
    """Return the port. Raises ValueError."""
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _without_user(text: str) -> str:
    """Return a line without user information, which may be a password."""
    return re.sub(r"//[^/]*@", "//", text)


def _is_of_domain(host: str, directory_host: str) -> bool:
    """Return True for the directory's host, hosts below it, and hosts in the domain that it is in.

    That is example.com for ca.example.com, but never a public suffix, such as co.uk.
    """
    host, directory_host = host.rstrip("."), directory_host.rstrip(".")
    address, directory_address = _address(host), _address(directory_host)
    if address or directory_address:
        return address == directory_address
    if f".{host}".endswith(f".{directory_host}"):
        return True
    if registered_domain(directory_host) == directory_host:
        return False
    return f".{host}".endswith(f".{directory_host.partition('.')[2]}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host is; None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
