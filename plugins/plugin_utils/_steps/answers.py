# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields that the answer of each module that runs on hosts may have, with the shapes of contracts.py.

The host may be hostile. So its answer has the fields that are named here, of these types and sizes, about certificates,
receivers and handlers that the task named, and nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.common import parameters

from ansible_collections.certfleet.tls.plugins.module_utils._common import schema, txt_notes
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    BASE64,
    CERTIFICATE,
    MANY,
    WORD,
    CertificateRequest,
    HostCertificate,
    PastVersion,
    SharedKey,
    TxtRecord,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import NOTIFY

Arguments = Mapping[str, Any]
#: The fields of an answer, for the arguments of its task.
Contract = Callable[[Arguments], Mapping[str, schema.Reader]]

# Before ansible-core 2.22 a module's answer has stars in the place of no_log values, wherever they are. Since then it
# has the values, and remove_values() is deprecated.
_ANSWERS_HIDE_VALUES = importlib.util.find_spec("ansible.module_utils.secrets") is None
_GIVEN = ("name", "certificate", "chain", "sealed", "refused", "created")
_text_or_null = schema.nullable(schema.message)
_issued_or_not = schema.text(r"[0-9A-Fa-f]{0,64}")


def certificate_info(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of a host's certificates; without certificates in *arguments*, of all that it has."""
    wanted = arguments.get("certificates")
    # The task, not the host, says what is wanted.
    found = HostCertificate.reader(
        without=("host", "wanted"),
        needed=("invalid", "problems", "live", "pending"),
        name=CERTIFICATE if wanted is None else schema.text(),
    )
    noted = TxtRecord.reader(
        only=txt_notes.FIELDS,
        needed=txt_notes.FIELDS,
        name=schema.text(txt_notes.RECORD_NAME.pattern),
        value=schema.text(txt_notes.VALUE.pattern),
        key_authorization=schema.text(txt_notes.KEY_AUTHORIZATION.pattern),
        noted=schema.instant,
        until=schema.instant,
    )
    past = PastVersion.reader(name=schema.one_of(_texts(arguments.get("history"))))
    entries = schema.listing(found, MANY)
    return {
        "certificates": entries if wanted is None else _answering([str(option["name"]) for option in wanted], entries),
        "unlisted": schema.listing(CERTIFICATE, MANY),
        "history": schema.listing(past, MANY),
        "txt_records": schema.listing(noted, txt_notes.MOST_NOTES),
    }


def certificate_request(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of requests, and of public keys to receive private keys with."""
    names = _certificates(arguments)
    receiving = _texts(arguments.get("receive"))
    return {
        "requests": schema.listing(CertificateRequest.reader(name=schema.one_of(names))),
        "ready": schema.listing(schema.one_of(names)),
        "receivers": schema.table(schema.one_of(receiving), BASE64),
        "failures": schema.table(schema.one_of(names | receiving), schema.message),
    }


def certificate_share(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of private keys, sealed to the receivers that the task named."""
    names = _names(arguments.get("shares"))
    receivers = {name for share in _mappings(arguments.get("shares")) for name in _texts(share.get("receivers"))}
    share = SharedKey.reader(
        only=_GIVEN,
        needed=_GIVEN,
        name=schema.one_of(names),
        certificate=schema.pem,
        chain=schema.pem,
        sealed=schema.table(schema.one_of(receivers), BASE64),
        refused=schema.table(schema.one_of(receivers), schema.message),
    )
    return {"shares": schema.listing(share), "failures": schema.table(schema.one_of(names), schema.message)}


def challenge_response(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of places where challenges are answered, and of tokens that could not be served."""
    tokens = {str(challenge.get("token")) for challenge in _mappings(arguments.get("challenges"))}
    return {"paths": schema.listing(schema.message), "failures": schema.table(schema.one_of(tokens), schema.message)}


def certificate(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of the outcomes of certificates. Handlers are those that the host's own entries name."""
    names = _certificates(arguments, _names(arguments.get("results")))
    deployed = {
        "name": schema.one_of(names),
        "changed": schema.flag,
        "version": WORD,
        "serial": schema.nullable(_issued_or_not),
        "not_after": schema.nullable(WORD),
        "reason": schema.message,
    }
    notified = {"name": schema.one_of(names), "version": WORD}
    return {
        "certificates": schema.listing(schema.record(deployed)),
        "notify": schema.listing(schema.one_of(_handlers(arguments.get("certificates")))),
        "after_handlers": schema.listing(schema.record(notified)),
        "reloaded": schema.listing(schema.message),
        **dict.fromkeys(("failures", "deferred"), schema.table(schema.one_of(names), schema.message)),
    }


def certificate_adopt(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of certificates that were adopted from other clients, and of others that these have."""
    names = _certificates(arguments)
    adopted = {
        "name": schema.one_of(names),
        "changed": schema.flag,
        **dict.fromkeys(("version", "serial", "not_after", "client", "source", "problem"), _text_or_null),
    }
    found = {
        **dict.fromkeys(("client", "name", "certificate", "key_type", "not_after", "directory"), _text_or_null),
        **dict.fromkeys(("webroot", "problem"), _text_or_null),
        "identifiers": schema.listing(schema.message),
        "adopted": schema.nullable(schema.one_of(names)),
    }
    return {
        "certificates": schema.listing(schema.record(adopted)),
        "found": schema.listing(schema.record(found), MANY),
        "failures": schema.table(schema.one_of(names), schema.message),
    }


def certificate_revoke(arguments: Arguments) -> Mapping[str, schema.Reader]:
    """Return the fields of signatures for the URLs that the task named, and of versions that were marked."""
    sign, revoked = (list(_mappings(arguments.get(name))) for name in ("sign", "revoked"))
    urls = {str(url) for item in sign for url in _elements(item.get("nonces"))}
    signed = {
        **_of_serials(sign),
        "signatures": schema.table(schema.one_of(urls), schema.text(r"[A-Za-z0-9_-]{1,1024}")),
        "problem": schema.message,
    }
    marked = {**_of_serials(revoked), "changed": schema.flag, "removed": schema.flag, "problem": schema.message}
    return {
        "signed": schema.listing(schema.record(signed)),
        "marked": schema.listing(schema.record(marked)),
        "failures": schema.table(schema.one_of(_names([*sign, *revoked])), schema.message),
    }


def _of_serials(options: Iterable[Mapping[str, Any]]) -> dict[str, schema.Reader]:
    """Return the fields of a certificate that a task names by its name and serial number."""
    return {
        "name": schema.one_of(_names(options)),
        "serial": schema.one_of({str(option.get("serial")) for option in options}),
    }


def _answering(names: list[str], entries: schema.Reader) -> schema.Reader:
    """Return a reader of *entries* that are for *names*, one for each, in their order."""

    def read(value: Any, place: str) -> Any:
        found = entries(value, place)
        if [entry.name for entry in found] != names:
            raise schema.Malformed(f"{place} is not about the certificates that were asked for")
        return found

    return read


def _handlers(certificates: Any) -> set[str]:
    """Return the handlers that entries of acme_certificates name."""
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
    """Return the texts of a list option, which Ansible also accepts as one text with commas."""
    return {str(option) for option in (options.split(",") if isinstance(options, str) else _elements(options))}


def _elements(options: Any) -> Iterable[Any]:
    """Return the elements of a list, or the keys of a mapping, in an argument; the module refuses anything else."""
    return options if isinstance(options, (list, tuple, Mapping)) else ()
