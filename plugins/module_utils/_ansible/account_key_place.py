# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The path of an account key: not the key itself, in a home that exists, on a disk that lasts."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CONTENT = "account_key_content (acme_account_key_content)"
ADVICE = f"Set account_key_src (acme_account_key_src) to another path, or give the key in {CONTENT}"
# A SEQUENCE of 256 bytes or less, or of more; no path is like that.
_DER = re.compile(r"M[A-Za-z0-9+/\s]{55,}={0,2}")
# A JWK, also one that Ansible has made a mapping of, and then a text.
_JWK = re.compile(r"""["']kty["']""")
# Files that Podman and Docker create in each container.
_MARKERS = ("/run/.containerenv", "/.dockerenv")
# Errors of file systems without hard links: vfat, some of FUSE, SMB, Android's.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EINVAL)


def key_text_problem(option: str) -> str:
    """Return the line for a key's text in the option for its path. *option*: its name without _src, after any place."""
    content = f"{option.rpartition(' ')[2]}_content"
    return f"{option}_src: this is a key, not the path of its file. Give it as {content}"


def is_key_text(value: Any) -> bool:
    """Return True if *value* is a private key itself and not a path: PEM, JWK (of certbot), DER in base64."""
    if not isinstance(value, str):
        return False
    return bool("-----BEGIN" in value or "PRIVATE KEY" in value or _JWK.search(value) or _DER.fullmatch(value.strip()))


def home_problem(path: str) -> str:
    """Return one line if *path* needs a home that does not exist. *path*: with ~ expanded as far as possible."""
    home = os.path.expanduser("~")
    if path.startswith("~"):
        missing = f"user {os.geteuid()} has no home directory (HOME is not set, and the user has no entry in passwd)"
    elif os.path.isabs(home) and path.startswith(f"{home}/") and not os.path.isdir(home):
        missing = f"the home directory {home} does not exist"
    else:
        return ""
    return f"account key {path} cannot be made: {missing}. {ADVICE}"


def vanishing(path: str) -> str:
    """Return a warning if the new account key *path* is lost as soon as this run ends, else an empty text.

    That is certain for the own file system of an execution environment's container, and for the folder of an AWX job.
    A volume that is mounted into the container lasts. So may a container that ansible-runner has not started.
    """
    if "AWX_ISOLATED_DATA_DIR" not in os.environ:
        return ""  # it is not ansible-runner, as with AWX and ansible-navigator
    folder = os.path.dirname(os.path.realpath(path))
    if "JOB_ID" in os.environ and f"{folder}/".startswith("/runner/"):
        where = "in the folder of an AWX job"
    elif _is_in_container() and os.stat(folder).st_dev == os.stat("/").st_dev:
        where = "in an execution environment, outside of any volume"
    else:
        return ""
    return (
        f"account key {path} was made {where}: it is lost when the job ends, and the next run makes another account. "
        f"Give the key in {CONTENT}, such as from a credential of AWX"
    )


def _is_in_container() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(map(os.path.exists, _MARKERS))


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def give_name(aside: str, path: str) -> None:
    """Link the complete file *aside* to *path*, or rename it. Raises FileExistsError, else OSError.

    It never replaces a file: of two runs at the same time the faster one's key stays.
    """
    try:
        os.link(aside, path)
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    # rename() replaces an existing file, so runs on this machine take turns. The lock ends with its process.
    with _locked(os.path.dirname(path)):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        os.rename(aside, path)
