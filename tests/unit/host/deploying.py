# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issue certificates for pending keys, and deploy them."""

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.deployment import IssuedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import keys
from tests.unit.host import ca, host
from tests.unit.host.host import ACCOUNT, WANTED


def pending_key(home, number="0001"):
    path = home / "versions" / "shop" / number / "privkey.pem"
    return keys.load(path.read_bytes(), str(path)).public_key()


def issue(home, number="0001", names=WANTED.identifiers, chain=None, account=ACCOUNT, **options):
    """Return the certificate that a CA delivers for the pending key."""
    leaf = host.authority().leaf(pending_key(home, number), names, **options)
    chain = ca.pem(host.authority().certificate) if chain is None else chain
    return IssuedCertificate(ca.pem(leaf), chain, account)


def run(home, issued, wanted=WANTED, check=False):
    return deployment.deploy(str(home), wanted, issued, ca.NOW, check)
