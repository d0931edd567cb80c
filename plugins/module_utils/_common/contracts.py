# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contracts: the shapes of all that goes from one step of the role to another. Standard library only.

Each field that a host can say has the reader that it has to pass, so the shape and the trust boundary are one. Texts
of the controller itself may contain anything: a step must not lose an order for an odd character in a CA's answer.
docs/architecture.md has a table of which step makes which shape, and which steps read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum
from functools import cache
from typing import Any, Callable, TypeVar

from .errors import OptionError
from .failed_orders import MOST_FAILED
from .identifiers import Identifier, parse_identifiers
from .names import ARI_ID, FILES, MANIFEST, NAME, NUMBER
from .schema import (
    Malformed,
    Reader,
    anything,
    flag,
    instant,
    listing,
    member,
    message,
    nullable,
    one_of,
    pem,
    positive,
    record,
    string,
    table,
    text,
)
from .statuses import UNORDERED, Action, Change, FailureKind, Reason, RevocationResult, RevocationWay, Status
from .terms import Terms

#: The most versions, or other clients' certificates, of a host.
MANY = 10_000

CERTIFICATE = text(NAME.pattern)
NUMBERED = text(NUMBER.pattern)
URL = text(r"(?:https?://\S+)?", 2048)
WORD = text(r".{0,255}")
SERIAL = text(r"[0-9A-Fa-f]{1,64}")
STATUS = member(Status)
DIGEST = text(r"[0-9a-f]{0,64}")
BASE64 = text(r"[A-Za-z0-9+/=]+", 1 << 16)

Shape = TypeVar("Shape", bound="_Contract")


def _by(reader: Reader, sparse: bool = False) -> dict[str, Any]:
    """Return the metadata of a field. *sparse*: a result leaves it out where it is the default."""
    return {"reader": reader, "sparse": sparse}


def _null(reader: Reader) -> dict[str, Any]:
    """Return the metadata of a field that may be null."""
    return _by(nullable(reader))


def _sparse(reader: Reader) -> dict[str, Any]:
    """Return the metadata of a field that has nothing until a step fills it in, and is in no result before."""
    return _by(nullable(reader), sparse=True)


