# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers in the extension subjectAltName (RFC 5280 section 4.2.1.6, RFC 8738 section 3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .._common.identifiers import canonical, is_address

try:
    from cryptography import x509
except ImportError:
    pass  # reported by availability.py, before anything here is called


def build(identifiers: Iterable[str]) -> x509.SubjectAlternativeName:
    """Return the extension for *identifiers* (normalized)."""
    return x509.SubjectAlternativeName([_name(identifier) for identifier in identifiers])


def texts(extension: Iterable[x509.GeneralName]) -> set[str]:
    """Return the names in the extension, normalized; those that are no DNS name or address begin with their type."""
    return {_text(name) for name in extension}


def _name(identifier: str) -> x509.GeneralName:
    if is_address(identifier):
        return x509.IPAddress(ipaddress.ip_address(identifier))
    return x509.DNSName(identifier)


def _text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.IPAddress):
        return str(name.value)
    if isinstance(name, x509.DNSName):
        text = canonical(name.value)
        if not is_address(text):
            return text
    return f"{type(name).__name__} {name.value}"
