# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key given where its path belongs is refused without a request, and shown nowhere, with every ansible-core."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.jwk import JWKEC

from tests.lab import cores

EAB_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
# Nobody listens there.
CA = {"acme_directory": "http://127.0.0.1:1/directory"}


def jwk_of(key: ec.EllipticCurvePrivateKey) -> str:
    return str(JWKEC(key=key).json_dumps())


def tasks(key: str, jwk: str) -> list[dict[str, object]]:
    account = {
        "acme_directory": [CA["acme_directory"], {"directory": "http://127.0.0.1:2/directory", "account_key_src": key}],
        "account_key_src": key,
        "account_key_create": True,
        "terms_agreed": True,
        "eab": {"kid": "k", "key": EAB_KEY},
    }
    return [
        {"certfleet.tls.acme_account": account, "ignore_errors": True, "register": "one"},
        {"certfleet.tls.acme_account_info": {**CA, "account_key_src": key}, "ignore_errors": True, "register": "two"},
        # Before ansible-core 2.19, a template's JSON becomes a mapping.
        {
            "certfleet.tls.acme_account_info": {**CA, "account_key_content": jwk},
            "ignore_errors": True,
            "register": "three",
        },
        {"ansible.builtin.copy": {"content": "{{ [one, two, three] }}", "dest": "{{ playbook_dir }}/results"}},
    ]


@pytest.mark.parametrize("core", [cores.parameter(core=core, hard=core != "") for core in ("", "oldest", "newest")])
def test_account_key_text_is_refused_and_not_shown(core: str, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "key.pem").write_text(pem)
    (tmp_path / "key.json").write_text(jwk_of(key))
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": tasks("{{ lookup('file', 'key.pem') }}", "{{ lookup('file', 'key.json') }}"),
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    program = str(cores.program(core)) if core else "ansible-playbook"
    done = subprocess.run(
        [program, "-vvv", tmp_path / "play.json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = "account_key_src: this is a key, not the path of its file. Give it as account_key_content"
    assert done.stdout.count(f'{told}"') == 2
    assert '"msg": "acme_directory 2: account_key_src: this is a key, not the path of its file.' in done.stdout
    assert '"msg": "http://127.0.0.1:1 cannot be reached' in done.stdout, "the JWK is a key"
    results = (tmp_path / "results").read_text()
    assert told in results
    # Not in the results either: at -vvv these have the arguments, and account_key_src has no no_log.
    for line in [*pem.splitlines()[1:-1], json.loads(jwk_of(key))["d"]]:
        assert line not in done.stdout + done.stderr + results
    assert EAB_KEY not in done.stdout + done.stderr
