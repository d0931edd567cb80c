# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known CAs: short names, and what they require for a new account. Standard library only: it validates variables."""

from __future__ import annotations

from .._common.text import one_line, suggestion
from .errors import AcmeError
from .urls import verify_url

SHORT_NAMES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
    "zerossl": "https://acme.zerossl.com/v2/DV90",
    "google": "https://dv.acme-v02.api.pki.goog/directory",
    "google-staging": "https://dv.acme-v02.test-api.pki.goog/directory",
    "sslcom-ecc": "https://acme.ssl.com/sslcom-dv-ecc",
    "sslcom-rsa": "https://acme.ssl.com/sslcom-dv-rsa",
}
#: Directories whose meta has termsOfService (RFC 8555 section 7.1.1): a new account has to agree to them.
WANT_TERMS = frozenset(SHORT_NAMES.values())
#: Directories whose meta has externalAccountRequired.
WANT_EXTERNAL_ACCOUNT = WANT_TERMS - {SHORT_NAMES["letsencrypt"], SHORT_NAMES["letsencrypt-staging"]}
# The beginnings of the names of their roots, those of cross-signatures among them.
_ROOTS = {
    "ISRG": ("letsencrypt",),
    "(STAGING)": ("letsencrypt-staging",),
    "USERTrust": ("zerossl",),
    "Sectigo": ("zerossl",),
    "GTS": ("google", "google-staging"),
    "GlobalSign": ("google", "google-staging"),
    "SSL.com": ("sslcom-ecc", "sslcom-rsa"),
}


def is_root_of_another(root: str, directory: str) -> bool:
    """Return True if the common name of a *root* is known to be of other CAs than the one at the URL *directory*."""
    names = [name for start, owners in _ROOTS.items() if root.startswith(start) for name in owners]
    return bool(names) and directory not in [SHORT_NAMES[name] for name in names]


_STAGING = " (staging)"
_NAMES = {
    "letsencrypt": "Let's Encrypt",
    "letsencrypt-staging": f"Let's Encrypt{_STAGING}",
    "zerossl": "ZeroSSL",
    "google": "Google Trust Services",
    "google-staging": f"Google Trust Services{_STAGING}",
    "sslcom-ecc": "SSL.com",
    "sslcom-rsa": "SSL.com",
}
_NAMES_BY_URL = {SHORT_NAMES[short]: name for short, name in _NAMES.items()}


def name_of(directory_url: str) -> str:
    """Return the name of the CA with this directory, for people: that of a known CA, else the host in the URL."""
    return _NAMES_BY_URL.get(directory_url) or one_line(directory_url.partition("://")[2].partition("/")[0], 80)


def is_lets_encrypt(directory_url: str) -> bool:
    """Return True for Let's Encrypt, its staging environment included."""
    return directory_url in (SHORT_NAMES["letsencrypt"], SHORT_NAMES["letsencrypt-staging"])


def resolve_directory(name_or_url: str) -> str:
    """Return the URL of a directory given by URL or by one of SHORT_NAMES. Raises AcmeError."""
    text = name_or_url.strip()
    if text in SHORT_NAMES:
        return SHORT_NAMES[text]
    if "://" not in text:
        raise AcmeError(
            f"acme_directory '{one_line(text, 80)}' is neither a URL nor a known short name "
            f"({', '.join(sorted(SHORT_NAMES))}){suggestion(text, SHORT_NAMES)}"
        )
    return verify_url(text)
