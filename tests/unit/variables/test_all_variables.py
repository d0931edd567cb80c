# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of all_variables.py beside the tables of wrong inputs: valid values, misspelled names, conversion, time."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.module_utils._acme.certificate import REASONS
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import ACCOUNT_KEY_TYPES
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import all_variables
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import VARIABLES
from tests.unit.variables.variables import COMBINED, ENCRYPTED, GOOD, KEY, RFC2136, faults, variables

ROOT = Path(__file__).parents[3]
DEFINE = "Define it in the inventory or in the play."
BEFORE = "2026-01-31T12:00:00Z"
DNS = {"acme_dns": {"*": RFC2136}}


class Vaulted:
    """A stand-in for AnsibleVaultEncryptedUnicode of ansible-core before 2.19, which is not a string."""

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return self._text


@pytest.mark.parametrize(
    ("entry_point", "given"),
    [
        ("main", {}),
        ("fleet", {}),
        ("main", {"acme_certificates": []}),
        # From -e and surveys.
        ("main", {"acme_concurrency": "4", "acme_order_timeout": " 300 ", "acme_keep_versions": "1"}),
        ("main", {"acme_force_renewal": "true", "acme_preflight": "no", "acme_terms_agreed": "yes"}),
        ("main", {"acme_check_revocation": 1, "acme_remove_unlisted": "False", "acme_dns_no_log": 0}),
        ("main", {"acme_contact": "a@example.com,b@example.com", "acme_preferred_chain": "ISRG Root X1"}),
        ("main", {"acme_contact": "", "acme_dns_resolver": "", "acme_dns": "", "acme_eab": "", "acme_limits": ""}),
        ("main", {"acme_eab": '{"kid": "x", "key": "c2VjcmV0"}'}),
        ("main", {"acme_eab": "kid=x,key=c2VjcmV0"}),
        ("main", {"acme_certificates": '[{"name": "shop", "identifiers": ["a.example.com"], "webroot": "/w"}]'}),
        ("main", {"acme_certificates": [{**GOOD, "identifiers": "a.example.com, b.example.com", "reload": "nginx"}]}),
        # Options turned off.
        ("main", {"acme_cache": False, "acme_history": "", "acme_account_uri": None, "acme_ca_path": False}),
        ("main", {"acme_contact": None, "acme_limits": None, "acme_run_interval": None, "acme_dns": None}),
        ("main", {"acme_account_key_create": None, "acme_concurrency": None, "acme_list": None}),
        # Vaulted strings.
        ("main", {"acme_eab": {"kid": "x", "key": Vaulted("c2VjcmV0")}}),
        ("main", {"acme_account_key_content": Vaulted(KEY)}),
        ("main", {"acme_account_key_content": ENCRYPTED, "acme_account_key_passphrase": Vaulted("p")}),
        # The passphrase is for the keys of other hosts.
        ("main", {"acme_account_key_content": KEY, "acme_account_key_passphrase": "p"}),
        ("main", {"acme_dns": {"example.com": {**RFC2136, "tsig_name": "a", "tsig_secret": Vaulted("c2VjcmV0")}}}),
        (
            "main",
            {
                "acme_certificates": [
                    {**GOOD, "formats": [{**COMBINED, "kind": "pkcs12", "passphrase": Vaulted("x" * 12)}]}
                ]
            },
        ),
        # Values that YAML has converted.
        (
            "replace",
            {
                "acme_replace_all": True,
                "acme_replace_before": datetime.datetime(2026, 1, 31, tzinfo=datetime.timezone.utc),
            },
        ),
        ("main", {"acme_certificates": ({**GOOD, "http_01_listen": 8080, "name": 2024},)}),
        # CAs
        ("main", {"acme_directory": "letsencrypt-staging"}),
        ("main", {"acme_directory": "https://ca.example:14000/dir", "acme_terms_agreed": False}),
        ("main", {"acme_directory": "http://127.0.0.1:4000/dir", "acme_account_uri": "http://localhost:4000/acct/7"}),
        ("main", {"acme_directory": {"directory": "letsencrypt", "contact": "a@example.com"}}),
        ("main", {"acme_directory": ["letsencrypt", {"directory": "zerossl", "eab": {"kid": "x", "key": "c2VjcmV0"}}]}),
        (
            "main",
            {
                "acme_directory": [
                    "letsencrypt",
                    {"directory": "zerossl", "account_uri": "https://acme.zerossl.com/acct/1"},
                ]
            },
        ),
        ("main", {"acme_account_uri": "https://acme-v02.api.letsencrypt.org/acme/acct/7", "acme_terms_agreed": False}),
        ("main", {"acme_account_key_content": KEY, "acme_terms_agreed": False}),
        ("main", {"acme_account_key_src": __file__, "acme_terms_agreed": False}),
        (
            "main",
            {"acme_account_key_create": False, "acme_account_key_src": __file__, "acme_terms_agreed": False},
        ),
        (
            "main",
            {
                "acme_directory": ["letsencrypt", {"directory": "zerossl", "account_key_src": "/nowhere/own.pem"}],
                "acme_account_key_create": False,
                "acme_account_key_src": __file__,
            },
        ),
        (
            "main",
            {"acme_certificates": [{**GOOD, "probe": [{"address": "fe80::1%eth0"}, {"address": "[fe80::1%br0]"}]}]},
        ),
        ("main", {"acme_certificates": [{**GOOD, "probe": [{"address": "::1"}, {"address": "192.0.2.1"}]}]}),
        ("main", {"acme_dns": {"*": {"provider": "rfc2136", "server": "ns1.b\u00fccher.example"}}}),
        ("main", {"acme_certificates": [], "acme_terms_agreed": False}),
        ("revoke", {"acme_revoke": "shop", "acme_terms_agreed": False}),
        ("main", {"acme_contact": ["mailto:a+b@example.com", "tel:+49301234", "j\u00f6rg@example.com"]}),
        ("main", {"acme_eab": {"kid": "x", "key": "c2VjcmV0Cg=="}}),
        # Proofs
        ("main", {"acme_certificates": [{**GOOD, "webroot": None, "http_01_listen": "80"}]}),
        ("main", {"acme_certificates": [{**GOOD, "webroot": None, "challenge": "tls-alpn-01"}]}),
        ("main", {"acme_certificates": [{**GOOD, "webroot": "~/www"}]}),
        ("main", {"acme_certificates": [{**GOOD, "identifiers": [{"value": "a.example.com", "webroot": "/w"}]}]}),
        ("main", {"acme_certificates": [{**GOOD, "challenge": "dns-01", "identifiers": ["*.example.com"]}], **DNS}),
        ("main", {"acme_certificates": [{**GOOD, "challenge": "dns-01"}], "acme_dns_tasks": "dns.yml"}),
        ("main", {"acme_certificates": [{**GOOD, "challenge": "dns-persist-01"}]}),
        ("adopt", {"acme_certificates": [{**GOOD, "webroot": None}]}),
        ("main", {"acme_certificates": [{**GOOD, "formats": [{**COMBINED, "owner": "nobody-here", "mode": "0640"}]}]}),
        ("main", {"acme_certificates": [{**GOOD, "owner": "nobody-here", "group": 4711}]}),
        ("main", {"acme_certificates": [{**GOOD, "not_before": "+1h", "not_after": "2099-01-31T12:00:00+02:00"}]}),
        ("main", {"acme_certificates": [{**GOOD, "identifiers": ["b\u00fccher.example", "192.0.2.1", "2001:db8::1"]}]}),
        # Others
        ("main", {"acme_run_interval": "30m", "acme_dns_resolver": ["192.0.2.1:5353", "[::1]:53", "2001:db8::1"]}),
        ("main", {"acme_limits": {"letsencrypt": {"orders": ""}, "https://ca.example/": {"renewals_exempt": "yes"}}}),
        ("main", {"acme_home": "~/acme", "acme_list": "web-2_b.c", "acme_fail": "warn"}),
        (
            "main",
            {
                "acme_dns": {
                    "*": {"provider": "route53"},
                    "B\u00fccher.example": {"provider": "exec", "program": "/bin/sh"},
                }
            },
        ),
        (
            "main",
            {
                "acme_dns_wait": "resolver",
                "acme_dns_delay": "30",
                "acme_dns": {
                    "example.net": {"provider": "exec", "program": "/bin/sh", "wait": "none", "delay": 0},
                    "_acme-challenge.example.com": {"cname": "a.example.net."},
                },
            },
        ),
        ("revoke", {"acme_revoke": "shop, mail"}),
        ("revoke", {"acme_revoke_serials": "00:AB,0x12", "acme_revoke_before": BEFORE}),
        # A fault in the list does not stop a revocation.
        ("revoke", {"acme_revoke": "shop", "acme_certificates": "broken"}),
        ("replace", {"acme_replace_all": "on", "acme_replace_before": BEFORE}),
        ("replace", {"acme_replace_serials": "ab,cd"}),
        ("replace", {"acme_replace_serials_src": __file__}),
        ("replace", {"acme_replace_issuer": "CN=R3,O=Let's Encrypt", "acme_replace_before": BEFORE}),
        ("adopt", {"acme_adopt_folders": [{"client": "acme.sh", "path": "~/.acme.sh"}]}),
        ("adopt", {"acme_adopt_files": [{"certificate": "/c.pem", "key": "/k.pem", "chain": None}]}),
        ("account", {}),
        ("account_rollover", {"acme_account_key_content": KEY, "acme_new_account_key_content": KEY}),
        ("account_deactivate", {"acme_certificates": []}),
        ("account_deactivate", {"acme_account_key_src": "", "acme_account_key_content": KEY}),
        # The key of one CA is enough to revoke.
        (
            "revoke",
            {
                "acme_revoke": "shop",
                "acme_directory": ["letsencrypt", {"directory": "zerossl", "account_key_src": "/nowhere/key.pem"}],
            },
        ),
    ],
)
def test_validate_valid_values_accepted(entry_point, given):
    assert faults(entry_point, **given) == []


