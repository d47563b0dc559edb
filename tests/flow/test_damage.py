"""Bytes that rotted in the store, and mail that makes carrying it crash: set aside, said, and nothing else suffers."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from mailguard.admin import client
from mailguard.courier.parcel import Parcel
from mailguard.records import Claim, HoldKind, Outcome, State
from mailguard.scheduler.loop import ALONE, LEASE
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, LEE, MO, House

POLICY = DELAY + "  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"


def flip_a_byte(house: House, queue_id: str) -> None:
    """In the stored message, while nobody has the file open."""
    with sqlite3.connect(house.config.store_path) as db:
        (number,) = db.execute("SELECT id FROM mail WHERE queue_id = ?", (queue_id,)).fetchone()
        (piece, data) = db.execute("SELECT id, data FROM chunk WHERE id >> 16 = ?", (number,)).fetchone()
        damaged = bytearray(data)
        damaged[-5] ^= 0x01
        db.execute("UPDATE chunk SET data = ? WHERE id = ?", (bytes(damaged), piece))
    db.close()


def lose_the_end(house: House, queue_id: str) -> None:
    """The last piece of the stored message is not there any more."""
    with sqlite3.connect(house.config.store_path) as db:
        (number,) = db.execute("SELECT id FROM mail WHERE queue_id = ?", (queue_id,)).fetchone()
        db.execute("DELETE FROM chunk WHERE id = (SELECT max(id) FROM chunk WHERE id >> 16 = ?)", (number,))
    db.close()


async def damage(house: House, queue_id: str, how: Callable[[House, str], None] = flip_a_byte) -> None:
    await house.quiet()
    await house.stop()
    await asyncio.to_thread(how, house, queue_id)
    await house.restart()


async def test_a_damaged_mail_is_set_aside_and_never_sent(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    bad, good = await house.send(subject="Bad"), await house.send([MO], subject="Good")
    await damage(house, bad)
    await house.wait(minutes=6)
    assert (await house.copy(bad, KIM)).state is State.HELD
    assert [hold.kind for hold in (await house.mail(bad)).open_holds] == [HoldKind.DAMAGED]
    assert (await house.copy(good, MO)).state is State.SENT, "the others go on"
    await house.wait(days=30)
    assert not house.arrived(KIM)
    assert (await house.copy(bad, KIM)).state is State.HELD, "no time ends it"


@pytest.mark.parametrize("size", [10, 600_000, 9_000_000], ids=["small", "large", "streamed"])
async def test_a_mail_that_has_lost_bytes_is_set_aside_and_stops_nobody(open_house: OpenHouse, size: int) -> None:
    house = await open_house(rules=POLICY)
    bad, good = await house.send(body="0123456\r\n" * (size // 9)), await house.send([MO], subject="Good")
    await damage(house, bad, lose_the_end)
    await house.wait(minutes=6)
    assert [hold.kind for hold in (await house.mail(bad)).open_holds] == [HoldKind.DAMAGED]
    assert (await house.copy(good, MO)).state is State.SENT
    assert not house.arrived(KIM)
    assert house.service.failed is None


async def test_bytes_that_vanish_while_a_mail_is_sent_are_no_short_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    queue_id = await house.send(body=("0" * 70 + "\r\n") * 125_000)
    parcel = house.service.scheduler._attempts._parcel

    async def vanishing(claim: Claim, content: Any) -> Parcel:
        made = await parcel(claim, content)
        await asyncio.to_thread(lose_the_end, house, queue_id)  # between the two times that it is read
        return made

    house.service.scheduler._attempts._parcel = vanishing  # type: ignore[method-assign]
    await house.wait(minutes=5, seconds=1)  # the next attempt may be due within the minute
    house.service.scheduler._attempts._parcel = parcel  # type: ignore[method-assign]
    copy = await house.copy(queue_id, KIM)
    assert copy.state is State.QUEUED
    assert "could not be read to its end" in copy.last_reply
    await house.wait(hours=1)
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.DAMAGED]
    assert not house.arrived(KIM)
    assert house.service.failed is None


async def test_of_a_mail_that_lost_bytes_its_sender_hears_without_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    await damage(house, queue_id, lose_the_end)
    await house.press(await house.link(ANN, "Held: Quote"), "cancel", confirm=queue_id)
    notice = await house.notice(ANN, "Not sent: Quote")
    assert not notice.files
    assert "attached" not in notice.text


async def test_its_sender_is_told_and_the_log_says_which(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    queue_id = await house.send()
    await damage(house, queue_id)
    await house.wait(minutes=6)
    assert "can't be sent" in (await house.notice(ANN, "Held: Quote")).text
    (line,) = house.log_lines("message.damaged")
    assert line["queue_id"] == queue_id
    assert "message.damaged" in await house.events(queue_id)


async def test_nobody_can_let_a_damaged_mail_go(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    queue_id = await house.send()
    first = await house.link(ANN, "Leaves ")
    await damage(house, queue_id)
    await house.wait(minutes=6)
    for link in (first, await house.link(ANN, "Held: Quote")):
        assert (await house.press(link, "send", confirm=[KIM, queue_id])).status == 403
    await house.wait(hours=1)
    assert not house.arrived(KIM)


async def test_a_held_mail_that_is_damaged_is_found_when_it_is_let_go(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    await damage(house, queue_id)
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.wait(minutes=1)
    assert not house.arrived(KIM)
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.DAMAGED]


class Poison:
    """A courier that crashes over one recipient's mail."""

    def __init__(self, house: House, recipient: str) -> None:
        self._carry, self._recipient, self.times = house.service.courier.carry, recipient, 0
        house.service.courier.carry = self._crash  # type: ignore[method-assign]

    async def _crash(self, parcel: Parcel) -> tuple[Outcome, ...]:
        if any(recipient.address == self._recipient for recipient in parcel.recipients):
            self.times += 1
            raise RuntimeError(bytes(parcel.head).decode())
        return await self._carry(parcel)


