# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_directory_info against Pebble."""

from __future__ import annotations


def test_directory_info_of_one_directory(ca, lab):
    mark = lab.pebble.mark()
    (directory,) = ca("acme_directory_info", check=True)["directories"]
    assert directory["url"] == lab.pebble.directory_url
    assert directory["profiles"].keys() == {"default", "shortlived"}
    assert directory["renewal_information"] is True
    assert directory["external_account_required"] is False
    assert directory["terms_of_service"] == directory["meta"]["termsOfService"] != ""
    assert lab.pebble.requests(mark) == [("GET", "/dir")]


def test_directory_info_of_several_in_given_order(ca, lab):
    urls = [lab.pebble.directory_url.replace("ca.lab.test", lab.controller), lab.pebble.directory_url]
    result = ca("acme_directory_info", acme_directory=urls)
    assert [directory["url"] for directory in result["directories"]] == urls
    assert not result["changed"]
