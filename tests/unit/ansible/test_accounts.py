# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_account's work at one or several CAs, with keys on a disk; above all what is left where it is killed."""

from __future__ import annotations

import base64
import os
import stat

import pytest
from josepy.jwk import JWKEC

from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AccountKeyError, AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import accounts, ca_options
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import cas_of
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.key_files import load_key
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.persistent_records import records_for
from tests.unit.acme.server import Answer, problem


class Killed(BaseException):
    """The process ends here."""


def change_keys(options, check_mode):
    return accounts.ensure({**options, "rollover": True}, check_mode)


def deactivate(options, check_mode):
    (result,) = accounts.ensure({**options, "state": "absent"}, check_mode)
    return result


def with_own(options, **own):
    """Return the options with the last CA's own ones."""
    *cas, last = options["acme_directory"]
    return {**options, "acme_directory": [*cas, {"directory": last, **own}]}


def stored(path, passphrase=None):
    return AccountKey.load(path.read_bytes(), passphrase, "stored").thumbprint


def ordinary_run(options):
    """Find or create the account, as any other module does first."""
    (ca,) = cas_of(options)
    with ca_options.open_customer(ca) as client:
        account = ca_options.open_account(client, ca)
        assert client.post_as_get(account.url, "account").status == 200
        return account


def test_change_keys_tells_records_with_the_former_key(ca, options, path, key):
    ca.meta = {"accountHashPrefix": f"{ca.url}/hash/", "issuerDomainNames": ["ca.example"]}
    uri = ca.register(key)
    before = records_for(Directory.parse(ca.url, ca.directory()), uri, key.thumbprint, ["a.example"])
    (result,) = change_keys(options(dns_persist_names=["a.example"]), check_mode=False)
    (record,) = result.records
    assert (record.name, record.value != before[0].value) == ("_validation-persist.a.example", True)
    assert f'publish {record.name} TXT "{record.value}"' in result.warning
    assert accounts.result([result])["accounts"][0]["records"] == [{"name": record.name, "value": record.value}]


def test_change_keys_name_without_a_record_is_a_warning(ca, options, path, key):
    """The key is changed by then."""
    ca.meta = {"accountHashPrefix": f"{ca.url}/hash/", "issuerDomainNames": ["ca.example"]}
    ca.register(key)
    (result,) = change_keys(options(dns_persist_names=["two words"]), check_mode=False)
    assert (result.problem, result.records) == ("", [])
    assert result.warning.startswith("dns_persist_names: ")
    assert stored(path) != key.thumbprint


def test_change_keys_replaces_key_file(ca, options, path, key):
    uri = ca.register(key)
    path.chmod(0o400)
    (result,) = change_keys(options(account_key_type="ec384"), check_mode=False)
    assert (result.changed, result.account.url) == (True, uri)
    assert result.before == {"key": key.thumbprint}
    assert result.after == {"key": stored(path)}
    assert stored(path) != key.thumbprint
    assert ca.accounts[uri]["jwk"]["crv"] == "P-384"
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert ordinary_run(options()).url == uri


def test_change_keys_behind_link_with_passphrase(ca, options, path, key, tmp_path):
    uri = ca.register(key)
    path.write_bytes(key.pem("secret"))
    link = tmp_path / "link.pem"
    link.symlink_to(path)
    given = options(account_key_src=str(link), account_key_passphrase="secret")
    change_keys(given, check_mode=False)
    assert link.is_symlink()
    assert b"ENCRYPTED" in path.read_bytes()
    assert ca.accounts[uri]["jwk"] != key.public_jwk
    assert ordinary_run(given).url == uri


@pytest.mark.parametrize("encoded", ["JWK", "DER"])
def test_change_keys_of_file_in_other_form_writes_pem(ca, options, path, key, encoded):
    uri = ca.register(key)
    private = key.pem()
    der = base64.b64decode(b"".join(private.splitlines()[1:-1]))
    path.write_bytes(der if encoded == "DER" else JWKEC.load(private).json_dumps().encode())
    assert ordinary_run(options()).url == uri
    change_keys(options(), check_mode=False)
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert ordinary_run(options()).url == uri


