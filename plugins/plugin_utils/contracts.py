# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contracts: the fields that the answer of each module that runs on hosts may have.

The host may be in somebody else's hands. So its answer has the fields that are named here, of these types and sizes,
about certificates, receivers and handlers that the task named, and nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.common import parameters

from ansible_collections.certfleet.tls.plugins.module_utils.pki.manifest import ARI_ID, FILES, MANIFEST, NAME, NUMBER
from ansible_collections.certfleet.tls.plugins.module_utils.pki.reloads import NOTIFY

from .schema import Check, Malformed, flag, instant, listing, message, nullable, one_of, pem, record, table, text

Arguments = Mapping[str, Any]
#: The fields of an answer, for the arguments of its task.
Contract = Callable[[Arguments], Mapping[str, Check]]

_MANY = 10_000  # versions or other clients' certificates of a host

_url = text(r"(?:https?://\S+)?", 2048)
_word = text(r".{0,255}")
# Before ansible-core 2.22 a module's answer has stars in the place of no_log values, wherever they are. Since then it
# has the values, and remove_values() is deprecated.
_ANSWERS_HIDE_VALUES = importlib.util.find_spec("ansible.module_utils.secrets") is None
_serial = text(r"[0-9A-Fa-f]{1,64}")
_name = text(NAME.pattern)
_number = text(NUMBER.pattern)
_base64 = text(r"[A-Za-z0-9+/=]+", 1 << 16)
_failure = message

_ISSUED = {
    "serial": nullable(_serial),
    "issuer": nullable(message),
    "not_before": nullable(instant),
    "not_after": nullable(instant),
    "created": nullable(instant),
}
_ORDERED = {
    "version": _number,
    "identifiers": listing(_word),
    "key_type": nullable(_word),
    "profile": nullable(_word),
    "directory": nullable(_url),
    "account_uri": nullable(_url),
}
_CONTENT = {"content": pem}
_LIVE = record(
    {
        **_ORDERED,
        **_ISSUED,
        **_CONTENT,
        "ari_id": nullable(text(ARI_ID.pattern)),
        "reloaded": flag,
        "missing": listing(one_of(FILES)),
        "damaged": listing(one_of((*FILES, MANIFEST))),
        "unreadable": listing(one_of(FILES)),
        "attributes": listing(message),
        "formats": listing(message),
    },
    optional=("content",),
)
_PENDING = record(
    {
        **_ORDERED,
        "order_uri": nullable(_url),
        "created": nullable(instant),
        "issued": nullable(record({**_ISSUED, **_CONTENT}, optional=("content",))),
    }
)
_ISSUANCE = record(
    {"at": instant, "serial": _serial, "directory": _url, "identifiers": listing(_word), "renewal": flag}
)


