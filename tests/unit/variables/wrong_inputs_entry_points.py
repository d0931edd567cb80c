# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong options of the entry points beside main, with the message for each."""

from __future__ import annotations

import pytest

from tests.unit.variables.variables import KEY

ENTRY_POINTS = pytest.mark.parametrize(
    ("entry_point", "given", "expected"),
    [
        ("revoke", {}, "acme_revoke: it selects no certificate. Give acme_revoke or acme_revoke_serials."),
        (
            "revoke",
            {"acme_revoke": ["a/b"]},
            "acme_revoke: 'a/b': the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter",
        ),
        (
            "revoke",
            {"acme_revoke": "a b"},
            "acme_revoke: 'a b': the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter",
        ),
        (
            "revoke",
            {"acme_revoke": {"a": 1}},
            "acme_revoke: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ("revoke", {"acme_revoke": True}, "acme_revoke: true is not a list. Give a list, each element after '- '."),
        ("revoke", {"acme_revoke": [["x"]]}, "acme_revoke: a list is not a string. Give a string, in quotes."),
        (
            "revoke",
            {"acme_revoke_serials": ["xyz"]},
            "acme_revoke_serials: 'xyz' is not a serial number: give hexadecimal digits.",
        ),
        (
            "revoke",
            {"acme_revoke_serials": "12,zz"},
            "acme_revoke_serials: 'zz' is not a serial number: give hexadecimal digits.",
        ),
        ("revoke", {"acme_revoke_serials": [4711]}, "acme_revoke_serials: 4711 is a number. Write it in quotes."),
        ("revoke", {"acme_revoke_serials": 4711}, "acme_revoke_serials: 4711 is a number. Write it in quotes."),
        (
            "revoke",
            {"acme_revoke_serials": ["0x"]},
            "acme_revoke_serials: '0x' is not a serial number: give hexadecimal digits.",
        ),
        (
            "revoke",
            {"acme_revoke_serials": ["1" * 65]},
            "acme_revoke_serials: '111111111111111111111111111111111111111111111111111111111...' is not a ser",
        ),
        (
            "revoke",
            {"acme_revoke_serials": {"a": 1}},
            "acme_revoke_serials: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ("revoke", {"acme_revoke_serials": [1.5]}, "acme_revoke_serials: 1.5 is a number. Write it in quotes."),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_before": "yesterday"},
            "acme_revoke_before: 'yesterday' is not an RFC 3339 time.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_before": "2026-01-31"},
            "acme_revoke_before: '2026-01-31' has no time zone.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_before": "2026-01-31T12:00:00"},
            "acme_revoke_before: '2026-01-31T12:00:00' has no time zone.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_before": "2026-02-31T12:00:00Z"},
            "acme_revoke_before: '2026-02-31T12:00:00Z' is not an RFC 3339 time.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_before": ["x"]},
            "acme_revoke_before: a list is not a string. Give a string, in quotes.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_reason": "keyCompromise"},
            "acme_revoke_reason: 'keyCompromise' is unknown (did you mean 'key_compromise'?). Give one of uns",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_reason": "compromised"},
            "acme_revoke_reason: 'compromised' is unknown (did you mean 'key_compromise'?). Give one of unspe",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_reason": "1"},
            "acme_revoke_reason: '1' is unknown. Give one of unspecified, key_compromise, affiliation_changed",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_reason": "removed"},
            "acme_revoke_reason: 'removed' is unknown. Give one of unspecified, key_compromise, affiliation_c",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_reason": 4},
            "acme_revoke_reason: '4' is unknown. Give one of unspecified, key_compromise, affiliation_changed",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_unverified": "sure"},
            "acme_revoke_unverified: 'sure' is neither true nor false. Give true or false.",
        ),
        (
            "revoke",
            {"acme_revoke": "shop", "acme_revoke_files": {"a": 1}},
            "acme_revoke_files: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ("replace", {}, "replace selects nothing: give acme_replace_all, _issuer, _serials, _serials_src or _names."),
        (
            "replace",
            {"acme_replace_all": True},
            "replace needs 'before' (acme_replace_before), an instant such as 2026-01-31T12:00:00Z: without i",
        ),
        (
            "replace",
            {"acme_replace_names": ["shop"]},
            "replace needs 'before' (acme_replace_before), an instant such as 2026-01-31T12:00:00Z: without i",
        ),
        (
            "replace",
            {"acme_replace_all": "everything", "acme_replace_before": "2026-01-31T12:00:00Z"},
            "acme_replace_all: 'everything' is neither true nor false. Give true or false.",
        ),
        (
            "replace",
            {"acme_replace_all": True, "acme_replace_before": "yesterday"},
            "replace: before (acme_replace_before): 'yesterday' is not an RFC 3339 time.",
        ),
        (
            "replace",
            {"acme_replace_all": True, "acme_replace_before": "2026-01-31"},
            "replace: before (acme_replace_before): '2026-01-31' has no time zone.",
        ),
        (
            "replace",
            {"acme_replace_all": True, "acme_replace_before": "2099-01-01T00:00:00Z"},
            "replace: before (acme_replace_before): 2099-01-01T00:00:00Z is in the future. Give an instant in ",
        ),
        (
            "replace",
            {"acme_replace_all": True, "acme_replace_before": ["x"]},
            "acme_replace_before: a list is not a string. Give a string, in quotes.",
        ),
        (
            "replace",
            {"acme_replace_serials": ["xyz"]},
            "replace: serials (acme_replace_serials): 'xyz' is not a serial number: give hexadecimal digits.",
        ),
        ("replace", {"acme_replace_serials": [4711]}, "acme_replace_serials: 4711 is a number. Write it in quotes."),
        ("replace", {"acme_replace_serials": 4711}, "acme_replace_serials: 4711 is a number. Write it in quotes."),
        (
            "replace",
            {"acme_replace_serials": {"a": 1}},
            "acme_replace_serials: a mapping is not a list. Give a list, each element after '- '.",
        ),
        (
            "replace",
            {"acme_replace_serials_src": "/nowhere/serials.csv"},
            "acme_replace_serials_src: /nowhere/serials.csv does not exist on the controller. Give a file.",
        ),
        (
            "replace",
            {"acme_replace_issuer": ["E7"], "acme_replace_before": "2026-01-31T12:00:00Z"},
            "acme_replace_issuer: a list is not a string. Give a string, in quotes.",
        ),
        (
            "replace",
            {"acme_replace_names": {"a": 1}, "acme_replace_before": "2026-01-31T12:00:00Z"},
            "acme_replace_names: a mapping is not a list. Give a list, each element after '- '.",
        ),
        (
            "adopt",
            {"acme_adopt_folders": "certbot"},
            "acme_adopt_folders: 'certbot' is not a list of mappings. Give a list, each element after '- '.",
        ),
        (
            "adopt",
            {"acme_adopt_folders": {"client": "certbot", "path": "/x"}},
            "acme_adopt_folders: a mapping is not a list of mappings. Give a list, each element after '- '.",
        ),
        (
            "adopt",
            {"acme_adopt_folders": [{"client": "certbto", "path": "/x"}]},
            "acme_adopt_folders 1: client: 'certbto' is unknown (did you mean 'certbot'?). Give one of certbo",
        ),
        ("adopt", {"acme_adopt_folders": [{"client": "certbot"}]}, "acme_adopt_folders 1: path is missing. Give path."),
        ("adopt", {"acme_adopt_folders": [{"path": "/x"}]}, "acme_adopt_folders 1: client is missing. Give client."),
        (
            "adopt",
            {"acme_adopt_folders": [{"client": "certbot", "path": "x"}]},
            "acme_adopt_folders 1: path: 'x' is not an absolute path. Give one.",
        ),
        (
            "adopt",
            {"acme_adopt_folders": [{"client": "certbot", "path": "/x", "key": "y"}]},
            "acme_adopt_folders 1: unknown option 'key'. Use one of client, path.",
        ),
        (
            "adopt",
            {"acme_adopt_folders": ["certbot"]},
            "acme_adopt_folders 1: 'certbot' is not a mapping. Give a mapping.",
        ),
        ("adopt", {"acme_adopt_folders": [None]}, "acme_adopt_folders 1: nothing is not a mapping. Give a mapping."),
        (
            "adopt",
            {"acme_adopt_files": "x"},
            "acme_adopt_files: 'x' is not a list of mappings. Give a list, each element after '- '.",
        ),
        ("adopt", {"acme_adopt_files": [{"certificate": "/c"}]}, "acme_adopt_files 1: key is missing. Give key."),
        (
            "adopt",
            {"acme_adopt_files": [{"certificate": "/c", "key": "k"}]},
            "acme_adopt_files 1: key: 'k' is not an absolute path. Give one.",
        ),
        (
            "adopt",
            {"acme_adopt_files": [{"certificate": "c", "key": "/k"}]},
            "acme_adopt_files 1: certificate: 'c' is not an absolute path. Give one.",
        ),
        (
            "adopt",
            {"acme_adopt_files": [{"certificate": "/c", "key": "/k", "chian": "/x"}]},
            "acme_adopt_files 1: unknown option 'chian' (did you mean 'chain'?). Use one of certificate, key, c",
        ),
        (
            "adopt",
            {"acme_adopt_files": [{"cert": "/c", "key": "/k"}]},
            "acme_adopt_files 1: unknown option 'cert'. Use one of certificate, key, chain.",
        ),
        (
            "adopt",
            {"acme_adopt_files": [{"certificate": ["/c"], "key": "/k"}]},
            "acme_adopt_files 1: certificate: a list is not a string. Give a string, in quotes.",
        ),
        (
            "adopt",
            {"acme_adopt_files": [{"certificate": "/c", "key": KEY}]},
            "acme_adopt_files 1: key: this is the content of a file, not its path. Give a path.",
        ),
        (
            "revoke",
            {"acme_revoke": ["shop"], "acme_revoke_files": ["/nonexistent.pem"]},
            "acme_revoke_files: /nonexistent.pem does not exist on the controller. Give a file.",
        ),
    ],
)
