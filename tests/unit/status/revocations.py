# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRLs and OCSP answers of a CA, valid and invalid ones."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.unit.host.ca import DAY, NOW, ec_key

HOUR = timedelta(hours=1)
SINCE = NOW - 3 * HOUR
REASONS = x509.ReasonFlags


def uri(url):
    return x509.UniformResourceIdentifier(url)


def point(*urls, reasons=None, crl_issuer=None):
    """Return a distribution point of a certificate."""
    return x509.DistributionPoint([uri(url) for url in urls] or None, None, reasons, crl_issuer)


def leaf(issuer, *points, ocsp_at=(), issuer_at=(), more=(), name="shop.example", **options):
    """Return a certificate with these URLs."""
    extensions = list(more)
    if points:
        given = [one if isinstance(one, x509.DistributionPoint) else point(one) for one in points]
        extensions.append((x509.CRLDistributionPoints(given), False))
    places = [(AuthorityInformationAccessOID.OCSP, url) for url in ocsp_at]
    places += [(AuthorityInformationAccessOID.CA_ISSUERS, url) for url in issuer_at]
    if places:
        access = [x509.AccessDescription(method, uri(url)) for method, url in places]
        extensions.append((x509.AuthorityInformationAccess(access), False))
    return issuer.leaf(ec_key().public_key(), [name], extensions=extensions, **options)


def scope(*urls, reasons=None, user=False, ca=False, indirect=False, attribute=False, relative=None):
    """Return the extension for the scope of a CRL."""
    names = [uri(url) for url in urls] or None
    return x509.IssuingDistributionPoint(names, relative, user, ca, reasons, indirect, attribute), True


def algorithm_for(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def crl(
    issuer,
    *revoked,
    reason=None,
    entry=(),
    extensions=(),
    this_update=NOW - HOUR,
    next_update=NOW + 7 * DAY,
    key=None,
    encoding=serialization.Encoding.DER,
):
    """Return a CRL that lists *revoked* certificates. entry: extensions of their entries, True for critical ones."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for certificate in revoked:
        listed = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(SINCE)
        for extension, critical in [*([(x509.CRLReason(reason), False)] if reason else []), *entry]:
            listed = listed.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(listed.build())
    key = key or issuer.key
    return builder.sign(key, algorithm_for(key)).public_bytes(encoding)


def answer(
    certificate,
    issuer,
    status=ocsp.OCSPCertStatus.GOOD,
    reason=None,
    this_update=NOW - HOUR,
    next_update=NOW + DAY,
    by=None,
    algorithm=None,
    by_name=False,
    certificates=(),
    extensions=(),
):
    """Return an OCSP response about *certificate*. by: the Authority that signs."""
    by = by or issuer
    revoked = status == ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate,
        issuer.certificate,
        algorithm or hashes.SHA1(),  # noqa: S303 - names only
        status,
        this_update,
        next_update,
        SINCE if revoked else None,
        reason if revoked else None,
    )
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    builder = builder.responder_id(encoding, by.certificate)
    if certificates:
        builder = builder.certificates(list(certificates))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by.key, algorithm_for(by.key)).public_bytes(serialization.Encoding.DER)


def inside(data, key):
    """Return a response by *key* with extensions of its one answer, which the library cannot make."""
    _responder, _produced, answers, extensions = _tbs(data)
    # Their tag is the same in both places (RFC 6960 section 4.2.1).
    return _rebuilt(data, key, _der(0x30, *_parts(*_parts(answers)), extensions))


def together(data, other, key):
    """Return a response by *key* with the answers of both, the other's first, which the library cannot make."""
    return _rebuilt(data, key, *_parts(_tbs(other)[2]), *_parts(_tbs(data)[2]))


def _rebuilt(data, key, *answers):
    responder, produced, *_rest = _tbs(data)
    tbs = _der(0x30, responder, produced, _der(0x30, *answers))
    signed = _der(0x03, b"\0", key.sign(tbs, ec.ECDSA(hashes.SHA256())))
    status, name, (_old, algorithm, *_unsigned) = _layers(data)
    return _der(0x30, status, _der(0xA0, _der(0x30, name, _der(0x04, _der(0x30, tbs, algorithm, signed)))))


def _tbs(data):
    return _parts(_layers(data)[2][0])


def _layers(data):
    """Return the status, the kind of response, and its content."""
    status, wrapped = _parts(data)
    kind, content = _parts(*_parts(wrapped))
    return status, kind, _parts(*_parts(content))


def _der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (size if len(body) < 0x80 else bytes([0x80 | len(size)]) + size) + body


def _parts(data):
    """Return the values in a DER value, each with tag and length."""
    parts, rest = [], _body(data)[0]
    while rest:
        after = _body(rest)[1]
        parts.append(rest[: len(rest) - len(after)])
        rest = after
    return parts


def _body(data):
    """Return the first value's content, and the rest."""
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    return data[start : start + size], data[start + size :]


def refusal(status):
    """Return the refusal of a responder."""
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)


def responder(issuer, name="Responder", purpose=ExtendedKeyUsageOID.OCSP_SIGNING, **options):
    """Return an Authority that *issuer* authorized to answer for it."""
    purposes = [(x509.ExtendedKeyUsage([purpose]), False)] if purpose else []
    return issuer.intermediate(name, extensions=purposes, **options)
