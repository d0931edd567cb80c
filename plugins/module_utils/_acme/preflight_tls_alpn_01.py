# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tls-alpn-01 as a CA asks for it (RFC 8737 section 3): the certificate that one address of the name shows."""

from __future__ import annotations

import ssl

from .._common.deadline import Deadline
from .._x509.acme_tls import ACME_IDENTIFIER, PROTOCOL, authorization, server_name
from .connection import connect, tls, unverified
from .http import reason
from .preflight_address import FAULTS, Asked, Verification, WrongAnswer, to_finding
from .preflight_findings import Finding, Kind

try:
    from cryptography import x509
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

_LISTENER = "Check that the challenge's listener gets the connections for the name, at each of its addresses"


def verify_tls_alpn_01(verification: Verification, deadline: Deadline) -> list[Finding]:
    """Return the finding at an address of the name."""
    try:
        _verify(verification, deadline)
    except FAULTS as error:
        return [to_finding(error, Asked(verification.place), deadline)]
    return [Finding(Kind.RIGHT)]


def _verify(verification: Verification, deadline: Deadline) -> None:
    """Raises WrongAnswer, OSError, OutOfTime."""
    challenge, timeout = verification.challenge, verification.limits.timeout
    context = unverified()
    context.set_alpn_protocols([PROTOCOL])
    with connect(verification.place, timeout, deadline) as connection:
        try:
            with tls(connection, context, server_name(challenge.identifier), timeout, deadline) as wrapped:
                protocol, certificate = wrapped.selected_alpn_protocol(), wrapped.getpeercert(binary_form=True)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise  # no answer, as after a reset
        except ssl.SSLError as error:
            raise WrongAnswer(f"does not accept {PROTOCOL} connections ({reason(error)})", _LISTENER) from None
    if protocol != PROTOCOL or not certificate:
        raise WrongAnswer(
            f"does not speak {PROTOCOL}: the port belongs to another server than the challenge's listener", _LISTENER
        )
    if _acme_identifier(certificate) != authorization(challenge.key_authorization):
        raise WrongAnswer(f"answers {PROTOCOL} for another challenge than this", _LISTENER)


def _acme_identifier(certificate: bytes) -> bytes:
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        value = extensions.get_extension_for_oid(x509.ObjectIdentifier(ACME_IDENTIFIER)).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return b""
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""
