# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this checkout importable as ansible_collections.certfleet.tls, and keeps the user's Ansible settings out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# ansible_collections/certfleet/tls in it is a link to this checkout, made by: make venv
DEV = Path(__file__).parents[1] / "build" / "collections_dev"

for name in [name for name in os.environ if name.startswith(("ANSIBLE_", "ACME_"))]:
    del os.environ[name]
# Files that a test makes for another user, as for a host's web server, have the modes that they have for most people.
# Tests about the umask set their own.
os.umask(0o022)
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(DEV)  # for the Ansible that a test starts
sys.path.insert(0, str(DEV))
