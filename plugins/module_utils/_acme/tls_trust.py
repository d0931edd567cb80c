# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reason why the certificate of a CA's web server is not accepted, and what to do. Pure.

OpenSSL's numbers of reasons are fixed (X509_V_ERR in x509_vfy.h); its texts are not.
"""

from __future__ import annotations

from datetime import datetime

from .._common.times import utc

_DATES = (9, 10)  # not yet valid, expired
_NAMES = (62, 64)  # another host name, another IP address
# Found only in OpenSSL's strict mode (VERIFY_X509_STRICT), which Python 3.13 and later use.
_STRICT = range(80, 94)
_LACKING = {
    85: "an authority key identifier",
    86: "a subject key identifier",
    89: "basic constraints that are marked critical",
    92: "a key usage extension with keyCertSign and cRLSign",
}


def explain(code: int, reason: str, now: datetime) -> str:
    """Return the predicate of a message: the fault of the certificate and what to do. *reason*: OpenSSL's text.

    *code*: OpenSSL's number of the reason; *now*: aware UTC.
    """
    if code in _DATES:
        return (
            f"has a certificate that is not valid now ({reason}), and this machine's clock shows {utc(now)}. Check the "
            "clock, and the certificate of the CA's web server"
        )
    if code in _NAMES:
        return f"has a certificate for another server ({reason}). Check the host in acme_directory"
    if code in _STRICT:
        lacking = _LACKING.get(code, "the extensions that RFC 5280 section 4.2 requires")
        return (
            f"has a certificate that Python 3.13 and later refuse ({reason}): one in its chain violates RFC 5280. Have "
            f"the CA make it again with {lacking}, or run Ansible with Python 3.12 until then"
        )
    return (
        f"has a certificate that is not trusted ({reason}); set ca_path (acme_ca_path) to the CA bundle that it is "
        "signed by"
    )
