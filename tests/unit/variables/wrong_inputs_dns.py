# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong values of acme_dns and acme_dns_tasks, with the message for each, in which no secret is."""

from __future__ import annotations

import pytest

from tests.unit.variables.variables import RFC2136

DNS = pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"acme_dns": "example.com"}, "acme_dns: the value is not a mapping. Give a mapping."),
        ({"acme_dns": ["example.com"]}, "acme_dns: a list is not a mapping. Give a mapping."),
        ({"acme_dns": True}, "acme_dns: a boolean is not a mapping. Give a mapping."),
        (
            {"acme_dns": {"example.com": None}},
            "entry 'example.com' of zones (acme_dns): expected a mapping of 'provider' and the options of that",
        ),
        (
            {"acme_dns": {"example.com": "rfc2136"}},
            "entry 'example.com' of zones (acme_dns): expected a mapping of 'provider' and the options of that",
        ),
        (
            {"acme_dns": {"example.com": ["SECRET"]}},
            "entry 'example.com' of zones (acme_dns): expected a mapping of 'provider' and the options of that",
        ),
        (
            {"acme_dns": {"example.com": {}}},
            "entry 'example.com' of zones (acme_dns): 'provider' is missing; known are rfc2136, lexicon, acme_",
        ),
        (
            {"acme_dns": {"example.com": {"server": "x"}}},
            "entry 'example.com' of zones (acme_dns): 'provider' is missing; known are rfc2136, lexicon, acme_",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "provider": "rfc2163", "server": "x"}}},
            "entry 'example.com' of zones (acme_dns): unknown provider 'rfc2163'; known are rfc2136, lexi",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "cloudflare", "auth_token": "SECRET"}}},
            "entry 'example.com' of zones (acme_dns): cloudflare has no option 'auth_token'; known options: api_tok",
        ),
        (
            {"acme_dns": {"example.com": {"provider": ["rfc2136"]}}},
            "entry 'example.com' of zones (acme_dns): unknown provider \"['rfc2136']\"; known are rfc2136, ",
        ),
        (
            {"acme_dns": {"exa mple.com": RFC2136}},
            "entry 'exa mple.com' of zones (acme_dns): invalid key: expected the name of a zone or of a",
        ),
        (
            {"acme_dns": {"https://example.com": RFC2136}},
            "entry 'https://example.com' of zones (acme_dns): invalid key: expected the name of a zone or of",
        ),
        (
            {"acme_dns": {"*.example.com": RFC2136}},
            "entry '*.example.com' of zones (acme_dns): invalid key: expected the name of a zone or of a",
        ),
        (
            {"acme_dns": {"": RFC2136}},
            "entry '' of zones (acme_dns): invalid key: expected the name of a zone or of a record, or '*'.",
        ),
        (
            {"acme_dns": {"example.com": RFC2136, "Example.com.": RFC2136}},
            "zones (acme_dns) has the same name twice, as 'example.com' and as 'Example.com.'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "rfc2136"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs the option 'server'.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "sever": "x"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has no option 'sever'; known options: server, port, p",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "tsig_secret": "SECRET"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs 'tsig_name' and 'tsig_secret' together.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "tsig_name": "x"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs 'tsig_name' and 'tsig_secret' together.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "tsig_name": "x", "tsig_secret": "SECRET!"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'tsig_secret': expected base64,",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "tsig_algorithm": "sha256"}}},
            "entry 'example.com' of zones (acme_dns): invalid 'tsig_algorithm' of rfc2136: expected one of",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "port": "dns"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs a whole number as 'port'.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "port": 0}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'port' 0: expected 1 to 65535.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "port": 65536}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'port' 65536: expected 1 to 65535",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "ttl": -1}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'ttl' -1: expected seconds",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "ttl": "60s"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs a whole number as 'ttl'.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "ttl": 2147483648}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'ttl' 2147483648: expected seconds",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "server": ["x"]}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 needs a text as 'server'.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "cname_targets": "x"}}},
            "entry 'example.com' of zones (acme_dns): the entry needs a list of texts as 'cname_targets'.",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "cname_targets": ["a b"]}}},
            "entry 'example.com' of zones (acme_dns): cname_targets has the invalid element 'a b': expected",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "cname_target": ["x.example"]}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has no option 'cname_target'; known options: server, ",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "lexicon"}}},
            "entry 'example.com' of zones (acme_dns): lexicon needs the option 'name'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "lexicon", "name": "cloudflare", "options": "SECRET"}}},
            "entry 'example.com' of zones (acme_dns): lexicon needs a mapping as 'options'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "lexicon", "name": "cloudflare", "auth_token": "SECRET"}}},
            "entry 'example.com' of zones (acme_dns): lexicon has no option 'auth_token'; known options: name, opti",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "lexicon", "name": "cloudflare", "ttl": "x"}}},
            "entry 'example.com' of zones (acme_dns): lexicon needs a whole number as 'ttl'.",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {
                        "provider": "acme_dns",
                        "url": "http://dns.example",
                        "username": "u",
                        "password": "SECRET",
                        "subdomain": "s",
                    }
                }
            },
            "entry 'example.com' of zones (acme_dns): acme_dns has an invalid 'url': expected an https URL (http only",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {
                        "provider": "acme_dns",
                        "url": "https://dns.example",
                        "username": "u",
                        "subdomain": "s",
                    }
                }
            },
            "entry 'example.com' of zones (acme_dns): acme_dns needs the option 'password'.",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {
                        "provider": "acme_dns",
                        "url": "dns.example",
                        "username": "u",
                        "password": "SECRET",
                        "subdomain": "s",
                    }
                }
            },
            "entry 'example.com' of zones (acme_dns): acme_dns has an invalid 'url': expected an https URL (http only",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {
                        "provider": "acme_dns",
                        "url": "https://dns.example",
                        "username": "u",
                        "password": ["SECRET"],
                        "subdomain": "s",
                    }
                }
            },
            "entry 'example.com' of zones (acme_dns): acme_dns needs a text as 'password'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec"}}},
            "entry 'example.com' of zones (acme_dns): exec needs the option 'program'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "hook.sh"}}},
            "entry 'example.com' of zones (acme_dns): exec has an invalid 'program': expected an absolute path.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/nowhere/hook"}}},
            "entry 'example.com' of zones (acme_dns): '/nowhere/hook' is not a program on the controller. Giv",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/bin/true", "args": "x"}}},
            "entry 'example.com' of zones (acme_dns): exec needs a list of texts as 'args'.",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/bin/true", "environment": ["SECRET"]}}},
            "entry 'example.com' of zones (acme_dns): exec needs a mapping as 'environment'.",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {"provider": "exec", "program": "/bin/true", "environment": {"A=B": "SECRET"}}
                }
            },
            "entry 'example.com' of zones (acme_dns): exec has an invalid 'environment': expected a mapping",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {"provider": "exec", "program": "/bin/true", "environment": {"A": ["SECRET"]}}
                }
            },
            "entry 'example.com' of zones (acme_dns): exec has an invalid 'environment': expected a mapping",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "tasks"}}},
            "entry 'example.com' of zones (acme_dns): the provider tasks needs tasks_file (acme_dns_tasks).",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "route53", "acess_key": "SECRET"}}},
            "entry 'example.com' of zones (acme_dns): route53 has no option 'acess_key'; known options: hosted_zone",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "hetzner"}}},
            "entry 'example.com' of zones (acme_dns): unknown provider 'hetzner'; known are rfc2136, lexi",
        ),
        (
            {"acme_dns_tasks": "/nowhere/dns.yml"},
            "acme_dns_tasks: /nowhere/dns.yml does not exist on the controller. Give a tasks file.",
        ),
        ({"acme_dns_tasks": ["x"]}, "acme_dns_tasks: a list is not a string. Give a string, in quotes."),
        (
            {"acme_dns": {"example.com": {"provider": "rfc2136", "server": "http://ns1.example.com/"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'server': expected a host name",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "server": "ns1.example.com:5353", "port": 53}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has port 5353 in 'server' and 53 as 'port': keep one of",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "protocol": "tls"}}},
            "entry 'example.com' of zones (acme_dns): invalid 'protocol' of rfc2136: expected one of tcp, udp",
        ),
        (
            {"acme_dns": {"example.com": {**RFC2136, "tsig_name": "x:SECRET", "tsig_secret": "SECRETSECRET"}}},
            "entry 'example.com' of zones (acme_dns): rfc2136 has an invalid 'tsig_name': expected a DNS name, without",
        ),
        (
            {
                "acme_dns": {
                    "example.com": {
                        "provider": "acme_dns",
                        "url": "https://dns.example",
                        "username": "u",
                        "password": "SECRET",
                        "subdomain": "d420.dns.example",
                    }
                }
            },
            "entry 'example.com' of zones (acme_dns): acme_dns has an invalid 'subdomain': expected the subdomain of",
        ),
        (
            {"acme_dns": {"example.com": {"provider": "exec", "program": "/usr/bin"}}},
            "entry 'example.com' of zones (acme_dns): '/usr/bin' is not a program on the controller. Give the path",
        ),
    ],
)
