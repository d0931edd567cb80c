# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted CA. It follows the RFCs, except for the answers that a test sets, and records violations of the client."""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
from collections import Counter, defaultdict, deque

from tests.unit.acme import jose
from tests.unit.acme.server import Answer, Server, problem


def pem(text):
    """Return a PEM block that is not a certificate: the protocol code reads no more than the block."""
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(text.encode()).decode()}\n-----END CERTIFICATE-----\n"


class CA:
    """A CA at *url*. Tests turn its knobs (plain attributes), script answers, and read *requests*.

    *violations* collects what RFC 8555 forbids a client; the fixture that makes the CA asserts that there are none.
    """

    def __init__(self, tls=None):
        self.requests = []
        self.violations = []
        self.meta = {}
        self.renewal_info = True
        self.new_authz = False
        self.key_change = True
        self.ready_orders = False  # newOrder answers ready, as with authorizations that are valid still
        self.reuses_orders = False  # newOrder answers with the account's open order for the same names
        self.reuses_authorizations = False  # a new order has the valid authorizations of earlier ones
        self.order_fields = {}  # fields of new orders, in the place of what the request has
        self.issue = None  # issue(csr), DER bytes: returns the chain for an order, in place of the same one for all
        self.pending_polls = 0  # how often an order is pending yet after its challenges were answered
        self.processing_polls = 0  # how often it is processing yet after finalize; None: finalize answers valid
        self.rejected = {}  # name: the problem document with which its validation fails
        self.stuck_when_invalid = False  # a failed authorization leaves its order pending
        self.chain = pem("leaf") + pem("intermediate")
        self.chain_headers = {}
        self.date = ""  # the Date of all answers that have no other
        self.accounts, self.orders, self.authorizations = {}, {}, {}
        self.revoked = []
        self._scripts = defaultdict(deque)
        self._always = {}
        self._numbers = itertools.count(1)
        self._nonces, self._spent = set(), set()
        self._lock = threading.RLock()
        self.closing = threading.Event()
        self._server = Server(self, tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # Methods for tests

    def script(self, path, *answers):
        """Answer the next requests to what begins with *path* so: an Answer, RESET, CLOSE, HANG, or f(request).

        A function that gives None lets the CA behave.
        """
        self._scripts[path].extend(answers)

    def always(self, path, answer):
        """Answer every request to what begins with *path* so."""
        self._always[path] = answer

    def signed(self, path=""):
        """Return the signed requests to what begins with *path*."""
        return [request for request in self.requests if request.protected and request.path.startswith(path)]

    def lines(self):
        """'POST /new-order' and so on."""
        return [str(request) for request in self.requests]

    def counts(self):
        """Return the number of signed requests by resource: {"/new-order": 1, ...}."""
        return Counter("/" + request.path.split("/")[1] for request in self.signed())

    def directory(self):
        names = {"newNonce": "new-nonce", "newAccount": "new-account", "newOrder": "new-order", "revokeCert": "revoke"}
        if self.key_change:
            names["keyChange"] = "key-change"
        if self.new_authz:
            names["newAuthz"] = "new-authz"
        document = {name: f"{self.url}/{path}" for name, path in names.items()}
        if self.renewal_info:
            document["renewalInfo"] = f"{self.url}/renewal-info"
        return {**document, **({} if self.meta is None else {"meta": self.meta})}

    def register(self, key, status="valid"):
        """Add an account. Return its URL."""
        url = f"{self.url}/account/{next(self._numbers)}"
        self.accounts[url] = {"jwk": key.public_jwk, "status": status, "contact": []}
        return url

    def order(self, account, names, status="pending"):
        """Add an order. Return its URL."""
        number = next(self._numbers)
        authorizations = [self._authorization(name, "pending" if status == "pending" else "valid") for name in names]
        self.orders[f"/order/{number}"] = {
            "number": number,
            "account": account,
            "names": list(names),
            "status": status,
            "authorizations": authorizations,
            "polls": 0,
            "error": None,
        }
        return f"{self.url}/order/{number}"

    def path(self, url):
        return url.removeprefix(self.url)

    # Answers to requests

    def answer(self, request):
        """Return the answer to a request, without regard to scripts."""
        with self._lock:
            self.requests.append(request)
            refusal = self._check(request) if request.method == "POST" else None
            scripted = self._scripted(request)
            if scripted is not None:
                return scripted
            return refusal or self.behave(request)

    def new_nonce(self, nonce=None):
        """Return a nonce that the CA accepts once: the given one, or another one."""
        with self._lock:
            nonce = nonce or f"nonce-{next(self._numbers)}"
            self._nonces.add(nonce)
            return nonce

    def _scripted(self, request):
        for path, answers in self._scripts.items():
            if request.path.startswith(path) and answers:
                answer = answers.popleft()
                return answer(request) if callable(answer) else answer
        for path, answer in self._always.items():
            if request.path.startswith(path):
                return answer(request) if callable(answer) else answer
        return None

    def _check(self, request):
        """Verify a signed request (RFC 8555 section 6). Return a problem for an account that may not send it."""
        if request.headers.get("Content-Type") != "application/jose+json":
            self.violations.append(f"{request}: Content-Type {request.headers.get('Content-Type')}")
        outer = json.loads(request.body)
        request.protected = protected = json.loads(jose.decode(outer["protected"]))
        payload = jose.decode(outer["payload"])
        request.payload = json.loads(payload) if payload else None
        if set(outer) != {"protected", "payload", "signature"}:
            self.violations.append(f"{request}: members {sorted(outer)}")
        if ("jwk" in protected) == ("kid" in protected):
            self.violations.append(f"{request}: needs either jwk or kid")
        if protected.get("url") != self.url + request.path:
            self.violations.append(f"{request}: signed for {protected.get('url')}")
        nonce = protected.get("nonce")
        if nonce in self._spent:
            self.violations.append(f"{request}: nonce {nonce} came before")
        if nonce not in self._nonces:
            self.violations.append(f"{request}: nonce {nonce} is not of this CA")
        self._spent.add(nonce)
        account = self.accounts.get(protected.get("kid"))
        if "kid" in protected and account is None:
            return problem("accountDoesNotExist", 400, "no such account")
        jwk = protected.get("jwk") or account["jwk"]
        signed = f"{outer['protected']}.{outer['payload']}"
        if account and any(
            jose.verify(former, protected["alg"], signed, outer["signature"]) for former in account.get("former", ())
        ):
            return problem("unauthorized", 403, "signed with a key that the account had before")
        if not jose.verify(jwk, protected["alg"], signed, outer["signature"]):
            self.violations.append(f"{request}: the signature is wrong")
        if account and account["status"] != "valid":
            return problem("unauthorized", 401, f"account is {account['status']}")
        return None

    def behave(self, request):
        handlers = {
            r"/directory": self._directory,
            r"/new-nonce": lambda request: Answer(204),
            r"/new-account": self._new_account,
            r"/account/\d+": self._account,
            r"/key-change": self._key_change,
            r"/new-authz": self._new_authz,
            r"/new-order": self._new_order,
            r"/order/\d+": self._read_order,
            r"/authz/\d+": self._read_authorization,
            r"/challenge/\d+": self._challenge,
            r"/finalize/\d+": self._finalize,
            r"/cert/\d+": self._certificate,
            r"/revoke": self._revoke,
        }
        for pattern, handler in handlers.items():
            if re.fullmatch(pattern, request.path):
                return handler(request)
        return problem("malformed", 404, "no such resource")

    def _directory(self, request):
        return Answer(body=self.directory())

    def _new_account(self, request):
        jwk, payload = request.protected["jwk"], request.payload
        for url, account in self.accounts.items():
            if account["jwk"] == jwk:
                if account["status"] != "valid":
                    return problem("unauthorized", 401, f"account is {account['status']}")
                return Answer(200, self._account_document(url), {"Location": url})
        if payload.get("onlyReturnExisting"):
            return problem("accountDoesNotExist", 400, "no account of this key")
        if (self.meta or {}).get("externalAccountRequired") and "externalAccountBinding" not in payload:
            return problem("externalAccountRequired", 403, "a binding is needed")
        url = f"{self.url}/account/{next(self._numbers)}"
        self.accounts[url] = {"jwk": jwk, "status": "valid", "contact": payload.get("contact", [])}
        return Answer(201, self._account_document(url), {"Location": url})

    def _account(self, request):
        url = self.url + request.path
        if request.protected["kid"] != url:
            return problem("unauthorized", 403, "another account's")
        if request.payload and "contact" in request.payload:
            self.accounts[url]["contact"] = request.payload["contact"]
        if request.payload and request.payload.get("status") == "deactivated":
            self.accounts[url]["status"] = "deactivated"
        return Answer(body=self._account_document(url))

    def _key_change(self, request):
        """RFC 8555 section 7.3.5, step by step."""
        uri, inner = request.protected["kid"], request.payload
        protected, payload = (json.loads(jose.decode(inner[name])) for name in ("protected", "payload"))
        if set(protected) != {"alg", "jwk", "url"} or protected["url"] != self.url + request.path:
            self.violations.append(f"{request}: the inner JWS has {protected}")
        signed = f"{inner['protected']}.{inner['payload']}"
        if not jose.verify(protected["jwk"], protected["alg"], signed, inner["signature"]):
            self.violations.append(f"{request}: the inner signature is wrong")
        if payload != {"account": uri, "oldKey": self.accounts[uri]["jwk"]}:
            return problem("malformed", 400, "not this account, or not its key")
        for other, account in self.accounts.items():
            if account["jwk"] == protected["jwk"]:
                return problem("conflict", 409, "the key is another account's", {"Location": other})
        self.accounts[uri].setdefault("former", []).append(self.accounts[uri]["jwk"])
        self.accounts[uri]["jwk"] = protected["jwk"]
        return Answer(body=self._account_document(uri))

    def _new_authz(self, request):
        path = self._authorization(request.payload["identifier"]["value"], "pending")
        return Answer(201, self.authorization_document(path), {"Location": self.url + path})

    def _read_authorization(self, request):
        if request.payload == {"status": "deactivated"}:
            self.authorizations[request.path]["status"] = "deactivated"
        return Answer(body=self.authorization_document(request.path))

    def _account_document(self, url):
        return {"status": self.accounts[url]["status"], "contact": self.accounts[url]["contact"], "orders": f"{url}/o"}

    def _new_order(self, request):
        names = [identifier["value"] for identifier in request.payload["identifiers"]]
        url = self._open_order(request.protected["kid"], names) if self.reuses_orders else None
        url = url or self.order(request.protected["kid"], names, "ready" if self.ready_orders else "pending")
        if self.reuses_authorizations:
            self._reuse_authorizations(self.orders[self.path(url)])
        fields = {name: request.payload[name] for name in ("profile", "replaces") if name in request.payload}
        self.orders[self.path(url)]["fields"] = {**fields, **self.order_fields}
        return Answer(201, self.order_document(self.orders[self.path(url)]), {"Location": url})

    def _open_order(self, account, names):
        for path, order in self.orders.items():
            if order["account"] == account and order["names"] == names and order["status"] in ("pending", "ready"):
                return self.url + path
        return None

    def _reuse_authorizations(self, order):
        valid = {item["name"]: path for path, item in self.authorizations.items() if item["status"] == "valid"}
        paths = zip(order["names"], order["authorizations"])
        order["authorizations"] = [valid.get(name, path) for name, path in paths]
        if order["status"] == "pending" and set(order["names"]) <= set(valid):
            order["status"] = "ready"

    def _read_order(self, request):
        order = self.orders.get(request.path)
        if order is None:
            return problem("malformed", 404, "no such order")
        if order["account"] != request.protected["kid"]:
            return problem("unauthorized", 403, "another account's order")
        self._advance(order)
        return Answer(body=self.order_document(order))

    def _advance(self, order):
        states = [self.authorizations[path]["status"] for path in order["authorizations"]]
        if order["status"] == "pending" and "invalid" in states and not self.stuck_when_invalid:
            order["status"] = "invalid"
        elif order["status"] == "pending" and set(states) == {"valid"}:
            order["status"] = "ready" if order["polls"] >= self.pending_polls else "pending"
            order["polls"] = order["polls"] + 1 if order["status"] == "pending" else 0
        elif order["status"] == "processing":
            order["status"] = "valid" if order["polls"] >= (self.processing_polls or 0) else "processing"
            order["polls"] += 1

    def order_document(self, order):
        number = order["number"]
        return {
            "status": order["status"],
            "expires": "2030-01-01T00:00:00Z",
            "identifiers": [{"type": "dns", "value": name} for name in order["names"]],
            "authorizations": [self.url + path for path in order["authorizations"]],
            "finalize": f"{self.url}/finalize/{number}",
            **({"certificate": f"{self.url}/cert/{number}"} if order["status"] == "valid" else {}),
            **({"error": order["error"]} if order["error"] else {}),
            **order.get("fields", {}),
        }

    def _authorization(self, name, status):
        number = next(self._numbers)
        self.authorizations[f"/authz/{number}"] = {"number": number, "name": name, "status": status, "error": None}
        return f"/authz/{number}"

    def authorization_document(self, path):
        authorization = self.authorizations[path]
        number, status = authorization["number"], authorization["status"]
        challenges = [
            {
                "type": kind,
                "url": f"{self.url}/challenge/{number}",
                "status": status,
                "token": f"a-token-of-128-bits-{number:02}",
                **({"error": authorization["error"]} if authorization["error"] else {}),
            }
            for kind in ("http-01", "dns-01")
        ]
        return {
            "status": status,
            "identifier": {"type": "dns", "value": authorization["name"]},
            "challenges": challenges,
        }

    def _challenge(self, request):
        authorization = self.authorizations[request.path.replace("/challenge/", "/authz/")]
        if request.payload is not None and authorization["status"] != "pending":
            return problem("malformed", 400, f"the challenge is {authorization['status']}")
        if request.payload is not None:
            error = self.rejected.get(authorization["name"])
            authorization.update(status="invalid" if error else "valid", error=error)
        document = self.authorization_document(f"/authz/{authorization['number']}")
        return Answer(body=document["challenges"][0])

    def _finalize(self, request):
        order = self.orders[request.path.replace("/finalize/", "/order/")]
        if order["status"] != "ready":
            return problem("orderNotReady", 403, f"the order is {order['status']}")
        order.update(status="valid" if self.processing_polls is None else "processing", csr=request.payload["csr"])
        return Answer(body=self.order_document(order))

    def _certificate(self, request):
        headers = {"Content-Type": "application/pem-certificate-chain", **self.chain_headers}
        chain = self.chain
        if self.issue:
            chain = self.issue(jose.decode(self.orders[request.path.replace("/cert/", "/order/")]["csr"]))
        return Answer(body=chain.encode(), headers=headers)

    def _revoke(self, request):
        if request.payload["certificate"] in self.revoked:
            return problem("alreadyRevoked", 400, "revoked before")
        self.revoked.append(request.payload["certificate"])
        return Answer(200)
