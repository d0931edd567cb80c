# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_share: a private key goes from one place to another, sealed, through hands that do not get to know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.hosts import DIRECTORY, HOME, ORDER, Host, Issuer, msg_of, wanted

OTHER = "/srv/other"  # as if it were another host's


@pytest.fixture
def place(host: Host) -> Iterator[Host]:
    host.shell(f"rm -rf {OTHER}")
    yield host
    host.shell(f"rm -rf {OTHER}")


def receiver(host: Host) -> str:
    """Return the public key of the other place."""
    result = host.request(home=OTHER, receive=["shop"], certificates=[])
    assert result.ok, result["msg"]
    return str(result["receivers"]["shop"])


def serial_of(host: Host) -> str:
    """Return the live certificate's serial number, as its manifest has it."""
    (found,) = host("certificate_info", certificates=[wanted()])["certificates"]
    return str(found["live"]["serial"])


def receive(host: Host, share: dict[str, Any], receiver: str = "other", **result: Any) -> Any:
    given = {"certificate": share["certificate"], "chain": share["chain"], "sealed_key": share["sealed"][receiver]}
    given = {"name": "shop", "status": "valid", "directory": DIRECTORY, **ORDER, **given, **result}
    return host.deploy([given], home=OTHER)


@pytest.mark.hard
def test_share_live_certificate_is_sealed(place: Host, issuer: Issuer) -> None:
    place.make_live(issuer)
    serial = serial_of(place)
    asked = [{"name": "shop", "serial": serial, "receivers": {"other": receiver(place)}}]
    before = place.tree()
    given = place("certificate_share", shares=asked)
    assert (given.ok, given["changed"], given["failures"]) == (True, False, {})
    assert place.tree() == before
    (share,) = given["shares"]
    assert "PRIVATE KEY" not in given.text

    received = receive(place, share)
    assert received.ok, received["msg"]
    (item,) = received["certificates"]
    assert (item["reason"], item["serial"]) == ("received", serial)
    for file in ("privkey.pem", "fullchain.pem"):
        assert place.read(f"{OTHER}/versions/shop/0001/{file}") == place.read(f"{HOME}/versions/shop/0001/{file}")
    assert place.path(f"{OTHER}/versions/shop/0001/privkey.pem").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" not in received.text
    # It was good for once.
    assert place.names(f"{OTHER}/versions/shop") == [".lock", "0001"]
    assert "the receiving key is missing" in msg_of(receive(place, share))


@pytest.mark.hard
def test_share_one_failure_does_not_affect_others(place: Host, issuer: Issuer) -> None:
    place.make_live(issuer)
    public = receiver(place)
    serial = serial_of(place)
    result = place(
        "certificate_share",
        shares=[
            {"name": "absent", "serial": "77", "receivers": {"other": public}},
            {"name": "../shop", "receivers": {"other": public}},
            {"name": "shop", "serial": serial, "receivers": {"other": public}},
        ],
    )
    assert "no version here has the serial number 77" in msg_of(result)
    assert sorted(result["failures"]) == ["../shop", "absent"]
    assert [share["name"] for share in result["shares"]] == ["shop"]


@pytest.mark.hard
def test_share_sealed_for_other_host_or_other_key_is_refused(place: Host, issuer: Issuer) -> None:
    place.make_live(issuer)
    serial = serial_of(place)

    def share(public: str) -> dict[str, Any]:
        asked = [{"name": "shop", "serial": serial, "receivers": {"other": public}}]
        return dict(place("certificate_share", shares=asked)["shares"][0])

    stale = share(receiver(place))
    receiver(place)  # another run's
    assert "the sealed key is for another host, another certificate or another run" in msg_of(receive(place, stale))

    right = share(receiver(place))
    (request,) = place.request(wanted("other"))["requests"]
    strange = issuer.issue({**request, "identifiers": ["shop.lab.test"]})
    refused = receive(place, right, certificate=strange["certificate"])
    assert "key" in msg_of(refused)
    assert not place.path(f"{OTHER}/live/shop").exists()


@pytest.mark.hard
def test_share_damaged_public_key_is_refused_by_itself(place: Host, issuer: Issuer) -> None:
    place.make_live(issuer)
    serial = serial_of(place)
    result = place("certificate_share", shares=[{"name": "shop", "serial": serial, "receivers": {"other": "AAAA"}}])
    (share,) = result["shares"]
    assert (share["sealed"], share["refused"]) == ({}, {"other": "the receiver's public key is damaged"})
