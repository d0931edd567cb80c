# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_revoke: revocations signed with certificates' own keys, and revoked versions marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .._common.errors import CollectionError, OptionError
from .._common.times import utc
from .._host.steps import revocation
from .host_module import HostModule, HostTask, verify_host
from .host_options import HOME_SPEC
from .option_specs import list_of, texts

#: The fates of a live version that is revoked.
REPLACED, REMOVED = "replaced", "removed"

_WHICH = texts("name", "serial", required=True)
SPEC: dict[str, Any] = {
    **HOME_SPEC,
    "sign": list_of(
        {
            **_WHICH,
            "reason": {"type": "int", "default": 0, "choices": [0, 1, 3, 4, 5]},
            "nonces": {"type": "dict", "required": True},
        }
    ),
    "revoked": list_of(_WHICH),
    "live": {"type": "str", "default": REPLACED, "choices": [REPLACED, REMOVED]},
}

# RFC 8555 section 6.1 requires https; http is for a CA on the controller itself, as in _acme/urls.py.
_URL = re.compile(r"https://[!-~]+|http://(127(\.\d+){3}|localhost|\[::1\])[:/][!-~]*")
# RFC 8555 section 6.5.1
_NONCE = re.compile(r"[A-Za-z0-9_-]+")


def run(task: HostTask) -> dict[str, Any]:
    """Sign and mark. A certificate that fails stops no other. Raises CollectionError before any is read."""
    params = task.params
    verify_host(params["home"])
    for item in params["sign"]:
        _verify(item["nonces"])
    failures: dict[str, str] = {}
    signed = [_signed(params["home"], item, failures) for item in params["sign"]]
    now = utc(datetime.now(timezone.utc))
    is_removed = params["live"] == REMOVED
    marked = [_marked(task, item, now, is_removed, failures) for item in params["revoked"]]
    changed = any(item["changed"] for item in marked)
    return {"changed": changed, "signed": signed, "marked": marked, "failures": failures}


def _signed(home: str, item: Mapping[str, Any], failures: dict[str, str]) -> dict[str, Any]:
    name, serial = item["name"], item["serial"]
    try:
        signatures, problem = revocation.sign(home, name, serial, item["reason"], item["nonces"]), ""
    except CollectionError as error:
        signatures, problem = {}, str(error)
        _fail(failures, name, problem)
    return {"name": name, "serial": serial, "signatures": signatures, "problem": problem}


def _marked(
    task: HostTask, item: Mapping[str, Any], now: str, is_removed: bool, failures: dict[str, str]
) -> dict[str, Any]:
    name, serial = item["name"], item["serial"]
    try:
        found = revocation.mark(task.params["home"], name, serial, now, is_removed, task.check_mode)
    except CollectionError as error:
        _fail(failures, name, str(error))
        return {"name": name, "serial": serial, "changed": False, "removed": False, "problem": str(error)}
    if found.warning:
        task.warn(f"certificate {name}: {found.warning}")
    return {"name": name, "serial": serial, "changed": found.changed, "removed": found.removed, "problem": ""}


def _fail(failures: dict[str, str], name: str, problem: str) -> None:
    """Add to an earlier failure, such as of another version."""
    failures[name] = "; ".join(dict.fromkeys(filter(None, (failures.get(name), problem))))


def _verify(nonces: Mapping[str, Any]) -> None:
    """Raise OptionError for what cannot be a nonce of a CA, or the URL of one of its resources."""
    for url, nonce in nonces.items():
        if not _URL.fullmatch(str(url)) or not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
            raise OptionError(f"nonces: '{url}' has no usable nonce. Give a nonce by the URL of revokeCert")


MODULE = HostModule(SPEC, run, {"signed": [], "marked": [], "failures": {}})
