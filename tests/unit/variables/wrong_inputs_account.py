# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong CAs, accounts and keys, with the message for each, in which no secret is."""

from __future__ import annotations

import pytest

from tests.unit.variables.variables import CERTIFICATE, ENCRYPTED, KEY

ACCOUNTS = pytest.mark.parametrize(
    ("entry_point", "given", "expected"),
    [
        (
            "main",
            {"acme_directory": "letsencript"},
            "acme_directory 'letsencript' is neither a URL nor a known short name (google, google-staging, let",
        ),
        (
            "main",
            {"acme_directory": "lets-encrypt"},
            "acme_directory 'lets-encrypt' is neither a URL nor a known short name (google, google-staging, le",
        ),
        (
            "main",
            {"acme_directory": "ca.example.com"},
            "acme_directory 'ca.example.com' is neither a URL nor a known short name (google, google-staging, ",
        ),
        (
            "main",
            {"acme_directory": "ftp://ca.example/"},
            "acme_directory: ftp://ca.example/ is refused: ACME requires https.",
        ),
        (
            "main",
            {"acme_directory": "http://ca.example/dir"},
            "acme_directory: http://ca.example/dir is refused: ACME requires https.",
        ),
        (
            "main",
            {"acme_directory": "https://user:secret@ca.example/dir"},
            "acme_directory: https://ca.example/dir is refused: it contains a user name.",
        ),
        (
            "main",
            {"acme_directory": "https://"},
            "acme_directory: https:// is refused: ACME requires https.",
        ),
        ("main", {"acme_directory": "https://ca example/dir"}, "acme_directory: https://ca example/dir is not a URL."),
        (
            "main",
            {"acme_directory": ""},
            "acme_directory: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": None},
            "acme_directory: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": 7},
            "acme_directory: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": True},
            "acme_directory: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        ("main", {"acme_directory": []}, "acme_directory: the list is empty. Name a CA."),
        (
            "main",
            {"acme_directory": [""]},
            "acme_directory 1: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": [None]},
            "acme_directory 1: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": ["letsencrypt", "letsencrypt"]},
            "acme_directory: https://acme-v02.api.letsencrypt.org/directory is listed twice. List each CA onc",
        ),
        (
            "main",
            {"acme_directory": ["letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"]},
            "acme_directory: https://acme-v02.api.letsencrypt.org/directory is listed twice. List each CA onc",
        ),
        (
            "main",
            {"acme_directory": ["letsencrypt", {"url": "https://ca.example/"}]},
            "acme_directory 2: unknown option 'url'. Use one of directory, ca_path, account_key_src, account_ke",
        ),
        (
            "main",
            {"acme_directory": [{"directroy": "letsencrypt"}]},
            "acme_directory 1: unknown option 'directroy' (did you mean 'directory'?). Use one of directory, ca",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "zerosl"}]},
            "acme_directory 'zerosl' is neither a URL nor a known short name (google, google-staging, letsencr",
        ),
        (
            "main",
            {"acme_directory": {"directory": ["letsencrypt"]}},
            "acme_directory: directory: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_directory": ["letsencrypt", ["zerossl"]]},
            "acme_directory 2: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key": "x"}]},
            "acme_directory 1: unknown option 'account_key' (did you mean 'account_key_src'?). Use one of direc",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key_src": KEY}]},
            "acme_directory 1: account_key_src: this is a key, not the path of its file. Give it as account_k",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key_content": "SECRET"}]},
            "acme_directory 1: account_key_content: this is not a private key in PEM, DER or JWK form. Give the whol",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key_content": ["SECRET"]}]},
            "acme_directory 1: account_key_content: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "contact": "notmail"}]},
            "acme_directory 1: contact 'notmail' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "terms_agreed": "maybe"}]},
            "acme_directory 1: terms_agreed: 'maybe' is neither true nor false. Give true or false.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "eab": {"kid": "x", "hmac": "SECRET"}}]},
            "acme_directory 1: eab: unknown key 'hmac' (did you mean 'key'?). It takes kid and key.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "eab": "SECRET"}]},
            "acme_directory 1: eab: the value is not a mapping. Give a mapping.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_uri": "7"}]},
            "acme_directory 1: account_uri: 7 is refused: ACME requires https (from the CA at http",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "ca_path": ["/x"]}]},
            "acme_directory 1: ca_path: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key_content": ENCRYPTED}]},
            "acme_directory 1: account_key_content: the key is encrypted. Give account_key_passphrase.",
        ),
        (
            "main",
            {"acme_contact": ["notmail"]},
            "acme_contact 'notmail' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": "notmail"},
            "acme_contact 'notmail' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["admin@"]},
            "acme_contact 'admin@' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["@example.com"]},
            "acme_contact '@example.com' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["a@b@c"]},
            "acme_contact 'a@b@c' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["mailto:"]},
            "acme_contact 'mailto:' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["mailto:admin"]},
            "acme_contact 'mailto:admin' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["malito:admin@example.com"]},
            "acme_contact 'malito:admin@example.com' is not a mail address: give one such as admin@example.co",
        ),
        (
            "main",
            {"acme_contact": ["mailto:a@example.com?subject=x"]},
            "acme_contact 'mailto:a@example.com?subject=x' is not a mail address: give one such as admin@exam",
        ),
        (
            "main",
            {"acme_contact": ["mailto:a@example.com,b@example.com"]},
            "acme_contact 'mailto:a@example.com,b@example.com' is not a mail address: give one such as admin@",
        ),
        (
            "main",
            {"acme_contact": ["a b@example.com"]},
            "acme_contact 'a b@example.com' is not a mail address: give one such as admin@example.com.",
        ),
        (
            "main",
            {"acme_contact": ["Admin <admin@example.com>"]},
            "acme_contact 'Admin <admin@example.com>' is not a mail address: give one such as admin@example.c",
        ),
        ("main", {"acme_contact": [7]}, "acme_contact '7' is not a mail address: give one such as admin@example.com."),
        ("main", {"acme_contact": [None]}, "acme_contact: nothing is not a string. Give a string, in quotes."),
        (
            "main",
            {"acme_contact": {"mail": "a@example.com"}},
            "acme_contact: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ("main", {"acme_contact": True}, "acme_contact: true is not a list. Give a list, each element after '- '."),
        (
            "main",
            {"acme_eab": {"kid": "x", "hmac": "SECRET"}},
            "acme_eab: unknown key 'hmac' (did you mean 'key'?). It takes kid and key.",
        ),
        ("main", {"acme_eab": {"kid": "x"}}, "acme_eab: key is missing. Give kid and key as the CA shows them."),
        ("main", {"acme_eab": {"key": "SECRET"}}, "acme_eab: kid is missing. Give kid and key as the CA shows them."),
        (
            "main",
            {"acme_eab": {"kid": "", "key": "SECRET"}},
            "acme_eab: kid is missing. Give kid and key as the CA shows them.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": ""}},
            "acme_eab: key is missing. Give kid and key as the CA shows them.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": "SECRET-/"}},
            "acme_eab: the external account's key is neither base64url nor base64 text: copy it as the CA shows it.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": "SECRE"}},
            "acme_eab: the external account's key is neither base64url nor base64 text: copy it as the CA shows it.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": ["SECRET"]}},
            "acme_eab: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": "SECRET", "alg": "HS256"}},
            "acme_eab: unknown key 'alg'. It takes kid and key.",
        ),
        (
            "main",
            {"acme_eab": {"key_id": "x", "key": "SECRET"}},
            "acme_eab: unknown key 'key_id' (did you mean 'kid'?). It takes kid and key.",
        ),
        (
            "main",
            {"acme_eab": {"KID": "x", "key": "SECRET"}},
            "acme_eab: unknown key 'KID' (did you mean 'kid'?). It takes kid and key.",
        ),
        ("main", {"acme_eab": "SECRET"}, "acme_eab: the value is not a mapping. Give a mapping."),
        ("main", {"acme_eab": ["x", "SECRET"]}, "acme_eab: a list is not a mapping. Give a mapping."),
        ("main", {"acme_eab": True}, "acme_eab: a boolean is not a mapping. Give a mapping."),
        (
            "main",
            {"acme_eab": {"kid": ["x"], "key": "SECRET"}},
            "acme_eab: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_eab": {"kid": "x", "key": "SECRET KEY"}},
            "acme_eab: the external account's key is neither base64url nor base64 text: copy it as the CA shows it.",
        ),
        (
            "main",
            {"acme_account_key_src": KEY},
            "acme_account_key_src: this is a key, not the path of its file. Give it as acme_account_key_conte",
        ),
        (
            "main",
            {"acme_account_key_src": CERTIFICATE},
            "acme_account_key_src: this is a key, not the path of its file. Give it as acme_account_key_conte",
        ),
        (
            "main",
            {"acme_account_key_src": ["/x"]},
            "acme_account_key_src: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_src": {"path": "/x"}},
            "acme_account_key_src: a mapping is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_src": "/a\x00b"},
            "acme_account_key_src: '/a\\x00b' has characters that are not allowed in a path. Give a path.",
        ),
        (
            "main",
            {"acme_account_key_content": "/etc/key.pem"},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the path of a file as",
        ),
        (
            "main",
            {"acme_account_key_content": "SECRET"},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, its f",
        ),
        (
            "main",
            {"acme_account_key_content": CERTIFICATE},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, its f",
        ),
        (
            "main",
            {"acme_account_key_content": "-----BEGIN PRIVATE KEY-----\nSECRET"},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, its f",
        ),
        (
            "main",
            {"acme_account_key_content": '{"kty": "RSA", "n": "AQAB", "e": "AQAB"}'},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, its f",
        ),
        (
            "main",
            {"acme_account_key_content": "$ANSIBLE_VAULT;1.1;AES256\n3262"},
            "acme_account_key_content: it is encrypted by ansible-vault. Give the decrypted key.",
        ),
        (
            "main",
            {"acme_account_key_content": KEY.replace("PRIVATE", "PUBLIC")},
            "acme_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, its f",
        ),
        (
            "main",
            {"acme_account_key_content": ENCRYPTED},
            "acme_account_key_content: the key is encrypted. Give acme_account_key_passphrase.",
        ),
        (
            "main",
            {"acme_account_key_content": ["SECRET"]},
            "acme_account_key_content: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_content": {"a": "SECRET"}},
            "acme_account_key_content: a mapping is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_content": True},
            "acme_account_key_content: a boolean is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_new_account_key_content": "SECRET"},
            "acme_new_account_key_content: this is not a private key in PEM, DER or JWK form. Give the whole file, i",
        ),
        (
            "main",
            {"acme_new_account_key_content": ENCRYPTED},
            "acme_new_account_key_content: the key is encrypted. Give acme_new_account_key_passphrase.",
        ),
        (
            "main",
            {"acme_new_account_key_content": ["SECRET"]},
            "acme_new_account_key_content: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_passphrase": ["SECRET"]},
            "acme_account_key_passphrase: a list is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_key_passphrase": {"a": "SECRET"}},
            "acme_account_key_passphrase: a mapping is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_new_account_key_passphrase": True},
            "acme_new_account_key_passphrase: a boolean is not a string. Give a string, in quotes.",
        ),
        (
            "main",
            {"acme_account_uri": "7"},
            "acme_account_uri: 7 is refused: ACME requires https (from the CA at https://acme-v02.",
        ),
        (
            "main",
            {"acme_account_uri": "acct/7"},
            "acme_account_uri: acct/7 is refused: ACME requires https (from the CA at https://acme",
        ),
        (
            "main",
            {"acme_account_uri": "http://ca.example/acct/7"},
            "acme_account_uri: http://ca.example/acct/7 is refused: ACME requires https (from the ",
        ),
        (
            "main",
            {"acme_account_uri": "https://other.example/acct/7"},
            "acme_account_uri: https://other.example/acct/7 is refused: its host is in another domain than the d",
        ),
        ("main", {"acme_account_uri": ["x"]}, "acme_account_uri: a list is not a string. Give a string, in quotes."),
        ("main", {"acme_account_uri": True}, "acme_account_uri: true is not a string. Give a string, in quotes."),
        (
            "account_rollover",
            {"acme_account_key_content": KEY},
            "acme_new_account_key_content: it is missing, and the old key is given by its content. Make a new",
        ),
        (
            "main",
            {"acme_terms_agreed": False},
            "acme_terms_agreed: https://acme-v02.api.letsencrypt.org/directory creates no account unless you a",
        ),
        (
            "account",
            {"acme_terms_agreed": "no"},
            "acme_terms_agreed: https://acme-v02.api.letsencrypt.org/directory creates no account unless you a",
        ),
        (
            "main",
            {"acme_directory": "zerossl"},
            "acme_eab: https://acme.zerossl.com/v2/DV90 creates no account without an external account binding.",
        ),
        (
            "main",
            {"acme_directory": ["letsencrypt", "google"]},
            "acme_directory 2: eab: https://dv.acme-v02.api.pki.goog/directory creates no account without an ex",
        ),
        (
            "main",
            {
                "acme_directory": [
                    "letsencrypt",
                    {"directory": "sslcom-ecc", "terms_agreed": False, "eab": {"kid": "x", "key": "c2VjcmV0"}},
                ]
            },
            "acme_directory 2: terms_agreed: https://acme.ssl.com/sslcom-dv-ecc creates no account unless you",
        ),
        (
            "main",
            {"acme_account_key_src": '{"n": "SECRET", "kty": "RSA"}'},
            "acme_account_key_src: this is a key, not the path of its file. Give it as acme_account_key_content",
        ),
        (
            "main",
            {"acme_account_key_src": "MC4CAQAwBQYDK2VwBCIEIA" + "A" * 44 + "=="},
            "acme_account_key_src: this is a key, not the path of its file. Give it as acme_account_key_content",
        ),
        (
            "main",
            {"acme_directory": [{"directory": "letsencrypt", "account_key_src": '{"kty": "EC", "d": "SECRET"}'}]},
            "acme_directory 1: account_key_src: this is a key, not the path of its file. Give it as account_key_con",
        ),
        (
            "main",
            {"acme_account_key_src": "files/account.pem"},
            "acme_account_key_src: files/account.pem is a relative path, and each playbook has a folder of its own.",
        ),
        (
            "main",
            {"acme_account_key_src": ""},
            "acme_account_key_src: no account key is given. Give the path of a file, or the key as acme_account_key_",
        ),
        ("main", {"acme_account_key_src": "/etc"}, "acme_account_key_src: /etc is a folder. Give the path of a file"),
        (
            "account",
            {"acme_account_key_create": False},
            "acme_account_key_src: /nowhere/key.pem does not exist, and acme_account_key_create is false. Put the key",
        ),
        (
            "revoke",
            {"acme_revoke": ["shop"], "acme_account_key_src": "/nowhere/key.pem"},
            "acme_account_key_src: /nowhere/key.pem does not exist, and only the key of an existing account can do th",
        ),
        (
            "revoke",
            {"acme_revoke": ["shop"], "acme_account_key_src": ""},
            "acme_account_key_src: no account key is given. Give the path of a file, or the key as acme_account_key_",
        ),
        (
            "account_deactivate",
            {"acme_account_key_src": "/nowhere/key.pem"},
            "acme_account_key_src: /nowhere/key.pem does not exist, and only the key of an existing account can do th",
        ),
        (
            "account_rollover",
            {"acme_account_key_src": "/etc"},
            "acme_account_key_src: /etc is a folder. Give the path of a file in it.",
        ),
    ],
)