def _examples():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL), 1):
            found = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "c2VjcmV0c2VjcmV0", text))
            plays = found if isinstance(found, list) else [found]
            for play in plays:
                given = {**play, **play.get("vars", {})} if isinstance(play, dict) else {}
                ours = {name: value for name, value in given.items() if name in VARIABLES}
                if ours:
                    yield pytest.param(ours, id=f"{page.name}-{number}")


@pytest.mark.parametrize("given", list(_examples()))
def test_validate_examples_of_documentation_accepted(given, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: True)  # their programs and files are not here
    monkeypatch.setattr(os.path, "isfile", lambda path: True)
    external = {"acme_eab": {"kid": "x", "key": "c2VjcmV0"}}
    assert faults(**{**DNS, **external, **given}) == []


def test_examples_of_documentation_several_found():
    assert len(list(_examples())) > 8


def test_validate_several_faults_one_line_each_with_host():
    lines = faults(acme_concurrency=0, acme_home="x", acme_certificates=[{"name": "a\nb"}, {**GOOD, "mode": "x\ny"}])
    assert len(lines) == 5
    assert all(line.startswith("host web1: ") and line.endswith(".") and "\n" not in line for line in lines)


def test_validate_certificate_with_several_faults_all_named():
    certificate = {
        **GOOD,
        "identifiers": ["a b", "c d", "e.example.com"],
        "key_type": "x",
        "mode": "1",
        "reload": [7, 8],
    }
    lines = faults(acme_certificates=[certificate, {**GOOD, "name": "mail", "challenge": "x"}])
    assert [line.split(": ")[1:3] for line in lines] == [
        ["certificate shop", "key_type"],
        ["certificate shop", "identifiers"],
        ["certificate shop", "identifiers"],
        ["certificate shop", "mode '1' is invalid"],
        ["certificate shop", "reload has 7"],
        ["certificate shop", "reload has 8"],
        ["certificate mail", "challenge"],
    ]


