# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules share that speak with a CA."""

    DOCUMENTATION = r"""
options:
  acme_directory:
    description:
      - The CA, as the URL of its directory or by a short name.
      - Short names are V(letsencrypt), V(letsencrypt-staging), V(zerossl), V(google), V(google-staging), V(sslcom-ecc)
        and V(sslcom-rsa).
      - A URL has to be C(https), without a user name; plain C(http) is taken for loopback addresses only.
      - All that the CA names has to be on the same host or on others of its domain, as C(b.example.com) for
        C(a.example.com).
    type: str
    required: true
  ca_path:
    description:
      - A file of PEM certificates that the CA's own web server is verified with, instead of the system's.
      - Needed for an internal CA only.
    type: path
  request_timeout:
    description:
      - Seconds for each request to the CA and its whole answer, the connection included, however slowly it comes.
      - The time for looking up the CA's name is up to the system's resolver.
    type: int
    default: 30
requirements:
  - requests
  - cryptography
  - josepy >= 1.13
"""

    ACCOUNT_KEY = r"""
options:
  account_key_src:
    description:
      - Path of the account's private key on the controller, PEM.
      - RSA (2048 bits or more), EC (P-256, P-384, P-521) and Ed25519 keys are taken.
      - A file that other users can read is refused; see O(account_key_permissions).
      - A key's text is refused here; give it in O(account_key_content).
    type: path
  account_key_content:
    description:
      - The account's private key itself, PEM, as from a vault. It wins over O(account_key_src).
    type: str
  account_key_passphrase:
    description:
      - What the account's private key is encrypted with.
    type: str
  new_account_key_content:
    description:
      - The key itself that the account gets in place of O(account_key_content), PEM. Given with that until it has taken
        its place there, whichever of both the CA knows by then is used; with the old one alone another account would be
        made.
      - The key of a file needs none of this (M(certfleet.tls.acme_account)).
    type: str
    version_added: 0.3.0
  new_account_key_passphrase:
    description:
      - What O(new_account_key_content) is encrypted with.
    type: str
    version_added: 0.3.0
  account_key_permissions:
    description:
      - What to do if users other than the owner can read the file O(account_key_src), or the file that a change of keys
        has made beside it. V(strict) refuses the key, as ssh does. V(warn) uses it and warns.
      - A group may read a file that belongs to a user other than the one who runs this, unless that one is root.
      - V(warn) is for file systems without modes, and for encrypted keys in a Git checkout, which has no such modes.
    type: str
    default: strict
    choices: [strict, warn]
    version_added: 0.4.0
  account_uri:
    description:
      - URL of the account. Given, it spares the look-up by the key, and neither an account nor a key is made.
    type: str
"""

    NEW_ACCOUNT = r"""
options:
  account_key_create:
    description:
      - Make the key at O(account_key_src), with mode V(0600), where there is no such file.
    type: bool
    default: false
  account_key_type:
    description:
      - The kind of key to make.
    type: str
    default: ec256
    choices: [ec256, ec384, ec521, rsa2048, rsa3072, rsa4096, ed25519]
  contact:
    description:
      - Where the CA may write to, as URLs (V(mailto:ops@example.com)) or plain mail addresses.
    type: list
    elements: str
    default: []
  terms_agreed:
    description:
      - Whether you agree to the CA's terms of service. Most CAs make no account without.
    type: bool
    default: false
  external_account_binding:
    description:
      - What a CA hands out that wants to know its customers. It is sent with a new account only.
    type: dict
    suboptions:
      kid:
        description: The key id.
        type: str
        required: true
      key:
        description: The HMAC key, base64url as the CA shows it.
        type: str
        required: true
"""

    ALTERNATIVES = r"""
options:
  alternatives:
    description:
      - Other CAs, in the order in which they are tried for what the one before could not serve, as it is down, has had
        too many requests, or refuses the order. Each has an account of its own.
      - What an entry does not say is as for the first CA, but for O(alternatives[].ca_path),
        O(alternatives[].account_uri) and O(alternatives[].external_account_binding).
    type: list
    elements: dict
    default: []
    version_added: 0.3.0
    suboptions:
      acme_directory:
        description: The CA, as the URL of its directory or by a short name.
        type: str
        required: true
      ca_path:
        description: A file of PEM certificates that the CA's own web server is verified with.
        type: path
      account_key_src:
        description: Path of the account's private key.
        type: path
      account_key_content:
        description: The account's private key itself.
        type: str
      account_key_passphrase:
        description: What the account's private key is encrypted with.
        type: str
      account_uri:
        description: URL of the account.
        type: str
      contact:
        description: Where the CA may write to.
        type: list
        elements: str
      terms_agreed:
        description: Whether you agree to the CA's terms of service.
        type: bool
      external_account_binding:
        description: What a CA hands out that wants to know its customers.
        type: dict
        suboptions:
          kid:
            description: The key id.
            type: str
            required: true
          key:
            description: The HMAC key, base64url as the CA shows it.
            type: str
            required: true
"""
