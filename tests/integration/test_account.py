# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_account and acme_account_info against Pebble."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from josepy.jwk import JWKRSA

from tests.integration.calls import COLLECTIONS
from tests.integration.hosts import msg_of
from tests.integration.orders import NEW, local, order, posts
from tests.parameters import hard_but


def pem(key, passphrase=None):
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def write_key(folder, text):
    """Put the account key's file in place, as only its owner can read it."""
    file = folder / "account-key.pem"
    file.touch(0o600)
    file.write_text(text)


def test_account_is_created_once_with_private_key_file(ca, tmp_path):
    first = ca("acme_account", contact=["ops@example.com"], **NEW)
    assert first["changed"]
    assert first["contact"] == ["mailto:ops@example.com"]
    key = tmp_path / "account-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["account-key.pem"]
    again = ca("acme_account", contact=["ops@example.com"], **NEW)
    assert not again["changed"]
    assert again["account_uri"] == first["account_uri"]
    info = ca("acme_account_info")
    assert info["exists"]
    assert info["account"]["uri"] == first["account_uri"]
    assert info["account"]["status"] == "valid"


def test_account_contacts_are_changed_kept_and_cleared(ca):
    ca("acme_account", contact=["a@example.com"], **NEW)
    assert ca("acme_account", check=True, contact=["b@example.com"], **NEW)["changed"]
    changed = ca("acme_account", contact=["b@example.com"], **NEW)
    assert changed["changed"]
    assert changed["contact"] == ["mailto:b@example.com"]
    kept = ca("acme_account", **NEW)
    assert not kept["changed"]
    assert kept["contact"] == ["mailto:b@example.com"]
    assert ca("acme_account", contact=[], **NEW)["contact"] == []


@pytest.mark.hard
def test_account_by_its_url(ca, lab):
    contact = {"contact": ["ops@example.com"]}
    uri = ca("acme_account", **contact, **NEW)["account_uri"]
    mark = lab.pebble.mark()
    for options in (contact, {}, {**contact, "check": True}):
        kept = ca("acme_account", account_uri=uri, **options)
        assert (kept["changed"], kept["account_uri"], kept["contact"]) == (False, uri, ["mailto:ops@example.com"])
    assert ca("acme_account_info", account_uri=uri)["account"]["contact"] == ["mailto:ops@example.com"]
    assert "/sign-me-up" not in posts(lab, mark)
    changed = ca("acme_account", account_uri=uri, contact=["b@example.com"])
    assert (changed["changed"], changed["contact"]) == (True, ["mailto:b@example.com"])


@pytest.mark.hard
def test_account_missing_at_its_url_fails(ca, other):
    uri = ca("acme_account", **NEW)["account_uri"]
    nowhere = f"{uri}0000"
    for options in ({}, {"contact": ["ops@example.com"]}, {"check": True}, NEW):
        assert msg_of(ca("acme_account", account_uri=nowhere, **options)).endswith(f" knows no account {nowhere}")
    assert ca("acme_account_info", account_uri=nowhere)["exists"] is False
    theirs = other("acme_account", **NEW)["account_uri"]
    for module in ("acme_account", "acme_account_info"):
        assert msg_of(ca(module, account_uri=theirs)).startswith("account: ")


def test_account_with_url_makes_no_key(ca, tmp_path):
    result = ca("acme_account", account_uri="https://ca.lab.test:14000/my-account/1", **NEW)
    assert "does not exist and may not be made here" in msg_of(result)
    assert list(tmp_path.iterdir()) == []


def test_account_check_mode_registers_nothing(ca, lab, tmp_path):
    mark = lab.pebble.mark()
    assert ca("acme_account", check=True, **NEW)["changed"]
    assert lab.pebble.requests(mark) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", hard_but(["ed25519"], ["ec384", "ec521", "rsa2048", "ed25519"]))
