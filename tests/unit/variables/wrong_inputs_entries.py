# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong entries of acme_certificates, with the message for each, which names the certificate."""

from __future__ import annotations

import pytest

from tests.unit.variables.variables import COMBINED, GOOD

CERTIFICATES = pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, "certificate number 1 of acme_certificates: name is missing. Give name."),
        (
            {"name": ""},
            "certificate number 1 of acme_certificates: name: the name is invalid. Use at most 100 letters, digit",
        ),
        (
            {"name": "a/b"},
            "certificate a/b: name: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a let",
        ),
        (
            {"name": ".."},
            "certificate ..: name: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a lett",
        ),
        (
            {"name": "shop certificate"},
            "certificate shop certificate: name: the name is invalid. Use at most 100 letters, digits, '.', '_' a",
        ),
        (
            {"name": "-shop"},
            "certificate -shop: name: the name is invalid. Use at most 100 letters, digits, '.', '_' and '-', a l",
        ),
        (
            {"name": "x" * 101},
            "certificate xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: name: the name is invalid.",
        ),
        (
            {"name": ["shop"]},
            "certificate number 1 of acme_certificates: name: a list is not a string. Give a string, in quotes.",
        ),
        (
            {"name": True},
            "certificate number 1 of acme_certificates: name: true is not a string. Give a string, in quotes.",
        ),
        ({"identifiers": None}, "certificate shop: identifiers is missing. Give identifiers."),
        ({"identifiers": ""}, "certificate shop: identifiers: no identifiers are given."),
        ({"identifiers": []}, "certificate shop: identifiers: no identifiers are given."),
        (
            {"identifiers": {}},
            "certificate shop: identifiers: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ({"identifiers": [""]}, "certificate shop: identifiers: an identifier is empty."),
        (
            {"identifiers": ["shop example.com"]},
            "certificate shop: identifiers: identifier 'shop example.com' contains a space.",
        ),
        (
            {"identifiers": ["https://shop.example.com/"]},
            "certificate shop: identifiers: identifier 'https://shop.example.com/' is a URL or a path. Give the h",
        ),
        (
            {"identifiers": ["shop.example.com:443"]},
            "certificate shop: identifiers: identifier 'shop.example.com:443' has a port. Give the host name only",
        ),
        (
            {"identifiers": ["shop..example.com"]},
            "certificate shop: identifiers: identifier 'shop..example.com' has an empty label (two dots, or a dot",
        ),
        (
            {"identifiers": [".example.com"]},
            "certificate shop: identifiers: identifier '.example.com' has an empty label (two dots, or a dot at t",
        ),
        (
            {"identifiers": ["-a.example.com"]},
            "certificate shop: identifiers: identifier '-a.example.com' has a character that is not allowed there",
        ),
        (
            {"identifiers": ["a_b.example.com"]},
            "certificate shop: identifiers: identifier 'a_b.example.com' has a character that is not allowed ther",
        ),
        (
            {"identifiers": ["*.example.com"]},
            "certificate shop: identifiers: identifier '*.example.com' is a wildcard, which http-01 cannot prove.",
        ),
        (
            {"identifiers": ["www.*.example.com"]},
            "certificate shop: identifiers: identifier 'www.*.example.com' has a '*' that is not the whole leftmo",
        ),
        (
            {"identifiers": ["a" * 64 + ".example.com"]},
            "certificate shop: identifiers: identifier 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
        (
            {"identifiers": ["a." * 130 + "com"]},
            "certificate shop: identifiers: identifier 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
        ),
        (
            {"identifiers": ["192.0.2.300"]},
            "certificate shop: identifiers: identifier '192.0.2.300' is not an IP address. Give one without brack",
        ),
        (
            {"identifiers": ["[::1]"]},
            "certificate shop: identifiers: identifier '[::1]' is not an IP address. Give one without brackets, p",
        ),
        (
            {"identifiers": ["fe80::1%eth0"]},
            "certificate shop: identifiers: identifier 'fe80::1%eth0' is not an IP address. Give one without brac",
        ),
        (
            {"identifiers": ["*.192.0.2.1"]},
            "certificate shop: identifiers: identifier '*.192.0.2.1' is a wildcard for an IP address, which does ",
        ),
        (
            {"identifiers": ["strasse\xdf.example"]},
            "certificate shop: identifiers: identifier 'strasse\xdf.example' has a character that IDNA 2003 and ",
        ),
        (
            {"identifiers": ["::ffff:192.0.2.1"]},
            "certificate shop: identifiers: identifier '::ffff:192.0.2.1' is the IPv4 address 192.0.2.1. Give",
        ),
        (
            {"identifiers": ["*.abc.onion"]},
            "certificate shop: identifiers: identifier '*.abc.onion' is a wildcard below .onion, which only onion",
        ),
        (
            {"identifiers": [7]},
            "certificate shop: identifiers: an identifier has a value that is not a text. Give a name, or a mappi",
        ),
        (
            {"identifiers": [None]},
            "certificate shop: identifiers: an identifier has a value that is not a text. Give a name, or a mappi",
        ),
        (
            {"identifiers": [{"name": "shop.example.com"}]},
            "certificate shop: identifiers: an identifier has 'name'. Give a name, or a mapping with value, chall",
        ),
        (
            {"identifiers": [{"valeu": "shop.example.com"}]},
            "certificate shop: identifiers: an identifier has 'valeu' (did you mean 'value'?). Give a name, or a ",
        ),
        (
            {"identifiers": [{"value": "a.example.com", "chalenge": "dns-01"}]},
            "certificate shop: identifiers: an identifier has 'chalenge' (did you mean 'challenge'?). Give a name",
        ),
        (
            {"identifiers": [{"value": "a.example.com", "challenge": "dns01"}]},
            "certificate shop: identifiers: identifier 'a.example.com' has the challenge 'dns01', which is no",
        ),
        (
            {"identifiers": [{"value": "a.example.com", "challenge": "http"}]},
            "certificate shop: identifiers: identifier 'a.example.com' has the challenge 'http', which is not",
        ),
        (
            {"identifiers": [{"value": "192.0.2.1", "challenge": "dns-01"}]},
            "certificate shop: identifiers: identifier '192.0.2.1' is an IP address, which dns-01 cannot prove. U",
        ),
        (
            {"identifiers": [{"value": "a.example.com", "webroot": "srv/www"}]},
            "certificate shop: webroot 'srv/www' is not an absolute path.",
        ),
        (
            {"identifiers": [{"value": "a.example.com", "webroot": "/srv/../www"}]},
            "certificate shop: webroot '/srv/../www' contains '..'. Give the path without it.",
        ),
        (
            {"identifiers": ["a.example.com", {"value": "a.example.com", "webroot": "/b"}]},
            "certificate shop: identifiers: identifier 'a.example.com' is given twice with different challenges o",
        ),
        (
            {"identifiers": [["a.example.com"]]},
            "certificate shop: identifiers: an identifier has a value that is not a text. Give a name, or a mappi",
        ),
        (
            {"identifiers": True},
            "certificate shop: identifiers: true is not a list. Give a list, each element after '- '.",
        ),
        (
            {"challenge": "http01"},
            "certificate shop: challenge: 'http01' is unknown (did you mean 'http-01'?). Give one of http-01,",
        ),
        (
            {"challenge": "dns"},
            "certificate shop: challenge: 'dns' is unknown (did you mean 'dns-01'?). Give one of http-01, dns",
        ),
        (
            {"challenge": "tls-alpn"},
            "certificate shop: challenge: 'tls-alpn' is unknown (did you mean 'tls-alpn-01'?). Give one of ht",
        ),
        (
            {"challenge": "HTTP-01"},
            "certificate shop: challenge: 'HTTP-01' is unknown (did you mean 'http-01'?). Give one of http-01",
        ),
        (
            {"challenge": "none"},
            "certificate shop: challenge: 'none' is unknown. Give one of http-01, dns-01, dns-account-01, dns",
        ),
        ({"challenge": ["http-01"]}, "certificate shop: challenge: a list is not a string. Give a string, in quotes."),
        (
            {"challenge": 1},
            "certificate shop: challenge: '1' is unknown. Give one of http-01, dns-01, dns-account-01, dns-pe",
        ),
        ({"webroot": "www"}, "certificate shop: webroot 'www' is not an absolute path. Give one that begins with /."),
        (
            {"webroot": "var/www/html"},
            "certificate shop: webroot 'var/www/html' is not an absolute path. Give one that begins with /.",
        ),
        (
            {"webroot": "/srv/../etc"},
            "certificate shop: webroot '/srv/../etc' contains '..'. Give the path without it.",
        ),
        ({"webroot": ["/w"]}, "certificate shop: webroot: a list is not a string. Give a string, in quotes."),
        (
            {"webroot": "/w\nx"},
            "certificate shop: webroot: '/w\\nx' has characters that are not allowed in a path. Give a path.",
        ),
        (
            {"webroot": None},
            "certificate shop: webroot: http-01 for shop.example.com needs a webroot or http_01_listen, and h",
        ),
        (
            {"webroot": ""},
            "certificate shop: webroot: http-01 for shop.example.com needs a webroot or http_01_listen, and h",
        ),
        (
            {"http_01_listen": "http"},
            "certificate shop: http_01_listen: invalid listen address 'http': expected PORT, ADDRESS:PORT or [IPV",
        ),
        (
            {"http_01_listen": "80:80"},
            "certificate shop: http_01_listen: invalid listen address '80:80': expected PORT, ADDRESS:PORT or [IP",
        ),
        (
            {"http_01_listen": "0.0.0.0"},
            "certificate shop: http_01_listen: invalid listen address '0.0.0.0': expected PORT, ADDRESS:PORT or [",
        ),
        (
            {"http_01_listen": "localhost:80"},
            "certificate shop: http_01_listen: invalid listen address 'localhost:80': expected PORT, ADDRESS:PORT",
        ),
        (
            {"http_01_listen": "[::1]"},
            "certificate shop: http_01_listen: invalid listen address '[::1]': expected PORT, ADDRESS:PORT or [IP",
        ),
        (
            {"http_01_listen": "70000"},
            "certificate shop: http_01_listen: invalid listen address '70000': expected PORT, ADDRESS:PORT or [IP",
        ),
        (
            {"http_01_listen": 0},
            "certificate shop: http_01_listen: invalid listen address '0': expected PORT, ADDRESS:PORT or [IPV6-A",
        ),
        (
            {"http_01_listen": "-1"},
            "certificate shop: http_01_listen: invalid listen address '-1': expected PORT, ADDRESS:PORT or [IPV6-",
        ),
        (
            {"http_01_listen": ":80"},
            "certificate shop: http_01_listen: invalid listen address ':80': expected PORT, ADDRESS:PORT or [IPV6",
        ),
        (
            {"tls_alpn_01_listen": "https"},
            "certificate shop: tls_alpn_01_listen: invalid listen address 'https': expected PORT, ADDRESS:PORT or",
        ),
        (
            {"tls_alpn_01_listen": "443/tcp"},
            "certificate shop: tls_alpn_01_listen: invalid listen address '443/tcp': expected PORT, ADDRESS:PORT ",
        ),
        (
            {"tls_alpn_01_listen": "[x]:443"},
            "certificate shop: tls_alpn_01_listen: invalid listen address '[x]:443': expected PORT, ADDRESS:PORT ",
        ),
        (
            {"tls_alpn_01_listen": "65536"},
            "certificate shop: tls_alpn_01_listen: invalid listen address '65536': expected PORT, ADDRESS:PORT or",
        ),
        (
            {"tls_alpn_01_listen": "256.1.1.1:443"},
            "certificate shop: tls_alpn_01_listen: invalid listen address '256.1.1.1:443': expected PORT, ADDRESS",
        ),
        (
            {
                "identifiers": ["a.example.com", {"value": "b.example.com", "challenge": "tls-alpn-01"}],
                "webroot": None,
                "http_01_listen": "443",
            },
            "certificate shop: http_01_listen: port 443 is also the port of tls_alpn_01_listen. Give each its own",
        ),
        (
            {"key_type": "ec"},
            "certificate shop: key_type: 'ec' is unknown. Give one of ec256, ec384, rsa2048, rsa3072, rsa4096",
        ),
        (
            {"key_type": "ec512"},
            "certificate shop: key_type: 'ec512' is unknown (did you mean 'ec256'?). Give one of ec256, ec384",
        ),
        (
            {"key_type": "rsa1024"},
            "certificate shop: key_type: 'rsa1024' is unknown (did you mean 'rsa3072'?). Give one of ec256, e",
        ),
        (
            {"key_type": "rsa"},
            "certificate shop: key_type: 'rsa' is unknown (did you mean 'rsa4096'?). Give one of ec256, ec384",
        ),
        (
            {"key_type": "ed25519"},
            "certificate shop: key_type: 'ed25519' is unknown. Give one of ec256, ec384, rsa2048, rsa3072, rs",
        ),
        (
            {"key_type": 2048},
            "certificate shop: key_type: '2048' is unknown (did you mean 'rsa2048'?). Give one of ec256, ec38",
        ),
        ({"key_type": ["ec256"]}, "certificate shop: key_type: a list is not a string. Give a string, in quotes."),
        ({"profile": ["tlsserver"]}, "certificate shop: profile: a list is not a string. Give a string, in quotes."),
        ({"profile": True}, "certificate shop: profile: true is not a string. Give a string, in quotes."),
        ({"profile": {}}, "certificate shop: profile: a mapping is not a string. Give a string, in quotes."),
        (
            {"not_after": "tomorrow"},
            "certificate shop: not_after 'tomorrow' is not a time: give an instant with its zone, 2026-01-31T",
        ),
        (
            {"not_after": "2026-01-31"},
            "certificate shop: not_after '2026-01-31' is not a time: give an instant with its zone, 2026-01-3",
        ),
        (
            {"not_after": "2026-01-31T12:00:00"},
            "certificate shop: not_after '2026-01-31T12:00:00' is not a time: give an instant with its zone, ",
        ),
        (
            {"not_after": "+30"},
            "certificate shop: not_after '+30' is not a time: give an instant with its zone, 2026-01-31T12:00",
        ),
        (
            {"not_after": "30d"},
            "certificate shop: not_after '30d' is not a time: give an instant with its zone, 2026-01-31T12:00",
        ),
        (
            {"not_after": "+1y"},
            "certificate shop: not_after '+1y' is not a time: give an instant with its zone, 2026-01-31T12:00",
        ),
        ({"not_after": True}, "certificate shop: not_after: true is not a string. Give a string, in quotes."),
        (
            {"not_before": "yesterday"},
            "certificate shop: not_before 'yesterday' is not a time: give an instant with its zone, 2026-01-3",
        ),
        (
            {"not_before": "12h"},
            "certificate shop: not_before '12h' is not a time: give an instant with its zone, 2026-01-31T12:0",
        ),
        ({"not_after": "-1d"}, "certificate shop: not_after -1d is not after now."),
        ({"not_before": "+2d", "not_after": "+1d"}, "certificate shop: not_after +1d is not after not_before."),
        (
            {"reload": {"service": "nginx"}},
            "certificate shop: reload: a mapping is not a list. Give a list, each element after '- '.",
        ),
        ({"reload": ["ngi nx"]}, "certificate shop: reload has 'ngi nx', which is not the name of a service."),
        ({"reload": ["nginx; rm"]}, "certificate shop: reload has 'nginx; rm', which is not the name of a service."),
        (
            {"reload": ["/etc/init.d/nginx"]},
            "certificate shop: reload has '/etc/init.d/nginx', which is not the name of a service.",
        ),
        ({"reload": [""]}, "certificate shop: reload has '', which is not the name of a service."),
        (
            {"reload": [7]},
            "certificate shop: reload has 7: give a service's name, or a mapping of one of service, command a",
        ),
        (
            {"reload": [None]},
            "certificate shop: reload has None: give a service's name, or a mapping of one of service, comman",
        ),
        (
            {"reload": [["nginx"]]},
            "certificate shop: reload has ['nginx']: give a service's name, or a mapping of one of service, c",
        ),
        (
            {"reload": [{"servce": "nginx"}]},
            "certificate shop: reload has {'servce': 'nginx'}: give a service's name, or a mapping of one of ",
        ),
        (
            {"reload": [{"service": "nginx", "notify": "x"}]},
            "certificate shop: reload has {'service': 'nginx', 'notify': 'x'}: give a service's name, or a ma",
        ),
        (
            {"reload": [{"service": ["nginx"]}]},
            "certificate shop: reload has ['nginx'], which is not the name of a service.",
        ),
        (
            {"reload": [{"command": "systemctl reload nginx"}]},
            "certificate shop: reload has the command 'systemctl reload nginx': give a list of the program an",
        ),
        (
            {"reload": [{"command": []}]},
            "certificate shop: reload has the command []: give a list of the program and its arguments.",
        ),
        (
            {"reload": [{"command": ["/x", {"a": 1}]}]},
            "certificate shop: reload has the command ['/x', {'a': 1}]: give a list of the program and its ar",
        ),
        (
            {"reload": [{"command": ["a\x00b"]}]},
            "certificate shop: reload has the command ['a\\x00b'], which names no program.",
        ),
        ({"reload": [{"notify": ""}]}, "certificate shop: reload has '', which is not the name of a handler."),
        ({"reload": [{"notify": ["x"]}]}, "certificate shop: reload has ['x'], which is not the name of a handler."),
        (
            {"reload": [{"notify": "x", "test": ["y"]}]},
            "certificate shop: reload has {'notify': 'x', 'test': ['y']}: give a service's name, or a mapping",
        ),
        (
            {"reload": [{"service": "nginx", "timeout": 0}]},
            "certificate shop: reload has the timeout 0: give a number of seconds.",
        ),
        (
            {"reload": [{"service": "nginx", "timeout": "soon"}]},
            "certificate shop: reload has the timeout 'soon': give a number of seconds.",
        ),
        (
            {"reload": [{"service": "nginx", "timeout": -1}]},
            "certificate shop: reload has the timeout -1: give a number of seconds.",
        ),
        (
            {"reload": [{"service": "nginx", "test": "nginx -t"}]},
            "certificate shop: reload has the test 'nginx -t': give a list of the program and its arguments.",
        ),
        (
            {"reload": [{}]},
            "certificate shop: reload has {}: give a service's name, or a mapping of one of service, command ",
        ),
        ({"reload": True}, "certificate shop: reload: true is not a list. Give a list, each element after '- '."),
        (
            {"probe": "localhost"},
            "certificate shop: probe: 'localhost' is not a list of mappings. Give a list, each element after ",
        ),
        (
            {"probe": {"port": 443}},
            "certificate shop: probe: a mapping is not a list of mappings. Give a list, each element after '-",
        ),
        (
            {"probe": [{"prot": 443}]},
            "certificate shop: probe 1: unknown option 'prot' (did you mean 'port'?). Use one of address, port,",
        ),
        ({"probe": [{"port": 0}]}, "certificate shop: probe has the port 0, which is not from 1 to 65535."),
        ({"probe": [{"port": 70000}]}, "certificate shop: probe has the port 70000, which is not from 1 to 65535."),
        (
            {"probe": [{"port": "https"}]},
            "certificate shop: probe 1: port: 'https' is not a whole number. Give one, without a unit.",
        ),
        ({"probe": [{"port": -1}]}, "certificate shop: probe has the port -1, which is not from 1 to 65535."),
        ({"probe": [{"timeout": 0}]}, "certificate shop: probe has the timeout 0: give a number of seconds."),
        ({"probe": [{"timeout": -1}]}, "certificate shop: probe has the timeout -1: give a number of seconds."),
        (
            {"probe": [{"timeout": "30s"}]},
            "certificate shop: probe 1: timeout: '30s' is not a whole number. Give one, without a unit.",
        ),
        (
            {"probe": [{"starttls": "smtps"}]},
            "certificate shop: probe 1: starttls: 'smtps' is unknown (did you mean 'smtp'?). Give one of smtp",
        ),
        (
            {"probe": [{"starttls": "imaps"}]},
            "certificate shop: probe 1: starttls: 'imaps' is unknown (did you mean 'imap'?). Give one of smtp",
        ),
        (
            {"probe": [{"address": ""}]},
            "certificate shop: probe has the address '': give a name or an IP address, and the port as port.",
        ),
        (
            {"probe": [{"address": "localhost:443"}]},
            "certificate shop: probe has the address 'localhost:443': give a name or an IP address, and the p",
        ),
        (
            {"probe": [{"address": "https://localhost"}]},
            "certificate shop: probe has the address 'https://localhost': give a name or an IP address, and t",
        ),
        (
            {"probe": [{"address": "two words"}]},
            "certificate shop: probe has the address 'two words': give a name or an IP address, and the port ",
        ),
        ({"probe": [{"server_name": "a b"}]}, "certificate shop: probe: identifier 'a b' contains a space."),
        (
            {"probe": [{"server_name": "https://x"}]},
            "certificate shop: probe: identifier 'https://x' is a URL or a path. Give the host name only.",
        ),
        ({"probe": ["x"]}, "certificate shop: probe 1: 'x' is not a mapping. Give a mapping."),
        ({"probe": [None]}, "certificate shop: probe 1: nothing is not a mapping. Give a mapping."),
        ({"probe": [7]}, "certificate shop: probe 1: 7 is not a mapping. Give a mapping."),
        ({"probe": [[1]]}, "certificate shop: probe 1: a list is not a mapping. Give a mapping."),
        (
            {"probe": [{}], "reload": [{"notify": "Restart"}]},
            "certificate shop: probe cannot be used with notify in reload: the handler runs after the probe.",
        ),
        (
            {"formats": "combined"},
            "certificate shop: formats: 'combined' is not a list of mappings. Give a list, each element after",
        ),
        (
            {"formats": {"kind": "der"}},
            "certificate shop: formats: a mapping is not a list of mappings. Give a list, each element after ",
        ),
        ({"formats": [{"path": "/x"}]}, "certificate shop: formats 1: kind is missing. Give kind."),
        ({"formats": [{"kind": "combined"}]}, "certificate shop: formats 1: path is missing. Give path."),
        (
            {"formats": [{**COMBINED, "kind": "pem"}]},
            "certificate shop: formats 1: kind: 'pem' is unknown. Give one of combined, pkcs12, der, root.",
        ),
        (
            {"formats": [{**COMBINED, "kind": "pkcs"}]},
            "certificate shop: formats 1: kind: 'pkcs' is unknown (did you mean 'pkcs12'?). Give one of combi",
        ),
        (
            {"formats": [{**COMBINED, "path": "x.pem"}]},
            "certificate shop: formats has the path 'x.pem', which is not a plain absolute one.",
        ),
        (
            {"formats": [{**COMBINED, "path": "/etc/../x"}]},
            "certificate shop: formats has the path '/etc/../x', which is not a plain absolute one.",
        ),
        (
            {"formats": [{**COMBINED, "path": "/etc/x/"}]},
            "certificate shop: formats has the path '/etc/x/', which is not a plain absolute one.",
        ),
        (
            {"formats": [{**COMBINED, "path": "/etc/acme/x.pem"}]},
            "certificate shop: formats: /etc/acme/x.pem is in acme_home, where only the role writes. Give an",
        ),
        (
            {"formats": [{**COMBINED, "mode": "0644"}]},
            "certificate shop: formats: mode '0644' would let every user of the host read the private key: use",
        ),
        (
            {"formats": [{**COMBINED, "mode": 640}]},
            "certificate shop: formats: mode '640' is invalid: give four octal digits in quotes, such as '064",
        ),
        (
            {"formats": [{**COMBINED, "mode": "rw"}]},
            "certificate shop: formats: mode 'rw' is invalid: give four octal digits in quotes, such as '0640",
        ),
        (
            {"formats": [{**COMBINED, "passphrase": "a secret that is long"}]},
            "certificate shop: formats has /etc/x.pem with a passphrase, which combined does not take.",
        ),
        (
            {"formats": [{**COMBINED, "kind": "pkcs12", "path": "/x.p12"}]},
            "certificate shop: formats has /x.p12 without a passphrase, which pkcs12 needs.",
        ),
        (
            {"formats": [{**COMBINED, "kind": "pkcs12", "path": "/x.p12", "passphrase": "changeit"}]},
            "certificate shop: formats has /x.p12 with a passphrase of fewer than 12 characters, which can be",
        ),
        (
            {"formats": [{**COMBINED, "kind": "pkcs12", "path": "/x.p12", "passphrase": ["a secret that is long"]}]},
            "certificate shop: formats 1: passphrase: a list is not a string. Give a string, in quotes.",
        ),
        (
            {"formats": [{**COMBINED, "kind": "pkcs12", "path": "/x.p12", "password": "a secret that is long"}]},
            "certificate shop: formats 1: unknown option 'password'. Use one of kind, path, owner, group, mode,",
        ),
        (
            {
                "formats": [
                    {
                        **COMBINED,
                        "kind": "pkcs12",
                        "path": "/x.p12",
                        "passphrase": "a secret that is long",
                        "encryption": "none",
                    }
                ]
            },
            "certificate shop: formats 1: encryption: 'none' is unknown. Give one of modern, legacy.",
        ),
        (
            {"formats": [{**COMBINED, "encrypton": "legacy"}]},
            "certificate shop: formats 1: unknown option 'encrypton' (did you mean 'encryption'?). Use one of k",
        ),
        (
            {"formats": [COMBINED, COMBINED]},
            "certificate shop: formats: /etc/x.pem is listed 2 times. Give each file its own path.",
        ),
        ({"formats": ["x"]}, "certificate shop: formats 1: the value is not a mapping. Give a mapping."),
        ({"formats": [True]}, "certificate shop: formats 1: a boolean is not a mapping. Give a mapping."),
        ({"mode": 384}, "certificate shop: mode '384' is invalid: give four octal digits in quotes, such as '0640'."),
        ({"mode": "600"}, "certificate shop: mode '600' is invalid: give four octal digits in quotes, such as '0640'."),
        (
            {"mode": "0777"},
            "certificate shop: mode '0777' would let every user of the host read the private key: use '0640' a",
        ),
        (
            {"mode": "0640x"},
            "certificate shop: mode '0640x' is invalid: give four octal digits in quotes, such as '0640'.",
        ),
        (
            {"mode": "u=rw"},
            "certificate shop: mode 'u=rw' is invalid: give four octal digits in quotes, such as '0640'.",
        ),
        ({"mode": ["0600"]}, "certificate shop: mode: a list is not a string. Give a string, in quotes."),
        (
            {"mode": "0604"},
            "certificate shop: mode '0604' would let every user of the host read the private key: use '0640' a",
        ),
        ({"mode": 416}, "certificate shop: mode '416' is invalid: give four octal digits in quotes, such as '0640'."),
        ({"owner": ["root"]}, "certificate shop: owner: a list is not a string. Give a string, in quotes."),
        ({"owner": True}, "certificate shop: owner: true is not a string. Give a string, in quotes."),
        ({"group": {"name": "x"}}, "certificate shop: group: a mapping is not a string. Give a string, in quotes."),
        ({"shared": "maybe"}, "certificate shop: shared: 'maybe' is neither true nor false. Give true or false."),
        ({"shared": [1]}, "certificate shop: shared: a list is neither true nor false. Give true or false."),
        (
            {"identifer": ["x"]},
            "certificate shop: unknown option 'identifer' (did you mean 'identifiers'?). Use one of name, ident",
        ),
        (
            {"domains": ["x"]},
            "certificate shop: unknown option 'domains'. Use one of name, identifiers, challenge, webroot, http",
        ),
        (
            {"key": "x"},
            "certificate shop: unknown option 'key'. Use one of name, identifiers, challenge, webroot, http_01_",
        ),
        (
            {"webrot": "/w"},
            "certificate shop: unknown option 'webrot' (did you mean 'webroot'?). Use one of name, identifiers,",
        ),
        (
            {"keytype": "ec256"},
            "certificate shop: unknown option 'keytype' (did you mean 'key_type'?). Use one of name, identifier",
        ),
        (
            {"listen": "80"},
            "certificate shop: unknown option 'listen' (did you mean 'http_01_listen'?). Use one of name, ident",
        ),
        (
            {"http01_listen": "80"},
            "certificate shop: unknown option 'http01_listen' (did you mean 'http_01_listen'?). Use one of name",
        ),
        (
            {"challenge": "dns-01"},
            "certificate shop: challenge: a TXT record for shop.example.com cannot be written: acme_dns and acme_dns_",
        ),
        (
            {"probe": [{"address": "300.1.1.1"}]},
            "certificate shop: probe has the address '300.1.1.1': give a name or an IP address, and the port as port.",
        ),
        (
            {"probe": [{"address": "[::1"}]},
            "certificate shop: probe has the address '[::1': give a name or an IP address, and the port as port.",
        ),
    ],
)