@dataclass(frozen=True)
class _Contract:
    """The base of all shapes. Lists are tuples in them; a mapping is never changed."""

    @classmethod
    def from_result(cls: type[Shape], value: Any, place: str = "") -> Shape:
        """Return what a result says. Raises Malformed that names the *place* of what breaks the contract."""
        shape: Any = cls
        found: Shape = _reader(shape)(value, place)
        return found

    @classmethod
    def from_options(cls: type[Shape], items: Iterable[Mapping[str, Any]], name: str) -> list[Shape]:
        """Return what the option *name* of a module lists; all that is not given is null in it. Raises OptionError."""
        given = [{key: value for key, value in item.items() if value is not None} for item in items]
        try:
            return [cls.from_result(item, f"{name}[{number}]") for number, item in enumerate(given)]
        except Malformed as error:
            raise OptionError(error) from None

    @classmethod
    def reader(
        cls: type[Shape],
        only: Collection[str] = (),
        without: Collection[str] = (),
        needed: Collection[str] = (),
        **narrowed: Reader,
    ) -> Callable[[Any, str], Shape]:
        """Return a from_result() that accepts less.

        *only*, *without*: the fields that are read, and not read; others have their defaults. *needed*: fields that
        may not be missing though they have a default. *narrowed*: readers in the place of the fields' own.
        """
        chosen = [item for item in fields(cls) if item.name not in without and (not only or item.name in only)]
        readers = {item.name: narrowed.get(item.name, item.metadata["reader"]) for item in chosen}
        optional = {item.name for item in chosen if item.default is not MISSING and item.name not in needed}
        read_fields = record(readers, optional=optional)

        def read(value: Any, place: str) -> Shape:
            return cls(**{name: _frozen(item) for name, item in read_fields(value, place).items()})

        return read

    def to_result(self) -> dict[str, Any]:
        """Return it as JSON has it, for from_result()."""
        found = ((item, getattr(self, item.name)) for item in fields(self))
        return {
            item.name: plain(value) for item, value in found if not (item.metadata["sparse"] and value == item.default)
        }

    def options(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the options of a module that have the *names* of fields."""
        return {name: plain(getattr(self, name)) for name in names}


@cache
def _reader(shape: Any) -> Any:
    return shape.reader()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return *value* as JSON has it."""
    if isinstance(value, _Contract):
        return value.to_result()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class CertificateEntry(_Contract):
    """An entry of acme_certificates, with defaults filled in. It is the task's word, never a host's.

    identifiers: parsed, so each is a normalized name, or a mapping where it has a challenge or a webroot of its own.
    None if they cannot be ordered; HostCertificate.invalid says why.
    """

    name: str = field(metadata=_by(string))
    identifiers: tuple[Any, ...] = field(metadata=_by(listing(anything)))
    challenge: str = field(metadata=_by(string))
    key_type: str = field(metadata=_by(string))
    webroot: str | None = field(default=None, metadata=_null(string))
    http_01_listen: str | None = field(default=None, metadata=_null(string))
    tls_alpn_01_listen: str | None = field(default=None, metadata=_null(string))
    profile: str | None = field(default=None, metadata=_null(string))
    not_before: str | None = field(default=None, metadata=_null(string))
    not_after: str | None = field(default=None, metadata=_null(string))
    reload: tuple[Any, ...] = field(default=(), metadata=_by(listing(anything)))
    probe: tuple[Any, ...] = field(default=(), metadata=_by(listing(anything)))
    formats: tuple[Any, ...] = field(default=(), metadata=_by(listing(anything)))
    shared: bool = field(default=False, metadata=_by(flag))
    owner: str | None = field(default=None, metadata=_null(string))
    group: str | None = field(default=None, metadata=_null(string))
    mode: str | None = field(default=None, metadata=_null(string))

    @classmethod
    def parse(cls, option: Mapping[str, Any], place: str) -> CertificateEntry:
        """Return the entry of an *option* of certificate_info. Raises IdentifierError, Malformed."""
        default = option["challenge"]
        parsed = [_as_option(item, default) for item in parse_identifiers(option["identifiers"], default)]
        return cls.from_result({**option, "identifiers": parsed}, place)

    def normalized(self) -> CertificateEntry:
        """Return the entry with its identifiers parsed. Raises IdentifierError."""
        parsed = parse_identifiers(self.identifiers, self.challenge)
        return replace(self, identifiers=tuple(_as_option(item, self.challenge) for item in parsed))

    @property
    def proofs(self) -> tuple[Identifier, ...]:
        """The identifiers, each with the challenge that proves it and its own webroot."""
        return tuple(_proof(item, self.challenge) for item in self.identifiers)

    @property
    def names(self) -> list[str]:
        """The names and addresses alone, normalized."""
        return [item.name for item in self.proofs]

    def terms(self, directories: Iterable[str]) -> Terms:
        """Return what the entry wants of a certificate from one of the CAs with these *directories* (URLs)."""
        return Terms.wanted(self.names, self.key_type, self.profile, directories)


def _as_option(item: Identifier, challenge: str) -> str | dict[str, str]:
    own = {"challenge": item.challenge if item.challenge != challenge else None, "webroot": item.webroot}
    given = {name: value for name, value in own.items() if value}
    return {"value": item.name, **given} if given else item.name


def _proof(item: Any, challenge: str) -> Identifier:
    """Return an identifier of an entry, which has been parsed."""
    if isinstance(item, str):
        return Identifier(item, challenge)
    return Identifier(item["value"], item.get("challenge") or challenge, item.get("webroot") or None)


@dataclass(frozen=True)
class Version(_Contract):
    """A version of a certificate on a host: the live one, or the pending one.

    A pending one with a serial number has its certificate, and lacks only the switch.
    """

    version: str = field(metadata=_by(NUMBERED))
    identifiers: tuple[str, ...] = field(metadata=_by(listing(WORD)))
    key_type: str | None = field(metadata=_null(WORD))
    profile: str | None = field(metadata=_null(WORD))
    directory: str | None = field(metadata=_null(URL))
    account_uri: str | None = field(metadata=_null(URL))
    serial: str | None = field(metadata=_null(SERIAL))
    issuer: str | None = field(metadata=_null(message))
    not_before: str | None = field(metadata=_null(instant))
    not_after: str | None = field(metadata=_null(instant))
    created: str | None = field(metadata=_null(instant))
    #: Of a pending one: null where its order came to nothing.
    order_uri: str | None = field(default=None, metadata=_null(URL))
    ari_id: str | None = field(default=None, metadata=_null(text(ARI_ID.pattern)))
    reloaded: bool = field(default=False, metadata=_by(flag))
    #: Since when the certificate is known to be revoked; null where it is not.
    revoked: str | None = field(default=None, metadata=_null(instant))
    missing: tuple[str, ...] = field(default=(), metadata=_by(listing(one_of(FILES))))
    damaged: tuple[str, ...] = field(default=(), metadata=_by(listing(one_of((*FILES, MANIFEST)))))
    unreadable: tuple[str, ...] = field(default=(), metadata=_by(listing(one_of(FILES))))
    attributes: tuple[str, ...] = field(default=(), metadata=_by(listing(message)))
    formats: tuple[str, ...] = field(default=(), metadata=_by(listing(message)))
    #: The certificate and its chain, PEM; only where the task asked for it.
    content: str | None = field(default=None, metadata=_sparse(pem))

    @property
    def is_issued(self) -> bool:
        """True if it has its certificate."""
        return self.serial is not None

    @property
    def terms(self) -> Terms:
        """The terms that the version was made for."""
        return Terms.of_version(vars(self))


@dataclass(frozen=True)
class CountedOrder(_Contract):
    """An order of a host that counts for later ones: one that was issued, or orders that failed in a row.

    at: when it was issued, or when the last of those failed. directory: the CA's; of failures empty if none was asked.
    """

    at: str = field(metadata=_by(instant))
    directory: str = field(metadata=_by(URL))
    #: Issued. renewal: for the same names as one before.
    serial: str | None = field(default=None, metadata=_sparse(SERIAL))
    identifiers: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(WORD)))
    renewal: bool | None = field(default=None, metadata=_sparse(flag))
    #: Failed. since: the first of them; retry_at: until when the CA asks to wait; digest: of what was wanted.
    kind: FailureKind | None = field(default=None, metadata=_sparse(member(FailureKind)))
    count: int | None = field(default=None, metadata=_sparse(positive))
    since: str | None = field(default=None, metadata=_sparse(instant))
    retry_at: str | None = field(default=None, metadata=_sparse(instant))
    problem: str | None = field(default=None, metadata=_sparse(message))
    digest: str | None = field(default=None, metadata=_sparse(DIGEST))


