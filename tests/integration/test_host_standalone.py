# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules in a playbook of one's own, without the role: a certificate from the CA to the web server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.integration.hosts import HOME, WEBROOT, Host

LOCAL = {
    "delegate_to": "localhost",
    "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}
ORDERED, CERTIFICATES = "ordered.hosts.localhost[0]", "{{ certificates }}"


def playbook(host: Host, folder: Path, csr: str = "request.requests[0].csr_content"):
    """Run the playbook of the modules' documentation."""
    web = {
        "certificates": [
            {"name": "shop", "identifiers": ["web1.lab.test"], "webroot": WEBROOT, "reload": ["nginx"]},
        ]
    }
    tasks = [
        {
            "certfleet.tls.certificate_request": {"directory": "{{ acme_directory }}", "certificates": CERTIFICATES},
            "register": "request",
        },
        {
            "certfleet.tls.acme_order": {
                "account_key_create": True,
                "terms_agreed": True,
                "orders": [{"name": "shop", "identifiers": ["web1.lab.test"]}],
            },
            "register": "ordered",
            **LOCAL,
        },
        {
            "certfleet.tls.challenge_response": {
                "orders": [
                    {
                        "name": "shop",
                        "order_uri": f"{{{{ {ORDERED}.order_uri }}}}",
                        "account_uri": f"{{{{ {ORDERED}.account_uri }}}}",
                    }
                ],
                "challenges": [f"{{{{ {ORDERED}.challenges[0] | combine({{'webroot': '{WEBROOT}'}}) }}}}"],
            }
        },
        {
            "certfleet.tls.acme_order_finalize": {
                "orders": [f"{{{{ {ORDERED} | combine({{'csr_content': {csr}}}) }}}}"],
            },
            "register": "finalized",
            **LOCAL,
        },
        {
            "certfleet.tls.certificate": {
                "certificates": CERTIFICATES,
                "results": "{{ finalized.hosts.localhost }}",
                "challenges": f"{{{{ {ORDERED}.challenges | map('combine', {{'webroot': '{WEBROOT}'}}) }}}}",
            },
            "register": "deployed",
        },
        {"ansible.builtin.debug": {"var": "deployed"}},
    ]
    play = {
        "hosts": "web1",
        "gather_facts": False,
        "vars": {**web, "acme_directory": host.lab.pebble.directory_url},
        "module_defaults": {
            "group/certfleet.tls.acme": {
                "acme_directory": host.lab.pebble.directory_url,
                "ca_path": str(host.lab.pebble.ca_path),
                "account_key_src": str(folder / "account-key.pem"),
            }
        },
        "tasks": tasks,
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    command = ["ansible-playbook", str(folder / "play.yml")]
    return host.lab.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)


def test_modules_without_role_deploy_certificate(host: Host, tmp_path: Path) -> None:
    done = playbook(host, tmp_path)
    assert done.returncode == 0, done.stdout
    assert host.certificate().public_key() == host.public_key()
    assert host.names(f"{WEBROOT}/.well-known/acme-challenge") == []
    host.lab.enable_tls("web1", "shop")
    assert host.lab.served("web1", "web1.lab.test", host.lab.pebble.root_pem())
    assert "PRIVATE KEY" not in done.stdout


def test_modules_without_role_other_request_fails(host: Host, tmp_path: Path) -> None:
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "other.pem")]
    command += ["-out", str(tmp_path / "other.csr"), "-subj", "/", "-addext", "subjectAltName=DNS:other.lab.test"]
    subprocess.run(command, check=True, capture_output=True)
    mark = host.lab.pebble.mark()
    done = playbook(host, tmp_path, csr=f"lookup('ansible.builtin.file', '{tmp_path}/other.csr')")
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fatal: ")]
    assert (
        "certificate shop of localhost: the certificate request does not match its order: "
        "it is for other.lab.test, not for web1.lab.test"
    ) in line
    assert "Traceback" not in done.stdout
    # It is found out before the CA is asked to validate anything.
    assert ("POST", "/chalZ/") not in host.lab.pebble.requests(mark)
    assert host.names(f"{HOME}/live") == []
    assert playbook(host, tmp_path).returncode == 0
