# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted stand-ins, none of them the real thing: a server that takes dynamic updates, two HTTP APIs, a program."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import socketserver
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.rrset
import dns.tsig

ZONE = "example.com"
_LONGEST_HANG = 10.0
_TSIG_ERRORS = {"BADSIG": 16, "BADKEY": 17, "BADTIME": 18}


class Quiet:
    """Base of the stand-ins, which can be silent, and can be closed."""

    def __init__(self):
        self.silent = False
        self._closed = threading.Event()

    def hang(self):
        self._closed.wait(_LONGEST_HANG)

    def start(self, server):
        self._server = server
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()


class UpdateServer(Quiet):
    """Accepts UPDATE messages by TCP and UDP for ZONE, signed with *key* or refused as RFC 8945 has it.

    refusing: the rcode for messages that have a record of one of these names. tsig_error: its error for any
    signature. signing: whether it signs its answers. messages: how many records each had. lose: how many of the next
    datagrams get no answer; datagrams: how many came.
    """

    def __init__(self, key):
        super().__init__()
        self.key = key
        self.records = {}
        self.messages = []
        self.refusing = {}
        self.rcode = None
        self.tsig_error = None
        self.signing = True
        self.lose = self.datagrams = 0
        scripted = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(ConnectionError, struct.error):
                    (length,) = struct.unpack("!H", self.rfile.read(2))
                    answer = scripted.answer(self.rfile.read(length))
                    self.wfile.write(struct.pack("!H", len(answer)) + answer if answer else b"")

        class DatagramHandler(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                scripted.datagrams += 1
                if scripted.lose:
                    scripted.lose -= 1
                    return
                answer = scripted.answer(data)
                if answer:
                    sock.sendto(answer, self.client_address)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.start(Server(("127.0.0.1", 0), Handler))
        self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), DatagramHandler)
        self._udp.daemon_threads = True
        threading.Thread(target=self._udp.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._udp.shutdown()
        self._udp.server_close()
        super().close()

    def held(self, name):
        return {value for value, _ttl in self.records.get(name, ())}

    def answer(self, wire):
        if self.silent:
            self.hang()
            return b""
        keyring, error = {self.key.name: self.key}, self.tsig_error
        try:
            query = dns.message.from_wire(wire, keyring)
        except dns.message.UnknownTSIGKey:
            error = "BADKEY"
        except dns.tsig.BadSignature:
            error = "BADSIG"
        if error:
            return self._unsigned(dns.message.from_wire(wire, keyring, continue_on_error=True), error)
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.from_text(self.rcode or self._carry_out(query)))
        if not self.signing:
            response.tsig = None
        return response.to_wire()

    def _unsigned(self, query, error):
        # RFC 8945 section 5.3.2
        response = dns.message.make_response(query)
        response.tsig = None
        response.set_rcode(dns.rcode.NOTAUTH)
        data = dns.rdtypes.ANY.TSIG.TSIG(
            dns.rdataclass.ANY,
            dns.rdatatype.TSIG,
            self.key.algorithm,
            int(time.time()),
            300,
            b"",
            query.id,
            _TSIG_ERRORS[error],
            b"",
        )
        response.additional.append(dns.rrset.from_rdata(self.key.name, 0, data))
        return response.to_wire()

    def _carry_out(self, query):
        changes = [
            (
                rrset.name.to_text(omit_final_dot=True),
                rrset.deleting is None,
                b"".join(data.strings).decode(),
                rrset.ttl,
            )
            for rrset in query.update
            for data in rrset
        ]
        self.messages.append(len(changes))
        if query.zone[0].name != dns.name.from_text(ZONE):
            return "NOTAUTH"
        for name, *_rest in changes:
            if name in self.refusing:
                return self.refusing[name]
        for name, adding, value, ttl in changes:
            others = [held for held in self.records.get(name, []) if held[0] != value]
            self.records[name] = [*others, (value, ttl)] if adding else others
        return "NOERROR"


class RateLimit:
    """Admits *most* requests in any *seconds* of a clock. *header*: it answers Retry-After."""

    def __init__(self, most, seconds, monotonic, header=True):
        self.most, self.seconds, self.header = most, seconds, header
        self.refused = 0
        self._monotonic = monotonic
        self._admitted = []

    def refuse(self):
        """Return status and headers of a refusal, None if the request is admitted."""
        now = self._monotonic()
        self._admitted = [instant for instant in self._admitted if instant > now - self.seconds]
        if len(self._admitted) < self.most:
            self._admitted.append(now)
            return None
        self.refused += 1
        wait = math.ceil(self._admitted[0] + self.seconds - now)
        return 429, {"Retry-After": str(wait)} if self.header else {}


