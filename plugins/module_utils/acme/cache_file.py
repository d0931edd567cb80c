# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of a cache on the controller: whole or not there, and nobody else's to read."""

from __future__ import annotations

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
