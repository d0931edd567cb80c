# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong at a CA, as one family of exceptions whose text is one line for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .._common.errors import CollectionError, OptionError

if TYPE_CHECKING:
    from .problem import Problem


class AcmeError(CollectionError):
    """Anything that keeps the CA's work from being done. str() is one line meant for people."""

    @property
    def is_temporary(self) -> bool:
        """Whether it may be over later without anybody's doing."""
        return False


class AcmeOptionError(AcmeError, OptionError):
    """What is asked for cannot be had, of no CA."""


class AccountKeyError(AcmeError):
    """An account key that cannot be used."""


class TransportError(AcmeError):
    """The CA could not be reached, or did not answer in time."""

    @property
    def is_temporary(self) -> bool:
        return True


class UntrustedError(TransportError):
    """The CA's web server shows a certificate that is not trusted: asking again is of no use."""


class ProtocolError(AcmeError):
    """The CA's answer is not what RFC 8555 allows, or it is too large."""


class DeadlineError(AcmeError):
    """What was waited for did not come about in the time allowed. Another run may find it done."""

    @property
    def is_temporary(self) -> bool:
        return True


class PreflightError(AcmeError):
    """The CA would find a challenge not in place, as can be seen from here: it is not asked to look."""


class ChainError(AcmeError):
    """The CA has issued, but no chain that is wanted can be had. The order stands."""

    def __init__(self, message: str, is_temporary: bool = False) -> None:
        super().__init__(message)
        self._is_temporary = is_temporary

    @property
    def is_temporary(self) -> bool:
        return self._is_temporary


class OrderInvalid(AcmeError):
    """The CA has made an order invalid: it can only be followed by a new one."""


class ProblemError(AcmeError):
    """The CA answered with a problem document (RFC 8555 section 6.7)."""

    def __init__(self, problem: Problem, what: str, retry_at: datetime | None = None) -> None:
        """*what* was attempted, in a few words; *retry_at* is the CA's Retry-After as an instant, if it gave one."""
        self.problem = problem
        later = f" (not before {retry_at:%Y-%m-%d %H:%M:%S} UTC)" if retry_at else ""
        super().__init__(f"{what}: {problem}{later}")

    @property
    def is_temporary(self) -> bool:
        return self.problem.is_temporary
