# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong with the DNS, as exceptions whose text is one line for people."""

from __future__ import annotations

from .._common.errors import CollectionError


class DnsError(CollectionError):
    """Anything that keeps a record from being found, set or seen. str() is one line meant for people."""


class NotInstalledError(DnsError):
    """A library or a collection that a provider needs is not installed on the controller."""


class NoRouteError(DnsError):
    """A server's address cannot be reached from here, as IPv6 without IPv6: that says nothing of the server."""


class SilentError(DnsError):
    """A server's address did not answer in time."""
