# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write files whole or not at all, and sync folders to the disk. Standard library only."""

from __future__ import annotations

import errno
import os
import tempfile


def write(path: str, data: bytes, stamp: float | None = None) -> None:
    """Write *data* to *path* with mode 0600, and create its folder if it does not exist. Raises OSError.

    *stamp*: the file's modification time, in seconds since 1970. If two runs write the file, the last one wins.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=folder, prefix=".", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            if stamp is not None:
                os.utime(file.name, (stamp, stamp))
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def sync_folder(path: str) -> None:
    """Sync the entries of the folder *path* to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def sync(handle: int) -> None:
    """Sync the entries of an open folder to the disk. *handle*: its descriptor. Raises OSError."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync folders
            raise
