# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts (RFC 8555 section 7.3)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import account as accounts
from ansible_collections.certfleet.tls.plugins.module_utils._acme import registration
from ansible_collections.certfleet.tls.plugins.module_utils._acme.account import ExternalAccount
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    KeyRefusedError,
    ProblemError,
    ProtocolError,
)
from tests.unit.acme import jose
from tests.unit.acme.server import RESET, Answer, html, problem

TERMS = {"termsOfService": "https://ca.example/terms"}
EAB_WANTED = {"externalAccountRequired": True}
BINDING = ExternalAccount("kid-1", jose.encode(b"secret of thirty-two bytes ......"))


@pytest.fixture
def stranger(ca, open_client):
    """Return stranger(meta), which returns a client whose key has no account yet."""

    def open_(meta=None, **options):
        ca.meta = meta or {}
        return open_client(**{"registered": False, **options})

    return open_


def sent(ca):
    return [request.payload for request in ca.signed("/new-account")]


def test_find_key_without_account_is_none(ca, stranger):
    client = stranger()
    assert accounts.find(client) is None
    assert client.account_uri is None
    assert sent(ca) == [{"onlyReturnExisting": True}]


def test_find_account_of_key(ca, stranger, key):
    client = stranger()
    uri = ca.register(key)
    found = accounts.find(client)
    assert (found.url, found.status, found.is_new) == (uri, "valid", False)
    assert client.account_uri == uri


def test_find_other_problem_raises(ca, stranger):
    ca.always("/new-account", problem("unauthorized", 403, "go away"))
    with pytest.raises(ProblemError, match=r"^account look-up: unauthorized: go away$"):
        accounts.find(stranger())


def test_find_or_create_new_account_takes_one_request(ca, stranger):
    client = stranger(TERMS)
    made = accounts.find_or_create(client, ["mailto:a@a.example"], terms_agreed=True)
    assert (made.is_new, made.contact, made.status) == (True, ("mailto:a@a.example",), "valid")
    assert client.account_uri == made.url
    assert sent(ca) == [{"contact": ["mailto:a@a.example"], "termsOfServiceAgreed": True}]
    assert "jwk" in ca.signed()[0].protected


def test_find_or_create_existing_account_takes_one_request(ca, stranger, key):
    client = stranger(TERMS)
    uri = ca.register(key)
    found = accounts.find_or_create(client, terms_agreed=True)
    assert (found.url, found.is_new) == (uri, False)
    assert len(ca.signed()) == 1


def test_find_or_create_answer_lost_makes_one_account(ca, stranger):
    client = stranger()
    ca.script("/new-account", lambda request: ca.behave(request) and RESET)
    made = accounts.find_or_create(client)
    assert list(ca.accounts) == [made.url]


def test_find_or_create_terms_not_agreed_raises(ca, stranger):
    with pytest.raises(AcmeError) as error:
        accounts.find_or_create(stranger(TERMS))
    assert str(error.value) == (
        f"{ca.url}/directory requires agreement to its terms of service for a new account: "
        "read https://ca.example/terms and set terms_agreed (acme_terms_agreed) to true"
    )
    assert sent(ca) == [{"onlyReturnExisting": True}]
    assert len(ca.accounts) == 0


def test_find_or_create_existing_account_needs_no_terms(ca, stranger, key):
    client = stranger(TERMS)
    uri = ca.register(key)
    assert accounts.find_or_create(client).url == uri
    assert sent(ca) == [{"onlyReturnExisting": True}]


def test_find_or_create_without_terms(ca, stranger):
    assert accounts.find_or_create(stranger()).is_new
    assert sent(ca) == [{"contact": [], "termsOfServiceAgreed": False}]


def test_find_or_create_binding_required_and_missing_raises(ca, stranger):
    with pytest.raises(AcmeError, match=r"requires an external account binding .* set eab \(acme_eab\)$"):
        accounts.find_or_create(stranger(EAB_WANTED), terms_agreed=True)
    assert sent(ca) == [{"onlyReturnExisting": True}]


def test_find_or_create_new_account_sends_binding(ca, stranger, key):
    made = accounts.find_or_create(stranger(EAB_WANTED), external_account=BINDING)
    assert made.is_new
    look_up, creation = sent(ca)
    assert look_up == {"onlyReturnExisting": True}
    protected = json.loads(jose.decode(creation["externalAccountBinding"]["protected"]))
    assert protected == {"alg": "HS256", "kid": "kid-1", "url": f"{ca.url}/new-account"}
    assert json.loads(jose.decode(creation["externalAccountBinding"]["payload"])) == key.public_jwk


