# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's DNS servers that programs can change: what the tests of DNS challenges take for granted."""

from __future__ import annotations

import os
import signal
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from tests.integration.orders import Customer, fitting, local, order
from tests.lab import Lab, LabError
from tests.lab.authorities import DYN_KEY, DYN_KEY_512, OTHER_KEY, ZONES
from tests.lab.process import Process, processes, wait


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("a lab"), hosts=1, dns_zones=True) as lab:
        yield lab


@pytest.fixture
def lab(shared):
    """Return a lab whose zones hold nothing yet."""
    shared.authorities.clean()
    wait(lambda: seen_by(shared, "ns2") == seen_by(shared, "ns1"), 10, "ns2 stays behind")
    return shared


def seen_by(lab, server):
    return lab.authorities.txt("dyn", server)


def ask(lab, name, rtype="TXT", server=None):
    """Return code and texts of an answer, of the lab's own server without a server."""
    message = dns.message.make_query(name, rtype)
    answer = lab.inside(lambda: dns.query.udp(message, server or lab.controller, timeout=5))
    return dns.rcode.to_text(answer.rcode()), [rdata.to_text() for rrset in answer.answer for rdata in rrset]


def update(lab, zone, key, server="ns1", timeout=5):
    """Return the code with which a server answers a new TXT record, sent over TCP with a key."""
    message = dns.update.UpdateMessage(zone, keyring=dns.tsig.Key(key.name, key.secret, key.algorithm))
    message.add(f"new.{zone}.", 60, "TXT", "value")
    address = lab.authorities.address(server)
    return dns.rcode.to_text(lab.inside(lambda: dns.query.tcp(message, address, timeout=timeout)).rcode())


@pytest.mark.parametrize("zone", ZONES)
def test_lab_dns_zone_is_delegated(lab, zone):
    found = {record.type for record in lab.authorities.records(zone)}
    assert found == {"SOA", "NS", "A", "AAAA"}
    name = f"_acme-challenge.new.{zone}.lab.test"
    lab.authorities.add(name, "TXT", "one value")
    lab.authorities.add(name, "TXT", "another")
    assert lab.authorities.txt(zone) == {(name, "one value"), (name, "another")}
    # ns2 may be a moment behind, and the resolver asks either.
    wait(lambda: sorted(ask(lab, name)[1]) == ['"another"', '"one value"'], 10, "the records are not found")
    lab.authorities.remove(name, "TXT", "another")
    assert lab.authorities.txt(zone) == {(name, "one value")}


def test_lab_dns_missing_name_is_not_cached(lab):
    for number in range(3):
        name = f"fresh{number}.other.lab.test"
        assert ask(lab, name) == ("NXDOMAIN", [])
        lab.authorities.add(name, "TXT", "value")
        wait(lambda name=name: ask(lab, name)[1], 1.5, "the record is hidden")
        # Questions of the controller do not affect answers to the CA.
        name = f"for-ca{number}.other.lab.test"
        assert ask(lab, name) == ("NXDOMAIN", [])
        lab.authorities.add(name, "TXT", "value")
        assert ask(lab, name, server=lab.dns.for_ca) == ("NOERROR", ['"value"'])


def test_lab_dns_name_outside_of_lab_does_not_exist(lab):
    assert ask(lab, "www.example.com", "A") == ("NXDOMAIN", [])


def test_lab_dns_update_needs_key_of_zone(lab):
    wrong = DYN_KEY._replace(secret=OTHER_KEY.secret)
    assert update(lab, "dyn.lab.test", DYN_KEY) == "NOERROR"
    assert update(lab, "dyn.lab.test", DYN_KEY_512) == "NOERROR"
    assert update(lab, "dyn.lab.test", OTHER_KEY) == "REFUSED"
    with pytest.raises(dns.tsig.PeerBadSignature):
        update(lab, "dyn.lab.test", wrong)
    with pytest.raises(dns.tsig.PeerBadKey):
        update(lab, "dyn.lab.test", DYN_KEY._replace(name="unknown"))
    assert update(lab, "unknown.lab.test", DYN_KEY) == "NOTAUTH"
    with pytest.raises(LabError, match="with NOTZONE"):
        lab.authorities._update("other", lambda update: update.add("elsewhere.", 1, "TXT", "value"))