def test_change_keys_two_runs_end_with_same_key(ca, options, path, key, monkeypatch):
    uri = ca.register(key)
    make = accounts.create_key

    def other_run_first(*arguments):
        new = make(*arguments)
        with monkeypatch.context() as patch:
            patch.setattr(accounts, "create_key", make)
            change_keys(options(), check_mode=False)
        return new

    with monkeypatch.context() as patch:
        patch.setattr(accounts, "create_key", other_run_first)
        change_keys(options(), check_mode=False)
    assert ordinary_run(options()).url == uri
    assert list(ca.accounts) == [uri]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_change_keys_failed_replacement_keeps_new_key_file(ca, options, path, key, monkeypatch):
    uri = ca.register(key)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(
            AccountKeyError, match=r"cannot take the place of .* \(No space left on device\): run it again"
        ):
            change_keys(options(), check_mode=False)
    assert ordinary_run(options()).url == uri
    change_keys(options(), check_mode=False)
    assert list(ca.accounts) == [uri]


def test_change_keys_check_mode_changes_nothing(ca, options, path, key):
    uri = ca.register(key)
    (result,) = change_keys(options(), check_mode=True)
    assert (result.changed, result.account.url) == (True, uri)
    assert result.after == {"key": "a new one"}
    assert stored(path) == key.thumbprint
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert "/key-change" not in ca.counts()


def test_change_keys_without_account_raises(ca, options, path, key):
    with pytest.raises(AcmeError, match=r"knows no account of this key: there is nothing to change$"):
        change_keys(options(), check_mode=False)
    assert stored(path) == key.thumbprint
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def new_of(path):
    return path.with_name(path.name + ".new")


def test_change_keys_refused_by_ca_leaves_no_new_key(ca, options, path, key):
    uri = ca.register(key)
    ca.script("/key-change", problem("malformed", 400, "no"))
    with pytest.raises(AcmeError, match=r"^key change: malformed: no$"):
        change_keys(options(), check_mode=False)
    assert stored(path) == key.thumbprint
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert ordinary_run(options()).url == uri


def late(ca):
    def answer(request):
        ca.script("/new-account", problem("accountDoesNotExist", 400, "not in this copy"))
        return ca.behave(request)

    return answer


# It may have the new key: answers to the change, and what is done there.
UNCERTAIN = {
    "accepted without effect": lambda ca: lambda _request: Answer(200),
    "server error": lambda ca: lambda _request: problem("serverInternal", 500, "oops", {"Retry-After": "90"}),
    "accepted, and not known for a moment": late,
}


@pytest.mark.parametrize("case", UNCERTAIN)
def test_change_keys_not_certain_keeps_new_key(ca, options, path, key, case):
    uri = ca.register(key)
    ca.script("/key-change", UNCERTAIN[case](ca))
    with pytest.raises(AcmeError) as raised:
        change_keys(options(), check_mode=False)
    assert str(raised.value).endswith(
        f". The new key stays in {new_of(path)}, as a CA may have it: run again, or delete it if no CA has it"
    )
    new = stored(new_of(path))
    assert ordinary_run(options()).url == uri
    change_keys(options(), check_mode=False)
    assert stored(path) == new
    assert list(ca.accounts) == [uri]


def test_change_keys_refused_with_new_key_of_earlier_run_keeps_it(ca, options, path, key, key_of):
    """Another CA, which this run does not ask, may have it."""
    ca.register(key)
    new_of(path).write_bytes(key_of("ec384").pem())
    new_of(path).chmod(0o600)
    ca.script("/key-change", problem("malformed", 400, "no"))
    with pytest.raises(AcmeError, match=r"^key change: malformed: no\. The new key stays in "):
        change_keys(options(), check_mode=False)
    assert stored(new_of(path)) == key_of("ec384").thumbprint


@pytest.mark.parametrize("refusing", [0, 1], ids=["first", "second"])
def test_change_keys_refused_by_one_of_two_cas_keeps_both_keys(ca, second, options, path, key, refusing):
    cas = (ca, second)
    uris = [one.register(key) for one in cas]
    cas[refusing].script("/key-change", problem("malformed", 400, "no"))
    results = change_keys(options(second), check_mode=False)
    assert [result.changed for result in results] == [refusing != 0, refusing != 1]
    assert [bool(result.problem) for result in results] == [refusing == 0, refusing == 1]
    assert "key change: malformed: no" in accounts.failure(results)
    assert stored(path) == key.thumbprint
    # Each CA is asked with the key that it knows; the next run completes the change.
    found = accounts.ensure(options(second), check_mode=False)
    assert [result.account.url for result in found] == uris
    change_keys(options(second), check_mode=False)
    new = AccountKey.load(path.read_bytes(), None, "stored").public_jwk
    assert [one.accounts[uri]["jwk"] for one, uri in zip(cas, uris)] == [new, new]
    assert not new_of(path).exists()


