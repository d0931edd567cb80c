# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of one challenge at one address of its name, and how its errors become findings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http.client import HTTPException

from .._common.contracts import ChallengeData
from .._common.deadline import Deadline
from .._common.identifiers import TLS_ALPN_01
from .addresses import Address, is_public, parse_address
from .bounded import SocketAddress
from .connection import HostAddresses, NotAllowed, OutOfTime
from .http import reason
from .preflight_findings import Finding, Kind, NotVerifiable


class WrongAnswer(Exception):
    """An answer that no CA accepts."""

    def __init__(self, what: str, advice: str = "") -> None:
        """*what*: what the address does ("answers HTTP 404"). *advice*: a sentence without its period."""
        super().__init__(what)
        self.advice = advice


#: The errors that to_finding() takes.
FAULTS = (WrongAnswer, NotVerifiable, OutOfTime, HTTPException, OSError, ValueError)


@dataclass(frozen=True)
class Limits:
    """Limits of the verification at one address, and the ports of the CA (RFC 8555 section 8.3, RFC 8737 section 3).

    timeout: seconds to connect, and for each read. whole: seconds in all.
    """

    timeout: float = 5.0
    whole: float = 20.0
    http_port: int = 80
    tls_port: int = 443

    def port_of(self, kind: str) -> int:
        """Return the port for a kind of challenge."""
        return self.tls_port if kind == TLS_ALPN_01 else self.http_port


@dataclass(frozen=True)
class Verification:
    """One address of a challenge's name, to be asked.

    place: a socket address that is allowed. own: all addresses of the name. hosts: look-ups of where it redirects to.
    """

    challenge: ChallengeData
    place: SocketAddress
    own: Collection[Address]
    hosts: HostAddresses
    limits: Limits


@dataclass(frozen=True)
class Asked:
    """A place that was asked. via: the text after its address if a redirect led there, from the place *after*."""

    place: SocketAddress
    via: str = ""
    after: Asked | None = None

    @property
    def shown(self) -> str:
        """Return the place for messages."""
        return f"{authority(self.place[0])}:{self.place[1]}{self.via}"

    @property
    def is_public(self) -> bool:
        """Return True if a public CA gets there, too."""
        return is_public(parse_address(self.place[0])) and (self.after is None or self.after.is_public)


def authority(host: str) -> str:
    """Return a name or an address as URLs have it."""
    return f"[{host}]" if ":" in host else host


def not_allowed(error: NotAllowed) -> str:
    """Return the reason why a host is not asked."""
    return f"a {error} address here, and requests for this certificate do not go there"


def to_finding(error: Exception, asked: Asked, deadline: Deadline) -> Finding:
    """Return the finding that one of FAULTS means."""
    port = f"port {asked.place[1]}"
    if isinstance(error, WrongAnswer):
        return Finding(Kind.WRONG, f"{asked.shown} {error}", error.advice, asked.is_public)
    if isinstance(error, ConnectionRefusedError):
        what = f"{asked.shown}: nothing listens there (connection refused)"
        return Finding(Kind.REFUSED, what, "Check that a server listens there", asked.is_public)
    if isinstance(error, NotVerifiable):
        return Finding(Kind.UNSEEN, str(error))
    if isinstance(error, OutOfTime) or deadline.left() <= 0:
        return Finding(Kind.UNSEEN, f"{port}: no whole answer in time")
    if isinstance(error, HTTPException):
        return Finding(Kind.UNSEEN, f"{port}: no answer by HTTP")
    return Finding(Kind.UNSEEN, f"{port}: {reason(error)}")
