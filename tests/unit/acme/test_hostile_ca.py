# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile CA: it cannot delay a run, choose where to connect, or write to a terminal."""

from __future__ import annotations

import socket
import threading
from time import monotonic

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import account as accounts
from ansible_collections.certfleet.tls.plugins.module_utils._acme import issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.authorization import Authorization
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import Client
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, DeadlineError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preferred_chain import Preference
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import ask_all
from ansible_collections.certfleet.tls.plugins.module_utils._acme.revocation import by_account
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.orders import CSR, wanted
from tests.unit.acme.server import DRIP_BODY, DRIP_HEAD, Answer, problem

#: Each step of a certificate's life, by the path of its requests.
STEPS = [
    "/directory",
    "/new-nonce",
    "/new-account",
    "/new-order",
    "/authz",
    "/challenge",
    "/order",
    "/finalize",
    "/cert",
    "/renewal-info",
    "/new-authz",
    "/key-change",
    "/revoke",
]


class Life:
    """All requests that are ever sent to a CA. An error of one is recorded and does not end the others."""

    def __init__(self, ca, http, key, other_key):
        self.ca, self.http, self.key, self.other_key = ca, http, key, other_key
        self.errors, self.texts = [], []

    def _try(self, work, *arguments):
        try:
            return work(*arguments)
        except AcmeError as error:
            self.errors.append(str(error))
            return None

    def live(self, directory=None):
        """Return the errors. *directory*: a stand-in for a directory that cannot be fetched."""
        directory = self._try(Directory.fetch, self.http, f"{self.ca.url}/directory") or directory
        if directory is None:
            return self.errors
        self.texts += [directory.terms_of_service, *directory.profiles, *directory.profiles.values()]
        client = Client(self.http, directory, self.key)
        account = self._try(accounts.find_or_create, client, (), True)
        if account:
            self.texts += [account.status, *account.contact]
            prepared = self._try(issuance.prepare, client, wanted())
            if prepared:
                deadline = Deadline(self.http.clock, 300)
                self._try(issuance.complete, client, prepared, CSR, deadline, Preference(["Some Root"]))
            self._try(directory.verify_profile, "another")
            self._try(Authorization.create, client, "a.example")
            self._try(by_account, client, b"certificate")
            self._try(accounts.change_key, client, account, self.other_key)
        if directory.renewal_info:
            self.errors += ask_all(self.http, directory.renewal_info, ["a.b"], 1)[1]
        return self.errors


@pytest.fixture
def life(key, key_of):
    return lambda ca, http: Life(ca, http, key, key_of("rsa2048"))


@pytest.fixture
def generous(ca):
    """Return a CA with all resources."""
    ca.new_authz = True
    ca.chain_headers = {"Link": f'<{ca.url}/cert/1>;rel="alternate"'}
    return ca


