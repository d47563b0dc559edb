"""Connections, networks and quotas."""

from ipaddress import ip_network

import pytest

from mailguard.errors import TemporaryFailure
from mailguard.smtpd.gate import Gate, client, trusted
from mailguard.smtpd.quota import Meter
from mailguard.smtpd.settings import LOOPBACK, Quota
from mailguard.testing import FakeClock


def test_one_client_is_an_ipv4_address_or_an_ipv6_64() -> None:
    assert client("192.0.2.1") != client("192.0.2.2")
    assert client("2001:db8::1") == client("2001:db8::ffff:1")
    assert client("2001:db8::1") != client("2001:db8:0:1::1")
    assert client("::ffff:192.0.2.1") == client("192.0.2.1")
    assert client("fe80::1%eth0") == client("fe80::2")
    assert client("") == ""


def test_trusted_networks() -> None:
    ours = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert trusted("10.1.2.3", ours)
    assert trusted("::ffff:10.1.2.3", ours)
    assert trusted("2001:db8::7", ours)
    assert not trusted("11.0.0.1", ours)
    assert not trusted("", ours)
    assert trusted("11.0.0.1", ())
    assert trusted("127.0.0.9", LOOPBACK)
    assert not trusted("10.0.0.1", LOOPBACK)


def test_the_gate_counts_and_forgets() -> None:
    gate = Gate()
    assert gate.enter("192.0.2.1", 3, 2)
    assert gate.enter("192.0.2.1", 3, 2)
    assert not gate.enter("192.0.2.1", 3, 2)
    assert gate.enter("192.0.2.2", 3, 2)
    assert not gate.enter("192.0.2.3", 3, 2)
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.3", 3, 2)
    for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        gate.leave(peer)
    assert gate.inside == 0
    assert gate._by_client == {}


async def test_a_quota_slides(clock: FakeClock) -> None:
    meter, quota = Meter(clock), Quota(mails=2, recipients=10)
    meter.check("ann", quota, 10)
    meter.add("ann", 6)
    meter.check("ann", quota, 4)
    with pytest.raises(TemporaryFailure) as caught:
        meter.check("ann", quota, 5)
    assert caught.value.line.startswith("451 4.7.1 quota used up (10 recipients/h)")
    await clock.advance(1800)
    meter.add("ann", 1)
    with pytest.raises(TemporaryFailure, match="2 mails"):
        meter.check("ann", quota)
    meter.check("bob", quota)
    await clock.advance(1801)
    meter.check("ann", quota, 9)