class Api(Quiet):
    """JSON over HTTP. status: its answer to every request, with *text*. requests: method, path, headers.

    refusals: status and headers of the answers to the next requests. rate: a RateLimit.
    """

    def __init__(self):
        super().__init__()
        self.status, self.text = None, ""
        self.requests = []
        self.refusals = []
        self.rate = None
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                scripted.requests.append((self.command, self.path, dict(self.headers)))
                if scripted.silent:
                    scripted.hang()
                    return
                document = json.loads(body) if body.strip() else None
                status, answer, headers = scripted.status, scripted.text, {}
                refused = scripted.refuse()
                if refused:
                    status, headers = refused
                if status is None:
                    status, answer = scripted.answer(self.command, self.path, self.headers, document)
                raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - http.server's names

            def log_message(self, *_arguments):
                pass

        self.start(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        self.url = f"http://127.0.0.1:{self.port}"

    def refuse(self):
        if self.refusals:
            return self.refusals.pop(0)
        return self.rate.refuse() if self.rate else None


class PowerDnsApi(Api):
    """The part of PowerDNS' HTTP API that lexicon's provider uses, for ZONE."""

    def __init__(self, token):
        super().__init__()
        self.token = token
        self.sets = {}

    def held(self, name):
        return {text.strip('"') for text in self.sets.get(f"{name}.", ())}

    def answer(self, method, path, headers, document):
        if headers.get("X-API-Key") != self.token:
            return 401, f"Unauthorized: {headers.get('X-API-Key')} is not it"
        if not path.startswith(f"/api/v1/servers/localhost/zones/{ZONE}"):
            return 404, {"error": "Not Found"}
        if method == "GET":
            return 200, {"name": f"{ZONE}.", "kind": "Native", "rrsets": [self._rrset(name) for name in self.sets]}
        for rrset in document["rrsets"]:
            texts = [record["content"] for record in rrset["records"]]
            if rrset["changetype"] == "DELETE" or not texts:
                self.sets.pop(rrset["name"], None)
            else:
                self.sets[rrset["name"]] = texts
        return 204, ""

    def _rrset(self, name):
        records = [{"content": text, "disabled": False} for text in self.sets[name]]
        return {"name": name, "type": "TXT", "ttl": 60, "records": records}


class AcmeDnsApi(Api):
    """An acme-dns server with one registration."""

    def __init__(self, username, password, subdomain):
        super().__init__()
        self.registration = (username, password, subdomain)
        self.values = []

    def held(self, name):
        return set(self.values) if name.split(".")[0] == self.registration[2] else set()

    def answer(self, method, path, headers, document):
        if (method, path) != ("POST", "/update"):
            return 404, {"error": "not_found"}
        if (headers.get("X-Api-User"), headers.get("X-Api-Key"), document["subdomain"]) != self.registration:
            return 401, {"error": "forbidden"}
        # The oldest of two makes way.
        self.values = [*self.values, document["txt"]][-2:]
        return 200, {"txt": document["txt"]}


PROGRAM = """#!/bin/sh
# Keeps a name's values as lines of a file.
[ ! -e "$FOLDER/silent" ] || sleep 10
[ "$TOKEN" = "$(cat "$FOLDER/token")" ] || { echo first; echo "the token $TOKEN is wrong" >&2; exit 3; }
echo "$# $*" >>"$FOLDER/calls"
[ "$ACME_DNS_ZONE" = example.com ] || { echo "no zone $ACME_DNS_ZONE" >&2; exit 1; }
file=$FOLDER/$ACME_DNS_NAME
touch "$file"
grep -vxF -e "$ACME_DNS_VALUE" "$file" >"$file.new" || :
[ "$1" = absent ] || printf '%s\\n' "$ACME_DNS_VALUE" >>"$file.new"
mv "$file.new" "$file"
"""


class Program:
    """A program in *folder* that wants *token* in its environment."""

    def __init__(self, folder, token):
        self.folder = folder
        self.path = folder / "program"
        self.path.write_text(PROGRAM)
        self.path.chmod(0o700)
        (folder / "token").write_text(token)

    def held(self, name):
        file = self.folder / name
        return set(file.read_text().splitlines()) if file.exists() else set()

    def calls(self):
        return (self.folder / "calls").read_text().splitlines()

    @property
    def silent(self):
        return (self.folder / "silent").exists()

    @silent.setter
    def silent(self, on):
        if on:
            (self.folder / "silent").touch()

    def close(self):
        pass


def free_port():
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