class TestTime:
    @pytest.mark.parametrize("drip", [DRIP_HEAD, DRIP_BODY])
    @pytest.mark.parametrize("step", STEPS)
    def test_life_dripping_step_ends(self, generous, hasty, life, step, drip):
        directory = Directory.parse(f"{generous.url}/directory", generous.directory())
        generous.always(step, drip)
        begin = monotonic()
        errors = life(generous, hasty).live(directory)
        # Each request has a tenth of a second, and is repeated a few times; what drips does so for ten seconds.
        assert monotonic() - begin < 8
        if not (step == "/new-nonce" and drip == DRIP_BODY):  # the answer to a HEAD has no body
            assert any("did not answer within 0.1 s" in error for error in errors), errors

    def test_prepare_endless_bad_nonces_raise_at_deadline(self, ca, open_client, time):
        """Each of them takes a while; a server that forgets some is tolerated, as long as there is time."""

        def slow(_request):
            time.sleep(20)
            return problem("badNonce", 400)

        ca.always("/new-order", slow)
        client = open_client().within(Deadline(time.clock, 60))
        with pytest.raises(AcmeError, match=r"badNonce"):
            issuance.prepare(client, wanted())
        assert ca.counts()["/new-order"] == 3

    @pytest.mark.parametrize("status", ["pending", "invalid"])
    def test_prepare_thousands_of_authorizations_raise_at_deadline(self, ca, open_client, time, status):
        """Each is answered soon enough for the time limit of a request."""

        def order(request):
            found = ca.behave(request)
            found.body.update(status=status, authorizations=[f"{ca.url}/authz/{number}" for number in range(5000)])
            return found

        def slow(request):
            time.sleep(20)
            found = ca.authorization_document(next(iter(ca.authorizations)))
            return Answer(200, {**found, "status": "invalid" if status == "invalid" else "valid"})

        ca.always("/new-order", order)
        ca.always("/authz", slow)
        client = open_client().within(Deadline(time.clock, 60))

        def work():
            prepared = issuance.prepare(client, wanted())
            issuance.complete(client, prepared, CSR, Deadline(time.clock, 60))

        with pytest.raises(AcmeError) as error:
            work()
        assert ca.counts()["/authz"] <= 4
        assert error.value.is_temporary is (status == "pending")

    def test_complete_slow_challenges_raise_at_deadline(self, ca, open_client, time):
        def slow(request):
            time.sleep(20)
            return ca.behave(request)

        client = open_client()
        prepared = issuance.prepare(client, wanted(*(f"{number}.example" for number in range(50))))
        ca.always("/challenge", slow)
        with pytest.raises(DeadlineError, match=r"^\d+.example: http-01 challenge: no time was left for it"):
            issuance.complete(client, prepared, CSR, Deadline(time.clock, 60))
        assert ca.counts()["/challenge"] == 3

    def test_complete_thousands_of_alternate_chains_raise(self, ca, open_client, time):
        def slow(request):
            time.sleep(20)
            return ca.behave(request)

        links = ", ".join(f'<{ca.url}/cert/{number}>;rel="alternate"' for number in range(1000))
        ca.chain_headers = {"Link": links}
        ca.always("/cert", slow)
        client = open_client()
        prepared = issuance.prepare(client, wanted())
        with pytest.raises(AcmeError):
            issuance.complete(client, prepared, CSR, Deadline(time.clock, 60), Preference(["Some Root"]))
        assert ca.counts()["/cert"] <= 4


#: Where a URL is put in the place of one of the CA's own: the path that is answered so, and how.
PLACES = {
    "newNonce": ("/directory", lambda answer, url: answer.body.update(newNonce=url)),
    "newAccount": ("/directory", lambda answer, url: answer.body.update(newAccount=url)),
    "newOrder": ("/directory", lambda answer, url: answer.body.update(newOrder=url)),
    "revokeCert": ("/directory", lambda answer, url: answer.body.update(revokeCert=url)),
    "keyChange": ("/directory", lambda answer, url: answer.body.update(keyChange=url)),
    "newAuthz": ("/directory", lambda answer, url: answer.body.update(newAuthz=url)),
    "renewalInfo": ("/directory", lambda answer, url: answer.body.update(renewalInfo=url)),
    "account": ("/new-account", lambda answer, url: answer.headers.update(Location=url)),
    "order": ("/new-order", lambda answer, url: answer.headers.update(Location=url)),
    "authorization": ("/new-order", lambda answer, url: answer.body.update(authorizations=[url])),
    "new authorization": ("/new-authz", lambda answer, url: answer.headers.update(Location=url)),
    "challenge": ("/authz", lambda answer, url: [item.update(url=url) for item in answer.body["challenges"]]),
    "finalize": ("/order", lambda answer, url: answer.body.update(finalize=url)),
    "certificate": ("/order", lambda answer, url: answer.body.update(certificate=url)),
    "alternate": ("/cert", lambda answer, url: answer.headers.update(Link=f'<{url}>;rel="alternate"')),
    **{
        f"redirect of {step}": (step, lambda answer, url: vars(answer).update(status=307, headers={"Location": url}))
        for step in STEPS
    },
}


class Listener:
    """A service at a loopback address that counts connections."""

    def __init__(self):
        self.seen = 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.netloc = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                return
            self.seen += 1
            connection.close()

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


