# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsing of reload: services, commands and handlers, valid or refused."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import (
    COMMAND,
    NOTIFY,
    SERVICE,
    Reload,
    parse,
)


@pytest.mark.parametrize("name", ["nginx", "postfix@-", "php8.2-fpm", "a:b", "_x", "@x"])
def test_parse_service_valid_names(name):
    assert parse([name, f" {name} ", f"{name}.service", {"service": name}]) == (Reload(SERVICE, name),)


def test_parse_reload_keeps_order():
    assert parse([]) == ()
    assert [entry.what for entry in parse(["b", "a", {"service": "b"}])] == ["b", "a"]


@pytest.mark.parametrize(
    "name", ["", " ", ".service", "-x", "--now", "a b", "a;b", "a/b", "$(id)", "a\nb", "ä", "a\x00"]
)
def test_parse_service_invalid_name_is_refused(name):
    for entry in (name, {"service": name}):
        with pytest.raises(OptionError, match=r"reload has .*, which is not the name of a service"):
            parse(["nginx", entry])


@pytest.mark.parametrize(
    ("entry", "reload", "text"),
    [
        ({"command": ["/usr/bin/x", "a b", 7]}, Reload(COMMAND, ("/usr/bin/x", "a b", "7")), "/usr/bin/x a b 7"),
        ({"command": ["x"], "test": ["x", "-t"]}, Reload(COMMAND, ("x",), ("x", "-t")), "x"),
        ({"service": "x", "test": ["x", "-t"]}, Reload(SERVICE, "x", ("x", "-t")), "x"),
        ({"service": "x", "test": None}, Reload(SERVICE, "x"), "x"),
        ({"service": "x", "timeout": "7"}, Reload(SERVICE, "x", (), 7), "x"),
        ({"command": ["x"], "timeout": None}, Reload(COMMAND, ("x",)), "x"),
        ({"notify": " restart it "}, Reload(NOTIFY, "restart it"), "restart it"),
    ],
)
def test_parse_mapping_valid(entry, reload, text):
    assert parse([entry]) == (reload,)
    assert str(reload) == text


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (None, "reload has None: give a service's name, or a mapping"),
        ({}, "reload has {}: give"),
        ({"test": ["x"]}, "of one of service, command and notify"),
        ({"service": "x", "command": ["x"]}, "of one of service, command and notify"),
        ({"service": "x", "shell": "x"}, "of one of service, command and notify"),
        ({"notify": "x", "test": ["x"]}, "test and timeout may go with the first two"),
        ({"notify": "x", "timeout": 1}, "test and timeout may go with the first two"),
        ({"service": "x", "timeout": 0}, "reload has the timeout 0: give a number of seconds"),
        ({"service": "x", "timeout": "soon"}, "reload has the timeout 'soon': give a number of seconds"),
        ({"service": "x", "timeout": [1]}, "reload has the timeout [1]: give a number of seconds"),
        ({"command": "x -y"}, "reload has the command 'x -y': give a list"),
        ({"command": []}, "give a list of the program and its arguments"),
        ({"command": [["x"]]}, "give a list of the program and its arguments"),
        ({"command": [""]}, "which names no program"),
        ({"command": ["x", "a\0b"]}, "which names no program"),
        ({"service": "x", "test": "x -t"}, "reload has the test 'x -t': give a list"),
        ({"notify": ""}, "which is not the name of a handler"),
        ({"notify": ["x"]}, "which is not the name of a handler"),
    ],
)
def test_parse_reload_invalid_entry_is_refused(entry, what):
    with pytest.raises(OptionError) as raised:
        parse([entry])
    assert what in str(raised.value)
