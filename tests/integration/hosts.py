# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host as its administrator sees it: modules called by SSH, the disk looked at, certificates issued by hand."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.integration.calls import Result, call
from tests.lab import Lab
from tests.unit.host import ca

HOME, WEBROOT = "/etc/acme", "/var/www/html"
DIRECTORY = "https://ca.example/directory"
ORDER = {"order_uri": "https://ca.example/order/1", "account_uri": "https://ca.example/account/1"}
DAY = timedelta(days=1)

_CLEAN = f"""
umount {HOME} 2>/dev/null
rm -rf {HOME} {WEBROOT}/.well-known /etc/nginx/conf.d/*
for module in /usr/lib/python3/dist-packages/*.aside; do [ ! -e "$module" ] || mv "$module" "${{module%.aside}}"; done
exit 0
"""


def wanted(name: str = "shop", *identifiers: str, **options: Any) -> dict[str, Any]:
    """Return an entry of certificates."""
    names = list(identifiers) or [f"{name}.lab.test"]
    return {"name": name, "identifiers": names, "webroot": WEBROOT, **options}


class Issuer:
    """A CA of one's own: what it issues is taken to the host by hand."""

    def __init__(self) -> None:
        self.root = ca.Authority.root("Test Root")
        self.now = datetime.now(timezone.utc)
        self.intermediate = self.under("Test Intermediate")

    def under(self, name: str, **options: Any) -> ca.Authority:
        """Return an intermediate of the root."""
        return self.root.intermediate(name, **{**self._validity(), **options})

    def issue(self, request: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Return the result that the module certificate takes, for one of certificate_request's requests.

        Options: identifiers, public_key, not_before, not_after, by (an Authority), chain (certificates).
        """
        csr = x509.load_pem_x509_csr(request["csr_content"].encode())
        by = options.pop("by", self.intermediate)
        chain = options.pop("chain", [by.certificate])
        identifiers = options.pop("identifiers", request["identifiers"])
        public_key = options.pop("public_key", csr.public_key())
        leaf = by.leaf(public_key, identifiers, **{**self._validity(), **options})
        return {
            "name": request["name"],
            "status": "valid",
            "certificate": ca.pem(leaf),
            "chain": ca.pem(*chain),
            **ORDER,
        }

    def _validity(self) -> dict[str, datetime]:
        return {"not_before": self.now - DAY, "not_after": self.now + 60 * DAY}


class Host:
    """web1 of a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __call__(self, module: str, **options: Any) -> Result:
        """Run one of the collection's modules on the host."""
        return call(self.lab, module, host="web1", **options)

    def shell(self, script: str) -> str:
        """Return the output of a shell script that root runs on the host. Raises CalledProcessError."""
        command = ["sh", "-c", script]
        done = self.lab.exec("web1", command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.strip()

    def reset(self) -> None:
        """Remove all that tests made on the host."""
        self.shell(_CLEAN)

    def tree(self) -> list[str]:
        """Return one line for each path under the home and the webroot, with all that a change would change."""
        listing = self.shell(f"find {HOME} {WEBROOT} -printf '%p %y %m %u %g %i %s %T@ %C@ %l\\n' 2>/dev/null || :")
        return sorted(listing.splitlines())

    def path(self, path: str) -> Path:
        """Return a file of the host; absolute links are not followed as the host would."""
        return self.lab.path("web1", path)

    def read(self, path: str) -> str:
        return self.path(path).read_text()

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; none if it does not exist."""
        place = self.path(folder)
        return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []

    def live(self, name: str = "shop") -> str:
        """Return the folder of the live version."""
        target = self.path(f"{HOME}/live/{name}").readlink()
        assert str(target).startswith(f"../versions/{name}/")
        return f"{HOME}/versions/{name}/{target.name}"

    def certificate(self, name: str = "shop") -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.path(f"{self.live(name)}/cert.pem").read_bytes())

    def public_key(self, name: str = "shop") -> Any:
        """Return the public key of the live private key."""
        data = self.path(f"{self.live(name)}/privkey.pem").read_bytes()
        return serialization.load_pem_private_key(data, None).public_key()

    def request(self, *certificates: dict[str, Any], **options: Any) -> Result:
        """Run certificate_request."""
        options = {"directory": DIRECTORY, "certificates": list(certificates) or [wanted()], **options}
        return self("certificate_request", **options)

    def deploy(self, results: list[dict[str, Any]], *certificates: dict[str, Any], **options: Any) -> Result:
        """Run the module certificate."""
        return self("certificate", certificates=list(certificates) or [wanted()], results=results, **options)

    def make_live(self, issuer: Issuer, *certificates: dict[str, Any], **options: Any) -> Result:
        """Request, issue and deploy."""
        requested = self.request(*certificates)
        assert requested.ok, requested["msg"]
        deployed = self.deploy([issuer.issue(item) for item in requested["requests"]], *certificates, **options)
        assert deployed.ok, deployed["msg"]
        return deployed


def msg_of(result: Result) -> str:
    """Return the message of a module that failed with one line and no traceback."""
    assert not result.ok
    assert "Traceback" not in result.text
    assert "MODULE FAILURE" not in result.text
    assert "\n" not in result["msg"]
    return str(result["msg"])
