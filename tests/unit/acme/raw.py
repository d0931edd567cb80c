# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that sends raw bytes, for answers that no HTTP library sends."""

from __future__ import annotations

import socket
import threading

# Seconds between two bytes of what drips, and how long a connection is served at most.
PACE, LONGEST = 0.02, 10.0


class RawServer:
    """A server that calls *script* with (connection, request, server) once the head of a request is read.

    *request* is the head's first line; empty where *reads* is False, as the bytes are no HTTP then. *tls*: a context.
    """

    def __init__(self, script, reads=True, tls=None):
        self._script, self._reads, self._tls = script, reads, tls
        self.requests = []
        self.closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.closing.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self):
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(LONGEST)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            try:
                while not self.closing.is_set():
                    request = self._read(connection) if self._reads else ""
                    self.requests.append(request)
                    if self._script(connection, request, self) is not None or not self._reads:
                        return
            except (OSError, IndexError):
                pass  # the client went away, which these tests are about

    def _read(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more:
                raise OSError
            head += more
        head, _end, body = head.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        while length and len(body) < int(length[0]):
            body += connection.recv(65536)
        return head.split(b"\r\n")[0].decode()

    def drip(self, connection, data, pace=PACE):
        """Send *data* byte by byte, at most for LONGEST seconds."""
        for number in range(int(LONGEST / pace)):
            if self.closing.wait(pace):
                return
            connection.sendall(data[number % len(data) : number % len(data) + 1])
