# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""http-01 as a CA asks for it (RFC 8555 section 8.3): the response at one address, at the end of all redirects."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from .._common.contracts import ChallengeData
from .._common.deadline import Deadline
from .addresses import parse_address
from .bounded import SocketAddress
from .connection import HttpAnswer, NotAllowed, allowed_of, at_port, connect, get, tls, unverified
from .preflight_address import FAULTS, Asked, Verification, WrongAnswer, authority, not_allowed, to_finding
from .preflight_findings import Finding, Kind, NotVerifiable
from .redirects import REDIRECT_CODES

_REDIRECTS = 10  # as Boulder; RFC 8555 section 8.3 leaves it to the CA
_MOST_REQUESTS = 32  # as each host on the way may have several addresses
_LARGEST_BODY = 1024  # a key authorization has about a hundred
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_WEBROOT = "Check that the web server there serves the webroot for the name"
_ELSEWHERE = "Check that all addresses of the name, also the IPv6 ones, lead to the certificate's host"


@dataclass(frozen=True)
class _Url:
    """A URL to fetch."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return host and port as in URLs and the Host header."""
        usual = 443 if self.secure else 80
        return authority(self.host) + ("" if self.port == usual else f":{self.port}")

    @property
    def origin(self) -> str:
        """Return scheme, host and port."""
        return f"http{'s' if self.secure else ''}://{self.authority}"


@dataclass(frozen=True)
class _Request:
    """A URL to fetch from one place, after a number of redirects."""

    url: _Url
    asked: Asked
    redirects: int = 0


def verify_http_01(verification: Verification, deadline: Deadline) -> list[Finding]:
    """Return the findings at an address of the name: one, or one for each address that it redirects to."""
    path = f"/.well-known/acme-challenge/{quote(verification.challenge.token)}"
    url = _Url(False, verification.challenge.identifier, verification.limits.http_port, path)
    requests = [_Request(url, Asked(verification.place))]
    findings: list[Finding] = []
    for number, request in enumerate(requests):
        if number == _MOST_REQUESTS:
            findings.append(Finding(Kind.UNSEEN, f"its redirects lead to more than {_MOST_REQUESTS} addresses"))
            break
        try:
            answer = _get(request, verification, deadline)
            target = _target(request.url, answer, verification)
            if target is None:
                _verify_answer(answer, verification.challenge)
                findings.append(Finding(Kind.RIGHT))
            else:
                requests += _redirected(request, target, verification, deadline)
        except FAULTS as error:
            findings.append(to_finding(error, request.asked, deadline))
    return findings


def _get(request: _Request, verification: Verification, deadline: Deadline) -> HttpAnswer:
    """Return the answer. Raises OSError, HTTPException, OutOfTime."""
    url, timeout = request.url, verification.limits.timeout
    with connect(request.asked.place, timeout, deadline) as connection:
        if not url.secure:
            return get(connection, url.authority, url.path, _LARGEST_BODY, timeout, deadline)
        # As a CA does after a redirect: there may be no valid certificate yet.
        with tls(connection, unverified(), url.host, timeout, deadline) as wrapped:
            return get(wrapped, url.authority, url.path, _LARGEST_BODY, timeout, deadline)


def _verify_answer(answer: HttpAnswer, challenge: ChallengeData) -> None:
    if answer.status != 200:
        raise WrongAnswer(f"answers HTTP {answer.status} instead of the challenge's response", _WEBROOT)
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise NotVerifiable("it answers with a Content-Encoding, for which it was not asked")
    # RFC 8555 section 8.3: white space at its end is ignored.
    if answer.body.rstrip() != challenge.key_authorization.encode():
        raise WrongAnswer("does not answer with the challenge's response", _ELSEWHERE)


def _target(url: _Url, answer: HttpAnswer, verification: Verification) -> _Url | None:
    """Return the URL that an answer redirects to, None if it does not. Raises WrongAnswer, NotVerifiable."""
    location = answer.headers.get("Location")
    if answer.status not in REDIRECT_CODES or not location:
        return None
    # Blanks, control characters and non-ASCII characters would break the request.
    target = quote(location.strip(), safe=string.punctuation, encoding="latin-1")
    try:
        parts = urlsplit(urljoin(url.origin + url.path, target))
        host, port = _parse_host(parts.hostname or ""), parts.port
    except ValueError:
        raise WrongAnswer("redirects to a malformed URL") from None
    if parts.scheme not in ("http", "https"):
        raise WrongAnswer("redirects to a URL that is neither http nor https")
    secure = parts.scheme == "https"
    limits = verification.limits
    usual, lab = (443, limits.tls_port) if secure else (80, limits.http_port)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    found = _Url(secure, host, usual if port is None else port, path)
    if found.port not in (usual, lab):
        # Public CAs do not follow, but an internal CA may.
        raise NotVerifiable(f"it redirects to {found.origin}, and only the ports 80 and 443 are verified")
    if parts.username is not None or parts.password is not None:
        raise NotVerifiable(f"it redirects to {found.origin} with a user name, which is not followed")
    return found


def _redirected(request: _Request, target: _Url, verification: Verification, deadline: Deadline) -> Sequence[_Request]:
    """Return the requests that follow a redirect. Raises WrongAnswer, NotVerifiable, OSError, OutOfTime."""
    if request.redirects == _REDIRECTS:
        raise WrongAnswer(f"redirects more than {_REDIRECTS} times, the last time to {target.origin}")
    try:
        if target.host == request.url.host:
            # The other addresses of this host are other machines, and are asked by themselves.
            places: Sequence[SocketAddress] = [at_port(request.asked.place, target.port)]
        else:
            places = verification.hosts.find(target.host, target.port, deadline)
        allowed = allowed_of(places, verification.own, redirected=True)
    except NotAllowed as error:
        raise NotVerifiable(f"it redirects to {target.host}, which has {not_allowed(error)}") from None
    via = f" (redirected to {target.origin})"
    return [_Request(target, Asked(place, via, request.asked), request.redirects + 1) for place in allowed]


def _parse_host(host: str) -> str:
    """Return the host of a URL if it is a name or an address. Raises ValueError."""
    if ":" in host and "%" not in host:
        return str(parse_address(host))
    if len(host) > 254 or not _HOST.fullmatch(host):
        raise ValueError
    return host
