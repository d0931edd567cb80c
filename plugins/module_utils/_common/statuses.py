# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that steps of the role branch on: actions of the plan, their reasons, statuses. Standard library only.

Code never compares sentences that are written for people. It compares these words.
"""

from __future__ import annotations

from enum import Enum


class _Word(str, Enum):
    """A word that is its own text, also in a formatted text."""

    def __str__(self) -> str:
        # Without this, some releases of Python print the name of the member.
        return str.__str__(self)


class Action(_Word):
    """The action for a certificate of a host, as the plan chose it."""

    KEEP = "keep"
    ISSUE = "issue"
    REPAIR = "repair"
    SWITCH = "switch"
    RECEIVE = "receive"
    REFUSE = "refuse"
    REMOVE = "remove"


class Reason(_Word):
    """The reason for an action of the plan."""

    NONE = ""
    MISSING = "missing"
    KEY_MISMATCH = "key does not match"
    DAMAGED = "damaged"
    REVOKED = "revoked"
    IDENTIFIERS = "identifiers changed"
    KEY_TYPE = "key changed"
    PROFILE = "profile changed"
    ISSUER = "issuer changed"
    FORCED = "forced"
    WINDOW = "window open"
    LIFETIME = "lifetime"
    ATTRIBUTES = "attributes"
    FORMATS = "formats"
    RELOAD = "reload outstanding"
    SWITCH = "switch outstanding"
    SHARED = "not the one that is shared"
    UNLISTED = "not listed"


class Status(_Word):
    """The state of an account, an order, an authorization or a challenge."""

    # RFC 8555 section 7.1.6
    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    #: A challenge of an order that is given up: its response is only removed.
    STALE = "stale"
    #: An order that failed, and one that is left to a later run.
    FAILED = "failed"
    DEFERRED = "deferred"


class FailureKind(_Word):
    """The kind of an order's failure: it decides which CA may help, and when another attempt is worth its cost."""

    #: The CA could not validate an identifier. CAs limit such failures.
    VALIDATION = "validation"
    #: The CA refuses this certificate, such as its identifiers, its profile or its request.
    REFUSAL = "refusal"
    #: The CA has issued a certificate that cannot be used.
    CERTIFICATE = "certificate"
    #: The CA cannot be used now, or not by this account: no answer, trouble, too many requests.
    CA = "ca"
    #: The CA was not asked, because of an option, the preflight, DNS or the host.
    LOCAL = "local"


class Outcome(_Word):
    """The result of a host's work on a certificate."""

    ISSUED = "issued"
    SWITCHED = "switched"
    RECEIVED = "received"
    REPAIRED = "repaired"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


class RevocationResult(_Word):
    """The result of a revocation."""

    REVOKED = "revoked"
    ALREADY_REVOKED = "already revoked"
    #: Its host is to sign the request.
    UNSIGNED = "unsigned"
    FAILED = "failed"


class RevocationWay(_Word):
    """The key that signs the request to revoke a certificate (RFC 8555 section 7.6)."""

    ACCOUNT = "account"
    OWN_KEY = "own key"


class WaitMode(_Word):
    """Whom the controller asks about TXT records: the zone's own name servers, a resolver, or nobody."""

    AUTHORITATIVE = "authoritative"
    RESOLVER = "resolver"
    NONE = "none"


class Change(_Word):
    """The result for a TXT record."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    #: A tasks file changes the record.
    TASKS = "tasks"
    FAILED = "failed"


#: The statuses of an order that its host continues with, and of one that it does not.
ORDERED = (Status.PENDING, Status.READY, Status.PROCESSING, Status.VALID)
STOPPED = (Status.FAILED, Status.DEFERRED)
#: The actions that a host carries out without an order.
UNORDERED = (Action.KEEP, Action.REPAIR, Action.SWITCH, Action.REMOVE)
