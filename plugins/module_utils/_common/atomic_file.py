# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are written whole or not at all, and what keeps them. Standard library only."""

from __future__ import annotations

import errno
import os
import tempfile


def write(path: str, data: bytes, stamp: float | None = None) -> None:
    """Put *data* at *path*, with 0600 from birth, in a folder that is made if need be. Raises OSError.

    *stamp*: its time, in seconds since 1970. Runs may be side by side: the last one's is as good as the other's.
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
    """Write the names in a folder to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def sync(handle: int) -> None:
    """Write the names in an open folder to the disk. Raises OSError."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have none for folders
            raise
