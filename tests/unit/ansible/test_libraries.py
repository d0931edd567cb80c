# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about libraries that the controller lacks."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.libraries import missing


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        (("requests",), "requests"),
        # Imported as dns, installed as dnspython.
        (("dns",), "dnspython"),
        (("requests", "dns"), "requests dnspython"),
        # The library is looked up without loading it.
        (("tldextract",), "tldextract"),
    ],
)
def test_missing_library_has_name_of_package(monkeypatch, absent, named):
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    text = missing(("requests", "cryptography", "dns", "tldextract"))
    assert text.startswith(f"the Python that does this work ({sys.executable}) lacks {named.replace(' ', ', ')}: ")
    assert f"-m pip install {named}'" in text


def test_missing_none_is_empty():
    assert missing(("requests", "cryptography", "josepy", "dns", "tldextract")) == ""
