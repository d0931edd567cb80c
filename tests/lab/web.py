# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' web servers over TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import LabError
from .process import wait

if TYPE_CHECKING:
    from .lab import Lab

TLS_SERVER = """\
server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name {server_names};
    ssl_certificate {directory}/fullchain.pem;
    ssl_certificate_key {directory}/privkey.pem;
    root /var/www/html;
}}
"""


def enable_tls(lab: Lab, host: str, name: str, server_names: Sequence[str]) -> None:
    """See Lab.enable_tls."""
    directory = name if name.startswith("/") else f"/etc/acme/live/{name}"
    names = " ".join(server_names) or "_"
    path = lab.path(host, f"/etc/nginx/conf.d/{directory.strip('/').replace('/', '-')}.conf")
    path.write_text(TLS_SERVER.format(directory=directory, server_names=names))
    done = lab.exec(host, ["service", "nginx", "reload"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        reason = lab.exec(host, ["nginx", "-t", "-q"], stderr=subprocess.PIPE, text=True).stderr
        path.unlink()
        raise LabError(f"nginx of {host} does not take the certificate {name}: {reason.strip()}")

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((lab.address(host), 443)) == 0

    # Its reload ends before the new configuration is in use.
    lab.inside(lambda: wait(listens, 10, f"nginx of {host} does not listen at port 443"))


def served(lab: Lab, host: str, server_name: str, roots: str | None) -> bytes:
    """See Lab.served."""
    context = ssl.create_default_context(cadata=roots) if roots else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not roots:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def ask() -> bytes:
        with (
            socket.create_connection((lab.address(host), 443), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=server_name) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

    certificate: bytes = lab.inside(ask)
    return certificate
