# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A valid instance of each shape of contracts.py, with the fields that a test gives; no test writes one by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, TypeVar

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateEntry,
    CertificateOrder,
    CertificateRequest,
    ChallengeData,
    CountedOrder,
    HostCertificate,
    PastVersion,
    PlannedCertificate,
    Revocation,
    SharedKey,
    TxtRecord,
    Version,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import (
    Action,
    FailureKind,
    Reason,
    RevocationResult,
    Status,
)

DIRECTORY = "https://ca.example/directory"
ACCOUNT = "https://ca.example/acct/1"
ORDER = "https://ca.example/order/1"
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#: The digest of the key authorization that both make.
VALUE = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#: A public key, or a sealed text.
POINT = "BLq2" * 22
NAMES = ("shop.example", "www.shop.example")

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
#: A life of 90 days: renewed at 60, urgent at 75.
ISSUED = datetime(2026, 9, 1, 12, tzinfo=timezone.utc)
DUE, URGENT, END = ISSUED + 60 * DAY, ISSUED + 75 * DAY, ISSUED + 90 * DAY
FRESH = ISSUED + DAY

Shape = TypeVar("Shape")


def utc(instant: datetime) -> str:
    """Return the instant as manifests write it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _made(shape: type[Shape], given: Mapping[str, Any], **usual: Any) -> Shape:
    values = {**usual, **given}
    return shape(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def wanted(**given: Any) -> CertificateEntry:
    return _made(
        CertificateEntry,
        given,
        name="shop",
        identifiers=NAMES,
        challenge="http-01",
        key_type="ec256",
        webroot="/var/www",
        tls_alpn_01_listen="443",
        mode="0600",
        reload=("nginx",),
    )


def live(**given: Any) -> Version:
    """Return a live version that matches the wanted terms."""
    return _made(
        Version,
        given,
        version="0007",
        identifiers=NAMES,
        key_type="ec256",
        profile=None,
        directory=DIRECTORY,
        account_uri=ACCOUNT,
        serial="4a1f",
        issuer="CN=E7,O=Example",
        not_before=utc(ISSUED),
        not_after=utc(END),
        created=utc(ISSUED),
        ari_id="a.b",
        reloaded=True,
    )


def failed(**given: Any) -> CountedOrder:
    """Return two validations that failed in a row, an hour apart."""
    usual = {"at": utc(DUE + HOUR), "since": utc(DUE), "directory": DIRECTORY, "kind": FailureKind.VALIDATION}
    return _made(CountedOrder, given, count=2, problem="the CA saw another answer", digest="5e", **usual)


_entry, _live = wanted, live  # found() has arguments of these names


def unknown(**given: Any) -> Version:
    """Return a live version without a manifest: nothing is known of it."""
    return _made(
        Version,
        given,
        version="0007",
        identifiers=(),
        damaged=("version.json",),
        **dict.fromkeys(("key_type", "profile", "directory", "account_uri", "serial", "issuer")),
        **dict.fromkeys(("not_before", "not_after", "created")),
    )


def pending(**given: Any) -> Version:
    """Return a pending version whose order is in the journal."""
    usual = {"version": "0008", "order_uri": ORDER, "reloaded": False, "ari_id": None}
    return live(**{**usual, **dict.fromkeys(("serial", "issuer", "not_before", "not_after")), **given})


def awaiting(**given: Any) -> Version:
    """Return a pending version that has its certificate, and lacks only the switch."""
    usual = {"version": "0008", "order_uri": ORDER, "reloaded": False, "ari_id": None, "serial": "4a20"}
    return live(**{**usual, **given})


def issued(**given: Any) -> CountedOrder:
    usual = {"at": utc(ISSUED), "serial": "4a1f", "directory": DIRECTORY, "identifiers": NAMES, "renewal": True}
    return _made(CountedOrder, given, **usual)


def found(
    wanted: CertificateEntry | Mapping[str, Any] | None = MappingProxyType({}),
    live: Version | Mapping[str, Any] | None = MappingProxyType({}),
    **given: Any,
) -> HostCertificate:
    """Return a certificate of web1 that matches its terms, but for the given fields of its entry and live version."""
    name = given.get("name", "shop")
    entry = _entry(**{"name": name, **wanted}) if isinstance(wanted, Mapping) else wanted
    there = _live(**live) if isinstance(live, Mapping) else live
    return _made(HostCertificate, given, host="web1", name=name, wanted=entry, list="default", live=there)


def past(**given: Any) -> PastVersion:
    usual = {"name": "shop", "version": "0007", "live": True, "serial": "4a1f", "certificate": PEM}
    return _made(PastVersion, given, created=utc(ISSUED), not_after=utc(END), **usual)


def decided(action: Action = Action.ISSUE, **given: Any) -> PlannedCertificate:
    return _made(PlannedCertificate, given, name="shop", action=action, reason=Reason.NONE)


def challenge(**given: Any) -> ChallengeData:
    return _made(
        ChallengeData,
        given,
        type="http-01",
        identifier="shop.example",
        url="https://ca.example/chall/1",
        status=Status.PENDING,
        token=TOKEN,
        key_authorization=f"{TOKEN}.thumb",
    )


def by_dns(kind: str = "dns-01", **given: Any) -> ChallengeData:
    usual = {"record_name": "_acme-challenge.shop.example", "record_value": "digest"}
    return challenge(**{"type": kind, **usual, **given})


def asked(**given: Any) -> CertificateOrder:
    """Return an order that is to be made, as acme_order takes it."""
    return _made(
        CertificateOrder,
        given,
        host="web1",
        name="shop",
        identifiers=NAMES,
        challenge="http-01",
        can_wait=True,
        not_after="+30d",
    )


def ordered(**given: Any) -> CertificateOrder:
    """Return an order that was made, as acme_order returns it."""
    return _made(
        CertificateOrder,
        given,
        host="web1",
        name="shop",
        status=Status.PENDING,
        identifiers=NAMES,
        order_uri=ORDER,
        finalize_uri="https://ca.example/finalize/1",
        certificate_uri="",
        authorizations=("https://ca.example/authz/1",),
        account_uri=ACCOUNT,
        directory=DIRECTORY,
        can_wait=False,
        challenges=(challenge(),),
        profile="shortlived",
        not_before="2026-12-01T00:00:00Z",
        not_after="2026-12-07T00:00:00Z",
        deviations=("the CA ignored 'replaces'",),
        replaces_ari_id="a.b",
        replaces_directory=DIRECTORY,
        replaces_account=ACCOUNT,
        not_first="https://first.example/dir: newOrder: rateLimited: too many",
    )


def final(**given: Any) -> CertificateOrder:
    """Return an order whose certificate was downloaded, as acme_order_finalize returns it."""
    usual = {"host": "web1", "name": "shop", "status": Status.VALID, "order_uri": ORDER, "account_uri": ACCOUNT}
    return _made(CertificateOrder, given, certificate=PEM, chain=PEM, **usual)


def stopped(problem: str, status: Status = Status.FAILED, **given: Any) -> CertificateOrder:
    """Return an order that failed."""
    usual = {"host": "web1", "name": "shop", "resumable": True}
    return _made(CertificateOrder, given, status=status, problem=problem, **usual)


def not_ordered(action: Action, **given: Any) -> CertificateOrder:
    """Return a host's instruction for a certificate that was not ordered."""
    return _made(CertificateOrder, given, name="shop", action=action)


