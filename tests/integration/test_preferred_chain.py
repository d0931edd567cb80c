# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains that the CA offers beside its own choice."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.integration.orders import ALWAYS_VALID, fitting, local, order

PEBBLE = {**ALWAYS_VALID, "PEBBLE_ALTERNATE_ROOTS": "2"}


def root_name(ca, number):
    root = x509.load_pem_x509_certificate(ca.lab.pebble.root_pem(number).encode())
    return root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def top(item):
    """Return the issuer's common name of the topmost certificate of a chain."""
    certificate = x509.load_pem_x509_certificates(item["chain"].encode())[-1]
    return certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def test_finalize_preferred_chain_alone_is_fetched(ca):
    names = [root_name(ca, number) for number in range(3)]
    (made,) = local(ca.order(order("shop")))
    made = fitting(made)

    def chain(*roots, **options):
        mark = ca.lab.pebble.mark()
        result = ca.finalize(made, preferred_chain=list(roots), **options)
        asked = [path for _method, path in ca.lab.pebble.requests(mark) if "cert" in path]
        return result, len(asked)

    result, asked = chain()
    assert (top(local(result)[0]), asked) == (names[0], 1)
    # The same order is only downloaded again.
    result, asked = chain(names[0])
    assert (top(local(result)[0]), asked) == (names[0], 1)
    result, asked = chain(names[1])
    assert top(local(result)[0]) == names[1]
    assert asked > 1
    result, asked = chain("none of these", names[2], names[0])
    assert (top(local(result)[0]), asked) == (names[2], 3)

    result, _asked = chain("none of these")
    assert not result.ok
    assert "the CA offers no chain to none of these" in result["msg"]
    assert all(name in result["msg"] for name in names)
    (item,) = local(result)
    assert (item["status"], item["resumable"]) == ("failed", True)
    result, _asked = chain("none of these", preferred_chain_missing="default")
    assert top(local(result)[0]) == names[0]