def test_account_every_key_type(ca, kind):
    made = ca("acme_account", account_key_type=kind, **NEW)
    # Pebble, like Let's Encrypt, takes no EdDSA account keys: it says so, and that is passed on.
    if kind == "ed25519":
        assert not made.ok
        assert "badSignatureAlgorithm" in made["msg"]
    else:
        assert made["changed"]
        assert ca("acme_account_info")["exists"]


def test_account_info_key_without_account_does_not_exist(ca):
    result = ca("acme_account_info", account_key_content=pem(rsa.generate_private_key(65537, 2048)))
    assert result.ok
    assert not result["exists"]


def test_account_terms_not_agreed_fails(ca, lab, tmp_path):
    mark = lab.pebble.mark()
    result = ca("acme_account", account_key_create=True)
    assert not result.ok
    assert "terms" in result["msg"]
    assert "terms_agreed" in result["msg"]
    assert result["msg"].count("\n") == 0
    assert posts(lab, mark) == []
    assert list(tmp_path.iterdir()) == [], "no key was made"


BAD_KEYS = {
    "not a key": (lambda: "hello", {}, "is not a private key"),
    "encrypted": (lambda: pem(rsa.generate_private_key(65537, 2048), b"secret"), {}, "account_key_passphrase"),
    "wrong passphrase": (
        lambda: pem(rsa.generate_private_key(65537, 2048), b"secret"),
        {"account_key_passphrase": "wrong"},
        "cannot be decrypted",
    ),
    "weak": (lambda: pem(rsa.generate_private_key(65537, 1024)), {}, "1024 bits, which is weak"),  # noqa: S505 - the case
}


@pytest.mark.parametrize("case", hard_but(["wrong passphrase"], BAD_KEYS))
def test_account_key_unusable_fails(ca, lab, tmp_path, case):
    make, options, message = BAD_KEYS[case]
    write_key(tmp_path, make())
    mark = lab.pebble.mark()
    result = ca("acme_account", **NEW, **options)
    assert not result.ok
    assert message in result["msg"]
    assert "account-key.pem" in result["msg"]
    assert "Traceback" not in result.text
    assert "PRIVATE KEY" not in result.text
    assert lab.pebble.requests(mark) == []


# Forms of a key in its file or in its option.
WRITTEN = {
    "JWK": lambda key: JWKRSA(key=key).json_dumps().encode(),
    "DER": lambda key: key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    "PEM with literal line ends": lambda key: pem(key).replace("\n", "\\n").encode(),
    "PEM with indentation": lambda key: "".join(f"  {line}\r\n" for line in pem(key).splitlines()).encode(),
}


@pytest.mark.parametrize("form", hard_but(["JWK"], WRITTEN))
def test_account_key_in_other_form_is_accepted(ca, tmp_path, form):
    key = rsa.generate_private_key(65537, 2048)
    data = WRITTEN[form](key)
    file = tmp_path / "account-key.pem"
    file.touch(0o600)
    file.write_bytes(data)
    uri = ca("acme_account", **NEW)["account_uri"]
    content = base64.b64encode(data).decode() if form == "DER" else data.decode()
    for given in (content, pem(key)):
        assert ca("acme_account_info", account_key_content=given)["account"]["uri"] == uri
    (item,) = local(ca.order(order("shop"), account_key_content=content))
    assert item["account_uri"] == uri


@pytest.mark.hard
def test_account_key_not_a_text_file_fails(ca, lab, tmp_path):
    mark = lab.pebble.mark()
    folder = ca("acme_account", account_key_src=str(tmp_path), **NEW)
    assert msg_of(folder) == f"account key {tmp_path} cannot be read: Is a directory"
    content = ca("acme_account", account_key_content="hello", **NEW)
    assert "account_key_content is not a private key" in msg_of(content)
    assert lab.pebble.requests(mark) == []


