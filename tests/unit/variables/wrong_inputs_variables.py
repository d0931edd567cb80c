# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong values of simple variables, with the message for each."""

from __future__ import annotations

import pytest

from tests.unit.variables.variables import CERTIFICATE

VARIABLES = pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"acme_account_key_create": "maybe"},
            "acme_account_key_create: 'maybe' is neither true nor false. Give true or false.",
        ),
        ({"acme_account_key_create": 2}, "acme_account_key_create: 2 is neither true nor false. Give true or false."),
        (
            {"acme_account_key_create": [True]},
            "acme_account_key_create: a list is neither true nor false. Give true or false.",
        ),
        (
            {"acme_account_key_create": {"a": 1}},
            "acme_account_key_create: a mapping is neither true nor false. Give true or false.",
        ),
        (
            {"acme_account_key_permissions": "strikt"},
            "acme_account_key_permissions: 'strikt' is unknown (did you mean 'strict'?). Give one of strict, ",
        ),
        (
            {"acme_account_key_permissions": "0600"},
            "acme_account_key_permissions: '0600' is unknown. Give one of strict, warn.",
        ),
        (
            {"acme_account_key_permissions": ["strict"]},
            "acme_account_key_permissions: a list is not a string. Give a string, in quotes.",
        ),
        (
            {"acme_account_key_permissions": True},
            "acme_account_key_permissions: true is not a string. Give a string, in quotes.",
        ),
        (
            {"acme_account_key_type": "ec-256"},
            "acme_account_key_type: 'ec-256' is unknown (did you mean 'ec256'?). Give one of ec256, ec384, ec",
        ),
        (
            {"acme_account_key_type": "rsa"},
            "acme_account_key_type: 'rsa' is unknown (did you mean 'rsa4096'?). Give one of ec256, ec384, ec5",
        ),
        (
            {"acme_account_key_type": "RSA4096"},
            "acme_account_key_type: 'RSA4096' is unknown (did you mean 'rsa4096'?). Give one of ec256, ec384,",
        ),
        (
            {"acme_account_key_type": 4096},
            "acme_account_key_type: '4096' is unknown (did you mean 'rsa4096'?). Give one of ec256, ec384, ec",
        ),
        ({"acme_concurrency": -3}, "acme_concurrency: -3 is out of range. Give a number from 1 to 256."),
        ({"acme_concurrency": 0}, "acme_concurrency: 0 is out of range. Give a number from 1 to 256."),
        ({"acme_concurrency": "-3"}, "acme_concurrency: -3 is out of range. Give a number from 1 to 256."),
        ({"acme_concurrency": "many"}, "acme_concurrency: 'many' is not a whole number. Give one, without a unit."),
        (
            {"acme_concurrency": "8 requests"},
            "acme_concurrency: '8 requests' is not a whole number. Give one, without a unit.",
        ),
        ({"acme_concurrency": 1.5}, "acme_concurrency: 1.5 is not a whole number. Give one, without a unit."),
        ({"acme_concurrency": True}, "acme_concurrency: true is not a whole number. Give one, without a unit."),
        ({"acme_concurrency": [8]}, "acme_concurrency: a list is not a whole number. Give one, without a unit."),
        ({"acme_concurrency": 257}, "acme_concurrency: 257 is out of range. Give a number from 1 to 256."),
        (
            {"acme_concurrency": {"n": 8}},
            "acme_concurrency: a mapping is not a whole number. Give one, without a unit.",
        ),
        ({"acme_order_timeout": -1}, "acme_order_timeout: -1 is out of range. Give a number from 1 to 604800."),
        ({"acme_order_timeout": 0}, "acme_order_timeout: 0 is out of range. Give a number from 1 to 604800."),
        ({"acme_order_timeout": "5m"}, "acme_order_timeout: '5m' is not a whole number. Give one, without a unit."),
        ({"acme_order_timeout": ""}, "acme_order_timeout: '' is not a whole number. Give one, without a unit."),
        ({"acme_order_timeout": 604801}, "acme_order_timeout: 604801 is out of range. Give a number from 1 to 604800."),
        (
            {"acme_order_timeout": 100000000000000000000},
            "acme_order_timeout: 100000000000000000000 is out of range. Give a number from 1 to 604800.",
        ),
        ({"acme_dns_timeout": 0}, "acme_dns_timeout: 0 is out of range. Give a number from 1 to 604800."),
        ({"acme_dns_timeout": -120}, "acme_dns_timeout: -120 is out of range. Give a number from 1 to 604800."),
        ({"acme_dns_timeout": "120s"}, "acme_dns_timeout: '120s' is not a whole number. Give one, without a unit."),
        ({"acme_dns_timeout": [120]}, "acme_dns_timeout: a list is not a whole number. Give one, without a unit."),
        ({"acme_host_timeout": 0}, "acme_host_timeout: 0 is out of range. Give a number from 1 to 604800."),
        ({"acme_host_timeout": -1}, "acme_host_timeout: -1 is out of range. Give a number from 1 to 604800."),
        ({"acme_host_timeout": "never"}, "acme_host_timeout: 'never' is not a whole number. Give one, without a unit."),
        (
            {"acme_host_timeout": 99999999999},
            "acme_host_timeout: 99999999999 is out of range. Give a number from 1 to 604800.",
        ),
        ({"acme_keep_versions": 0}, "acme_keep_versions: 0 is out of range. Give a number from 1 to 9999."),
        ({"acme_keep_versions": -1}, "acme_keep_versions: -1 is out of range. Give a number from 1 to 9999."),
        ({"acme_keep_versions": "0"}, "acme_keep_versions: 0 is out of range. Give a number from 1 to 9999."),
        ({"acme_keep_versions": "all"}, "acme_keep_versions: 'all' is not a whole number. Give one, without a unit."),
        ({"acme_keep_versions": 10000}, "acme_keep_versions: 10000 is out of range. Give a number from 1 to 9999."),
        ({"acme_keep_versions": 2.5}, "acme_keep_versions: 2.5 is not a whole number. Give one, without a unit."),
        (
            {"acme_check_revocation": "sometimes"},
            "acme_check_revocation: 'sometimes' is neither true nor false. Give true or false.",
        ),
        ({"acme_check_revocation": 7}, "acme_check_revocation: 7 is neither true nor false. Give true or false."),
        (
            {"acme_check_revocation": {}},
            "acme_check_revocation: a mapping is neither true nor false. Give true or false.",
        ),
        ({"acme_dns_no_log": "visible"}, "acme_dns_no_log: 'visible' is neither true nor false. Give true or false."),
        (
            {"acme_dns_persist_write": "perhaps"},
            "acme_dns_persist_write: 'perhaps' is neither true nor false. Give true or false.",
        ),
        ({"acme_force_renewal": "now"}, "acme_force_renewal: 'now' is neither true nor false. Give true or false."),
        ({"acme_force_renewal": ["true"]}, "acme_force_renewal: a list is neither true nor false. Give true or false."),
        ({"acme_preflight": "skip"}, "acme_preflight: 'skip' is neither true nor false. Give true or false."),
        ({"acme_remove_unlisted": "oui"}, "acme_remove_unlisted: 'oui' is neither true nor false. Give true or false."),
        (
            {"acme_renewal_information": "ari"},
            "acme_renewal_information: 'ari' is neither true nor false. Give true or false.",
        ),
        ({"acme_terms_agreed": "agreed"}, "acme_terms_agreed: 'agreed' is neither true nor false. Give true or false."),
        ({"acme_terms_agreed": 5}, "acme_terms_agreed: 5 is neither true nor false. Give true or false."),
        (
            {"acme_http_01_scope": "hosts"},
            "acme_http_01_scope: 'hosts' is unknown (did you mean 'host'?). Give one of host, play.",
        ),
        (
            {"acme_http_01_scope": "plays"},
            "acme_http_01_scope: 'plays' is unknown (did you mean 'play'?). Give one of host, play.",
        ),
        ({"acme_http_01_scope": "all"}, "acme_http_01_scope: 'all' is unknown. Give one of host, play."),
        (
            {"acme_dns_persist_draft": 1},
            "acme_dns_persist_draft: '1' is unknown (did you mean '01'?). Give one of '', 01, 02.",
        ),
        (
            {"acme_dns_persist_draft": "2"},
            "acme_dns_persist_draft: '2' is unknown (did you mean '02'?). Give one of '', 01, 02.",
        ),
        ({"acme_dns_persist_draft": "03"}, "acme_dns_persist_draft: '03' is unknown. Give one of '', 01, 02."),
        (
            {"acme_dns_persist_draft": "draft-02"},
            "acme_dns_persist_draft: 'draft-02' is unknown. Give one of '', 01, 02.",
        ),
        (
            {"acme_preferred_chain_missing": "failed"},
            "acme_preferred_chain_missing: 'failed' is unknown (did you mean 'fail'?). Give one of fail, defa",
        ),
        (
            {"acme_preferred_chain_missing": "ignore"},
            "acme_preferred_chain_missing: 'ignore' is unknown. Give one of fail, default.",
        ),
        (
            {"acme_preferred_chain": {"a": "b"}},
            "acme_preferred_chain: a mapping is not a list. Give a list, each element after '- '.",
        ),
        (
            {"acme_preferred_chain": True},
            "acme_preferred_chain: true is not a list. Give a list, each element after '- '.",
        ),
        ({"acme_preferred_chain": [["a"]]}, "acme_preferred_chain: a list is not a string. Give a string, in quotes."),
        ({"acme_preferred_chain": [None]}, "acme_preferred_chain: nothing is not a string. Give a string, in quotes."),
        (
            {"acme_shadowing_facts": "warning"},
            "acme_shadowing_facts: 'warning' is unknown (did you mean 'warn'?). Give one of warn, fail.",
        ),
        (
            {"acme_shadowing_facts": "fial"},
            "acme_shadowing_facts: 'fial' is unknown (did you mean 'fail'?). Give one of warn, fail.",
        ),
        (
            {"acme_shadowing_facts_allowed": {"packages": 1}},
            "acme_shadowing_facts_allowed: a mapping is not a list. Give a list, each element after '- '.",
        ),
        (
            {"acme_shadowing_facts_allowed": [["a"]]},
            "acme_shadowing_facts_allowed: a list is not a string. Give a string, in quotes.",
        ),
        ({"acme_fail": "failed"}, "acme_fail: 'failed' is unknown (did you mean 'fail'?). Give one of fail, warn."),
        ({"acme_fail": "ignore"}, "acme_fail: 'ignore' is unknown. Give one of fail, warn."),
        ({"acme_fail": False}, "acme_fail: false is not a string. Give a string, in quotes."),
        (
            {"acme_list": ""},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        (
            {"acme_list": "a/b"},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        (
            {"acme_list": "../x"},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        (
            {"acme_list": "two words"},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        (
            {"acme_list": ".hidden"},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        (
            {"acme_list": "x" * 101},
            "acme_list: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a letter or digit",
        ),
        ({"acme_list": ["default"]}, "acme_list: a list is not a string. Give a string, in quotes."),
        ({"acme_home": "etc/acme"}, "acme_home: 'etc/acme' is not an absolute path. Give one."),
        ({"acme_home": ""}, "acme_home: '' is not an absolute path. Give one."),
        ({"acme_home": "./acme"}, "acme_home: './acme' is not an absolute path. Give one."),
        ({"acme_home": ["/etc/acme"]}, "acme_home: a list is not a string. Give a string, in quotes."),
        (
            {"acme_home": "/etc/ac\nme"},
            "acme_home: '/etc/ac\\nme' has characters that are not allowed in a path. Give a path.",
        ),
        ({"acme_home": None}, "acme_home: '' is not an absolute path. Give one."),
        ({"acme_ca_path": CERTIFICATE}, "acme_ca_path: this is the content of a file, not its path. Give a path."),
        ({"acme_ca_path": ["/a"]}, "acme_ca_path: a list is not a string. Give a string, in quotes."),
        ({"acme_ca_path": {"path": "/a"}}, "acme_ca_path: a mapping is not a string. Give a string, in quotes."),
        ({"acme_cache": ["/a"]}, "acme_cache: a list is not a string. Give a string, in quotes."),
        ({"acme_cache": True}, "acme_cache: true is not a string. Give a string, in quotes."),
        ({"acme_cache": "/a\x00b"}, "acme_cache: '/a\\x00b' has characters that are not allowed in a path. Give a "),
        (
            {"acme_history": "history.jsonl"},
            "acme_history history.jsonl is a relative path: give an absolute one, as each playbook has a fold",
        ),
        (
            {"acme_history": "logs/history.jsonl"},
            "acme_history logs/history.jsonl is a relative path: give an absolute one, as each playbook has a",
        ),
        ({"acme_history": ["/a"]}, "acme_history: a list is not a string. Give a string, in quotes."),
        (
            {"acme_run_interval": "daily"},
            "acme_run_interval: run_interval 'daily' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "1"},
            "acme_run_interval: run_interval '1' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "3600s"},
            "acme_run_interval: run_interval '3600s' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "1.5h"},
            "acme_run_interval: run_interval '1.5h' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": 3600},
            "acme_run_interval: run_interval '3600' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "0h"},
            "acme_run_interval: run_interval '0h' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "-1h"},
            "acme_run_interval: run_interval '-1h' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        (
            {"acme_run_interval": "1h30m"},
            "acme_run_interval: run_interval '1h30m' is not a duration. Give one such as 30m, 1h or 1d.",
        ),
        ({"acme_run_interval": ["1h"]}, "acme_run_interval: a list is not a string. Give a string, in quotes."),
        ({"acme_limits": "50/7d"}, "acme_limits: '50/7d' is not a mapping. Give a mapping."),
        ({"acme_limits": ["a"]}, "acme_limits: a list is not a mapping. Give a mapping."),
        (
            {"acme_limits": {"letsencryptt": {"orders": "50/7d"}}},
            "acme_limits: acme_directory 'letsencryptt' is neither a URL nor a known short name (google, googl",
        ),
        (
            {"acme_limits": {"letsencrypt": "50/7d"}},
            "acme_limits: the limits of a CA are a mapping of orders, certificates_per_domain, certificates_p",
        ),
        (
            {"acme_limits": {"letsencrypt": {"order": "50/7d"}}},
            "acme_limits: 'order' is not a limit (did you mean 'orders'?): the limits of a CA are a mapping o",
        ),
        (
            {"acme_limits": {"letsencrypt": {"orders": "50"}}},
            "acme_limits: '50' is not a limit: give a count and a span, 50/7d or 300/3h.",
        ),
        (
            {"acme_limits": {"letsencrypt": {"orders": 50}}},
            "acme_limits: '50' is not a limit: give a count and a span, 50/7d or 300/3h.",
        ),
        (
            {"acme_limits": {"letsencrypt": {"certificates_per_domain": "50/7y"}}},
            "acme_limits: '50/7y' is not a limit: give a count and a span, 50/7d or 300/3h.",
        ),
        (
            {"acme_limits": {"letsencrypt": {"renewals_exempt": "maybe"}}},
            "acme_limits: renewals_exempt is neither true nor false.",
        ),
        (
            {"acme_limits": {"http://ca.example/dir": {"orders": "1/1d"}}},
            "acme_limits: http://ca.example/dir is refused: ACME requires https.",
        ),
        (
            {"acme_limits": {"letsencrypt": {"orders": "-1/7d"}}},
            "acme_limits: '-1/7d' is not a limit: give a count and a span, 50/7d or 300/3h.",
        ),
        (
            {"acme_limits": {"letsencrypt": None}},
            "acme_limits: the limits of a CA are a mapping of orders, certificates_per_domain, certificates_p",
        ),
        (
            {"acme_dns_resolver": "ns1.example.com"},
            "acme_dns_resolver: invalid resolver 'ns1.example.com': expected ADDRESS, IPV4:PORT or [IPV6]:PORT",
        ),
        (
            {"acme_dns_resolver": ["https://dns.example/dns-query"]},
            "acme_dns_resolver: resolver 'https://dns.example/dns-query' is a URL: DNS over HTTPS, TLS and QUIC are",
        ),
        ({"acme_dns_wait": "dns"}, "acme_dns_wait: 'dns' is unknown. Give one of authoritative, resolver, none."),
        ({"acme_dns_wait": "resolvers"}, "acme_dns_wait: 'resolvers' is unknown (did you mean 'resolver'?). Give one"),
        ({"acme_dns_wait": False}, "acme_dns_wait: false is not a string. Give a string, in quotes."),
        ({"acme_dns_delay": -1}, "acme_dns_delay: -1 is out of range. Give a number from 0 to 604800."),
        ({"acme_dns_delay": "1m"}, "acme_dns_delay: '1m' is not a whole number. Give one, without a unit."),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/bin/sh", "wait": "never"}}},
            "entry 'example.com' of zones (acme_dns): invalid 'wait' of the entry: expected one of authoritative, res",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/bin/sh", "delay": -1}}},
            "entry 'example.com' of zones (acme_dns): invalid 'delay' of the entry: expected seconds from 0 to 604800",
        ),
        (
            {"acme_dns": {"_acme-challenge.example.com": {"cname": "https://a.example"}}},
            "entry '_acme-challenge.example.com' of zones (acme_dns): cname has the invalid value 'https://a.example'",
        ),
        (
            {"acme_dns": {"_acme-challenge.example.com": {"cname": "a.example.net"}}},
            "entry '_acme-challenge.example.com' of zones (acme_dns): no entry has a provider for its cname a.example",
        ),
        (
            {"acme_dns_resolver": ["192.0.2.300"]},
            "acme_dns_resolver: invalid resolver '192.0.2.300': expected ADDRESS, IPV4:PORT or [IPV6]:PORT",
        ),
        (
            {"acme_dns_resolver": ["192.0.2.1:0"]},
            "acme_dns_resolver: invalid resolver '192.0.2.1:0': expected ADDRESS, IPV4:PORT or [IPV6]:PORT",
        ),
        (
            {"acme_dns_resolver": ["192.0.2.1:99999"]},
            "acme_dns_resolver: invalid resolver '192.0.2.1:99999': expected ADDRESS, IPV4:PORT or [IPV6]:PORT",
        ),
        (
            {"acme_dns_resolver": ["192.0.2.1", "192.0.2.1:5353"]},
            "acme_dns_resolver: resolver has an address twice with different ports: keep one of them.",
        ),
        (
            {"acme_dns_resolver": {"a": 1}},
            "acme_dns_resolver: a mapping is not a list. Give a list, each element after '- '.",
        ),
        (
            {"acme_dns_resolver": ["[::1"]},
            "acme_dns_resolver: invalid resolver '[::1': expected ADDRESS, IPV4:PORT or [IPV6]:PORT",
        ),
        ({"acme_dns_resolver": [True]}, "acme_dns_resolver: true is not a string. Give a string, in quotes."),
        ({"acme_cache": "cache"}, "acme_cache: 'cache' is not an absolute path. Give one."),
    ],
)