LISTS = pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("shop", "acme_certificates: 'shop' is not a list of mappings. Give a list, each element after '- '."),
        (
            {"name": "shop"},
            "acme_certificates: a mapping is not a list of mappings. Give a list, each element after '- '.",
        ),
        (True, "acme_certificates: true is not a list of mappings. Give a list, each element after '- '."),
        (None, "acme_certificates: nothing is not a list of mappings. Give a list, each element after '- '."),
        (7, "acme_certificates: 7 is not a list of mappings. Give a list, each element after '- '."),
        ([None], "certificate number 1 of acme_certificates: nothing is not a mapping. Give a mapping of name, ide"),
        (["shop"], "certificate number 1 of acme_certificates: the value is not a mapping. Give a mapping of name, i"),
        (
            [["shop"]],
            "certificate number 1 of acme_certificates: a list is not a mapping. Give a mapping of name, iden",
        ),
        ([7], "certificate number 1 of acme_certificates: the value is not a mapping. Give a mapping of name, i"),
        ([GOOD, GOOD], "certificate shop: name: 2 certificates have this name. Give each its own name."),
        (
            [{"identifiers": ["a.example.com"], "webroot": "/w"}],
            "certificate number 1 of acme_certificates: name is missing. Give name.",
        ),
        (
            [{**GOOD, "formats": [COMBINED]}, {**GOOD, "name": "mail", "formats": [COMBINED]}],
            "certificate shop and mail: formats: /etc/x.pem is listed 2 times. Give each file its own path.",
        ),
        (
            "[{bad json",
            "acme_certificates: '[{bad json' is not a list of mappings. Give a list, each element after '- '.",
        ),
        ("[1]", "certificate number 1 of acme_certificates: the value is not a mapping. Give a mapping of name, i"),
    ],
)