def test_change_keys_refused_by_both_cas_leaves_no_new_key(ca, second, options, path, key):
    for one in (ca, second):
        one.register(key)
        one.script("/key-change", problem("malformed", 400, "no"))
    results = change_keys(options(second), check_mode=False)
    assert [result.changed for result in results] == [False, False]
    assert not new_of(path).exists()


@pytest.mark.parametrize("check_mode", [True, False])
def test_change_keys_not_offered_leaves_no_new_key(ca, options, path, key, check_mode):
    ca.register(key)
    ca.key_change = False
    with pytest.raises(AcmeError, match=r"/directory does not offer key changes \(it has no keyChange\)$"):
        change_keys(options(), check_mode)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_change_keys_new_key_is_synced_before_request(ca, options, path, key, monkeypatch):
    ca.register(key)
    synced, known = [], []
    sync, change = os.fsync, accounts.accounts.change_key

    def changed(*arguments):
        known.extend(synced)
        return change(*arguments)

    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino) or sync(handle))
    monkeypatch.setattr(accounts.accounts, "change_key", changed)
    change_keys(options(), check_mode=False)
    assert known == [path.stat().st_ino, path.parent.stat().st_ino], "the file, and then its name"


def _killed(*_arguments, **_options):
    raise Killed


def _killed_after(function):
    def work(*arguments, **more):
        function(*arguments, **more)
        raise Killed

    return work


# Where it is killed: what is patched, so that the process ends before or after it does its work.
STEPS = {
    "before the new key": (accounts, "create_key", _killed),
    "while the new key is written": (os, "link", _killed),
    "after the new key": (accounts, "create_key", _killed_after),
    "after the change at the CA": (accounts.accounts, "change_key", _killed_after),
    "before the new key is put in its place": (os, "replace", _killed),
    "after the new key is put in its place": (os, "replace", _killed_after),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("pinned", [False, True], ids=["found by its key", "pinned"])
def test_change_keys_killed_at_any_step_is_completed_later(ca, options, path, key, monkeypatch, step, pinned):
    uri = ca.register(key)
    given = options(account_uri=uri if pinned else None)
    module, name, fault = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fault(getattr(module, name)) if fault is _killed_after else fault)
        with pytest.raises(Killed):
            change_keys(given, check_mode=False)
    # The current key of the account is used, whichever it is: no second account is made.
    assert ordinary_run(given).url == uri
    assert list(ca.accounts) == [uri]
    (result,) = change_keys(given, check_mode=False)
    assert result.account.url == uri
    assert stored(path) != key.thumbprint
    assert not path.with_name(path.name + ".new").exists()
    # With the key that is stored, and no other there.
    assert ordinary_run(given).url == uri
    assert ca.accounts[uri]["jwk"] == AccountKey.load(path.read_bytes(), None, "stored").public_jwk
    assert list(ca.accounts) == [uri]


@pytest.mark.parametrize("times", [1, 2], ids=["killed between two CAs", "killed after both"])
def test_change_keys_killed_between_two_cas_is_completed(ca, second, options, path, key, monkeypatch, times):
    uris = [ca.register(key), second.register(key)]
    change, calls = accounts.accounts.change_key, []

    def killed(*arguments):
        change(*arguments)
        calls.append(arguments)
        if len(calls) == times:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(accounts.accounts, "change_key", killed)
        with pytest.raises(Killed):
            change_keys(options(second), check_mode=False)
    assert stored(path) == key.thumbprint, "not before all CAs know the new key"
    found = accounts.ensure(options(second), check_mode=False)
    assert [result.account.url for result in found] == uris
    change_keys(options(second), check_mode=False)
    new = AccountKey.load(path.read_bytes(), None, "stored").public_jwk
    assert [one.accounts[uri]["jwk"] for one, uri in zip((ca, second), uris)] == [new, new]


