"""Connections, networks and quotas."""

import asyncio
from ipaddress import ip_network

import pytest

from mailguard.errors import TemporaryFailure
from mailguard.mail.peer import client
from mailguard.smtpd.gate import Gate, trusted
from mailguard.smtpd.quota import Meter, Payer
from mailguard.smtpd.settings import LOOPBACK, Quota
from mailguard.smtpd.warden import NoWarden
from mailguard.store.base import Load
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


ANN, BOB = Payer("login ann", "ann"), Payer("login bob", "bob")


class Asked(NoWarden):
    """A warden that remembers, and whose store is what the test says."""

    def __init__(self) -> None:
        self.icy: dict[str, str] = {}
        self.loads: dict[str, Load] = {}
        self.questions = 0

    def frozen(self, name: str) -> bool:
        return name in self.icy

    def freeze(self, name: str, login: str, why: str) -> None:
        self.icy[name] = f"{login}: {why}"

    async def load(self, login: str) -> Load:
        self.questions += 1
        return self.loads.get(login, Load(0, 0))


@pytest.fixture
def warden() -> Asked:
    return Asked()


@pytest.fixture
def meter(clock: FakeClock, warden: Asked) -> Meter:
    return Meter(clock, warden)


async def put(meter: Meter, quota: Quota, recipients: int = 1, size: int = 10, payer: Payer = ANN) -> None:
    """One mail that is accepted."""
    async with meter.booking(payer, quota, recipients, size) as booking:
        booking.keep()


async def test_a_quota_slides(clock: FakeClock, meter: Meter) -> None:
    quota = Quota(mails=2, recipients=10)
    meter.check(ANN, quota, 1, 10)
    await put(meter, quota, 6)
    meter.check(ANN, quota, 1, 4)
    with pytest.raises(TemporaryFailure) as caught:
        meter.check(ANN, quota, 1, 5)
    assert caught.value.line.startswith("451 4.7.1 quota used up (10 recipients/h)")
    await clock.advance(1800)
    await put(meter, quota)
    with pytest.raises(TemporaryFailure, match="2 mails"):
        meter.check(ANN, quota)
    meter.check(BOB, quota)
    await clock.advance(1801)
    meter.check(ANN, quota, 1, 9)


async def test_a_mail_that_came_to_nothing_is_not_counted(meter: Meter) -> None:
    quota = Quota(mails=1)
    with pytest.raises(ValueError, match="gone"):
        async with meter.booking(ANN, quota, 1, 10):
            raise ValueError("the client is gone")
    await put(meter, quota)
    with pytest.raises(TemporaryFailure):
        await put(meter, quota)


async def test_mails_at_the_same_time_exceed_nothing_together(meter: Meter, warden: Asked) -> None:
    quota = Quota(mails=100, waiting=5, bytes=1000)
    warden.loads["ann"] = Load(2, 100)
    inside, release = 0, asyncio.Event()

    async def one() -> None:
        nonlocal inside
        async with meter.booking(ANN, quota, 1, 10) as booking:
            inside += 1
            await release.wait()
            booking.keep()

    attempts = [asyncio.create_task(one()) for _ in range(20)]
    await asyncio.sleep(0)
    release.set()
    ended = await asyncio.gather(*attempts, return_exceptions=True)
    assert inside == 3, "two waited already, and five may"
    assert sum(isinstance(end, TemporaryFailure) for end in ended) == 17


async def test_the_store_is_asked_once_and_then_only_at_the_limit(
    clock: FakeClock, meter: Meter, warden: Asked
) -> None:
    quota = Quota(mails=1000, waiting=10)
    for _ in range(10):
        await put(meter, quota)
    assert warden.questions == 1
    await clock.advance(2)
    await put(meter, quota)  # all the others have left meanwhile
    assert warden.questions == 2
    warden.loads["ann"] = Load(10, 100)
    for _ in range(9):
        await put(meter, quota)
    for _ in range(3):
        with pytest.raises(TemporaryFailure, match="10 mails of yours wait"):
            await put(meter, quota)
    assert warden.questions == 3, "once for what was accepted since, then it was asked a moment ago"
    await clock.advance(2)
    with pytest.raises(TemporaryFailure, match="10 mails of yours wait"):
        await meter.check_waiting(ANN, quota, 0)
    assert warden.questions == 4


async def test_bytes_are_weighed_as_announced_and_as_they_came(meter: Meter, warden: Asked) -> None:
    quota = Quota(bytes=1000)
    warden.loads["ann"] = Load(1, 800)
    with pytest.raises(TemporaryFailure, match="1000 bytes of your mail"):
        await meter.check_waiting(ANN, quota, 300)
    with pytest.raises(TemporaryFailure, match="1000 bytes of your mail"):
        async with meter.booking(ANN, quota, 1, 0) as booking:
            await booking.weigh(300)
    await put(meter, quota, size=150)
    await put(meter, quota, size=50)


async def test_three_times_the_quota_freezes_and_fewer_do_not(meter: Meter, warden: Asked) -> None:
    quota = Quota(mails=2)
    for _ in range(2):
        await put(meter, quota)
    for _ in range(3):
        with pytest.raises(TemporaryFailure, match="quota used up"):
            meter.check(ANN, quota)
    assert warden.icy == {}
    with pytest.raises(TemporaryFailure, match=r"frozen: .* ask your administrator"):
        meter.check(ANN, quota)
    assert list(warden.icy) == ["login ann"]
    with pytest.raises(TemporaryFailure, match="frozen"):
        meter.refuse_frozen(ANN)
    meter.refuse_frozen(BOB)


async def test_refusals_of_an_earlier_hour_freeze_nobody(clock: FakeClock, meter: Meter, warden: Asked) -> None:
    quota = Quota(mails=2)
    for _ in range(3):
        for _ in range(2):
            await put(meter, quota)
        for _ in range(3):
            with pytest.raises(TemporaryFailure):
                meter.check(ANN, quota)
        await clock.advance(3601)
    assert warden.icy == {}


async def test_waiting_because_of_the_next_hop_freezes_nobody(meter: Meter, warden: Asked) -> None:
    quota = Quota(mails=10, waiting=1)
    await put(meter, quota)
    warden.loads["ann"] = Load(1, 10)
    for _ in range(100):
        with pytest.raises(TemporaryFailure, match="wait already"):
            await put(meter, quota)
    assert warden.icy == {}


async def test_who_was_thawed_begins_anew(meter: Meter, warden: Asked) -> None:
    quota = Quota(mails=1)
    await put(meter, quota)
    for _ in range(2):
        with pytest.raises(TemporaryFailure):
            meter.check(ANN, quota)
    warden.icy.clear()
    meter.forgive("login ann")
    await put(meter, quota)
