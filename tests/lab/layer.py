# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that all hosts of a lab have over those of the machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

DEPLOY = 61000  # the number of the user deploy: above those of people, below those of systemd

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
# The machine's PAM may ask who knows what of whom.
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
# Twenty forks may log in at once.
MaxStartups 100
Subsystem sftp internal-sftp
"""

SUDOERS = """\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
deploy ALL=(ALL:ALL) NOPASSWD: ALL
"""

NGINX_CONF = """\
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {
    worker_connections 768;
}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    server_names_hash_bucket_size 128;
    server {
        listen 80 default_server;
        listen [::]:80 default_server;
        root /var/www/html;
    }
    include /etc/nginx/conf.d/*.conf;
}
"""

# The machine's own files there are not visible on hosts.
OPAQUE = (
    "etc/nginx/conf.d",
    "etc/nginx/modules-enabled",
    "etc/nginx/sites-enabled",
    "etc/ssh",
    "etc/sudoers.d",
    "home",
    "root",  # its shell start-up files would run for every SSH command
    "var/log",
    "var/www",
)
WHITEOUT = ("etc/acme",)


def fill(base: Path, public_key: str, resolv_conf: str) -> None:
    """Write the layer into the empty directory base, on a file system that takes trusted attributes.

    The modes of its directories become those of the hosts'.
    """
    for name in OPAQUE:
        (base / name).mkdir(parents=True)
        os.setxattr(base / name, "trusted.overlay.opaque", b"y")
    for name in WHITEOUT:
        if os.path.lexists(f"/{name}"):
            os.mknod(base / name, stat.S_IFCHR, os.makedev(0, 0))

    accounts = _lines("/etc/passwd", "root", "deploy")
    accounts.insert(0, "root:x:0:0:root:/root:/bin/bash")
    accounts.append(f"deploy:x:{DEPLOY}:{DEPLOY}::/home/deploy:/bin/sh")
    groups = [*_lines("/etc/group", "deploy"), f"deploy:x:{DEPLOY}:"]
    # No password fits, and none is locked ("!"), which sshd would refuse.
    passwords = [f"{account.partition(':')[0]}:*:19000:0:99999:7:::" for account in accounts]
    _write(base / "etc/passwd", "\n".join(accounts) + "\n")
    _write(base / "etc/group", "\n".join(groups) + "\n")
    _write(base / "etc/shadow", "\n".join(passwords) + "\n", 0o600)

    _write(base / "etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
    _write(base / "etc/resolv.conf", resolv_conf)
    _write(base / "etc/ssh/sshd_config", SSHD_CONFIG)
    _write(base / "etc/sudoers", SUDOERS, 0o440)
    _write(base / "etc/nginx/nginx.conf", NGINX_CONF)
    (base / "var/log/nginx").mkdir()
    _write(base / "var/www/html/index.html", "<!doctype html><title>a host of the lab</title>\n")

    (base / "root").chmod(0o700)
    _write(base / "root/.ssh/authorized_keys", public_key, 0o600)
    _write(base / "home/deploy/.ssh/authorized_keys", public_key, 0o600)
    for path in ("home/deploy", "home/deploy/.ssh", "home/deploy/.ssh/authorized_keys"):
        os.chown(base / path, DEPLOY, DEPLOY)


def _lines(path: str, *without: str) -> list[str]:
    return [line for line in Path(path).read_text().splitlines() if line and line.partition(":")[0] not in without]


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
