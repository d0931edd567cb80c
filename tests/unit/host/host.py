# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's folder of certificates under test: what is wanted there, a CA that issues it, and what can be seen of it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.certfleet.tls.plugins.module_utils._common.names import KEY, MANIFEST
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment, preparation
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.deployment import IssuedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import Asked, JournaledOrder
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import (
    folder_path,
    live_facts,
    read,
    read_versions,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.versions import KEPT
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes, drift
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import SERVICE, Reload
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import WantedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates
from tests.unit.host import ca

DIRECTORY = "https://ca.example/directory"
ACCOUNT = "https://ca.example/account/1"
# The owner and group of the test itself, named: so they are given to the files like any other.
WANTED = WantedCertificate(
    name="shop",
    identifiers=["shop.example", "www.shop.example"],
    key_type="ec256",
    profile=None,
    reloads=(Reload(SERVICE, "nginx"),),
    attributes=Attributes(0o640, os.getuid(), os.getgid()),
)
OTHER = replace(WANTED, identifiers=["other.example"])
ORDER = JournaledOrder("https://ca.example/order/1", ACCOUNT)
ORDER_2 = JournaledOrder("https://ca.example/order/2", ACCOUNT)


@cache
def root():
    return ca.Authority.root()


@cache
def authority():
    return root().intermediate()


@cache
def issued(request):
    """Return the certificate that the CA issues for a request: always the same one."""
    csr = x509.load_pem_x509_csr(request)
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    leaf = authority().leaf(csr.public_key(), list(names))
    return IssuedCertificate(ca.pem(leaf), ca.pem(authority().certificate), ACCOUNT)


def prepare(home, wanted=WANTED, order=None, directory=DIRECTORY, check=False, new_key=False):
    return preparation.prepare(str(home), Asked(wanted, directory, order, new_key), ca.NOW, check)


def deploy(home, wanted=WANTED, check=False):
    """Have the CA issue for the pending version, or for the live one again, and put that in place."""
    found = read_versions(str(home), wanted.name)
    with open(folder_path(str(home), wanted.name, found.pending or found.live, "request.csr"), "rb") as file:
        return deployment.deploy(str(home), wanted, issued(file.read()), ca.NOW, check)


def make_live(home, wanted=WANTED, order=ORDER):
    """Do a whole run for one certificate."""
    prepare(home, wanted, order)
    deployed = deploy(home, wanted)
    confirm(home, wanted.name)
    return deployed


def confirm(home, name="shop", keep=KEPT):
    """Confirm the live version, as the run that deployed it does."""
    live = read_versions(str(home), name).live
    if live:
        deployment.confirm(str(home), name, live, keep)


def go_back(home, wanted=WANTED, now=ca.NOW):
    return deployment.go_back(str(home), wanted, read_versions(str(home), wanted.name).live, now)


def outstanding(home, name="shop"):
    """Return True if the services have not read the live version yet."""
    live = read_versions(str(home), name).live
    return bool(live) and deployment.reload_outstanding(str(home), name, live)


def manifest(home, number, name="shop"):
    return read(folder_path(str(home), name, number, MANIFEST))


def pending(home, name="shop"):
    """Return the pending version's order and key, or None."""
    found = read_versions(str(home), name)
    if not found.pending:
        return None
    with open(folder_path(str(home), name, found.pending, KEY), "rb") as file:
        return found.manifest["identifiers"], found.manifest["order_uri"], file.read()


def served(home, name="shop"):
    """Return the files that a server reads through the live link, or None. They have to fit each other."""
    folder = os.path.join(str(home), "live", name)
    if not os.path.lexists(folder):
        return None
    files = {}
    for file in ("privkey.pem", "cert.pem", "chain.pem", "fullchain.pem"):
        with open(os.path.join(folder, file), "rb") as opened:
            files[file] = opened.read()
    assert _public(files["privkey.pem"], True) == _public(files["cert.pem"], False)
    assert files["fullchain.pem"] == files["cert.pem"] + files["chain.pem"]
    facts = live_facts(str(home), name, read_versions(str(home), name).live)
    assert (facts["missing"], facts["damaged"], facts["unreadable"]) == ([], [], [])
    return files


def keys_are_closed(home, allowed=WANTED.attributes.mode):
    """Every file with a private key in it, wherever it is, has the wanted mode at most."""
    for path in everything(home):
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and "privkey" in path:
            assert stat.S_IMODE(found.st_mode) & ~allowed == 0, f"{path} {stat.S_IMODE(found.st_mode):o}"


def everything(home):
    return [
        os.path.join(folder, entry) for folder, folders, files in os.walk(str(home)) for entry in (*folders, *files)
    ]


def leftovers(home):
    return [path for path in everything(home) if path.endswith(".aside")]


def snapshot(home):
    """Return kinds, modes and contents of all below *home*, to verify that nothing was changed."""
    result = {}
    for path in everything(home):
        found = os.lstat(path)
        content = os.readlink(path) if os.path.islink(path) else None
        if stat.S_ISREG(found.st_mode):
            with open(path, "rb") as file:
                content = file.read()
        result[os.path.relpath(path, str(home))] = (found.st_mode, found.st_uid, found.st_gid, content)
    return result


def versions(home, name="shop"):
    return read_versions(str(home), name).numbers


def key_drift(home, number, wanted=WANTED):
    return drift(folder_path(str(home), wanted.name, number, KEY), wanted.attributes)


@cache
def _public(pem, private):
    if private:
        key = serialization.load_pem_private_key(pem, password=None).public_key()
    else:
        key = certificates.load_all(pem.decode(), "it")[0].public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
