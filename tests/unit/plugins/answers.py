# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of each module that runs on hosts, with the arguments that it was given: all tests start from these."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils import contracts

DIRECTORY = "https://ca.example/directory"
ACCOUNT = "https://ca.example/acct/1"
ORDER = "https://ca.example/order/1"
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
POINT = "BLq2" * 22
SHOP = {
    "name": "shop",
    "identifiers": ["shop.example"],
    "challenge": "http-01",
    "webroot": "/var/www",
    "reload": ["nginx", {"notify": "Restart the cluster"}],
}
ISSUED = {
    "serial": "4a1f",
    "issuer": "CN=E7,O=Example",
    "not_before": "2026-11-01T00:00:00Z",
    "not_after": "2027-01-30T00:00:00Z",
    "created": "2026-11-01T00:59:30Z",
}
LIVE = {
    **ISSUED,
    "version": "0007",
    "identifiers": ["shop.example"],
    "key_type": "ec256",
    "profile": None,
    "directory": DIRECTORY,
    "account_uri": ACCOUNT,
    "ari_id": "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    "reloaded": True,
    "missing": [],
    "damaged": [],
    "unreadable": [],
    "attributes": ["privkey.pem mode 0644 instead of 0600"],
    "formats": [],
}
PENDING = {
    "version": "0008",
    "identifiers": ["shop.example"],
    "key_type": "ec256",
    "profile": None,
    "directory": DIRECTORY,
    "account_uri": ACCOUNT,
    "order_uri": ORDER,
    "created": "2026-11-28T00:00:00Z",
    "issued": ISSUED,
}
FOUND = {
    "name": "shop",
    "wanted": SHOP,
    "invalid": [],
    "problems": [],
    "list": "default",
    "live": LIVE,
    "pending": PENDING,
    "issued": [
        {
            "at": "2026-11-01T00:59:30Z",
            "serial": "4a1f",
            "directory": DIRECTORY,
            "identifiers": ["shop.example"],
            "renewal": True,
        }
    ],
}
_ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "certificate_info": (
        {"home": "/etc/acme", "certificates": [SHOP], "history": ["shop"], "content": True},
        {
            "certificates": [{**FOUND, "live": {**LIVE, "content": PEM}}],
            "unlisted": ["old"],
            "history": [
                {
                    "name": "shop",
                    "version": "0007",
                    "live": True,
                    "serial": "4a1f",
                    "created": "2026-11-01T00:59:30Z",
                    "not_after": "2027-01-30T00:00:00Z",
                    "certificate": PEM,
                }
            ],
        },
    ),
    "certificate_request": (
        {"directory": DIRECTORY, "certificates": [SHOP], "receive": ["wildcard"]},
        {
            "requests": [
                {
                    "name": "shop",
                    "identifiers": ["shop.example"],
                    "csr_content": PEM,
                    "profile": None,
                    "order_uri": ORDER,
                    "account_uri": ACCOUNT,
                    "version": "0008",
                    "reused": False,
                }
            ],
            "ready": ["shop"],
            "receivers": {"wildcard": POINT},
            "failures": {},
        },
    ),
    "certificate_share": (
        {"shares": [{"name": "wildcard", "serial": "4a1f", "receivers": {"web2": POINT, "web3": POINT}}]},
        {
            "shares": [
                {
                    "name": "wildcard",
                    "certificate": PEM,
                    "chain": PEM,
                    "sealed": {"web2": POINT},
                    "refused": {"web3": "the public key to seal with is damaged"},
                    "created": "2026-11-01T00:59:30Z",
                }
            ],
            "failures": {},
        },
    ),
    "challenge_response": (
        {"challenges": [{"token": TOKEN, "key_authorization": f"{TOKEN}.thumb", "webroot": "/var/www"}]},
        {"paths": [f"/var/www/.well-known/acme-challenge/{TOKEN}"], "failures": {TOKEN: "disk full"}},
    ),
    "certificate": (
        {"certificates": [SHOP], "results": [{"name": "shop", "status": "valid"}, {"name": "old", "status": "remove"}]},
        {
            "certificates": [
                {
                    "name": "shop",
                    "changed": True,
                    "version": "0008",
                    "serial": "4a1f",
                    "not_after": "2027-01-30T00:00:00Z",
                    "reason": "issued",
                }
            ],
            "notify": ["Restart the cluster"],
            "after_handlers": [{"name": "shop", "status": "notified", "version": "0008"}],
            "reloaded": ["nginx"],
            "failures": {"old": "it is in use"},
        },
    ),
    "certificate_adopt": (
        {"certificates": [SHOP], "directories": [DIRECTORY]},
        {
            "certificates": [
                {
                    "name": "shop",
                    "changed": True,
                    "version": "0001",
                    "serial": "4a1f",
                    "not_after": "2027-01-30T00:00:00Z",
                    "client": "certbot",
                    "source": "/etc/letsencrypt/live/shop/cert.pem",
                    "problem": "",
                }
            ],
            "found": [
                {
                    "client": "certbot",
                    "name": "shop",
                    "certificate": "/etc/letsencrypt/live/shop/cert.pem",
                    "identifiers": ["shop.example"],
                    "key_type": "ec256",
                    "not_after": "2027-01-30T00:00:00Z",
                    "directory": DIRECTORY,
                    "webroot": "/var/www",
                    "problem": "",
                    "adopted": "shop",
                }
            ],
            "failures": {},
        },
    ),
}
MODULES = tuple(_ANSWERS)


def arguments(module: str) -> dict[str, Any]:
    """The arguments of the module's task."""
    return copy.deepcopy(_ANSWERS[module][0])


def answer(module: str, **more: Any) -> dict[str, Any]:
    """Return the module's answer, with *more* in it."""
    ansibles_own = {"changed": False, "warnings": ["nginx is slow"], "diff": {"before": "", "after": "version 0008\n"}}
    return {**ansibles_own, **copy.deepcopy(_ANSWERS[module][1]), **more}


def contract(module: str) -> Mapping[str, Any]:
    """The module's contract for these arguments."""
    return getattr(contracts, module)(arguments(module))  # type: ignore[no-any-return]