def test_change_keys_unreachable_ca_raises_before_any_change(ca, second, options, path, key):
    uri = ca.register(key)
    second.always("/directory", problem("malformed", 404, "gone"))
    with pytest.raises(AcmeError, match="answered HTTP 404"):
        change_keys(options(second), check_mode=False)
    assert stored(path) == key.thumbprint
    assert ca.accounts[uri]["jwk"] == key.public_jwk
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_change_keys_keeps_own_key_of_other_ca(ca, second, options, path, key, key_of, tmp_path):
    ca.register(key)
    uri = second.register(key_of("ec384"))
    own = tmp_path / "own.pem"
    own.write_bytes(key_of("ec384").pem())
    own.chmod(0o600)
    given = with_own(options(second), account_key_src=str(own))
    assert len(change_keys(given, check_mode=False)) == 1
    assert second.accounts[uri]["jwk"] == key_of("ec384").public_jwk
    assert stored(own) == key_of("ec384").thumbprint


def test_change_keys_given_key_is_not_that_of_ca_with_file(ca, second, options, key, key_of):
    given = options(second, account_key_content=key_of("ec384").pem().decode(), contact=[])
    given = with_own(given, account_key_src=given["account_key_src"])
    accounts.ensure(given, check_mode=False)
    assert [item["jwk"] for item in second.accounts.values()] == [key.public_jwk]
    assert [item["jwk"] for item in ca.accounts.values()] == [key_of("ec384").public_jwk]


def test_change_keys_given_content_is_changed(ca, options, path, key, key_of):
    uri, new = ca.register(key), key_of("ec384")
    given = options(
        account_key_content=key.pem().decode(),
        new_account_key_content=new.pem("secret").decode(),
        new_account_key_passphrase="secret",
    )
    (result,) = change_keys(given, check_mode=True)
    assert result.changed
    assert ca.accounts[uri]["jwk"] == key.public_jwk
    (result,) = change_keys(given, check_mode=False)
    assert (result.changed, result.after) == (True, {"key": new.thumbprint})
    assert ca.accounts[uri]["jwk"] == new.public_jwk
    # A second run finds it changed, also where the new key has taken the old one's place by then.
    for old in (key, new):
        (result,) = change_keys({**given, "account_key_content": old.pem().decode()}, check_mode=False)
        assert (result.changed, result.account.url) == (False, uri)
    assert stored(path) == key.thumbprint, "nothing is stored"


@pytest.mark.parametrize("pinned", [False, True], ids=["found by its key", "pinned"])
def test_ensure_with_both_keys_finds_account(ca, options, key, key_of, pinned):
    uri, new = ca.register(key), key_of("ec384")
    both = options(
        account_key_content=key.pem().decode(),
        new_account_key_content=new.pem("secret").decode(),
        new_account_key_passphrase="secret",
        account_uri=uri if pinned else None,
    )
    assert ordinary_run(both).url == uri
    change_keys(both, check_mode=False)
    assert ordinary_run(both).url == uri
    changed = {**both, "account_key_content": new.pem().decode()}
    assert ordinary_run(changed).url == uri
    assert list(ca.accounts) == [uri]


def test_ensure_with_both_keys_counts_requests(ca, options, key, key_of):
    ca.register(key)
    new = key_of("ec384").pem().decode()
    given = options(account_key_content=key.pem().decode(), new_account_key_content=new)
    change_keys(given, check_mode=False)
    for old, requests in ((key.pem().decode(), 2), (new, 1)):
        del ca.requests[:]
        ordinary_run({**given, "account_key_content": old})
        assert ca.counts()["/new-account"] == requests


def test_new_key_is_for_common_key_only(ca, second, options, key, key_of):
    """Not of another CA's own key."""
    given = options(second, new_account_key_content=key_of("ec384").pem().decode())
    first, other = cas_of(with_own(given, account_key_content=key_of("rsa2048").pem().decode()))
    assert load_key(first.key).successor.thumbprint == key_of("ec384").thumbprint
    assert load_key(other.key).successor is None


def test_change_keys_given_content_without_new_content_raises(ca, options, key):
    with pytest.raises(AccountKeyError, match=r"set new_account_key_content$"):
        change_keys(options(account_key_content=key.pem().decode()), check_mode=False)


def test_change_keys_to_key_with_own_account_raises(ca, options, key, key_of):
    own = ca.register(key)
    other = ca.register(key_of("ec384"))
    given = options(new_account_key_content=key_of("ec384").pem().decode())
    with pytest.raises(
        AcmeError,
        match=f"^the old key has the account {own}, the new one {other}: if that is the one that is wanted, take the "
        "new key as the account key from now on; else give a new key that has no account$",
    ):
        change_keys(given, check_mode=False)


