# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the certificates of other ACME clients on a host, and what the clients noted of each. Nothing is changed.

certbot     /etc/letsencrypt   renewal/NAME.conf, which names the files; accounts/CA/ID/regr.json
acme.sh     ~/.acme.sh         NAME[_ecc]/ with NAME.key NAME.cer ca.cer NAME.conf; ca/CA/ca.conf
lego        .lego              certificates/NAME.json, with NAME.key NAME.crt; accounts/CA/MAIL/account.json
dehydrated  /etc/dehydrated    config; certs/NAME/ with privkey.pem cert.pem chain.pem; accounts/CA/account_id.json
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..._common import base64url, paths
from ..._common.paths import Rule
from ..errors import DiskError
from ..store import files

CERTBOT, ACME_SH, LEGO, DEHYDRATED, FILES = "certbot", "acme.sh", "lego", "dehydrated", "files"

#: Where each client's packages and documentation have it.
USUAL = {
    CERTBOT: ("/etc/letsencrypt", "/usr/local/etc/letsencrypt"),
    ACME_SH: ("~/.acme.sh", "/root/.acme.sh", "/etc/acme.sh"),
    LEGO: ("/etc/lego", "/var/lib/lego", "~/.lego"),
    DEHYDRATED: ("/etc/dehydrated", "/usr/local/etc/dehydrated"),
}
_LARGEST = 1 << 20  # bytes; no file of theirs comes near it
# dehydrated's names of CAs.
_DEHYDRATED_CAS = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-test": "https://acme-staging-v02.api.letsencrypt.org/directory",
    "zerossl": "https://acme.zerossl.com/v2/DV90",
    "google": "https://dv.acme-v02.api.pki.goog/directory",
    "google-test": "https://dv.acme-v02.test-api.pki.goog/directory",
}


class Lineage(NamedTuple):
    """A certificate of another client. key, certificate, chain: paths; the certificate's file may have the chain.

    directory: the URL of the directory of its CA. certificate_uri: where the CA has it, of a client that names no
    directory. Both are empty if they are unknown.
    """

    client: str
    name: str
    key: str
    certificate: str
    chain: str = ""
    directory: str = ""
    account_uri: str | None = None
    profile: str | None = None
    webroot: str | None = None
    certificate_uri: str = ""


def usual() -> list[tuple[str, str]]:
    """Return clients and their usual folders, for the user that runs this."""
    return [(client, os.path.expanduser(path)) for client, paths in USUAL.items() for path in paths]


def find(client: str, folder: str) -> list[Lineage]:
    """Return the certificates that *client* keeps below *folder*; none if the folder does not exist."""
    return list(_FINDERS[client](folder)) if os.path.isdir(folder) else []


def text(path: str) -> str:
    """Return a client's file as text; empty if it does not exist, is not a client's, or others may have written it."""
    try:
        return material(path)
    except DiskError:
        return ""


def material(path: str) -> str:
    """Return a file's text; empty if it does not exist, or is not a client's by its size. Raises DiskError.

    A file is refused that others than root, or the user that this runs as, can write: they could have their own
    certificate served.
    """
    if not os.path.isabs(path):
        return ""
    what = f"{path} is not taken over"
    try:
        data = paths.read(path, _LARGEST + 1, Rule.OWN, follow=True)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no path at all
        return ""
    except OSError as error:
        raise DiskError(files.explain(error, what)) from None
    return data.decode("utf-8", "replace") if len(data) <= _LARGEST and b"\0" not in data else ""


def place_of(url: str) -> str:
    """Return host and port of a URL from a file; empty if the text is not a URL."""
    return _split(url)[0]


def _certbot(folder: str) -> Iterator[Lineage]:
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "renewal", "*.conf"))):
        name = os.path.basename(path)[: -len(".conf")]
        # Lines below [[webroot_map]] are names of hosts.
        said = _assignments(re.split(r"^\s*\[\[", text(path), maxsplit=1, flags=re.MULTILINE)[0])
        options = {option: value for option, value in said.items() if value != "None"}
        live = os.path.join(folder, "live", name)
        if not os.path.lexists(options.get("cert", "")):  # the folder was moved; or nothing is said
            options.update({file: os.path.join(live, f"{file}.pem") for file in ("privkey", "cert", "chain")})
        server = options.get("server", "")
        account = _joined(folder, "accounts", _below(server), options.get("account", ""), "regr.json")
        yield Lineage(
            CERTBOT,
            name,
            options.get("privkey") or os.path.join(live, "privkey.pem"),
            options["cert"],
            options.get("chain") or os.path.join(live, "chain.pem"),
            server,
            _field(account, "uri"),
            options.get("required_profile") or options.get("preferred_profile"),
            _place(options.get("webroot_path", "").split(",")[0].strip()),
        )