@pytest.mark.hard
def test_account_key_dangling_link_fails(ca, lab, tmp_path):
    (tmp_path / "account-key.pem").symlink_to(tmp_path / "gone" / "key.pem")
    mark = lab.pebble.mark()
    key = tmp_path / "account-key.pem"
    assert (
        msg_of(ca("acme_account", **NEW))
        == f"account key {key} is a link to what does not exist: {tmp_path}/gone/key.pem"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["account-key.pem"]
    assert posts(lab, mark) == []


def test_account_key_missing_without_create_fails(ca, tmp_path):
    result = ca("acme_account", terms_agreed=True)
    assert not result.ok
    assert "does not exist and may not be made" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_account_key_encrypted_needs_its_passphrase(ca, tmp_path):
    write_key(tmp_path, pem(rsa.generate_private_key(65537, 2048), b"secret"))
    assert ca("acme_account", account_key_passphrase="secret", **NEW)["changed"]


@pytest.mark.hard
def test_account_key_open_to_others_sends_no_request(ca, lab, tmp_path):
    assert ca("acme_account", **NEW).ok
    file = tmp_path / "account-key.pem"
    file.chmod(0o640)
    mark = lab.pebble.mark()
    modules = {
        "acme_account": {},
        "acme_account_info": {},
        "acme_authorization": {"identifiers": ["a.lab.test"]},
        "acme_order": {"orders": [order("shop")]},
        "acme_revoke": {"certificates": [{"name": "shop", "content": lab.pebble.root_pem()}]},
    }
    for module, options in modules.items():
        refused = ca(module, **options)
        assert not refused.ok, module
        assert f"account key {file} is open to others: its mode is 0640. Run chmod 600 {file}" in refused["msg"]
        assert "set account_key_permissions (acme_account_key_permissions) to 'warn'" in refused["msg"]
    assert posts(lab, mark) == []
    used = ca("acme_account_info", account_key_permissions="warn")
    assert used["exists"]
    assert "[WARNING]: account key" in used.unwrapped
    assert "is open to others" in used.unwrapped
    file.chmod(0o400)
    assert ca("acme_account_info").ok


def thumbprint(ca):
    return ca("acme_account_info")["account"]["thumbprint"]


@pytest.mark.hard
def test_account_key_change_replaces_file(ca, lab, tmp_path):
    uri = ca("acme_account", **NEW)["account_uri"]
    key = tmp_path / "account-key.pem"
    old, before = key.read_bytes(), thumbprint(ca)
    mark = lab.pebble.mark()
    checked = ca("acme_account", check=True, diff=True, rollover=True)
    assert (checked["changed"], key.read_bytes()) == (True, old)
    assert before in checked.text, "in the diff"
    assert "/rollover-account-key" not in posts(lab, mark)
    for kind in ("rsa2048", "ec384"):
        changed = ca("acme_account", rollover=True, account_key_type=kind)
        assert (changed["changed"], changed["account_uri"]) == (True, uri)
        info = ca("acme_account_info")["account"]
        assert (info["uri"], info["status"]) == (uri, "valid")
        assert info["thumbprint"] != before
        before = info["thumbprint"]
    assert [path.name for path in tmp_path.iterdir()] == ["account-key.pem"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not ca("acme_account_info", account_key_content=old.decode())["exists"]


@pytest.mark.hard
def test_account_key_change_of_given_contents(ca, tmp_path):
    old, new = (pem(rsa.generate_private_key(65537, 2048)) for _unused in range(2))
    uri = ca("acme_account", account_key_content=old, terms_agreed=True)["account_uri"]
    given = {"account_key_content": old, "new_account_key_content": new}
    for module, options in (("acme_account", {"terms_agreed": True}), ("acme_account_info", {})):
        assert ca(module, **options, **given).ok
    assert ca("acme_account_info", account_key_content=new)["exists"] is False, "the new key has no account yet"
    first = ca("acme_account", rollover=True, **given)
    assert (first["changed"], first["account_uri"]) == (True, uri)
    assert "PRIVATE KEY" not in first.text
    again = ca("acme_account", rollover=True, **given)
    assert (again["changed"], again["account_uri"]) == (False, uri)
    assert ca("acme_account_info", account_key_content=new)["account"]["uri"] == uri
    # Until the vault has the new one, with both.
    (item,) = local(ca.order(order("shop"), **given))
    assert item["account_uri"] == uri
    assert ca("acme_account", check=True, state="absent", **given)["account_uri"] == uri
    # With the old one alone there is another account by now, and the next change reports it.
    other = ca.order(order("shop"), account_key_content=old)["account_uri"]
    assert other != uri
    assert msg_of(ca("acme_account", rollover=True, **given)).startswith(
        f"the old key has the account {other}, the new one {uri}: "
    )
    assert list(tmp_path.iterdir()) == []


# Where the process is killed: a function of these modules, and whether it does its work before.
STEPS = {
    "before the new key": ("_ansible.accounts", "create_key", False),
    "after the new key": ("_ansible.accounts", "create_key", True),
    "after the change at the CA": ("_acme.account", "change_key", True),
    "before the new key is put in its place": ("_ansible.accounts", "_store", False),
    "after the new key is put in its place": ("_ansible.accounts", "_store", True),
}
KILLED = """
import importlib, json, os, signal, sys
module, name, after, options = json.loads(sys.argv[1])
utils = "ansible_collections.certfleet.tls.plugins.module_utils."
patched = importlib.import_module(utils + module)
work = getattr(patched, name)
def killed(*arguments):
    if after:
        work(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(patched, name, killed)
importlib.import_module(utils + "_ansible.accounts").ensure(options, False)
"""


@pytest.mark.hard
@pytest.mark.parametrize("step", STEPS)
def test_account_key_change_killed_is_completed_by_next_run(ca, lab, tmp_path, step):
    uri = ca("acme_account", **NEW)["account_uri"]
    before = thumbprint(ca)
    options = {
        "acme_directory": lab.pebble.directory_url,
        "ca_path": str(lab.pebble.ca_path),
        "request_timeout": 30,
        "account_key_src": str(tmp_path / "account-key.pem"),
        "account_key_type": "ec256",
        "account_key_permissions": "strict",
        "account_key_content": None,
        "account_key_passphrase": None,
        "account_uri": None,
        "new_account_key_content": None,
        "state": "present",
        "rollover": True,
        "dns_persist_names": [],
    }
    work = json.dumps([*STEPS[step], options])
    environment = {**os.environ, "PYTHONPATH": COLLECTIONS}
    done = lab.run([sys.executable, "-c", KILLED, work], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr

    # The first request of a run of the role finds the account, and makes no other.
    ordered = ca.order(order("shop"))
    assert ordered.ok, ordered.text
    assert ordered["account_uri"] == uri
    finished = ca("acme_account", rollover=True)
    assert (finished["changed"], finished["account_uri"]) == (True, uri)
    info = ca("acme_account_info")["account"]
    assert info["uri"] == uri
    assert info["thumbprint"] != before
    assert [path.name for path in tmp_path.iterdir()] == ["account-key.pem"]


@pytest.mark.hard
def test_account_absent_deactivates_once(ca, lab):
    uri = ca("acme_account", **NEW)["account_uri"]
    assert ca("acme_account", check=True, state="absent")["changed"]
    assert ca("acme_account_info")["account"]["status"] == "valid"
    gone = ca("acme_account", state="absent")
    assert (gone["changed"], gone["account_uri"]) == (True, uri)
    for options in ({}, {"account_uri": uri}, {"check": True}):
        again = ca("acme_account", state="absent", **options)
        assert again.ok, again.text
        assert not again["changed"]
    assert not ca.order(order("shop")).ok
    refused = ca("acme_account", state="absent", rollover=True)
    assert msg_of(refused).startswith("rollover does not go with state absent")


def test_account_absent_key_without_account_changes_nothing(ca):
    given = {"account_key_content": pem(rsa.generate_private_key(65537, 2048))}
    assert not ca("acme_account", state="absent", **given)["changed"]
    assert msg_of(ca("acme_account", rollover=True, new_account_key_content="x", **given)).startswith(
        "new_account_key_content is not a private key"
    )