@pytest.mark.parametrize("name", [name for name, variable in VARIABLES.items() if variable.secret])
@pytest.mark.parametrize(
    "value", ["SECRET", ["SECRET"], {"SECRE": "SECRET"}, [{"kid": "SECRET"}], {"a": {"b": "SECRET"}}]
)
def test_validate_invalid_secret_not_shown(name, value):
    if name == "acme_directory" and value in ("SECRET", ["SECRET"]):
        return  # the name of a CA is not secret
    assert "SECRET" not in "".join(faults(**{name: value}))


def test_validate_unreadable_vaulted_string_refused():
    from ansible.errors import AnsibleError

    class Broken:
        def __str__(self):
            raise AnsibleError("Decryption failed (no vault secrets were found that could decrypt)")

    expected = "the value cannot be read (AnsibleError). Verify how it is encrypted."
    assert faults(acme_eab={"kid": Broken()}) == [f"host web1: acme_eab: {expected}"]
    assert faults(acme_certificates=[{"name": Broken()}]) == [f"host web1: acme_certificates: {expected}"]


@pytest.mark.parametrize(
    ("defined", "similar"),
    [
        (["acme_certificate"], ["acme_certificate"]),
        (["acme_certs"], ["acme_certs"]),
        (["acme_certifcates", "acme_cert"], ["acme_cert", "acme_certifcates"]),
        (["acme_Certificates"], ["acme_Certificates"]),
        (["acme_certificate_path", "acme_home", "certificates", "acme_domains", "_acme_held"], []),
    ],
)
@pytest.mark.parametrize("entry_point", ["main", "fleet", "replace", "adopt"])
def test_validate_undefined_certificates_similar_name_refused(entry_point, defined, similar):
    given = variables(acme_replace_serials="ab")
    del given["acme_certificates"]
    names = " or ".join(f"'{name}'" for name in similar)
    line = f"acme_certificates is not defined for web1 (did you mean {names}?). {DEFINE}"
    assert all_variables.validate(given, "web1", entry_point, defined) == ([line] if similar else [])
    assert all_variables.similar_to_certificates(defined) == similar


