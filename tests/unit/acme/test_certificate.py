# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download with alternate chains, and revocation (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.certificate import der_of, download
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    ProtocolError,
    UnreadableError,
)
from tests.unit.acme.ca import pem
from tests.unit.acme.server import Answer, html

DER = b"0\x82 pretends to be DER \xff\xfe"


CHAIN = pem("leaf") + pem("issuer")


def armored(separator="\n"):
    body = base64.b64encode(DER).decode()
    return (
        f"-----BEGIN CERTIFICATE-----{separator}{body[:10]}{separator}{body[10:]}{separator}-----END CERTIFICATE-----"
    )


class TestDownload:
    def test_download_chain_is_split(self, ca, client):
        ca.chain = pem("leaf") + "\n" + pem("intermediate") + pem("root")
        chain = download(client, f"{ca.url}/cert/1")
        assert chain.certificate == pem("leaf")
        assert chain.intermediates == (pem("intermediate"), pem("root"))
        assert chain.chain == pem("intermediate") + pem("root")
        assert chain.alternates == ()
        assert ca.signed()[0].payload is None

    @pytest.mark.parametrize(
        "body",
        [pem("leaf").replace("\n", "\r\n"), "a comment\n" + pem("leaf") + "another\n", pem("leaf").rstrip("\n")],
        ids=["crlf", "comments", "no last newline"],
    )
    def test_download_skips_text_around_pem(self, ca, client, body):
        ca.chain = body
        chain = download(client, f"{ca.url}/cert/1")
        assert der_of(chain.certificate) == b"leaf"
        assert chain.certificate.endswith("-----END CERTIFICATE-----\n")
        assert chain.chain == ""

    @pytest.mark.parametrize(
        ("link", "alternates"),
        [
            ("", []),
            ('<{ca}/directory>;rel="index"', []),
            ('<{ca}/cert/1/1>;rel="alternate"', ["{ca}/cert/1/1"]),
            ('<{ca}/cert/1/1>; rel="alternate"; title="other", <{ca}/directory>;rel="index"', ["{ca}/cert/1/1"]),
            (
                ['<{ca}/directory>;rel="index"', '<{ca}/cert/1/1>;rel="alternate"', '<{ca}/cert/1/2>;rel="alternate"'],
                ["{ca}/cert/1/1", "{ca}/cert/1/2"],
            ),
            ("<<<;;;,,,rel=alternate", []),
        ],
        ids=["none", "other relation", "one", "with a title", "several headers", "garbage"],
    )
    def test_download_lists_alternate_chains_without_fetching(self, ca, client, link, alternates):
        links = [text.format(ca=ca.url) for text in ([link] if isinstance(link, str) else link)]
        ca.chain_headers = {"Link": links}
        chain = download(client, f"{ca.url}/cert/1")
        assert list(chain.alternates) == [text.format(ca=ca.url) for text in alternates]
        assert len(ca.signed()) == 1

    def test_download_alternate_chain_by_url(self, ca, client):
        ca.chain_headers = {"Link": f'<{ca.url}/cert/2>;rel="alternate"'}
        ca.script("/cert/2", Answer(200, (pem("leaf") + pem("other")).encode()))
        (alternate,) = download(client, f"{ca.url}/cert/1").alternates
        assert download(client, alternate).intermediates == (pem("other"),)

    def test_download_relative_alternate_url_is_resolved(self, ca, client):
        ca.chain_headers = {"Link": '</cert/2>;rel="alternate"'}
        assert download(client, f"{ca.url}/cert/1").alternates == (f"{ca.url}/cert/2",)

    @pytest.mark.parametrize("url", ["http://192.0.2.1/cert/2", "https://[::1"])
    def test_download_bad_alternate_url_fails_only_its_download(self, ca, client, url):
        ca.chain_headers = {"Link": f'<{url}>;rel="alternate"'}
        (alternate,) = download(client, f"{ca.url}/cert/1").alternates
        with pytest.raises(ProtocolError):
            download(client, alternate)
        assert len(ca.signed()) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            html(),
            Answer(200, b""),
            Answer(200, {"certificate": "x"}),
            Answer(200, b"\x30\x82\xff\x00"),
            Answer(200, b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n"),
        ],
        ids=["html", "empty", "json", "der", "a key"],
    )
    def test_download_without_certificate_raises(self, ca, client, answer):
        ca.always("/cert", answer)
        with pytest.raises(ProtocolError, match=r"/cert/1 returned no PEM certificate$"):
            download(client, f"{ca.url}/cert/1")

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (CHAIN[:-5], "a chain that ends within a certificate"),
            (CHAIN[:50], "a chain that ends within a certificate"),
            (CHAIN[:-60], "a chain that ends within a certificate"),
            (CHAIN.replace("\n", "\n!", 1), "a damaged PEM certificate"),
        ],
        ids=["within the last line", "within the leaf", "within the issuer", "not base64"],
    )
    def test_download_without_whole_chain_raises_after_attempts(self, ca, client, body, text):
        ca.chain = body
        with pytest.raises(UnreadableError, match=rf"/cert/1 returned {text}$"):
            download(client, f"{ca.url}/cert/1")
        assert ca.counts() == {"/cert": 6}

    @pytest.mark.parametrize("answer", [html(), Answer(200, CHAIN[:-5].encode(), sized=False)], ids=["html", "cut"])
    def test_download_once_without_whole_chain_is_repeated(self, ca, client, time, answer):
        ca.chain = CHAIN
        ca.script("/cert", answer)
        assert download(client, f"{ca.url}/cert/1").intermediates == (pem("issuer"),)
        assert time.pauses == [0.75]

    def test_download_skips_other_pem_blocks(self, ca, client):
        ca.chain = pem("leaf") + "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n" + pem("issuer")
        chain = download(client, f"{ca.url}/cert/1")
        assert chain.certificate + chain.chain == pem("leaf") + pem("issuer")

    @pytest.mark.parametrize("url", ["", "http://192.0.2.1/cert/1"])
    def test_download_refused_url_gets_no_request(self, ca, client, url):
        with pytest.raises(ProtocolError):
            download(client, url)
        assert ca.requests == []


class TestDer:
    @pytest.mark.parametrize(
        "text",
        [armored(), armored("\r\n"), armored(" "), "Certificate:\n" + armored() + "\n" + pem("issuer")],
        ids=["plain", "crlf", "folded by YAML", "with more around it"],
    )
    def test_der_of_pem(self, text):
        assert der_of(text) == DER

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "the given text has no PEM certificate"),
            (
                "-----BEGIN CERTIFICATE REQUEST-----\nTUlJ\n-----END CERTIFICATE REQUEST-----",
                "has no PEM certificate",
            ),
            ("-----BEGIN CERTIFICATE-----\nTUl\n-----END CERTIFICATE-----", "the given PEM certificate is damaged"),
        ],
    )
    def test_der_of_other_text_raises(self, text, message):
        with pytest.raises(AcmeError, match=message):
            der_of(text)
