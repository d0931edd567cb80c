# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is really served: connect, take the certificate, compare it with the one on the disk, until it is that one."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..._x509 import certificates
from ..errors import ProbeError
from ..wanted.endpoints import Endpoint
from . import starttls, tls_handshake

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    pass  # reported by availability.py, before anything here is called

_AT_ONCE = 8
_AT_A_TIME = 1 << 14  # bytes
_PATIENCE = 10.0  # seconds, for one connection: a server that reloads may drop it, a mail server greets after six
_LEAST = 1.0  # seconds, also for the last one before the deadline: or all that is told of is that it was short
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds


def prove_all(
    wanted: Sequence[tuple[Endpoint, bytes]],
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """For each endpoint and the certificate (PEM) that it has to serve, what is wrong; empty where it serves it.

    Side by side, each until it does or its timeout is over: a reload may end before the server has done it.
    """
    if not wanted:
        return []
    with ThreadPoolExecutor(min(len(wanted), _AT_ONCE)) as pool:
        return list(pool.map(lambda pair: _prove(pair[0], pair[1], monotonic, sleep), wanted))


def fetch(
    endpoint: Endpoint, until: float, ciphers: str = "", monotonic: Callable[[], float] = time.monotonic
) -> bytes:
    """The certificate (DER) that an endpoint serves. Raises ProbeError, OSError.

    until: an instant of *monotonic*. ciphers: TLS 1.2 with only these; empty: whatever both can.
    """
    left = until - monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    with socket.create_connection((endpoint.address, endpoint.port), timeout=left) as connection:
        if endpoint.starttls:
            starttls.begin(endpoint.starttls, starttls.Plain(connection, until, monotonic))
        served = _served(connection, _context(ciphers), endpoint.server_name, lambda: until - monotonic())
    if not served:
        raise ProbeError("it serves no certificate")
    return served


def _served(
    connection: socket.socket, context: ssl.SSLContext, server_name: str | None, left: Callable[[], float]
) -> bytes | None:
    """The certificate (DER) that a handshake shows. left: how many seconds there are."""
    incoming, outgoing, received = ssl.MemoryBIO(), ssl.MemoryBIO(), bytearray()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        while not _is_done(tls):
            connection.settimeout(max(left(), 0.001))
            connection.sendall(outgoing.read())
            data = connection.recv(_AT_A_TIME)
            received += data
            if data:
                incoming.write(data)
            else:
                incoming.write_eof()
        connection.sendall(outgoing.read())
    except (ssl.SSLError, ConnectionError) as error:
        # What fails here, as a signature that is wrong, is no reason to believe what was shown.
        by_server = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError) or "ALERT" in str(error)
        certificate = tls_handshake.shown(bytes(received)) if by_server else b""
        if not certificate:
            raise
        return certificate
    return tls.getpeercert(binary_form=True)


def _is_done(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _prove(endpoint: Endpoint, pem: bytes, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> str:
    expected = ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    # A server may have a certificate for each kind of key, and choose by what the client can.
    ways = ("", _ciphers(pem))
    deadline = monotonic() + endpoint.timeout
    pause = _FIRST_PAUSE
    while True:
        problems = []
        for ciphers in ways:
            patience = min(_PATIENCE, max(_LEAST, deadline - monotonic()))
            try:
                served = fetch(endpoint, monotonic() + patience, ciphers, monotonic)
            except (ProbeError, OSError, ValueError) as error:  # an address that is none is a ValueError
                problems.append(f"cannot be asked for its certificate: {_reason(error)}")
                break
            if served == expected:
                return ""
            problems.append(f"serves serial {_serial(served)} instead of {_serial(expected)}")
        if monotonic() + pause >= deadline:
            # The first way is any client's; what is said of the second holds only for clients of that kind.
            return f"{endpoint} {problems[0]}, and {endpoint.timeout} seconds did not change that"
        sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _context(ciphers: str) -> ssl.SSLContext:
    """Trusting all and asking for little: this finds out what is served, nothing is entrusted to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers((ciphers or "DEFAULT") + ":@SECLEVEL=0")
    except ssl.SSLError:
        pass  # a library that knows no levels
    return context


def _ciphers(pem: bytes) -> str:
    """The cipher suites of TLS 1.2 with which a server shows a certificate of this kind of key."""
    key = certificates.load_all(pem.decode("ascii"), "the certificate")[0].public_key()
    return "aRSA" if isinstance(key, rsa.RSAPublicKey) else "aECDSA"


def _serial(der: bytes) -> str:
    try:
        return certificates.serial(x509.load_der_x509_certificate(der))
    except ValueError:
        return "that cannot be read"


def _reason(error: Exception) -> str:
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "it does not answer in time"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails ({error.reason or error})"
    return getattr(error, "strerror", None) or str(error)
