# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules that run on hosts, and the objects that are made of them. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._common.errors import CollectionError
from .._common.identifiers import CHALLENGES, HTTP_01, TLS_ALPN_01
from .._common.names import CERTIFICATE_KEY_TYPES, DEFAULT_LIST
from .._common.statuses import STOPPED, UNORDERED, FailureKind, Status
from .._host.errors import summary
from .._host.wanted.claim import Claim
from .._host.wanted.endpoints import STARTTLS
from .._host.wanted.formats import KINDS, LEGACY, MODERN
from .._host.wanted.wanted import WantedCertificate, twice
from .option_specs import BATCH_SPEC, texts

HOME_SPEC: dict[str, Any] = {**BATCH_SPEC, "home": {"type": "path", "default": "/etc/acme"}}

#: Of modules that work for one list of certificates.
LIST_SPEC: dict[str, Any] = {
    **HOME_SPEC,
    "list": {"type": "str", "default": DEFAULT_LIST},
    "reassign": {"type": "bool", "default": False},
}

PROBE_SPEC: dict[str, Any] = {
    "address": {"type": "str", "default": "localhost"},
    "port": {"type": "int"},
    "server_name": {"type": "str"},
    "starttls": {"type": "str", "choices": list(STARTTLS)},
    "timeout": {"type": "int", "default": 30},
}

FORMAT_SPEC: dict[str, Any] = {
    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
    "path": {"type": "path", "required": True},
    **texts("owner", "group", "mode"),
    "encryption": {"type": "str", "default": MODERN, "choices": [MODERN, LEGACY]},
    "passphrase": {"type": "str", "no_log": True},
    "friendly_name": {"type": "str"},
    "roots": {"type": "path"},
}

CERTIFICATE_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "identifiers": {"type": "list", "elements": "raw", "required": True},
    "challenge": {"type": "str", "default": HTTP_01, "choices": list(CHALLENGES)},
    "webroot": {"type": "path"},
    "http_01_listen": {"type": "str"},
    "tls_alpn_01_listen": {"type": "str", "default": "443"},
    "key_type": {"type": "str", "default": "ec256", "choices": list(CERTIFICATE_KEY_TYPES), "no_log": False},
    **texts("profile", "not_before", "not_after"),
    "reload": {"type": "list", "elements": "raw", "default": []},
    "probe": {"type": "list", "elements": "dict", "options": PROBE_SPEC, "default": []},
    "formats": {"type": "list", "elements": "dict", "options": FORMAT_SPEC, "default": []},
    "shared": {"type": "bool", "default": False},
    **texts("owner", "group"),
    "mode": {"type": "str", "default": "0600"},
}

JOURNAL_SPEC: dict[str, Any] = {
    **texts("name", "order_uri", required=True),
    **texts("account_uri", "directory"),
    "new_key": {"type": "bool", "default": False},
}

CHALLENGE_SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "type": {"type": "str", "default": HTTP_01, "choices": [HTTP_01, TLS_ALPN_01]},
    "identifier": {"type": "str"},
    "token": {"type": "str", "required": True, "no_log": False},
    "key_authorization": {"type": "str", "no_log": False},
    "webroot": {"type": "path"},
    "listen": {"type": "str"},
}

#: A TXT record that a run sets, for the notes of its host.
TXT_RECORD_SPEC: dict[str, Any] = {
    **texts("name", "value", required=True),
    "key_authorization": {"type": "str", "required": True, "no_log": False},
}

#: The statuses of orders whose result a host carries out.
RESULTS = (Status.VALID, *STOPPED)

RESULT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "status": {"type": "str", "choices": [status.value for status in RESULTS]},
    "action": {"type": "str", "choices": [action.value for action in UNORDERED]},
    "problem": {"type": "str", "default": ""},
    "resumable": {"type": "bool", "default": False},
    "failure_kind": {"type": "str", "choices": [kind.value for kind in FailureKind]},
    **texts("retry_at", "digest", "advice"),
    **texts("certificate", "chain", "account_uri", "order_uri", "directory", "created"),
    "sealed_key": {"type": "str", "no_log": False},  # only this host can open it
}

#: Of a result: it has a status or an action, and not both.
STATUS_OR_ACTION: dict[str, Any] = {
    "required_one_of": [("status", "action")],
    "mutually_exclusive": [("status", "action")],
}

#: A version whose handlers have run.
HANDLED_SPEC: dict[str, Any] = texts("name", "version", required=True)

LISTEN_SPEC: dict[str, Any] = {"listen_timeout": {"type": "int", "default": 600}}


def wanted_certificates(
    options: Iterable[Mapping[str, Any]], claim: Claim, directories: Iterable[str] = ()
) -> dict[str, WantedCertificate]:
    """Return the certificates that the list of *claim* wants, by name.

    *directories*: URLs of the CAs that may issue them, empty if any may. Raises CollectionError with one line that
    names each that cannot be wanted.
    """
    options, directories = list(options), list(directories)
    failures = dict.fromkeys(twice(options), "more than one certificate has this name")
    certificates = {}
    for option in options:
        try:
            certificates[option["name"]] = WantedCertificate.of(option, claim, directories)
        except CollectionError as error:
            failures[option["name"]] = str(error)
    if failures:
        raise CollectionError(summary(failures))
    return certificates