@pytest.mark.parametrize("binding", [BINDING, None], ids=["given", "not given"])
def test_find_or_create_existing_account_sends_no_binding(ca, stranger, key, binding):
    client = stranger(EAB_WANTED)
    uri = ca.register(key)
    assert accounts.find_or_create(client, external_account=binding).url == uri
    assert sent(ca) == [{"onlyReturnExisting": True}]


def test_find_or_create_binding_refused_raises(ca, stranger):
    client = stranger(EAB_WANTED)
    ca.script("/new-account", lambda request: None, problem("unauthorized", 403, "unknown key id"))
    with pytest.raises(
        AcmeError, match=r"^account registration: unauthorized: unknown key id\. Check eab \(acme_eab\)"
    ):
        accounts.find_or_create(client, external_account=BINDING)
    assert client.account_uri is None
    assert len(sent(ca)) == 2, "the look-up, and the binding only once"


def test_find_or_create_contact_required_names_option(ca, stranger):
    ca.always("/new-account", problem("malformed", 400, "Accounts must have at least one contact."))
    with pytest.raises(AcmeError) as error:
        accounts.find_or_create(stranger())
    assert str(error.value) == (
        "account registration: malformed: Accounts must have at least one contact. Set contact (acme_contact)"
    )


def test_update_contact_refused_names_option(ca, client):
    account = accounts.find(client)
    ca.script("/account", problem("invalidContact", 400, "forbidden domain"))
    with pytest.raises(
        AcmeError, match=r"^contact update: invalidContact: forbidden domain\. Correct contact \(acme_contact\)$"
    ):
        accounts.update_contact(client, account, ["mailto:ops@example.com"])


def test_find_or_create_user_action_required_message_has_both_urls(ca, stranger):
    links = {"Link": f'<{ca.url}/directory>;rel="index", <https://ca.example/terms/2>;rel="Terms-of-Service help"'}
    instance = "https://ca.example/agree/?token=8tHXPEA"
    answer = problem("userActionRequired", 403, "The terms have changed", links, instance=instance)
    ca.always("/new-account", answer)
    with pytest.raises(AcmeError) as error:
        accounts.find_or_create(stranger())
    assert str(error.value) == (
        f"account registration: userActionRequired: The terms have changed (visit {instance}, read the terms of "
        "service https://ca.example/terms/2, then run again)"
    )


def test_find_or_create_damaged_binding_key_is_not_sent(ca, stranger):
    with pytest.raises(AcmeError, match=r"is neither base64url nor base64 text"):
        accounts.find_or_create(stranger(EAB_WANTED), external_account=ExternalAccount("kid-1", "not base64!"))
    assert sent(ca) == [{"onlyReturnExisting": True}]


@pytest.mark.parametrize("binding", [BINDING, None], ids=["binding", "plain"])
def test_find_or_create_deactivated_account_refused_raises(ca, stranger, key, binding):
    client = stranger()
    ca.register(key, "deactivated")
    with pytest.raises(AcmeError) as error:
        accounts.find_or_create(client, external_account=binding)
    what = "look-up" if binding else "registration"
    assert str(error.value) == (
        f"account {what}: unauthorized: account is deactivated. If the account was deactivated or revoked, it cannot "
        "be used again; use another account key (account_key_src, acme_account_key_src)"
    )


@pytest.mark.parametrize("status", ["deactivated", "revoked"])
@pytest.mark.parametrize("binding", [BINDING, None], ids=["binding", "plain"])
def test_find_or_create_deactivated_account_returned_raises(ca, stranger, status, binding):
    uri = f"{ca.url}/account/1"
    ca.always("/new-account", Answer(200, {"status": status}, {"Location": uri}))
    with pytest.raises(AcmeError) as error:
        accounts.find_or_create(stranger(), external_account=binding)
    assert str(error.value).startswith(f"the CA has marked account {uri} as {status}: it cannot be used again; ")
    assert "account_key_src" in str(error.value)