_OF_ISSUED = ("serial", "identifiers", "renewal")
_OF_FAILED = ("kind", "count", "since", "problem", "digest")
_ISSUED = CountedOrder.reader(
    only=("at", "directory", *_OF_ISSUED), needed=_OF_ISSUED, serial=SERIAL, identifiers=listing(WORD), renewal=flag
)
_FAILED = CountedOrder.reader(
    only=("at", "directory", "retry_at", *_OF_FAILED),
    needed=_OF_FAILED,
    kind=member(FailureKind),
    count=positive,
    since=instant,
    problem=message,
    digest=DIGEST,
)
_LIVE = Version.reader(
    needed=("ari_id", "reloaded", "revoked", "missing", "damaged", "unreadable", "attributes", "formats"),
    without=("order_uri",),
)
_PENDING = Version.reader(needed=("order_uri",))


@dataclass(frozen=True)
class HostCertificate(_Contract):
    """A certificate of a host: what the host has of it, and what is wanted of it.

    wanted: None without certificates in the task. It is the task's word: no host returns it.
    """

    name: str = field(metadata=_by(text()))
    host: str | None = field(default=None, metadata=_sparse(WORD))
    wanted: CertificateEntry | None = field(default=None, metadata=_null(CertificateEntry.from_result))
    invalid: tuple[str, ...] = field(default=(), metadata=_by(listing(message)))
    problems: tuple[str, ...] = field(default=(), metadata=_by(listing(message)))
    list: str | None = field(default=None, metadata=_null(WORD))
    live: Version | None = field(default=None, metadata=_null(_LIVE))
    pending: Version | None = field(default=None, metadata=_null(_PENDING))
    issued: tuple[CountedOrder, ...] = field(default=(), metadata=_by(listing(_ISSUED, MANY)))
    #: Since the last success, one for each kind and CA.
    failed: tuple[CountedOrder, ...] = field(default=(), metadata=_by(listing(_FAILED, MOST_FAILED)))

    def journaled(self, directories: Iterable[str], since: str | None = None) -> Version | None:
        """Return the pending version if its order can be resumed at one of the CAs with these *directories* (URLs).

        *since*: the instant after which its key has to be made, as manifests have it; empty if no key that was made
        will do, None if any will.
        """
        pending = self.pending
        # A version that has its certificate is only to be switched to; if the plan is to issue, it is to be a new one.
        if self.wanted is None or pending is None or not pending.order_uri or pending.is_issued:
            return None
        if since is not None and not "" < since <= (pending.created or ""):
            return None
        # With another key type its host makes a new key; the order may have been finalized with the one before.
        # One for other identifiers goes to acme_order all the same: it names what answered that order's challenges, for
        # this to be removed, and makes a new one.
        differences = self.wanted.terms(directories).difference(pending.terms)
        return pending if set(differences) <= {Reason.IDENTIFIERS} else None