async def leases_over(house: House, times: int) -> None:
    """Each crash leaves the copy `sending` until its lease is over; then it is given back."""
    for _ in range(times):
        await house.clock.advance(LEASE.total_seconds() + 301)
        await house.look_again()
        await settled(house)


async def settled(house: House) -> None:
    async def still() -> Any:
        due = await house.service.store.next_due()
        return (due is None or due > house.clock.now()) and not house._busy()

    await eventually(still)


async def test_a_mail_that_crashes_the_courier_three_times_is_set_aside(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    poison = Poison(house, LEE)
    queue_id = await house.send([LEE], subject="Poison")
    await settled(house)
    for times in (1, 2):
        assert poison.times == times
        assert (await house.copy(queue_id, LEE)).state is State.SENDING
        await leases_over(house, 1)
    await leases_over(house, 1)
    assert poison.times == 3
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.POISON]
    await house.notice(ANN, "Held: Poison")
    await house.wait(days=2)
    assert poison.times == 3


async def test_the_others_go_on_and_the_crash_says_nothing_of_the_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    Poison(house, LEE)
    await house.send([LEE], subject="Poison")
    good = await house.send([ANN], subject="Good")
    await settled(house)
    assert (await house.copy(good, ANN)).state is State.SENT
    (line,) = house.log_lines("service.failure")
    assert line["where"] == "courier"
    assert "Poison" not in house.log.getvalue()
    await leases_over(house, 3)


async def test_a_set_aside_mail_may_be_tried_again_by_its_administrator(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    Poison(house, LEE)
    queue_id = await house.send([LEE])
    await settled(house)
    await leases_over(house, 3)
    await house.restart()
    answer = await asyncio.to_thread(
        lambda: client.ask(house.config.socket_path, "act", act="requeue", queue_id=queue_id)
    )
    assert answer["ending"] == "done"
    await house.quiet()
    assert (await house.copy(queue_id, LEE)).state is State.SENT


async def test_what_was_on_the_wire_when_the_process_ended_is_tried_again_at_the_next_start(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=POLICY)
    Poison(house, LEE)
    queue_id = await house.send([LEE])
    await settled(house)
    assert (await house.copy(queue_id, LEE)).state is State.SENDING
    await house.restart()
    await house.quiet()
    assert (await house.copy(queue_id, LEE)).state is State.SENT
    assert len(house.arrived(LEE)) == 1


async def test_after_a_crash_a_suspect_is_carried_alone_and_a_slow_one_stops_nobody(open_house: OpenHouse) -> None:
    house = await open_house(rules=POLICY)
    Poison(house, LEE)
    slow = await house.send([LEE])
    await settled(house)
    await house.stop()
    house._build()
    gate, alone = asyncio.Event(), asyncio.Event()
    carry = house.service.courier.carry

    async def wait(parcel: Parcel) -> tuple[Outcome, ...]:
        if any(recipient.address == LEE for recipient in parcel.recipients):
            alone.set()
            await gate.wait()
        return await carry(parcel)

    house.service.courier.carry = wait  # type: ignore[method-assign]
    await house.start()
    await alone.wait()
    other = await house.send([BOB])
    assert (await house.copy(other, BOB)).state is State.QUEUED
    await house.clock.advance(ALONE)

    async def sent() -> bool:
        return (await house.copy(other, BOB)).state is State.SENT

    await eventually(sent)
    gate.set()
    await house.quiet()
    assert (await house.copy(slow, LEE)).state is State.SENT