class TestPlaces:
    @pytest.mark.parametrize("scheme", ["http://", "https://localhost@", "http://localhost@"])
    @pytest.mark.parametrize("place", PLACES)
    def test_life_https_ca_leads_to_no_local_service(self, tls_ca, tls_files, time, life, listener, place, scheme):
        path, put = PLACES[place]
        tls_ca.new_authz = True

        def answer(request):
            found = tls_ca.behave(request)
            if isinstance(found.body, dict) or found.headers or "redirect" in place:
                put(found, f"{scheme}{listener.netloc}/")
            return found

        tls_ca.always(path, answer)
        http = Http(time.clock, tls_ca.url, tls_files.root, timeout=20.0)
        errors = life(tls_ca, http).live(Directory.parse(f"{tls_ca.url}/directory", tls_ca.directory()))
        http.close()
        assert listener.seen == 0
        if "redirect" not in place:
            assert any(" is refused: " in error and f"(from the CA at {tls_ca.url}" in error for error in errors), (
                errors
            )
        assert all(error.isprintable() for error in errors)

    def test_listener_counts_connections(self, listener):
        socket.create_connection(("127.0.0.1", int(listener.netloc.split(":")[1]))).close()
        begin = monotonic()
        while not listener.seen and monotonic() - begin < 5:
            pass
        assert listener.seen == 1


#: Terminal escapes, line breaks of all kinds, characters that change the direction of text, surrogates.
HOSTILE = "a\x1b[31mb\x1b]0;title\x07c\r\nd\x9b2Je\x85f\u2028g\u202eh\u2066i\u200fj\x00k\x7fl\ud800m\U000e0001n"


class TestTexts:
    """Texts with terminal control characters, in each field of a CA's answers."""

    @pytest.mark.parametrize("text", [HOSTILE, *(char for char in HOSTILE if not char.isprintable())], ids=ascii)
    def test_life_control_characters_everywhere_are_removed(self, generous, http, life, text):
        generous.meta = {
            "termsOfService": text,
            "website": text,
            "profiles": {f"p{text}": text},
            "caaIdentities": [text],
        }
        self._everywhere(generous, http, life, text)

    def _everywhere(self, ca, http, life, text):
        told = []
        for path, answer in self._answers(ca, text).items():
            ca._always.clear()
            ca.always(path, answer)
            one = life(ca, http)
            told += one.live(Directory.parse(f"{ca.url}/directory", ca.directory()))
            told += [found for found in one.texts if ca.meta and isinstance(found, str) and path != "/directory"]
        ca._always.clear()
        refused = accounts.refusal(Directory.fetch(http, f"{ca.url}/directory"), False, None)
        told.append(refused)
        assert "requires agreement to its terms of service" in refused
        assert len(told) > 20
        assert [found for found in told if not found.isprintable()] == []

    def _answers(self, ca, text):
        def with_body(**fields):
            def answer(request):
                found = ca.behave(request)
                found.body.update(fields)
                return found

            return answer

        wire = text.encode("utf-8", "replace").decode("latin-1").replace("\r", "\n").replace("\n", "\x0b")
        return {
            "/nothing": Answer(),
            "/new-account": with_body(status=text, contact=[text]),
            "/account": problem(text, 403, text, title=text),
            "/new-order": problem("x" + text, 400, text, subproblems=[{"type": text, "identifier": {"value": text}}]),
            "/order": with_body(status=text),
            "/authz": with_body(challenges=[{"type": text, "url": text, "status": text, "token": text}]),
            "/challenge": problem("malformed", 400, text, identifier={"type": "dns", "value": text}),
            "/finalize": Answer(200, b"x", {"Content-Type": wire}),
            "/cert": Answer(200, text.encode("utf-8", "replace"), {"Link": f'<{wire}>;rel="alternate"'}),
            "/new-authz": Answer(201, {}, {"Location": wire}),
            "/key-change": Answer(500, {"detail": text}, {"Retry-After": wire}),
            "/revoke": problem("alreadyRevoked" + text, 400, text),
            "/renewal-info": Answer(200, {"suggestedWindow": {"start": text, "end": text}, "explanationURL": text}),
            "/new-nonce": Answer(200, headers={"Replay-Nonce": wire}),
            "/directory": Answer(302, headers={"Location": wire}),
        }