def test_validate_account_without_certificates_accepted():
    given = variables()
    del given["acme_certificates"]
    assert all_variables.validate(given, "web1", "account", ["acme_certs"]) == []


def test_undefined_several_hosts_named_with_similar_names():
    line = "acme_certificates is not defined for web1, web2"
    assert all_variables.undefined(["web1", "web2"], []) == f"{line}. {DEFINE}"
    twice = ["acme_certificate", "acme_certificate"]
    assert all_variables.undefined(["web1", "web2"], twice) == f"{line} (did you mean 'acme_certificate'?). {DEFINE}"
    many = all_variables.undefined([f"web{number}" for number in range(100)], [])
    assert many.endswith(f"web8, web9 and 90 more. {DEFINE}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("acme_keep_version", "acme_keep_versions"),
        ("acme_contacts", "acme_contact"),
        ("acme_dns_resolvers", "acme_dns_resolver"),
        ("acme_term_agreed", "acme_terms_agreed"),
        ("acme_acount_key_src", "acme_account_key_src"),
        ("acme_limit", "acme_limits"),
        ("acme_directry", "acme_directory"),
        # Variables of other roles.
        ("acme_sh_home_dir", ""),
        ("acme_email", ""),
        ("acme_server", ""),
        ("acme_account_key", ""),
        ("acme_certificate_dir", ""),
        ("acme_user", ""),
        ("acme_version", ""),
        ("letsencrypt_contact", ""),
        # Variables that the role itself has or registers.
        ("_acme_found", ""),
        ("acme_home", ""),
    ],
)
def test_warn_of_misspelled_name_suggests_known_one(name, meant):
    line = f"{name} is not a variable of the role certfleet.tls.acme (did you mean '{meant}'?). Rename it."
    expected = [line] if meant else []
    assert all_variables.warn_of_misspelled([name, "ansible_host", "x"]) == expected


