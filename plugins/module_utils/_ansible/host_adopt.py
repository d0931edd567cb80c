# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_adopt: options become objects, and what came of them a result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .._common.errors import OptionError
from .._host.steps import adoption, other_clients
from .._host.steps.other_clients import Lineage
from .._host.wanted.claim import Claim
from .adopt_options import FILE_SPEC, FOLDER_SPEC
from .host_module import HostModule, HostTask, verify_host
from .host_options import CERTIFICATE_SPEC, LIST_SPEC, wanted_certificates
from .option_specs import list_of

SPEC: dict[str, Any] = {
    **LIST_SPEC,
    "certificates": list_of(CERTIFICATE_SPEC),
    "directories": {"type": "list", "elements": "str", "required": True},
    "folders": list_of(FOLDER_SPEC),
    "files": list_of(FILE_SPEC),
}


def run(task: HostTask) -> dict[str, Any]:
    """Take over what fits. Raises CollectionError before anything is changed."""
    params = task.params
    verify_host(params["home"])
    if not params["directories"]:
        raise OptionError("directories is empty: name the CA")
    wanted = wanted_certificates(params["certificates"], Claim.of(params), params["directories"])
    now = datetime.now(timezone.utc)
    candidates = adoption.read_candidates(lineages(params), now)
    batch = adoption.AdoptionBatch(params["home"], candidates, now, task.check_mode)
    for certificate in wanted.values():
        batch.adopt(certificate)
    for warning in batch.warnings():
        task.warn(warning)
    return batch.result()


def lineages(params: Mapping[str, Any]) -> list[Lineage]:
    """Return the certificates of other clients: those of `files` first, then those of `folders` and of usual places."""
    found = []
    for item in params["files"]:
        certificate = item["certificate"]
        name = os.path.basename(certificate)
        found.append(Lineage(other_clients.FILES, name, item["key"], certificate, item["chain"] or ""))
    folders = [(item["client"], item["path"]) for item in params["folders"]]
    for client, path in dict.fromkeys(folders + other_clients.usual()):
        found += other_clients.find(client, path)
    return found


MODULE = HostModule(SPEC, run, {"certificates": [], "found": [], "failures": {}})