@dataclass(frozen=True)
class PastVersion(_Contract):
    """A version that a host had or has of a certificate, with the certificate, PEM."""

    name: str = field(metadata=_by(CERTIFICATE))
    version: str = field(metadata=_by(NUMBERED))
    live: bool = field(metadata=_by(flag))
    serial: str | None = field(metadata=_null(SERIAL))
    created: str | None = field(metadata=_null(instant))
    not_after: str | None = field(metadata=_null(instant))
    certificate: str = field(metadata=_by(pem))


@dataclass(frozen=True)
class PlannedCertificate(_Contract):
    """The plan's decision about a host's certificate.

    next: when one that is kept comes next. directory: the CA to ask first, if that is neither the one with its order in
    the journal nor, without such an order, the first one. other_directories: the CAs to ask after that one, in order;
    None without any choice. not_first: why the first CA is not asked first. selected: it is to be replaced, with a new
    key. digest: of what its order is made with, for the host to keep where it fails.
    """

    name: str = field(metadata=_by(string))
    action: Action = field(metadata=_by(member(Action)))
    reason: Reason = field(default=Reason.NONE, metadata=_by(member(Reason)))
    message: str = field(default="", metadata=_by(string))
    can_wait: bool = field(default=False, metadata=_by(flag))
    replaces_ari_id: str | None = field(default=None, metadata=_null(text(ARI_ID.pattern)))
    next: str | None = field(default=None, metadata=_null(instant))
    directory: str | None = field(default=None, metadata=_sparse(string))
    other_directories: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    not_first: str | None = field(default=None, metadata=_sparse(string))
    selected: bool = field(default=False, metadata=_by(flag, sparse=True))
    explanation_url: str | None = field(default=None, metadata=_sparse(string))
    digest: str | None = field(default=None, metadata=_sparse(DIGEST))