def _acme_sh(folder: str) -> Iterator[Lineage]:
    more = _place(_assignments(text(os.path.join(folder, "account.conf"))).get("CERT_HOME", ""))
    folders = dict.fromkeys(filter(None, (folder, more)))
    for path in sorted(path for each in folders for path in glob.glob(os.path.join(glob.escape(each), "*", "*.conf"))):
        own, name = os.path.dirname(path), os.path.basename(path)[: -len(".conf")]
        if os.path.basename(own) not in (name, name + "_ecc"):
            continue
        options = _assignments(text(path))
        server = options.get("Le_API", "")
        account = _assignments(text(_joined(folder, "ca", _below(server), "ca.conf")))
        yield Lineage(
            ACME_SH,
            os.path.basename(own),
            os.path.join(own, name + ".key"),
            os.path.join(own, name + ".cer"),
            os.path.join(own, "ca.cer"),
            server,
            account.get("ACCOUNT_URL"),
            options.get("Le_Profile"),
            _place(options.get("Le_Webroot", "").split(",")[0]),
        )


def _lego(folder: str) -> Iterator[Lineage]:
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "certificates", "*.json"))):
        stem = path[: -len(".json")]
        uri = _field(path, "certUrl") or ""
        yield Lineage(
            LEGO,
            os.path.basename(stem),
            stem + ".key",
            stem + ".crt",
            stem + ".issuer.crt",
            account_uri=_lego_account(folder, uri),
            certificate_uri=uri,
        )


def _lego_account(folder: str, certificate_uri: str) -> str | None:
    """Return the URL of the account at the CA; None if there is not exactly one."""
    paths = glob.glob(os.path.join(glob.escape(folder), "accounts", "*", "*", "account.json"))
    uris = {_field(path, "registration", "uri") or "" for path in paths}
    found = [uri for uri in uris if place_of(uri) and place_of(uri) == place_of(certificate_uri)]
    return found[0] if len(found) == 1 else None


def _dehydrated(folder: str) -> Iterator[Lineage]:
    options = _assignments(text(os.path.join(folder, "config")))
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "conf.d", "*.sh"))):
        options.update(_assignments(text(path)))

    def place(variable: str, default: str) -> str:
        return options.get(variable, default).replace("${BASEDIR}", base).replace("$BASEDIR", base)

    base = options.get("BASEDIR", folder)
    ca = options.get("CA", "letsencrypt")
    server = _DEHYDRATED_CAS.get(ca, ca if "://" in ca else "")
    # Its accounts lie in folders called by the encoded URL, without padding or with it.
    encoded = base64url.encode((server + "\n").encode())
    account = _joined(place("ACCOUNTDIR", os.path.join(base, "accounts")), encoded, "account_id.json")
    for path in sorted(glob.glob(os.path.join(glob.escape(place("CERTDIR", os.path.join(base, "certs"))), "*"))):
        if not os.path.lexists(os.path.join(path, "cert.pem")):
            continue
        own = _assignments(text(os.path.join(path, "config")))
        yield Lineage(
            DEHYDRATED,
            os.path.basename(path),
            os.path.join(path, "privkey.pem"),
            os.path.join(path, "cert.pem"),
            os.path.join(path, "chain.pem"),
            server,
            _field(account, "url"),
            own.get("ACME_PROFILE") or options.get("ACME_PROFILE"),
        )


_FINDERS: dict[str, Callable[[str], Iterator[Lineage]]] = {
    CERTBOT: _certbot,
    ACME_SH: _acme_sh,
    LEGO: _lego,
    DEHYDRATED: _dehydrated,
}


# Value in quotes, or without; a comment may follow.
_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:(["'])(.*?)\2|(?!\#)(.*?))\s*(?:\s\#.*)?"""
)


def _assignments(content: str) -> dict[str, str]:
    """Parse NAME=value lines, of shells and of certbot. Quotes are removed, and nothing is expanded."""
    matches = filter(None, map(_ASSIGNMENT.fullmatch, content.splitlines()))
    return {match[1]: match[3] if match[2] else match[4] for match in matches}


def _field(path: str, *fields: str) -> str | None:
    """Return a text in a JSON file, None if it has none there."""
    try:
        value: Any = json.loads(text(path))
    except (ValueError, RecursionError):
        return None
    for field in fields:
        value = value.get(field) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def _below(url: str) -> str:
    """Return a URL as certbot and acme.sh make folders of it."""
    return "".join(_split(url)).strip("/")


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.netloc, parts.path


def _joined(*parts: str) -> str:
    """Join parts that files say to a path, which cannot lead out of the first."""
    below = [part for name in parts[1:] for part in name.split("/") if part not in ("", ".", "..")]
    return os.path.join(parts[0], *below)


def _place(path: str) -> str | None:
    return path if os.path.isabs(path) else None