def test_deactivate_account_once(ca, options, key):
    uri = ca.register(key)
    assert deactivate(options(), check_mode=True).changed
    assert ca.accounts[uri]["status"] == "valid"
    result = deactivate(options(), check_mode=False)
    assert (result.changed, result.before, result.after) == (True, {"status": "valid"}, {"status": "deactivated"})
    assert ca.accounts[uri]["status"] == "deactivated"
    for given in (options(), options(account_uri=uri)):
        assert not deactivate(given, check_mode=False).changed
    assert not deactivate(options(account_uri=f"{uri}0"), check_mode=False).changed


def test_deactivate_ignored_by_ca_raises(ca, options, key):
    uri = ca.register(key)
    ca.always(ca.path(uri), Answer(200, {"status": "valid", "contact": []}))
    with pytest.raises(
        AcmeError, match="is not deactivated: the CA accepted the request, and the account is still valid"
    ):
        deactivate(options(), check_mode=False)


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("answer", [{}, {"status": "valid"}, {"status": "valid", "contact": None}])
def test_present_known_key_answered_without_contact_is_unchanged(ca, options, key, answer, check_mode):
    uri = ca.register(key)
    ca.accounts[uri]["contact"] = ["mailto:ops@example.com"]
    ca.always("/new-account", Answer(200, answer, {"Location": uri}))
    for contact in (["ops@example.com"], None):
        del ca.requests[:]
        told = accounts.result(accounts.ensure(options(contact=contact), check_mode))
        assert (told["changed"], told["contact"]) == (False, ["mailto:ops@example.com"])
        assert ca.counts() == {"/new-account": 1, "/account": 1}
    told = accounts.result(accounts.ensure(options(contact=["new@example.com"]), check_mode))
    assert (told["changed"], told["contact"]) == (True, ["mailto:new@example.com"])
    assert accounts.describe(options())["account"]["contact"] == ca.accounts[uri]["contact"]


def test_present_known_key_answered_with_contact_takes_one_request(ca, options, key):
    ca.register(key)
    assert not accounts.ensure(options(contact=[]), check_mode=False)[0].changed
    assert ca.counts() == {"/new-account": 1}


def test_present_check_mode_account_that_the_ca_would_refuse_raises(ca, options):
    ca.meta = {"termsOfService": "https://ca.example/terms"}
    with pytest.raises(AcmeError, match="requires agreement to its terms of service"):
        accounts.ensure(options(terms_agreed=False), check_mode=True)
    assert accounts.ensure(options(), check_mode=True)[0].changed


def test_present_result_has_contacts_that_the_ca_stores(ca, options, key):
    def drops(request):
        return Answer(201, {"status": "valid", "contact": []}, {"Location": ca.register(key)})

    ca.script("/new-account", drops)
    told = accounts.result(accounts.ensure(options(contact=["ops@example.com"]), check_mode=False))
    assert (told["changed"], told["contact"]) == (True, [])


@pytest.mark.parametrize("check_mode", [True, False])
def test_present_deactivated_account_at_its_url_raises(ca, options, key, check_mode):
    uri = ca.register(key)
    ca.always(ca.path(uri), Answer(200, {"status": "deactivated", "contact": []}))
    with pytest.raises(AcmeError, match=f"^the CA has marked account {uri} as deactivated: it cannot be used again"):
        accounts.ensure(options(account_uri=uri), check_mode)


def test_deactivate_key_without_account_changes_nothing(ca, options):
    assert not deactivate(options(), check_mode=False).changed


def test_deactivate_account_of_other_key_raises(ca, options, key, key_of):
    ca.register(key)
    theirs = ca.register(key_of("ec384"))
    ca.script(ca.path(theirs), problem("unauthorized", 403, "another account's"))
    with pytest.raises(AcmeError, match="another account's"):
        deactivate(options(account_uri=theirs), check_mode=False)
    assert ca.violations.pop().endswith("the signature is wrong")


def test_ensure_one_failed_ca_does_not_affect_others(ca, second, options, key):
    ca.always("/directory", problem("malformed", 404, "gone"))
    results = accounts.ensure(options(second, contact=["ops@example.com"]), check_mode=False)
    assert [result.changed for result in results] == [False, True]
    told = accounts.result(results)
    assert (told["changed"], told["account_uri"]) == (True, None)
    assert "answered HTTP 404" in told["accounts"][0]["problem"]
    assert (told["accounts"][1]["account_uri"], told["accounts"][1]["contact"]) == (
        next(iter(second.accounts)),
        ["mailto:ops@example.com"],
    )
    assert told["diff"][1]["after"] == {"contact": ["mailto:ops@example.com"]}
