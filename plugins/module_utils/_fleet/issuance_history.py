# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's own record of the certificates that CAs issued, and revoked: a file with a line of JSON for each.

A host whose root is hostile can lie about its certificates. Revocation, rate limits and what hosts share compare its
word with this record. It has the certificates themselves, too, as a request to revoke contains one (RFC 8555 section
7.6).
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

from .._acme.errors import AcmeError
from .._common.times import parse_utc


@dataclass(frozen=True)
class RecordedCertificate:
    """A certificate of the record: one that was issued.

    time: of its download, and not_after: of its expiry, as manifests have times. host and name: whose it is.
    serial: hexadecimal. directory: the CA's URL. names: the identifiers. certificate and chain: PEM.
    """

    time: str
    host: str
    name: str
    serial: str
    not_after: str
    directory: str
    account_uri: str
    names: tuple[str, ...]
    certificate: str
    chain: str = ""

    def line(self) -> bytes:
        """Return it as a line of the file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: str) -> RecordedCertificate:
        """Parse a line; fields that later versions add are ignored. Raises ValueError."""
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
        values: dict[str, Any] = {
            field.name: found.get(field.name, "" if field.name == "chain" else None) for field in fields(cls)
        }
        names = values.pop("names")
        if not all(isinstance(value, str) for value in values.values()):
            raise ValueError("a field is missing or is not a text")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("names is not a list of texts")
        int(values["serial"], 16)
        parse_utc(values["time"])
        return cls(**values, names=tuple(names))


@dataclass(frozen=True)
class RecordedRevocation:
    """A revocation of the record. revoked: when, as manifests have times; directory: the CA's URL.

    host, name, serial and not_after are those of the certificate, which the record need not have.
    """

    revoked: str  # its name begins the line, which is how these lines are found
    host: str
    name: str
    serial: str
    not_after: str
    directory: str

    @property
    def certificate(self) -> tuple[str, str]:
        """The serial number and the expiry, by which manifests and the record know a certificate."""
        return self.serial, self.not_after

    def line(self) -> bytes:
        """Return it as a line of the file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: str) -> RecordedRevocation:
        """Parse a line; fields that later versions add are ignored. Raises ValueError."""
        found = json.loads(line)
        values = {field.name: found.get(field.name) for field in fields(cls)}
        if not all(isinstance(value, str) for value in values.values()):
            raise ValueError("a field is missing or is not a text")
        parse_utc(values["revoked"])
        return cls(**values)


_REVOCATION = '{"revoked": '


def absolute(path: str) -> str:
    """Return the absolute path of the record. Raises AcmeError for a relative one."""
    found = os.path.expanduser(os.path.expandvars(path))
    if found.startswith("~"):
        raise AcmeError(
            f"acme_history {path} is in a home directory, and user {os.geteuid()} has none (HOME is not set, and the "
            "user has no entry in passwd): give an absolute path, or an empty text for no record"
        )
    if not os.path.isabs(found):
        raise AcmeError(
            f"acme_history {path} is a relative path: give an absolute one, as each playbook has a folder of its own"
        )
    return found


class Recorder:
    """Append to the record from any thread, while other processes may do the same. problem: why that failed, or empty.

    Raises AcmeError for a path that is not absolute().
    """

    def __init__(self, path: str | None) -> None:
        self._path = absolute(path) if path else None
        self._lock = threading.Lock()
        self._handle: int | None = None
        self.problem = ""

    def add(self, entry: RecordedCertificate | RecordedRevocation) -> None:
        """Append an entry. Never raises: a certificate must not be lost because it cannot be recorded."""
        if not self._path:
            return
        with self._lock:
            try:
                if self._handle is None:
                    self._handle = _open(self._path)
                _append(self._handle, entry.line())
            except OSError as error:
                self.problem = (
                    f"acme_history {self._path} cannot be written ({error.strerror or error}): later runs know what "
                    "was issued or revoked in this one from the hosts only"
                )

    def close(self) -> None:
        """Write to the disk what was appended, and close the file."""
        if self._handle is None:
            return
        try:
            with suppress(OSError):  # a pipe or a network file system may have no fsync; the lines are written
                os.fsync(self._handle)
        finally:
            os.close(self._handle)
            self._handle = None


def of_names(
    record: Iterable[RecordedCertificate], name: str, identifiers: Collection[str]
) -> dict[str, RecordedCertificate]:
    """Return the recorded certificates *name* for just these identifiers, by serial number."""
    wanted = set(identifiers)
    return {item.serial: item for item in record if item.name == name and set(item.names) == wanted}


def reaches_back_to(record: Sequence[RecordedCertificate], instant: str) -> bool:
    """Return True if the record began before *instant* (as manifests have it), so that it is complete since then."""
    return any(item.time < instant for item in record[:1])


def read(path: str) -> tuple[list[RecordedCertificate], list[str]]:
    """Return the record at *path*, the oldest first, and a line for each that is damaged. Raises AcmeError.

    A file that does not exist is an empty record.
    """
    try:
        with open(absolute(path), encoding="utf-8", errors="replace") as file:
            return parse(file, path)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise AcmeError(f"acme_history {path} cannot be read: {error.strerror}") from None


def read_revocations(path: str) -> dict[tuple[str, str], RecordedRevocation]:
    """Return the revocations in the record at *path*, by serial number and expiry. Raises AcmeError.

    No other line is parsed: certificates are many, and every run needs this.
    """
    found: dict[tuple[str, str], RecordedRevocation] = {}
    prefix = _REVOCATION.encode()
    try:
        with open(absolute(path), "rb") as file:
            for line in file:
                if line.startswith(prefix):
                    with suppress(ValueError, RecursionError):  # read() reports those that are damaged
                        revocation = RecordedRevocation.parse(line.decode())
                        found.setdefault(revocation.certificate, revocation)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AcmeError(f"acme_history {path} cannot be read: {error.strerror}") from None
    return found


def parse(lines: Iterable[str], path: str) -> tuple[list[RecordedCertificate], list[str]]:
    """Parse the *lines* of the record at *path*; return the certificates, and a message for each damaged line."""
    found, problems = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                if line.startswith(_REVOCATION):
                    RecordedRevocation.parse(line)
                else:
                    found.append(RecordedCertificate.parse(line))
            except (ValueError, RecursionError):
                problems.append(f"acme_history {path}, line {number} is damaged: repair it, or remove the line")
    return found, problems


def _open(path: str) -> int:
    """Open the record for appending. A new file has mode 0600, and its folder is made if it does not exist."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    # For reading, too: to open a named pipe without a reader would wait without end.
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("it is not a file")
    return handle


def _append(handle: int, line: bytes) -> None:
    """Append a line by one write, which the kernel does not mix with those of other processes."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        line = b"\n" + line  # a full disk or a crash has cut off the last line
    written = os.write(handle, line)
    if written != len(line):
        raise OSError(f"only {written} of {len(line)} bytes were written")
