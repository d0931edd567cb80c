# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the work with a CA. Their texts are one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .._common.errors import CollectionError, OptionError
from .._common.statuses import FailureKind

if TYPE_CHECKING:
    from .problem import Problem


class AcmeError(CollectionError):
    """An error of the work with a CA. str(): one line. is_temporary: a later run may succeed without any change.

    is_mistake: the user's options are wrong, for all certificates. retry_at: until when the CA asks to wait (aware
    UTC), if it does.
    """

    is_temporary = False
    is_mistake = False
    kind = FailureKind.REFUSAL
    retry_at: datetime | None = None


class AcmeOptionError(AcmeError, OptionError):
    """An option that no CA could fulfill."""

    is_mistake = True
    kind = FailureKind.LOCAL


class AccountKeyError(AcmeError):
    """An account key that cannot be used."""

    is_mistake = True
    kind = FailureKind.LOCAL


class TransportError(AcmeError):
    """The CA could not be reached, or did not answer in time."""

    is_temporary = True
    kind = FailureKind.CA


class SilentError(TransportError):
    """The CA did not answer within the whole time limit of a request."""


class UntrustedError(TransportError):
    """The CA's web server has a certificate that is not trusted: repeating the request would not help."""


class ProtocolError(AcmeError):
    """The CA's answer violates RFC 8555, or is too large."""

    kind = FailureKind.CA


class UnreadableError(ProtocolError):
    """An answer that no ACME server sends, such as a maintenance page, or one that was cut short."""

    is_temporary = True


class DeadlineError(AcmeError):
    """The deadline passed while waiting. A later run may find the work done."""

    is_temporary = True
    kind = FailureKind.CA


class PreflightError(AcmeError):
    """The preflight found that a challenge would fail. The CA was not asked to validate it."""

    def __init__(self, message: str, kind: FailureKind = FailureKind.LOCAL) -> None:
        """*kind*: REFUSAL if the names do not allow this CA, and perhaps another one."""
        super().__init__(message)
        self.kind = kind


class ChainError(AcmeError):
    """The CA has issued the certificate, but no usable chain can be downloaded now. The order stays valid.

    delivered: the CA's certificates (PEM), if they were downloaded.
    """

    def __init__(self, message: str, is_temporary: bool = False, delivered: str = "") -> None:
        super().__init__(message)
        self.is_temporary = is_temporary
        self.delivered = delivered


class RefusedCertificateError(AcmeError):
    """The CA has issued a certificate that cannot be used, and a later download would return the same one."""

    kind = FailureKind.CERTIFICATE


@dataclass(frozen=True)
class Cause:
    """A reason why an order is invalid, in a line, and its kind."""

    text: str
    kind: FailureKind = FailureKind.VALIDATION


class OrderInvalid(AcmeError):
    """The CA has made an order invalid: only a new order can follow."""

    def __init__(self, *causes: Cause) -> None:
        """*causes*: one or more."""
        super().__init__("; ".join(cause.text for cause in causes))
        kinds = [cause.kind for cause in causes]
        # A name that cannot be validated fails at every CA, whatever else this one has against the order.
        self.kind = FailureKind.VALIDATION if FailureKind.VALIDATION in kinds else kinds[0]


class NoAccountError(AcmeError):
    """The CA knows no account of the key."""


class KeyRefusedError(AcmeError):
    """The CA has refused an account's new key: the account certainly keeps the old one."""


class OrderTakenError(AcmeError):
    """The order's certificate is for another key, and there is no other order: only a later run can make one.

    Its kind is that of the reason why there is no other order. LOCAL: the CA has refused nothing.
    """

    def __init__(
        self,
        message: str,
        is_temporary: bool = False,
        kind: FailureKind = FailureKind.LOCAL,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary
        self.kind = kind
        self.retry_at = retry_at


class ProblemError(AcmeError):
    """The CA answered with a problem document (RFC 8555 section 6.7)."""

    def __init__(
        self, problem: Problem, what: str, retry_at: datetime | None = None, is_repeated: bool = False
    ) -> None:
        """*what*: the request, in a few words; *retry_at*: the CA's Retry-After as an instant, if it sent one.

        *is_repeated*: the request was sent before, and the CA may have fulfilled it without its answer getting here.
        """
        self.problem = problem
        self.is_repeated = is_repeated
        later = f" (not before {retry_at:%Y-%m-%d %H:%M:%S} UTC)" if retry_at else ""
        super().__init__(f"{what}: {problem}{later}")
        self.is_temporary = problem.is_temporary
        self.kind = problem.kind
        self.retry_at = retry_at