@dataclass(frozen=True)
class SharedKey(_Contract):
    """A certificate whose private key hosts get from its giver, another host: planned, asked for, given.

    serial: of the one that the giver has; None if it orders one now. certificate, chain, created: of that one.
    receivers: the public keys to seal for, sealed: what only these hosts can open, refused: why not, by host.
    """

    name: str = field(metadata=_by(CERTIFICATE))
    giver: str | None = field(default=None, metadata=_sparse(string))
    hosts: tuple[str, ...] = field(default=(), metadata=_by(listing(string, MANY), sparse=True))
    serial: str | None = field(default=None, metadata=_sparse(SERIAL))
    directory: str | None = field(default=None, metadata=_sparse(string))
    account_uri: str | None = field(default=None, metadata=_sparse(string))
    certificate: str | None = field(default=None, metadata=_sparse(pem))
    chain: str | None = field(default=None, metadata=_sparse(pem))
    created: str | None = field(default=None, metadata=_sparse(text(r"(?:[0-9TZ:-]{20})?")))
    receivers: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(WORD, BASE64)))
    sealed: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(WORD, BASE64)))
    refused: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(WORD, message)))


@dataclass(frozen=True)
class ChallengeData(_Contract):
    """A challenge that is to be answered: in a web server's folder or at a port of its host, or by a TXT record.

    identifier is without a wildcard's label; wildcard is True if there was one.
    """

    type: str = field(metadata=_by(string))
    identifier: str = field(metadata=_by(string))
    url: str = field(metadata=_by(string))
    status: Status = field(metadata=_by(STATUS))
    token: str = field(metadata=_by(string))
    key_authorization: str = field(metadata=_by(string))
    record_name: str = field(default="", metadata=_by(string))
    record_value: str = field(default="", metadata=_by(string))
    wildcard: bool = field(default=False, metadata=_by(flag))
    #: The certificate's name, and where its host answers.
    name: str | None = field(default=None, metadata=_sparse(string))
    webroot: str | None = field(default=None, metadata=_sparse(string))
    listen: str | None = field(default=None, metadata=_sparse(string))


@dataclass(frozen=True)
class CertificateRequest(_Contract):
    """A certificate request of a host, for an order that is in its journal."""

    name: str = field(metadata=_by(text()))
    identifiers: tuple[str, ...] = field(metadata=_by(listing(WORD)))
    csr_content: str | None = field(metadata=_null(pem))
    profile: str | None = field(metadata=_null(WORD))
    order_uri: str | None = field(metadata=_null(URL))
    account_uri: str | None = field(metadata=_null(URL))
    version: str | None = field(metadata=_null(WORD))
    reused: bool = field(metadata=_by(flag))


@dataclass(frozen=True)
class CertificateOrder(_Contract):
    """The order of a host's certificate, which fills up on its way: asked for, made, finalized, reported to its host.

    Where nothing is ordered, it has an action, which says what the host does instead, and no status.
    """

    name: str = field(metadata=_by(string))
    problem: str = field(default="", metadata=_by(string, sparse=True))
    host: str | None = field(default=None, metadata=_sparse(string))
    #: Requested. identifiers: as the entry has them; of an order, as the CA does.
    identifiers: tuple[Any, ...] | None = field(default=None, metadata=_sparse(listing(anything)))
    challenge: str | None = field(default=None, metadata=_sparse(string))
    profile: str | None = field(default=None, metadata=_sparse(string))
    not_before: str | None = field(default=None, metadata=_sparse(string))
    not_after: str | None = field(default=None, metadata=_sparse(string))
    replaces_ari_id: str | None = field(default=None, metadata=_sparse(text(ARI_ID.pattern)))
    replaces_directory: str | None = field(default=None, metadata=_sparse(string))
    replaces_account: str | None = field(default=None, metadata=_sparse(string))
    can_wait: bool | None = field(default=None, metadata=_sparse(flag))
    #: A journaled order that is finalized is not resumed.
    forced: bool | None = field(default=None, metadata=_sparse(flag))
    other_directories: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    #: With a CA.
    status: Status | None = field(default=None, metadata=_sparse(STATUS))
    order_uri: str | None = field(default=None, metadata=_sparse(string))
    account_uri: str | None = field(default=None, metadata=_sparse(string))
    directory: str | None = field(default=None, metadata=_sparse(string))
    #: Why the first CA is not asked, or did not issue it.
    not_first: str | None = field(default=None, metadata=_sparse(string))
    finalize_uri: str | None = field(default=None, metadata=_sparse(string))
    certificate_uri: str | None = field(default=None, metadata=_sparse(string))
    authorizations: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    challenges: tuple[ChallengeData, ...] | None = field(
        default=None, metadata=_sparse(listing(ChallengeData.from_result))
    )
    #: The CA did otherwise than it was asked for, in these respects.
    deviations: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    csr_content: str | None = field(default=None, metadata=_sparse(string))
    #: Its private key is to be made for it.
    new_key: bool | None = field(default=None, metadata=_sparse(flag))
    #: The work of its host without an order.
    action: Action | None = field(default=None, metadata=_sparse(member(Action, *UNORDERED)))
    #: Its end.
    failure_kind: FailureKind | None = field(default=None, metadata=_sparse(member(FailureKind)))
    retry_at: str | None = field(default=None, metadata=_sparse(instant))
    digest: str | None = field(default=None, metadata=_sparse(DIGEST))
    #: For people, after the problem: since when attempts have failed, and when the next one is.
    advice: str | None = field(default=None, metadata=_sparse(string))
    resumable: bool | None = field(default=None, metadata=_sparse(flag))
    certificate: str | None = field(default=None, metadata=_sparse(string))
    chain: str | None = field(default=None, metadata=_sparse(string))
    #: Of a certificate that another host gave.
    created: str | None = field(default=None, metadata=_sparse(string))
    sealed_key: str | None = field(default=None, metadata=_sparse(string))


