# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places where an account key cannot be made or does not stay, and keys given where a path belongs."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AccountKeyError, AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import account_key_place, cas, key_files
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import KeySource

ADVICE = (
    "Set account_key_src (acme_account_key_src) to another path, or give the key in account_key_content "
    "(acme_account_key_content)"
)


@pytest.fixture(autouse=True)
def lasting(monkeypatch):
    """Have no test see that it runs in a container, as it may."""
    monkeypatch.setattr(account_key_place, "_MARKERS", ())
    for name in ("JOB_ID", "AWX_ISOLATED_DATA_DIR", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def warned(monkeypatch):
    """Return the warnings of the module's result."""
    warnings = []
    monkeypatch.setattr(key_files, "warn", warnings.append)
    return warnings


def make(path):
    return key_files.load_key(KeySource(src=str(path)), create=True)


def refused(path):
    with pytest.raises(AccountKeyError) as error:
        make(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("form", ["PEM", "PEM on one line", "JWK", "JWK that was a mapping", "DER in base64"])
@pytest.mark.parametrize("kind", ["account", "private"])
def test_account_key_text_in_place_of_a_path_is_refused(key, form, kind):
    pem = key.pem().decode()
    text = {
        "PEM": pem,
        "PEM on one line": pem.replace("\n", "\\n"),
        "JWK": '{"kty": "EC", "d": "secret"}',
        "JWK that was a mapping": "{'kty': 'EC', 'd': 'secret'}",
        "DER in base64": "".join(pem.splitlines()[1:-1]),
    }[form]
    with pytest.raises(AccountKeyError) as error:
        key_files.load_key(KeySource(src=text, kind=kind))
    assert str(error.value) == (
        f"{kind}_key_src: this is a key, not the path of its file. Give it as {kind}_key_content"
    )


def test_account_key_text_is_refused_before_a_ca_is_asked(key):
    own = {"directory": "zerossl", "account_key_src": key.pem().decode()}
    with pytest.raises(
        AcmeOptionError,
        match=r"^account_key_src: this is a key, not the path of its file",
    ):
        cas.cas_of({"acme_directory": "zerossl", "account_key_src": key.pem().decode()})
    with pytest.raises(AcmeOptionError, match=r"^acme_directory 2: account_key_src: this is a key, not the path"):
        cas.cas_of({"acme_directory": ["letsencrypt", own], "account_key_src": "/srv/key.pem"})


@pytest.mark.parametrize("path", [None, "~/.config/certfleet.tls/account-key.pem", "/srv/BEGIN PRIVATE.pem"])
def test_account_key_path_is_no_text(path):
    assert not account_key_place.is_key_text(path)


def test_create_key_user_without_home_is_refused(monkeypatch, tmp_path):
    def nobody(_uid):
        raise KeyError("uid not found")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    path = os.path.expanduser("~/.config/key.pem")  # as Ansible does it for an option that is a path
    assert refused(path) == (
        f"account key ~/.config/key.pem cannot be made: user {os.geteuid()} has no home directory (HOME is not set, "
        f"and the user has no entry in passwd). {ADVICE}"
    )
    assert list(tmp_path.iterdir()) == []


def test_create_key_home_that_does_not_exist_is_refused(monkeypatch, tmp_path):
    home = tmp_path / "nonexistent"
    monkeypatch.setenv("HOME", str(home))
    path = os.path.expanduser("~/.config/key.pem")
    assert refused(path) == f"account key {path} cannot be made: the home directory {home} does not exist. {ADVICE}"
    assert not home.exists()
    assert make(tmp_path / "folder" / "key.pem")


def test_create_key_read_only_file_system_is_refused(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a file system")
    try:
        path = tmp_path / "home" / "key.pem"
        assert refused(path) == f"account key {path} cannot be made: Read-only file system. {ADVICE}"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def without_links(request, monkeypatch):
    """Have os.link fail as on vfat and others: a stand-in for a file system without hard links."""

    def link(source, target):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(os, "link", link)


def test_create_key_without_hard_links_is_made(tmp_path, without_links):
    key = make(tmp_path / "key.pem")
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]
    assert (tmp_path / "key.pem").stat().st_mode & 0o7777 == 0o600
    assert key_files.load_key(KeySource(src=str(tmp_path / "key.pem"))).thumbprint == key.thumbprint


def test_create_key_without_hard_links_never_replaces_another(tmp_path, without_links):
    path = tmp_path / "key.pem"

    def made(_number):
        return key_files.create_key(str(path), KeySource())

    with ThreadPoolExecutor(8) as pool:
        made_keys = list(pool.map(made, range(40)))
    assert len({key.thumbprint for key, _is_mine in made_keys}) == 1
    assert [is_mine for _key, is_mine in made_keys].count(True) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_give_name_never_replaces_another_without_hard_links(tmp_path, without_links):
    for name in ("aside", "key.pem"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        account_key_place.give_name(str(tmp_path / "aside"), str(tmp_path / "key.pem"))
    assert (tmp_path / "key.pem").read_text() == "key.pem"


def test_create_key_without_hard_links_and_locks_is_refused(tmp_path, without_links, monkeypatch):
    def flock(_handle, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(account_key_place.fcntl, "flock", flock)
    path = tmp_path / "key.pem"
    assert refused(path) == f"account key {path} cannot be made: {os.strerror(errno.ENOLCK)}. {ADVICE}"
    assert list(tmp_path.iterdir()) == []


def test_create_key_disk_full_is_no_missing_hard_link(tmp_path, monkeypatch):
    def link(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", link)
    assert "No space left on device" in refused(tmp_path / "key.pem")


@pytest.fixture
def in_container(tmp_path, monkeypatch):
    """Have this look like a container of ansible-runner, whose own file system has tmp_path."""
    marker = tmp_path / ".containerenv"
    marker.touch()
    monkeypatch.setattr(account_key_place, "_MARKERS", (str(marker),))
    monkeypatch.setenv("AWX_ISOLATED_DATA_DIR", "/runner/artifacts/7")
    real = os.stat

    def stat(path, *arguments, **keywords):
        return real(tmp_path if path == "/" else path, *arguments, **keywords)

    monkeypatch.setattr(os, "stat", stat)


def test_create_key_in_a_containers_own_file_system_warns_once(tmp_path, in_container, warned):
    path = tmp_path / "key.pem"
    for _run in range(2):
        make(path)
    (warning,) = warned
    assert warning == (
        f"account key {path} was made in an execution environment, outside of any volume: it is lost when the job "
        "ends, and the next run makes another account. Give the key in account_key_content (acme_account_key_content), "
        "such as from a credential of AWX"
    )


def test_vanishing_volume_of_a_container_stays(in_container):
    assert account_key_place.vanishing("/proc/key.pem") == ""


def test_vanishing_container_of_nobodys_job_may_stay(tmp_path, in_container, monkeypatch):
    monkeypatch.delenv("AWX_ISOLATED_DATA_DIR")
    assert account_key_place.vanishing(str(tmp_path / "key.pem")) == ""


def test_vanishing_own_file_system_of_a_pod(tmp_path, in_container, monkeypatch):
    monkeypatch.setattr(account_key_place, "_MARKERS", ())
    path = str(tmp_path / "key.pem")
    assert account_key_place.vanishing(path) == ""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert "execution environment" in account_key_place.vanishing(path)


@pytest.mark.parametrize(
    ("path", "variables", "lost"),
    [
        ("/runner/.config/key.pem", ("JOB_ID", "AWX_ISOLATED_DATA_DIR"), True),
        ("/runners/key.pem", ("JOB_ID", "AWX_ISOLATED_DATA_DIR"), False),
        ("/etc/key.pem", ("JOB_ID", "AWX_ISOLATED_DATA_DIR"), False),
        ("/runner/.config/key.pem", ("JOB_ID",), False),  # Jenkins has such a variable, too
        ("/runner/.config/key.pem", ("AWX_ISOLATED_DATA_DIR",), False),  # ansible-runner in a folder of the user's
    ],
)
def test_vanishing_folder_of_an_awx_job(monkeypatch, path, variables, lost):
    monkeypatch.setattr(os, "environ", dict.fromkeys(variables, "7"))
    assert bool(account_key_place.vanishing(path)) is lost
