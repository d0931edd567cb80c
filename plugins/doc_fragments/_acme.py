# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that send requests to CAs."""

    DOCUMENTATION = r"""
options:
  acme_directory:
    description:
      - The CA, as the URL of its directory or a short name, or a list of CAs.
      - Short names are V(letsencrypt), V(letsencrypt-staging), V(zerossl), V(google), V(google-staging), V(sslcom-ecc)
        and V(sslcom-rsa).
      - A URL has to be C(https), without a user name. Plain C(http) is accepted for loopback addresses only.
      - All URLs of a CA have to be on the same host or on other hosts of its domain, as C(b.example.com) for
        C(a.example.com).
      - An element of the list is a URL, a short name, or a mapping of C(directory) and the CA's own options. A mapping
        can also be given without a list.
      - The other options of the module are defaults for all CAs. The exceptions are C(ca_path), C(account_uri), C(eab)
        and C(preferred_chain), which are for the first CA only.
      - M(certfleet.tls.acme_order) tries the CAs in the order of the list. The next CA gets the orders that the one
        before could not accept, because it was down, had too many requests, or refused the order. Each CA has its own
        account.
      - M(certfleet.tls.acme_account_info) and M(certfleet.tls.acme_authorization) accept one CA only.
    type: raw
    required: true
    suboptions:
      directory:
        description: The CA, as the URL of its directory or a short name.
        type: str
        required: true
      ca_path:
        description: A file of PEM certificates that verify the CA's own web server.
        type: path
      account_key_src:
        description: Path of the account's private key.
        type: path
      account_key_content:
        description: The account's private key itself.
        type: str
      account_key_passphrase:
        description: Passphrase of the account's private key.
        type: str
      account_uri:
        description: URL of the account.
        type: str
      contact:
        description: Addresses at which the CA can reach you.
        type: list
        elements: str
      terms_agreed:
        description: Set to true to agree to the CA's terms of service.
        type: bool
      eab:
        description: The external account binding of the CA, a mapping of C(kid) and C(key).
        type: dict
      preferred_chain:
        description: The roots to prefer if the CA offers several chains, as for M(certfleet.tls.acme_order_finalize).
        type: list
        elements: str
        version_added: 0.4.0
      preferred_chain_missing:
        description: The action if no chain ends in any of C(preferred_chain).
        type: str
        choices: [fail, default]
        version_added: 0.4.0
      profile:
        description:
          - The profile to ask for where a certificate has one that the CA does not offer, or an empty text for none.
            Without it, the CA is not asked for such a certificate.
        type: str
        version_added: 0.4.0
      limits:
        description: The rate limits of the CA, as for M(certfleet.tls.acme_plan), which is the module that uses them.
        type: dict
        version_added: 0.4.0
  ca_path:
    description:
      - A file of PEM certificates that verify the CA's own web server, instead of the system's certificates.
      - Needed for an internal CA only.
    type: path
  request_timeout:
    description:
      - Time limit in seconds for each request to the CA, from the connection to the end of the answer. It is also that
        for its directory, with all attempts, so a CA that does not answer takes no more.
      - The system's resolver limits the time to look up the CA's name.
    type: int
    default: 30
requirements:
  - requests
  - cryptography
  - josepy >= 1.13
  - tldextract >= 3.1
"""

    ACCOUNT_KEY = r"""
options:
  account_key_src:
    description:
      - Path of the account's private key on the controller, in PEM, DER or JWK form, such as C(private_key.json) of
        certbot.
      - RSA (2048 bits or more), EC (P-256, P-384, P-521) and Ed25519 keys are accepted.
      - A file that other users can read is refused; see O(account_key_permissions).
      - The text of a key is refused here. Give it in O(account_key_content).
    type: path
  account_key_content:
    description:
      - The account's private key itself, such as from a vault. If both are given, O(account_key_src) is not used.
      - PEM, DER in base64, or JWK. PEM may be indented, or have C(\n) or blanks for the ends of its lines, as in
        environment variables.
    type: str
  account_key_passphrase:
    description:
      - Passphrase of the account's private key.
    type: str
  new_account_key_content:
    description:
      - The private key itself that replaces O(account_key_content). Give both until you have replaced
        O(account_key_content) in your vault. The module then uses the key that the CA knows. With the old key alone, it
        would make another account.
      - A key in a file does not need this option; see M(certfleet.tls.acme_account).
    type: str
    version_added: 0.3.0
  new_account_key_passphrase:
    description:
      - Passphrase of O(new_account_key_content).
    type: str
    version_added: 0.3.0
  account_key_permissions:
    description:
      - The action if users other than the owner can read the file O(account_key_src), or the file that a change of keys
        has made beside it. V(strict) refuses the key, as ssh does. V(warn) uses it and warns.
      - A group may read a file that belongs to a user other than the one who runs this, unless that one is root.
      - V(warn) is for file systems without modes, and for encrypted keys in a Git checkout, which has no such modes.
    type: str
    default: strict
    choices: [strict, warn]
    version_added: 0.4.0
  account_uri:
    description:
      - URL of the account. If it is given, the account is not looked up by its key, and no account and no key is made.
    type: str
"""

    NEW_ACCOUNT = r"""
options:
  account_key_create:
    description:
      - Make the key at O(account_key_src), with mode V(0600), if the file does not exist.
    type: bool
    default: false
  account_key_type:
    description:
      - The type of a new key.
    type: str
    default: ec256
    choices: [ec256, ec384, ec521, rsa2048, rsa3072, rsa4096, ed25519]
  contact:
    description:
      - Addresses at which the CA can reach you, as URLs (V(mailto:ops@example.com)) or plain mail addresses.
    type: list
    elements: str
    default: []
  terms_agreed:
    description:
      - Set to true to agree to the CA's terms of service. Most CAs refuse a new account otherwise.
    type: bool
    default: false
  eab:
    description:
      - The external account binding (RFC 8555 section 7.3.4) that some CAs require for a new account. It is sent with a
        new account only.
    type: dict
    suboptions:
      kid:
        description: The key id.
        type: str
        required: true
      key:
        description:
          - The HMAC key as the CA shows it, base64url or base64. Blanks and line ends do not count.
          - A padded text (it ends with V(=)) whose content is a key in base64 again, as of Google's tools, is decoded
            twice. Without its padding it is decoded once.
        type: str
        required: true
"""
