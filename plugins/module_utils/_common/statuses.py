# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that steps of the role branch on: actions of the plan, their reasons, statuses. Standard library only.

A sentence for people is never compared: what code has to know is one of these.
"""

from __future__ import annotations

from enum import Enum


class _Word(str, Enum):
    """A word that is its own text, also where it is put into a line."""

    def __str__(self) -> str:
        # An enum gives its own name else, and in which places depends on the version of Python.
        return str.__str__(self)


class Action(_Word):
    """What is to be done with a certificate of a host."""

    KEEP = "keep"
    ISSUE = "issue"
    REPAIR = "repair"
    SWITCH = "switch"
    RECEIVE = "receive"
    REFUSE = "refuse"
    REMOVE = "remove"


class Reason(_Word):
    """Why an action was chosen."""

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
    """How far an order or a challenge got, and what a host does about its certificate."""

    # RFC 8555 section 7.1.6
    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    #: A challenge of an order that is given up: what answers it is only removed.
    STALE = "stale"
    #: An order that came to nothing, and one that may wait for a later run.
    FAILED = "failed"
    DEFERRED = "deferred"
    #: What a host does where nothing was ordered.
    KEEP = "keep"
    REPAIR = "repair"
    SWITCH = "switch"
    REMOVE = "remove"
    #: The handlers that a version is told to have run.
    NOTIFIED = "notified"
    REVOKED = "revoked"
    ALREADY_REVOKED = "already revoked"


class Outcome(_Word):
    """What a host did about a certificate."""

    ISSUED = "issued"
    SWITCHED = "switched"
    RECEIVED = "received"
    REPAIRED = "repaired"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


class Change(_Word):
    """What became of a TXT record."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    #: It is left to a tasks file.
    TASKS = "tasks"
    FAILED = "failed"


#: The statuses of an order that its host goes on with, and of one that it does not.
ORDERED = (Status.PENDING, Status.READY, Status.PROCESSING, Status.VALID)
STOPPED = (Status.FAILED, Status.DEFERRED)
