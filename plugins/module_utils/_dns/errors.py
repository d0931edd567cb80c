# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of the DNS code. The text of each is one line for people."""

from __future__ import annotations

from .._common.errors import CollectionError


class DnsError(CollectionError):
    """A record cannot be found, set or read. str() is one line for people."""


class QuestionError(DnsError):
    """A resolver did not answer a question. answer: the message without the question."""

    def __init__(self, answer: str, question: str = "") -> None:
        super().__init__(f"{question}: {answer}" if question else answer)
        self.answer = answer


class NotInstalledError(DnsError):
    """A library or a collection that a provider needs is not installed on the controller."""


class Unusable(DnsError):
    """The provider cannot be used for any record: it is silent or not reachable, or refuses the credentials."""


class BusyError(DnsError):
    """The provider refuses a request for now, as it gets too many.

    retry_after: the least number of seconds to wait, None if the provider does not say.
    """

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class NoRouteError(DnsError):
    """There is no route to an address of a server, such as IPv6 without IPv6. The server itself may work."""


class LameError(DnsError):
    """A server that a zone lists as its name server does not have the zone."""


class SilentError(DnsError):
    """An address of a server did not answer in time."""