def test_warn_of_misspelled_name_of_other_entry_point_ignored():
    assert all_variables.warn_of_misspelled(["acme_revoke_reasons"]) == []
    assert len(all_variables.warn_of_misspelled(["acme_revoke_reasons"], "revoke")) == 1


def test_convert_values_have_their_types():
    given = variables(
        acme_concurrency="4",
        acme_force_renewal="yes",
        acme_contact="a@example.com, b@example.com",
        acme_revoke=["shop, mail", "shop"],
        acme_eab={"kid": Vaulted("x"), "key": "c2VjcmV0"},
        acme_cache=False,
        acme_dns=None,
        acme_certificates=({"name": 7, "identifiers": "a.example.com, b.example.com", "probe": [{"port": "25"}]},),
    )
    found = all_variables.convert(given)
    assert found["acme_concurrency"] == 4
    assert found["acme_force_renewal"] is True
    assert found["acme_contact"] == ["a@example.com", "b@example.com"]
    assert found["acme_revoke"] == ["shop", "mail"]
    assert found["acme_eab"] == {"kid": "x", "key": "c2VjcmV0"}
    assert found["acme_cache"] == ""
    assert found["acme_dns"] == {}
    (certificate,) = found["acme_certificates"]
    assert (certificate["name"], certificate["identifiers"]) == ("7", ["a.example.com", "b.example.com"])
    assert (certificate["mode"], certificate["formats"]) == ("0600", [])
    assert certificate["probe"] == [{"address": "localhost", "port": 25, "timeout": 30}]
    assert set(found) == set(given)


def test_convert_defaults_unchanged():
    given = {name: variable.default for name, variable in VARIABLES.items() if name != "acme_certificates"}
    assert all_variables.convert(given) == given
    assert all_variables.convert({"acme_home": "/x"}) == {"acme_home": "/x"}


def test_choices_same_as_in_code_that_uses_them():
    assert VARIABLES["acme_account_key_type"].choices == ACCOUNT_KEY_TYPES
    assert set(VARIABLES["acme_revoke_reason"].choices) <= set(REASONS)


def test_validate_imports_no_library():
    """It runs in a worker of Ansible, which has cryptography loaded."""
    module = "ansible_collections.certfleet.tls.plugins.plugin_utils._variables.all_variables"
    code = (
        "import sys; from ansible.module_utils.common import validation; from ansible import errors\n"
        "before = set(sys.modules)\n"
        f"from {module} import validate; from tests.unit.variables.variables import variables, RFC2136\n"
        "uri = 'https://acme-v02.api.letsencrypt.org/acme/acct/1'\n"
        "given = variables(acme_directory='letsencrypt', acme_account_uri=uri, acme_dns={'*': RFC2136})\n"
        "assert validate({**given, 'acme_limits': {'zerossl': {}}}, 'web1') == []\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} & "
        "{'cryptography', 'requests', 'urllib3', 'josepy', 'tldextract', 'dns', 'lexicon', 'difflib'}))"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_validate_three_certificates_within_a_millisecond():
    mail = {**GOOD, "name": "mail", "probe": [{"starttls": "imap"}], "reload": ["postfix", {"service": "dovecot"}]}
    wild = {**GOOD, "name": "wild", "challenge": "dns-01", "identifiers": ["*.example.com", "example.com"]}
    given = variables(**DNS, acme_certificates=[{**GOOD, "formats": [COMBINED]}, mail, wild])
    names = [*given, *(f"site_{number}" for number in range(500))]
    spans = []
    for _unused in range(50):
        begin = time.perf_counter()
        assert all_variables.validate(given, "web1", "main", names) == all_variables.warn_of_misspelled(names) == []
        spans.append(time.perf_counter() - begin)
    assert min(spans) < 0.001  # seconds; the shortest, since other processes delay some
