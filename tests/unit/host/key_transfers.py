# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key on its way from one host to another."""

from __future__ import annotations

import os
from dataclasses import replace

from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import key_transfer
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.deployment import IssuedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.key_transfer import Received
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from tests.unit.host import ca, host
from tests.unit.host.host import ACCOUNT, DIRECTORY, WANTED

HERE = replace(WANTED, attributes=Attributes(0o600, os.getuid(), os.getgid()))  # not as the giver has it


def receiving(home):
    return [path for path in host.everything(home) if "receiving" in path]


def received(giver, home, certificate=None, chain=None, serial=True):
    """Do all that a run does up to the last step."""
    public = key_transfer.await_key(str(home), "shop")
    serial = host.manifest(giver, "0001")["serial"] if serial is True else serial
    given = key_transfer.give(str(giver), "shop", serial, {"here": public})
    issued = IssuedCertificate(certificate or given.certificate, given.chain if chain is None else chain, ACCOUNT)
    return Received(issued, given.sealed["here"], DIRECTORY, given.created)


def receive(home, given, wanted=HERE, check=False):
    return key_transfer.receive(str(home), wanted, given, ca.NOW, check)