def certificate_info(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of what a host has; without certificates in *arguments*, of all that it has."""
    wanted = arguments.get("certificates")
    found = {
        "name": _name if wanted is None else text(),
        "invalid": listing(message),
        "problems": listing(message),
        "list": nullable(_word),
        "live": nullable(_LIVE),
        "pending": nullable(_PENDING),
        "issued": listing(_ISSUANCE, _MANY),
    }
    past = {
        "name": one_of(_texts(arguments.get("history"))),
        "version": _number,
        "live": flag,
        "serial": nullable(_serial),
        "created": nullable(instant),
        "not_after": nullable(instant),
        "certificate": pem,
    }
    entries = listing(record(found, optional=("issued", "list")), _MANY)
    return {
        "certificates": entries if wanted is None else _answering([str(option["name"]) for option in wanted], entries),
        "unlisted": listing(_name, _MANY),
        "history": listing(record(past), _MANY),
    }


def certificate_request(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of requests, and of public keys to receive private keys with."""
    names = _certificates(arguments)
    receiving = _texts(arguments.get("receive"))
    request = {
        "name": one_of(names),
        "identifiers": listing(_word),
        "csr_content": nullable(pem),
        "profile": nullable(_word),
        "order_uri": nullable(_url),
        "account_uri": nullable(_url),
        "version": nullable(_word),
        "reused": flag,
    }
    return {
        "requests": listing(record(request)),
        "ready": listing(one_of(names)),
        "receivers": table(one_of(receiving), _base64),
        "failures": table(one_of(names | receiving), _failure),
    }


def certificate_share(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of private keys, sealed to the receivers that the task named."""
    names = _names(arguments.get("shares"))
    receivers = {name for share in _mappings(arguments.get("shares")) for name in _texts(share.get("receivers"))}
    share = {
        "name": one_of(names),
        "certificate": pem,
        "chain": pem,
        "sealed": table(one_of(receivers), _base64),
        "refused": table(one_of(receivers), message),
        "created": text(r"(?:[0-9TZ:-]{20})?"),
    }
    return {"shares": listing(record(share)), "failures": table(one_of(names), _failure)}


def challenge_response(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of places where challenges are answered, and of tokens that could not be served."""
    tokens = {str(challenge.get("token")) for challenge in _mappings(arguments.get("challenges"))}
    return {"paths": listing(message), "failures": table(one_of(tokens), _failure)}


def certificate(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of what became of certificates. Handlers are those that the host's own entries name."""
    names = _certificates(arguments, _names(arguments.get("results")))
    deployed = {
        "name": one_of(names),
        "changed": flag,
        "version": _word,
        "serial": nullable(text(r"[0-9A-Fa-f]{0,64}")),
        "not_after": nullable(_word),
        "reason": message,
    }
    notified = {"name": one_of(names), "status": one_of(["notified"]), "version": _word}
    return {
        "certificates": listing(record(deployed)),
        "notify": listing(one_of(_handlers(arguments.get("certificates")))),
        "after_handlers": listing(record(notified)),
        "reloaded": listing(message),
        "failures": table(one_of(names), _failure),
    }


def certificate_adopt(arguments: Arguments) -> Mapping[str, Check]:
    """Return the fields of what was taken over from other clients, and of what else they have."""
    names = _certificates(arguments)
    adopted = {
        "name": one_of(names),
        "changed": flag,
        **dict.fromkeys(("version", "serial", "not_after", "client", "source", "problem"), nullable(message)),
    }
    found = {
        **dict.fromkeys(("client", "name", "certificate", "key_type", "not_after", "directory"), nullable(message)),
        **dict.fromkeys(("webroot", "problem"), nullable(message)),
        "identifiers": listing(message),
        "adopted": nullable(one_of(names)),
    }
    return {
        "certificates": listing(record(adopted)),
        "found": listing(record(found), _MANY),
        "failures": table(one_of(names), _failure),
    }


def _answering(names: list[str], entries: Check) -> Check:
    """Entries for *names*, one for each, in their order."""

    def check(value: Any, place: str) -> Any:
        found = entries(value, place)
        if [entry["name"] for entry in found] != names:
            raise Malformed(f"{place} is not about the certificates that were asked for")
        return found

    return check


def _handlers(certificates: Any) -> set[str]:
    """The handlers that entries of acme_certificates name."""
    entries = (entry for option in _mappings(certificates) for entry in _elements(option.get("reload")))
    named = (entry.get(NOTIFY) for entry in entries if isinstance(entry, Mapping))
    return {name.strip() for name in named if isinstance(name, str)}


def _certificates(arguments: Arguments, more: Iterable[str] = ()) -> set[str]:
    """Return the names of a task's certificates and *more*, as they are and as Ansible hides passphrases in them."""
    certificates = arguments.get("certificates")
    names = _names(certificates).union(more)
    if _ANSWERS_HIDE_VALUES:
        names |= set(parameters.remove_values(sorted(names), _passphrases(certificates)))
    return names


def _passphrases(certificates: Any) -> set[str]:
    formats = (item for option in _mappings(certificates) for item in _mappings(option.get("formats")))
    return {str(item["passphrase"]) for item in formats if item.get("passphrase")}


def _names(options: Any) -> set[str]:
    return {str(option.get("name")) for option in _mappings(options)}


def _mappings(options: Any) -> Iterable[Mapping[str, Any]]:
    return (option for option in _elements(options) if isinstance(option, Mapping))


def _texts(options: Any) -> set[str]:
    """The texts of a list option, which Ansible also takes as one text with commas."""
    return {str(option) for option in (options.split(",") if isinstance(options, str) else _elements(options))}


def _elements(options: Any) -> Iterable[Any]:
    """The elements of a list, or the keys of a mapping, of a task's arguments; the module refuses anything else."""
    return options if isinstance(options, (list, tuple, Mapping)) else ()