def test_lab_dns_ns2_gets_change_at_once(lab):
    lab.authorities.add("new.dyn.lab.test", "TXT", "value")
    wait(lambda: seen_by(lab, "ns2"), 2, "ns2 stays behind")


def test_lab_dns_stale_ns2_gets_no_change(lab):
    with lab.authorities.stale() as catch_up:
        lab.authorities.add("one.dyn.lab.test", "TXT", "value")
        time.sleep(0.5)
        assert not seen_by(lab, "ns2")
        catch_up()
        lab.authorities.add("two.dyn.lab.test", "TXT", "value")
        time.sleep(0.5)
        assert seen_by(lab, "ns2") == {("one.dyn.lab.test", "value")}
    assert len(seen_by(lab, "ns2")) == 2
    test_lab_dns_ns2_gets_change_at_once(lab)


def test_lab_dns_slow_ns2_gets_change_later(lab):
    with lab.authorities.slow(1):
        for name in ("one.dyn.lab.test", "two.dyn.lab.test"):
            lab.authorities.add(name, "TXT", "value")
            since = time.monotonic()
            wait(lambda name=name: (name, "value") in seen_by(lab, "ns2"), 10, "ns2 stays behind")
            assert time.monotonic() - since >= 0.9
    test_lab_dns_ns2_gets_change_at_once(lab)


def test_lab_dns_silent_server_does_not_answer(lab):
    with lab.authorities.silent("ns1", "pdns"):
        for server in ("ns1", "pdns"):
            with pytest.raises(dns.exception.Timeout):
                update(lab, "dyn.lab.test", DYN_KEY, server, timeout=1)
        assert seen_by(lab, "ns2") == set()
    wait(lambda: seen_by(lab, "ns1"), 5, "ns1 does not go on")


@pytest.mark.parametrize("challenge", ["dns-01", "dns-account-01"])
def test_lab_dns_ca_validates(lab, tmp_path, challenge):
    """Also through a CNAME to another provider, and an apex with its wildcard."""
    names = ["plain.dyn.lab.test", "led.dyn.lab.test", "*.led.dyn.lab.test", "away.lab.test"]
    ca = Customer(lab, tmp_path)
    ordered = ca.order(order("all", *names, challenge=challenge))
    assert ordered.ok, ordered.text
    item = local(ordered)[0]
    assert len(item["challenges"]) == len(names)
    values = [(found["record_name"], found["record_value"]) for found in item["challenges"]]
    for name, value in values:
        if ".led." in name:
            lab.authorities.add("led.pdns.lab.test", "TXT", value)
        elif ".away." in name:
            lab.authorities.add("away.other.lab.test", "TXT", value)
        else:
            lab.authorities.add(name, "TXT", value)
    led, away = (next(name for name, _value in values if part in name) for part in (".led.", ".away."))
    lab.authorities.add(led, "CNAME", "led.pdns.lab.test.")
    lab.dns.add(f"{away}.", "CNAME", "away.other.lab.test.")
    wait(lambda: lab.authorities.records("dyn", "ns2") == lab.authorities.records("dyn"), 5, "ns2 stays behind")
    done = ca.finalize(fitting(item))
    assert done.ok, done.text
    lab.dns.remove(f"{away}.", "CNAME", "away.other.lab.test.")


def test_lab_dns_down_leaves_nothing(tmp_path):
    with Lab(tmp_path, hosts=1, dns_zones=True) as lab:
        network = lab.init.network()
        lived = [process for process in processes() if process.network() == network]
        names = {server: Process.recorded(lab.state / f"{server}.pid") for server in ("ns1", "ns2", "other", "pdns")}
        assert set(names.values()) <= set(lived)
        os.kill(names["ns1"].pid, signal.SIGSTOP)  # stopped, as a test that was killed leaves it
    assert [process for process in lived if process.alive] == []
    assert os.listdir(tmp_path) == ["log"]
