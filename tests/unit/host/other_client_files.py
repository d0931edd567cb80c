# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and settings in the folders of other ACME clients."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

from cryptography.hazmat.primitives import serialization

from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import adoption, other_clients
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.other_clients import Lineage
from tests.unit.host import ca, host
from tests.unit.host.host import DIRECTORY, WANTED

ACCOUNT = "https://ca.example/acct/7"


PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def sec1(key):
    """Return an EC key as OpenSSL writes it."""
    return PARAMETERS + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


class PemFiles:
    """A key, a certificate and its chain, as PEM."""

    def __init__(self, names=WANTED.identifiers, kind="ec256", **options):
        self.private = ca.key_of(kind)
        self.leaf = host.authority().leaf(self.private.public_key(), names, **options)
        self.key, self.certificate = sec1(self.private), ca.pem(self.leaf).encode()
        self.chain = ca.pem(host.authority().certificate).encode()


def put(folder, **files):
    """Files by name, with __ for a point."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data if isinstance(data, bytes) else data.encode())


def certbot(folder, pem, name="shop.example"):
    put(folder / "archive" / name, privkey3__pem=pem.key, cert3__pem=pem.certificate, chain3__pem=pem.chain)
    live = folder / "live" / name
    live.mkdir(parents=True)
    for file in ("privkey", "cert", "chain"):
        (live / f"{file}.pem").symlink_to(f"../../archive/{name}/{file}3.pem")
    conf = f"""# renew_before_expiry = 30 days
version = 5.8.0
archive_dir = {folder}/archive/{name}
cert = {live}/cert.pem
privkey = {live}/privkey.pem
chain = {live}/chain.pem
fullchain = {live}/fullchain.pem

# Options used in the renewal process
[renewalparams]
preferred_profile = None
account = 0123456789abcdef
authenticator = webroot
webroot_path = /var/www/html,
server = {DIRECTORY}
key_type = ecdsa
[[webroot_map]]
shop.example = /var/www/html
server = /var/www/elsewhere
"""
    put(folder / "renewal", **{f"{name}__conf": conf})
    account = folder / "accounts" / "ca.example" / "directory" / "0123456789abcdef"
    put(account, regr__json=json.dumps({"body": {}, "uri": ACCOUNT}))


def acme_sh(folder, pem, name="shop.example", certs=None):
    own = (certs or folder) / f"{name}_ecc"
    conf = f"Le_Domain='{name}'\nLe_Alt='www.{name}'\nLe_Webroot='/var/www/html'\nLe_API='{DIRECTORY}'\n"
    put(own, **{f"{name}__key": pem.key, f"{name}__cer": pem.certificate, "ca__cer": pem.chain})
    put(own, **{f"{name}__conf": conf, f"{name}__csr__conf": "[ req ]\n"})
    put(folder / "ca" / "ca.example" / "directory", ca__conf=f"ACCOUNT_URL='{ACCOUNT}'\nCA_KEY_HASH='x='\n")


def lego(folder, pem, name="shop.example"):
    resource = {"domain": name, "certUrl": "https://ca.example/certZ/9", "certStableUrl": "https://ca.example/certZ/9"}
    files = {f"{name}__key": pem.key, f"{name}__crt": pem.certificate + pem.chain}
    account = {"email": "a@b.example", "registration": {"body": {}, "uri": ACCOUNT}}
    put(folder / "accounts" / "ca.example" / "a@b.example", account__json=json.dumps(account))
    other = {"registration": {"uri": "https://other.example/acct/1"}}
    put(folder / "accounts" / "other.example" / "a@b.example", account__json=json.dumps(other))
    put(folder / "certificates", **files, **{f"{name}__issuer__crt": pem.chain, f"{name}__json": json.dumps(resource)})


def dehydrated(folder, pem, name="shop.example"):
    own = folder / "certs" / name
    put(own, **{"privkey-1__pem": pem.key, "cert-1__pem": pem.certificate, "chain-1__pem": pem.chain})
    for file in ("privkey", "cert", "chain"):
        (own / f"{file}.pem").symlink_to(f"{file}-1.pem")
    config = f'CONFIG_D=x\nBASEDIR="{folder}"\nCERTDIR="${{BASEDIR}}/certs"  # x\nCA={DIRECTORY} # "x"\n'
    put(folder / "conf", config=config)
    encoded = base64.urlsafe_b64encode(f"{DIRECTORY}\n".encode()).decode().rstrip("=")
    put(folder / "accounts" / encoded, account_id__json=json.dumps({"url": ACCOUNT}))


def adopt(home, *lineages, wanted=WANTED, directories=(DIRECTORY,), check=False):
    candidates = adoption.read_candidates(lineages, ca.NOW)
    return adoption.adopt(str(home), replace(wanted, directories=directories), candidates, ca.NOW, check)


def files(folder, pem, chain=True):
    """Plain files."""
    put(folder, key__pem=pem.key, cert__pem=pem.certificate, chain__pem=pem.chain)
    place = {file: str(folder / f"{file}.pem") for file in ("key", "cert", "chain")}
    return Lineage(other_clients.FILES, "cert.pem", place["key"], place["cert"], place["chain"] if chain else "")