@pytest.mark.parametrize(
    ("document", "status", "contact"),
    [
        ({}, "valid", None),
        ({"status": None, "contact": None}, "valid", None),
        ({"contact": "mailto:a@a.example"}, "valid", None),
        ({"contact": []}, "valid", ()),
        ({"status": "valid", "contact": ["mailto:a@a.example", 5], "key": {}}, "valid", ("mailto:a@a.example", "5")),
    ],
)
def test_find_or_create_empty_answer(ca, stranger, document, status, contact):
    ca.always("/new-account", Answer(201, document, {"Location": f"{ca.url}/account/1"}))
    made = accounts.find_or_create(stranger())
    assert (made.status, made.contact) == (status, contact)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, r"/new-account returned no account URL$"),
        ({"Location": "http://192.0.2.1/account/1"}, r"ACME requires https \(from the CA at http://127.0.0.1:\d+\)$"),
        ({"Location": "https://192.0.2.1/account/1"}, r"another domain than the directory"),
    ],
)
def test_find_or_create_without_account_uri_raises(ca, stranger, headers, message):
    ca.always("/new-account", Answer(201, {"status": "valid"}, headers))
    with pytest.raises(ProtocolError, match=message):
        accounts.find_or_create(stranger())


def test_update_contact_replaces_contacts(ca, client):
    before = accounts.find(client)
    after = accounts.update_contact(client, before, ["mailto:new@a.example"])
    assert after.contact == ("mailto:new@a.example",)
    assert ca.signed("/account")[0].payload == {"contact": ["mailto:new@a.example"]}
    assert accounts.read(client, before.url).contact == ("mailto:new@a.example",)


def test_update_contact_empty_removes_contacts(ca, client):
    uri = client.account_uri
    ca.accounts[uri]["contact"] = ["mailto:old@a.example"]
    assert accounts.update_contact(client, accounts.read(client, uri), []).contact == ()
    assert ca.accounts[uri]["contact"] == []


@pytest.mark.parametrize(
    ("document", "reads"),
    [({}, 1), ({"status": "valid"}, 1), ({"contact": None}, 1), ({"status": "valid", "contact": ["tel:+49"]}, 0)],
)
def test_update_contact_answer_without_contact_is_read(ca, client, document, reads):
    uri = client.account_uri
    ca.accounts[uri]["contact"] = ["tel:+49"]
    ca.script("/account", Answer(200, document))
    assert accounts.update_contact(client, accounts.Account(uri, "valid"), ["tel:+49"]).contact == ("tel:+49",)
    assert len(ca.signed("/account")) == 1 + reads


def test_read_account_by_url(ca, stranger, key):
    client = stranger()
    uri = ca.register(key)
    assert accounts.read(client, uri).url == uri
    (request,) = ca.signed()
    assert (request.protected["kid"], request.payload) == (uri, None)


def test_read_account_of_other_key_raises(ca, client):
    with pytest.raises(ProblemError, match=r"^account: accountDoesNotExist"):
        accounts.read(client, f"{ca.url}/account/99")


def test_change_key_new_key_replaces_old(ca, client, key_of):
    uri, old, new = client.account_uri, client.key, key_of("ec384")
    changed = accounts.change_key(client, accounts.find(client), new)
    assert (changed.account_uri, changed.key) == (uri, new)
    assert ca.accounts[uri]["jwk"] == new.public_jwk
    assert accounts.read(changed, uri).url == uri
    # A client with the old key is refused from then on, and has no account.
    with pytest.raises(ProblemError, match="signed with a key that the account had before"):
        accounts.read(client, uri)
    assert accounts.find(client.with_key(old)) is None


def test_change_key_answer_lost(ca, client, key_of):
    ca.script("/key-change", lambda request: ca.behave(request) and RESET)
    accounts.change_key(client, accounts.find(client), key_of("ec384"))
    assert ca.counts()["/key-change"] == 2
    assert len(ca.accounts) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (problem("badPublicKey", 400, "weak"), "^key change: badPublicKey: weak$"),
        (problem("rateLimited", 429, "later"), "^key change: rateLimited: later$"),
    ],
)
def test_change_key_refused_is_certain(ca, client, key_of, answer, message):
    ca.script("/key-change", answer)
    with pytest.raises(KeyRefusedError, match=message):
        accounts.change_key(client, accounts.find(client), key_of("ec384"))
    assert accounts.find(client).url == client.account_uri


