# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing one of the chains that a CA offers."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certfleet.tls.plugins.module_utils._acme.certificate import Chain
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    ChainError,
    ProtocolError,
    TransportError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preferred_chain import Preference, choose
from tests.unit.host import ca


@pytest.fixture(scope="module")
def chains():
    """Return the default chain, to Root A, alternates to Root B, which is in its chain, and Root C, and these roots."""
    roots = {name: ca.Authority.root(name) for name in ("Root A", "Root B", "Root C")}
    made = {}
    for name, root in roots.items():
        intermediate = root.intermediate(f"Below {name}")
        leaf = intermediate.leaf(ec.generate_private_key(ec.SECP256R1()).public_key(), ["a.example"])
        issuers = [intermediate.certificate, *([root.certificate] if name == "Root B" else [])]
        made[name] = Chain(ca.pem(leaf), tuple(ca.pem(issuer) for issuer in issuers))
    default = Chain(made["Root A"].certificate, made["Root A"].intermediates, ("https://ca/b", "https://ca/c"))
    return default, {"https://ca/b": made["Root B"], "https://ca/c": made["Root C"]}, roots


@pytest.fixture
def broken():
    """Errors that are raised for alternates, or other chains in their place, by URL."""
    return {}


@pytest.fixture
def chosen(chains, broken):
    default, alternates, _roots = chains
    fetched = []

    def fetch(url):
        fetched.append(url)
        found = broken.get(url, alternates[url])
        if isinstance(found, Exception):
            raise found
        return found

    def work(*roots, or_default=False):
        fetched.clear()
        chain = choose(Preference(roots, or_default), default, fetch)
        name = next((url for url, alternate in alternates.items() if alternate is chain), "default")
        return name, list(fetched)

    return work


@pytest.mark.parametrize(
    ("roots", "chain", "fetched"),
    [
        ((), "default", []),
        (("Root A",), "default", []),
        (("Root B",), "https://ca/b", ["https://ca/b"]),
        (("Root C",), "https://ca/c", ["https://ca/b", "https://ca/c"]),
        (("Root A", "Root B"), "default", []),
        (("Root C", "Root A"), "https://ca/c", ["https://ca/b", "https://ca/c"]),
        (("None", "Root A"), "default", ["https://ca/b", "https://ca/c"]),
        (("None", "Root C", "Root B"), "https://ca/c", ["https://ca/b", "https://ca/c"]),
    ],
)
def test_choose_first_offered_root_with_fewest_fetches(chosen, roots, chain, fetched):
    assert chosen(*roots) == (chain, fetched)


def key_id(root):
    return x509.SubjectKeyIdentifier.from_public_key(root.key.public_key()).digest.hex()


@pytest.mark.parametrize("written", [str, str.upper, lambda text: ":".join(text[i : i + 2] for i in range(0, 40, 2))])
def test_choose_root_by_key_identifier(chains, chosen, written):
    roots = chains[2]
    assert chosen(written(key_id(roots["Root A"])))[0] == "default"
    assert chosen(written(key_id(roots["Root B"])))[0] == "https://ca/b"
    assert chosen(written(key_id(roots["Root C"])))[0] == "https://ca/c"


@pytest.mark.parametrize("places", [(0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_choose_root_of_chain_that_is_out_of_order(places):
    middle = ca.Authority.root("Root A").intermediate("Middle")
    lower = middle.intermediate("Lower")
    leaf = lower.leaf(ca.ec_key().public_key(), ["a.example"])
    pems = [ca.pem(item) for item in (leaf, lower.certificate, middle.certificate)]
    first, *others = (pems[place] for place in places)
    default = Chain(first, tuple(others))
    assert choose(Preference(["Root A"]), default, None) is default
    with pytest.raises(ChainError, match=r"offered: .*Root A"):
        choose(Preference(["Middle"]), default, None)


def test_choose_root_not_offered(chosen):
    assert chosen("None", or_default=True)[0] == "default"
    with pytest.raises(
        ChainError, match=r"no chain to None or Other \(offered: .*Root A.*; .*Root B.*; .*Root C.*\)"
    ) as raised:
        chosen("None", "Other")
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(ChainError):
        chosen("root a")  # names are what they are


def test_choose_message_is_printable():
    root = ca.Authority.root("Ro\x1b[31mot\u202e \x9b2J")
    leaf = root.leaf(ec.generate_private_key(ec.SECP256R1()).public_key(), ["a.example"])
    with pytest.raises(ChainError, match=r"offered: .*Ro \[31mot 2J") as raised:
        choose(Preference(["Root A"]), Chain(ca.pem(leaf), (ca.pem(root.certificate),)), None)
    assert str(raised.value).isprintable()


UNREADABLE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BROKEN = {
    "gone": (ProtocolError("https://ca/b returned no PEM certificate"), "https://ca/b returned no PEM certificate"),
    "unreadable": (Chain("", (UNREADABLE,)), "https://ca/b cannot be read: "),
}


@pytest.mark.parametrize("case", BROKEN)
def test_choose_bad_alternate_is_not_offered(chosen, broken, case):
    """The certificate is issued: a missing chain must not fail it."""
    broken["https://ca/b"], why = BROKEN[case]
    assert chosen("Root C") == ("https://ca/c", ["https://ca/b", "https://ca/c"])
    assert chosen("Root B", "Root A") == ("default", ["https://ca/b", "https://ca/c"])
    assert chosen("Root B", or_default=True)[0] == "default"
    with pytest.raises(ChainError) as raised:
        chosen("Root B")
    assert f"; {why}" in str(raised.value)
    assert "Root C" in str(raised.value)
    assert not raised.value.is_temporary


def test_choose_temporary_failure_of_an_alternate(chosen, broken):
    broken["https://ca/b"] = TransportError("https://ca cannot be reached")
    with pytest.raises(ChainError, match="; https://ca cannot be reached") as raised:
        chosen("Root B")
    assert raised.value.is_temporary


@pytest.mark.parametrize("or_default", [True, False])
def test_choose_unreadable_default_chain(or_default):
    default = Chain(UNREADABLE, ())
    if or_default:
        assert choose(Preference(["Root A"], True), default, None) is default
        return
    with pytest.raises(ChainError, match="; the CA's own choice cannot be read: "):
        choose(Preference(["Root A"]), default, None)


def test_choose_root_with_unknown_key_type_is_found_by_name():
    key = ca.key_of("ec256")
    root = ca.Authority.root("Root X").certificate
    # Another curve than any that there is.
    odd = ca.patched(root, bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f"))
    leaf = ca.Authority.root("Root X").leaf(key.public_key(), ["a.example"])
    default = Chain(ca.pem(leaf), (odd,))
    assert choose(Preference(["Root X"]), default, None) is default