@dataclass(frozen=True)
class TxtRecord(_Contract):
    """A TXT record: its name and value, where it is stored, and the result of setting, awaiting or removing it.

    target: the name that it is stored under, after CNAMEs; zone: the zone of the target; both empty if unknown.
    aliases: the names whose CNAMEs lead to the target, in order. propagated: all name servers of the zone have it.
    key_authorization, noted, until: of a host's note (txt_notes.py).
    """

    name: str = field(metadata=_by(string))
    value: str = field(metadata=_by(string))
    target: str | None = field(default=None, metadata=_sparse(string))
    zone: str | None = field(default=None, metadata=_sparse(string))
    aliases: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    status: Change | None = field(default=None, metadata=_sparse(member(Change)))
    propagated: bool | None = field(default=None, metadata=_sparse(flag))
    lacking: tuple[str, ...] | None = field(default=None, metadata=_sparse(listing(string)))
    key_authorization: str | None = field(default=None, metadata=_sparse(string))
    noted: str | None = field(default=None, metadata=_sparse(instant))
    until: str | None = field(default=None, metadata=_sparse(instant))
    problem: str = field(default="", metadata=_by(string))


@dataclass(frozen=True)
class Revocation(_Contract):
    """A certificate that is to be revoked, and what became of it. ordered: about it, for people.

    can_sign: its host has shown it, and may have its private key. nonces: what the host is to sign with, by the URL of
    a CA's revokeCert; signatures: by the same URLs. is_last: it is the last time that the host is asked. refusals: by
    way (RevocationWay), why it is not revoked in this way.
    """

    host: str = field(metadata=_by(string))
    name: str = field(metadata=_by(string))
    problem: str = field(default="", metadata=_by(string))
    content: str | None = field(default=None, metadata=_sparse(string))
    directory: str | None = field(default=None, metadata=_sparse(string))
    serial: str | None = field(default=None, metadata=_sparse(SERIAL))
    ordered: str | None = field(default=None, metadata=_sparse(string))
    can_sign: bool | None = field(default=None, metadata=_sparse(flag))
    nonces: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(string, string)))
    signatures: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(string, string)))
    is_last: bool | None = field(default=None, metadata=_sparse(flag))
    refusals: Mapping[str, str] | None = field(default=None, metadata=_sparse(table(string, string)))
    way: RevocationWay | None = field(default=None, metadata=_sparse(member(RevocationWay)))
    status: RevocationResult | None = field(default=None, metadata=_sparse(member(RevocationResult)))
