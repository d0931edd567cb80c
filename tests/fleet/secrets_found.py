# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for parts of secrets in files, processes and output."""

from __future__ import annotations

import base64
import os
import threading
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fleet.fleet import Fleet

PART = 12  # characters that are not there by chance; 23 in a row of a secret have a whole part


def secret_parts(pem: bytes) -> set[bytes]:
    """Return texts that reveal a private key: parts of its secret number, in PEM, in base64 and in hexadecimal.

    Only the secret number: the rest of the file is what all such keys begin with, and the public key.
    """
    key = load_pem_private_key(pem, None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        number, size = key.private_numbers().private_value, (key.key_size + 7) // 8
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        number = key.private_numbers().d
        size = (number.bit_length() + 7) // 8  # which may be fewer than the key's
    secret = number.to_bytes(size, "big")
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    at = der.index(secret)
    # Whole groups of base64 that encode nothing but the number.
    first, last = -(-at // 3) * 4, (at + size) // 3 * 4
    body = b"".join(pem.splitlines()[1:-1])[first:last]
    other = [base64.b64encode(secret)[:-4], base64.urlsafe_b64encode(secret)[:-4], secret.hex().encode()]
    return {text[start : start + PART] for text in (body, *other) for start in range(0, len(text) - PART + 1, PART)}


def traces(secrets: dict[str, set[bytes]], texts: dict[str, bytes]) -> list[str]:
    """Return one text "SECRET in PLACE" for each secret that is found."""
    # Line breaks of any kind do not hide one.
    plain = {name: text.replace(b"\\n", b"").replace(b"\n", b"").replace(b"\r", b"") for name, text in texts.items()}
    return [
        f"{secret} in {where}"
        for where, text in plain.items()
        for secret, parts in secrets.items()
        if any(part in text for part in parts)
    ]


class Sampler:
    """Reads the machine's process lists and the files that appear in some folders, again and again."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self.commands: set[bytes] = set()
        self.files: dict[str, bytes] = {}
        self._last: dict[Path, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._stop.set()
        self._thread.join()
        self._files()

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended
                    self.commands.add(process.read_bytes())
            self._files()

    def _files(self) -> None:
        for folder in self.folders:
            for parent, _unused, names in os.walk(folder):
                for name in names:
                    path = Path(parent, name)
                    with suppress(OSError):  # it is gone
                        if path.is_file():
                            self._keep(path, path.read_bytes())

    def _keep(self, path: Path, content: bytes) -> None:
        """Keep the content, also of a file that is written again at the same size. A log that grows is kept once."""
        last = self._last.get(path, "")
        if last in self.files and content.startswith(self.files[last]):
            del self.files[last]
        self._last[path] = f"{path} {hash(content)}"
        self.files[self._last[path]] = content


def everything_written(fleet: Fleet, host: str) -> dict[str, bytes]:
    """Return all files of a host that are not the machine's own."""
    folders = ["/dev/shm", "/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var"]
    conditions = ["-xdev", "-type", "f", "-newer", "/etc/hostname", "-size", "-1024k"]
    listed = fleet.lab.exec(host, ["find", *folders, *conditions], capture_output=True, text=True)
    return {path: fleet.lab.path(host, path).read_bytes() for path in listed.stdout.splitlines()}