def received(**given: Any) -> CertificateOrder:
    """Return the result for a host that gets the certificate and its key from another host."""
    return _made(CertificateOrder, given, name="shop", status=Status.VALID)


def request(**given: Any) -> CertificateRequest:
    usual = {"name": "shop", "identifiers": NAMES, "csr_content": PEM, "profile": None, "order_uri": ORDER}
    return _made(CertificateRequest, given, account_uri=ACCOUNT, version="0008", reused=False, **usual)


def share(**given: Any) -> SharedKey:
    """Return a certificate that web1 orders for web2 and web3."""
    return _made(SharedKey, given, name="shop", giver="web1", hosts=("web2", "web3"))


def given(**more: Any) -> SharedKey:
    """Return the answer of the giver of a shared certificate."""
    usual = {"sealed": {"web2": POINT}, "refused": {"web3": "the receiver's public key is damaged"}}
    return _made(SharedKey, more, name="wildcard", certificate=PEM, chain=PEM, created=utc(ISSUED), **usual)


def txt(**given: Any) -> TxtRecord:
    return _made(TxtRecord, given, name="_acme-challenge.shop.example", value="digest")


def noted(**given: Any) -> TxtRecord:
    """Return a TXT record that a host has noted, for a run that ends within an hour."""
    usual = {"value": VALUE, "key_authorization": f"{TOKEN}.{THUMBPRINT}", "noted": utc(FRESH)}
    return txt(**{**usual, "until": utc(FRESH + HOUR), **given})


def revocation(**given: Any) -> Revocation:
    return _made(Revocation, given, host="web1", name="shop")


#: An instance of each shape, and of each state in which it is passed on.
ALL = (
    *(wanted(), live(), unknown(), pending(), awaiting(), issued(), found(), past(), decided()),
    found(live=None, pending=awaiting(content=PEM), issued=(issued(),), problems=("no webroot",)),
    *(failed(), failed(kind=FailureKind.CA, retry_at=utc(URGENT)), found(failed=(failed(),)), decided(digest="5e")),
    stopped("too many", failure_kind=FailureKind.CA, retry_at=utc(URGENT), digest="5e"),
    *(found(pending=pending(order_uri=None)), found(live=unknown(account_uri=None), wanted=None, list=None)),
    *(
        challenge(),
        by_dns(),
        asked(),
        asked(other_directories=("https://second.example/dir",)),
        ordered(),
        final(),
        stopped("refused by the CA"),
        request(),
        share(),
        given(),
    ),
    not_ordered(Action.KEEP),
    *(txt(), noted(), txt(target="a.example", zone="example", status="changed", problem="refused")),
    *(revocation(content=PEM, directory=DIRECTORY), revocation(status=RevocationResult.REVOKED)),
)