UNCERTAIN = {
    # Some CAs answer 200 and change nothing. Others answer the look-up from a copy that lags behind.
    "accepted without effect": ([Answer(200)], "accepted the new key of .*, but does not know it$"),
    "answer lost, then refused": ([RESET, problem("malformed", 400, "no")], "^key change: malformed: no$"),
    "server error": (
        [problem("serverInternal", 500, "oops", {"Retry-After": "90"})],
        "^key change: serverInternal: oops",
    ),
    "no answer": ([RESET] * 6, "cannot be reached"),
}


@pytest.mark.parametrize("case", UNCERTAIN)
def test_change_key_is_not_certain_to_be_refused(ca, client, key_of, case):
    answers, message = UNCERTAIN[case]
    ca.script("/key-change", *answers)
    with pytest.raises(AcmeError, match=message) as raised:
        accounts.change_key(client, accounts.find(client), key_of("ec384"))
    assert not isinstance(raised.value, KeyRefusedError)


def test_change_key_to_key_of_other_account_raises(ca, client, key_of):
    ca.register(key_of("ec384"))
    with pytest.raises(KeyRefusedError, match=r"^key change: conflict"):
        accounts.change_key(client, accounts.find(client), key_of("ec384"))


def test_change_key_not_offered_raises(ca, client, key_of):
    client.directory = replace(client.directory, key_change="")
    with pytest.raises(ProtocolError, match=r"does not offer key changes \(it has no keyChange\)$"):
        accounts.change_key(client, accounts.find(client), key_of("ec384"))


@pytest.mark.parametrize("lost", [False, True])
def test_deactivate_account_is_deactivated_once(ca, client, lost):
    account = accounts.find(client)
    if lost:
        ca.script("/account", lambda request: ca.behave(request) and RESET)
    assert accounts.deactivate(client, account).status == "deactivated"
    assert ca.accounts[account.url]["status"] == "deactivated"
    with pytest.raises(ProblemError) as refused:
        accounts.find(client)
    assert accounts.is_gone(refused.value)


IGNORED = {
    "answered 200 with status valid": Answer(200, {"status": "valid", "contact": []}),
    "answered 200 with nothing in it": Answer(200, {}),
    "refused": problem("unauthorized", 403, "not here"),
}


@pytest.mark.parametrize("case", IGNORED)
def test_deactivate_ignored_by_ca_raises(ca, client, case):
    account = accounts.find(client)
    ca.script("/account", IGNORED[case])
    with pytest.raises(AcmeError) as raised:
        accounts.deactivate(client, account)
    assert str(raised.value) == (
        "account deactivation: unauthorized: not here"
        if case == "refused"
        else f"account {account.url} is not deactivated: the CA accepted the request, and the account is still valid. "
        "Ask the CA to deactivate it"
    )
    assert accounts.find(client).status == "valid"


@pytest.mark.parametrize("body", [{}, {"status": "valid"}])
def test_deactivate_answer_without_new_status_is_judged_by_the_account(ca, client, body):
    account = accounts.find(client)
    ca.script("/account", lambda request: ca.behave(request) and Answer(200, body))
    assert accounts.deactivate(client, account).status == "deactivated"
    assert ca.accounts[account.url]["status"] == "deactivated"


@pytest.mark.parametrize(
    "change",
    [lambda *of: accounts.update_contact(*of, ["mailto:new@a.example"]), accounts.deactivate],
    ids=["contact", "deactivation"],
)
def test_change_of_account_after_maintenance_page_is_sent_again(ca, client, change):
    account = accounts.Account(client.account_uri, "valid")
    ca.script("/account", html())
    changed = change(client, account)
    assert (changed.contact == ("mailto:new@a.example",)) is (changed.status == "valid")
    assert len(ca.signed("/account")) == 2


def test_deactivate_account_takes_one_request(ca, client):
    accounts.deactivate(client, accounts.Account(client.account_uri, "valid"))
    assert len(ca.signed()) == 1


@pytest.mark.parametrize(
    ("given", "contacts"),
    [
        (["a@a.example"], ["mailto:a@a.example"]),
        ([" a@a.example ", "mailto:b@b.example", "tel:+49"], ["mailto:a@a.example", "mailto:b@b.example", "tel:+49"]),
        (["", "  "], []),
        ([], []),
    ],
)
def test_contacts_address_becomes_mailto_url(given, contacts):
    assert registration.contacts(given) == contacts
