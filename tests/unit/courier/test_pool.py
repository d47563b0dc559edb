"""Connections are kept and used again, never past their time, and what is under way at once is bounded."""

import asyncio

import pytest

from mailguard.courier.pool import IDLE, MOST_MAILS, Budget
from mailguard.courier.wire import Timeouts
from mailguard.records import Result
from mailguard.testing import FakeClock
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import ABORT, CLOSE, SILENT, Peer


async def settled() -> None:
    """Let both ends of the loopback connections catch up."""
    for _ in range(20):
        await asyncio.sleep(0.001)


async def arrived(peer: Peer, mails: int) -> None:
    for _ in range(5000):
        if len(peer.arrived) >= mails:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"only {len(peer.arrived)} arrived")


async def test_mails_to_one_destination_share_a_connection(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer)
    for _ in range(5):
        await courier.carry(parcel(courier))
    assert (peer.connections, len(peer.arrived)) == (1, 5)
    assert "RSET" not in peer.verbs


async def test_a_connection_is_used_again_after_every_recipient_was_refused(
    peer: Peer, make_courier: MakeCourier
) -> None:
    courier = make_courier(peer)
    peer.answers["RCPT"] = ["550 5.1.1 no"]
    await courier.carry(parcel(courier))
    (outcome,) = await courier.carry(parcel(courier, "yes@client.example"))
    assert outcome.result is Result.SENT
    assert peer.arrived[-1].rcpts == ["RCPT TO:<yes@client.example>"]


async def test_an_idle_connection_is_left_after_thirty_seconds(
    peer: Peer, make_courier: MakeCourier, clock: FakeClock
) -> None:
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    await clock.advance(IDLE - 1)
    await settled()
    assert peer.open == 1
    await clock.advance(2)
    await settled()
    assert (peer.open, peer.quits) == (0, 1)


async def test_an_idle_connection_stays_while_it_is_used(
    peer: Peer, make_courier: MakeCourier, clock: FakeClock
) -> None:
    courier = make_courier(peer)
    for _ in range(4):
        await courier.carry(parcel(courier))
        await clock.advance(IDLE - 1)
    assert peer.connections == 1


