# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the DNS of one certificate, and of its provider. docs/dns-faults.md shows the table (make docs)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tests.fleet.fault_table import Case, Outcome
from tests.lab.limited_api import Fault


class Way(Enum):
    """The provider of the certificate's record."""

    UPDATES = "rfc2136"
    LEXICON = "lexicon, name: powerdns"
    ACME_DNS = "acme_dns"
    PROGRAM = "exec"
    TASKS = "tasks"


@dataclass(frozen=True)
class DnsCase(Case):
    """A fault, and its outcome.

    servers: sentences of bent_servers.py about the zone's servers a and b. records: added to the zone by name, type and
    value; with "-" before the name they are taken away. CHALLENGE in a name stands for the record of the certificate.
    entry: options of the entry of acme_dns; texts in it may have places of the lab (dns_crowd.py). stray: the server
    that gets the updates, in place of the real one, and a sentence about it. answer: of the provider's API. program: a
    shell script for exec. resolver: a sentence about the controller's first resolver of two, or its only one
    (is_alone). deep: the certificate also has the name whose record is a zone of its own. stays: values of others,
    which stay in the zone. is_common: also in make test.
    """

    way: Way = Way.UPDATES
    servers: Mapping[str, str] = field(default_factory=dict, hash=False)
    records: tuple[tuple[str, str, str], ...] = ()
    entry: Mapping[str, Any] = field(default_factory=dict, hash=False)
    stray: str = ""
    answer: Fault | None = None
    program: str = ""
    resolver: str = ""
    is_alone: bool = False
    deep: bool = False
    stays: tuple[str, ...] = ()
    is_common: bool = False


def issued(fault: str, warned: str = "", **details: Any) -> DnsCase:
    """Return a case whose certificate is issued in the same run, with a warning if *warned* says so."""
    return DnsCase((fault,), Outcome.ISSUED, warned, **details)


def stopped(fault: str, words: str, **details: Any) -> DnsCase:
    """Return a case whose certificate is not issued in the run, for a reason with these words."""
    return DnsCase((fault,), Outcome.STOPPED, words, **details)


def common(case: DnsCase) -> DnsCase:
    """Return a case that is also in make test."""
    return replace(case, is_common=True)
