# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of each module that runs on hosts, with the arguments that it was given: all tests start from these."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import answers as plugin
from tests.unit import contracts
from tests.unit.contracts import DIRECTORY, PEM, POINT, TOKEN

REVOKE = "https://ca.example/revoke"
SHOP = {
    "name": "shop",
    "identifiers": ["shop.example"],
    "challenge": "http-01",
    "webroot": "/var/www",
    "reload": ["nginx", {"notify": "Restart the cluster"}],
}
LIVE = contracts.live(attributes=["privkey.pem mode 0644 instead of 0600"])
FOUND = contracts.found(
    host=None,
    wanted=None,
    live=LIVE,
    pending=contracts.awaiting(),
    issued=[contracts.issued()],
    failed=[contracts.failed()],
)
_ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "certificate_info": (
        {"home": "/etc/acme", "certificates": [SHOP], "history": ["shop"], "content": True},
        {
            "certificates": [{**replace(FOUND, live=replace(LIVE, content=PEM)).to_result(), "wanted": SHOP}],
            "unlisted": ["old"],
            "history": [contracts.past().to_result()],
            "txt_records": [contracts.noted().to_result()],
        },
    ),
    "certificate_request": (
        {"directory": DIRECTORY, "certificates": [SHOP], "receive": ["wildcard"]},
        {
            "requests": [contracts.request().to_result()],
            "ready": ["shop"],
            "receivers": {"wildcard": POINT},
            "failures": {},
        },
    ),
    "certificate_share": (
        {"shares": [{"name": "wildcard", "serial": "4a1f", "receivers": {"web2": POINT, "web3": POINT}}]},
        {
            "shares": [contracts.given().to_result()],
            "failures": {},
        },
    ),
    "challenge_response": (
        {"challenges": [{"token": TOKEN, "key_authorization": f"{TOKEN}.thumb", "webroot": "/var/www"}]},
        {"paths": [f"/var/www/.well-known/acme-challenge/{TOKEN}"], "failures": {TOKEN: "disk full"}},
    ),
    "certificate": (
        {"certificates": [SHOP], "results": [{"name": "shop", "status": "valid"}, {"name": "old", "action": "remove"}]},
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
            "after_handlers": [{"name": "shop", "version": "0008"}],
            "reloaded": ["nginx"],
            "failures": {"old": "it is in use"},
            "deferred": {"shop": "the CA is down"},
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
    "certificate_revoke": (
        {
            "sign": [{"name": "shop", "serial": "4a1f", "reason": 1, "nonces": {REVOKE: "abc"}}],
            "revoked": [{"name": "mail", "serial": "5b"}],
            "live": "removed",
        },
        {
            "signed": [{"name": "shop", "serial": "4a1f", "signatures": {REVOKE: "sFy7-_8"}, "problem": ""}],
            "marked": [{"name": "mail", "serial": "5b", "changed": True, "removed": True, "problem": ""}],
            "failures": {},
        },
    ),
}
MODULES = tuple(_ANSWERS)


def arguments(module: str) -> dict[str, Any]:
    """Return the arguments of the module's task."""
    return copy.deepcopy(_ANSWERS[module][0])


def answer(module: str, **more: Any) -> dict[str, Any]:
    """Return the module's answer, with *more* in it."""
    ansibles_own = {"changed": False, "warnings": ["nginx is slow"], "diff": {"before": "", "after": "version 0008\n"}}
    return {**ansibles_own, **copy.deepcopy(_ANSWERS[module][1]), **more}


def contract(module: str) -> Mapping[str, Any]:
    """Return the module's contract for these arguments."""
    return getattr(plugin, module)(arguments(module))  # type: ignore[no-any-return]