async def test_a_connection_is_renewed_after_many_mails(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer("PIPELINING")
    courier = make_courier(peer)
    for _ in range(MOST_MAILS + 1):
        await courier.carry(parcel(courier))
    assert (peer.connections, peer.quits) == (2, 1)


async def test_a_rate_spreads_mails_evenly_and_leaves_other_places_alone(
    start_peer: StartPeer, make_courier: MakeCourier, clock: FakeClock
) -> None:
    slow, quick = await start_peer(*FULL), await start_peer(*FULL)
    route = {"smarthost": f"127.0.0.1:{quick.port}", "tls": "none"}
    courier = make_courier(slow, rate="30/m", routes={"quick.example": route})
    mails = [asyncio.ensure_future(courier.carry(parcel(courier))) for _ in range(4)]
    await arrived(slow, 1)
    await courier.carry(parcel(courier, "kim@quick.example"))
    for count in (2, 3, 4):
        await clock.advance(1.9)
        await settled()
        assert len(slow.arrived) == count - 1
        await clock.advance(0.1)
        await arrived(slow, count)
    await asyncio.gather(*mails)
    await clock.advance(60)
    await courier.carry(parcel(courier))  # nobody waits for a turn that is long over


async def test_nodes_share_a_rate(peer: Peer, make_courier: MakeCourier, clock: FakeClock) -> None:
    courier = make_courier(peer, rate="30/m", nodes=lambda: 2)
    await courier.carry(parcel(courier))
    second = asyncio.ensure_future(courier.carry(parcel(courier)))
    await clock.advance(3.9)
    await settled()
    assert len(peer.arrived) == 1
    await clock.advance(0.2)
    await second
    assert len(peer.arrived) == 2


async def test_closing_takes_leave(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    await courier.close()
    await settled()
    assert (peer.open, peer.quits) == (0, 1)


@pytest.mark.parametrize("fault", [CLOSE, ABORT, "421 4.4.2 idle for too long", SILENT, "garbage"])
async def test_a_connection_that_went_stale_is_replaced_once(peer: Peer, make_courier: MakeCourier, fault: str) -> None:
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    peer.answers["MAIL"] = [fault]
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.SENT
    assert (peer.connections, len(peer.arrived)) == (2, 2)
    await settled()
    assert peer.open == (2 if fault == SILENT else 1)  # our silent server does not notice that we left


async def test_a_server_that_is_gone_for_good_is_not_tried_a_third_time(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    peer.answers["MAIL"] = CLOSE
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, peer.connections) == (Result.DEFERRED, 2)


async def test_what_happens_after_mail_was_taken_is_never_repeated(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    peer.answers["DOT"] = [CLOSE]
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.ambiguous, peer.connections) == (Result.DEFERRED, True, 1)


async def test_a_connection_the_server_left_while_idle_is_noticed(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer()
    port = peer.port
    courier = make_courier(peer)
    await courier.carry(parcel(courier))
    await peer.stop()
    again = await start_peer(port=port)
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, len(again.arrived)) == (Result.SENT, 1)


async def test_no_more_connections_to_a_destination_than_allowed(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer("PIPELINING")
    courier = make_courier(peer, connections=3)
    outcomes = await asyncio.gather(*(courier.carry(parcel(courier)) for _ in range(30)))
    assert all(outcome.result is Result.SENT for (outcome,) in outcomes)
    assert (peer.connections, len(peer.arrived)) == (3, 30)


async def test_nodes_divide_the_connections_to_a_destination_among_them(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer("PIPELINING")
    at_work = 2
    courier = make_courier(peer, connections=6, nodes=lambda: at_work)

    async def connected() -> int:
        outcomes = await asyncio.gather(*(courier.carry(parcel(courier)) for _ in range(30)))
        assert all(outcome.result is Result.SENT for (outcome,) in outcomes)
        return peer.connections

    assert await connected() == 3
    at_work = 1
    assert await connected() == 6, "the other one ended: its share is ours, three connections are used again"


async def test_with_more_nodes_than_connections_each_has_one(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer("PIPELINING")
    courier = make_courier(peer, connections=6, nodes=lambda: 20)
    await asyncio.gather(*(courier.carry(parcel(courier)) for _ in range(10)))
    assert (peer.connections, len(peer.arrived)) == (1, 10)


async def test_mails_larger_than_the_budget_go_one_after_the_other(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer("PIPELINING")
    courier = make_courier(peer, in_flight=1000)
    letters = [parcel(courier, body=b"x" * 900) for _ in range(5)]
    await asyncio.gather(*(courier.carry(letter) for letter in letters))
    assert (peer.connections, len(peer.arrived)) == (1, 5)


async def test_one_slow_destination_does_not_hold_up_another(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    slow, fast = await start_peer(), await start_peer()
    slow.answers["MAIL"] = SILENT
    routes = {"slow.example": {"smarthost": f"127.0.0.1:{slow.port}", "tls": "none", "connections": 1}}
    courier = make_courier(fast, routes=routes, timeouts=Timeouts())
    waiting = [asyncio.create_task(courier.carry(parcel(courier, "a@slow.example"))) for _ in range(5)]
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.SENT
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def hold(budget: Budget, size: int, log: list[int], go: asyncio.Event) -> None:
    async with budget.hold(size):
        log.append(size)
        await go.wait()


async def test_bytes_in_flight_are_bounded_and_nobody_is_overtaken() -> None:
    budget, log, go = Budget(100), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(budget, size, log, go)) for size in (60, 30, 50, 5, 1000)]
    await settled()
    assert log == [60, 30]  # 5 would fit, but 50 was there first
    go.set()
    await asyncio.gather(*tasks)
    assert log == [60, 30, 50, 5, 1000]
    async with budget.hold(100):
        assert log


async def test_a_cancelled_wait_gives_its_bytes_back() -> None:
    budget, log, go = Budget(100), list[int](), asyncio.Event()
    first, second, third = (asyncio.create_task(hold(budget, size, log, go)) for size in (100, 70, 100))
    await settled()
    second.cancel()
    go.set()
    await asyncio.gather(first, third)
    assert log == [100, 100]
    async with asyncio.timeout(1), budget.hold(100):
        assert second.cancelled()


async def test_a_wait_cancelled_in_the_moment_it_was_admitted_gives_its_bytes_back() -> None:
    budget, log, go = Budget(100), list[int](), asyncio.Event()
    async with budget.hold(100):
        second = asyncio.create_task(hold(budget, 100, log, go))
        await settled()
    second.cancel()  # leaving the block has admitted it, and it has not run yet
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(1), budget.hold(100):
        assert log == []
