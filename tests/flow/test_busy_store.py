"""A store that is busy or full for a moment, after the next hop took the mail."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailguard.errors import StoreFull, TemporaryFailure
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import DELAY, KIM, letter


async def test_an_outcome_that_could_not_be_written_is_written_later_and_nothing_is_sent_again(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    store, tries = house.service.store, []
    settle = store.settle

    async def full_twice(*args: Any, **more: Any) -> None:
        tries.append(args)
        if len(tries) < 3:
            raise StoreFull("no room")
        await settle(*args, **more)

    monkeypatch.setattr(store, "settle", full_twice)
    await house.quiet()
    await house.clock.advance(301)
    await house.look_again()
    await eventually(lambda: len(tries) == 1)
    await house.clock.advance(2)
    await eventually(lambda: len(tries) == 2)
    await house.clock.advance(6)
    await house.wait(hours=1)
    assert len(house.arrived(KIM)) == 1
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_a_large_mail_that_could_not_be_read_is_read_a_moment_later_and_no_lease_is_waited_for(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=DELAY)
    raw = letter() + (b"0123456789" * 7 + b"\r\n") * 10_000
    queue_id = (await house.submit(raw, [KIM])).queue_id
    store, tries = house.service.store, []
    body = store.body

    async def away_twice(queue_id: str) -> AsyncIterator[bytes]:
        tries.append(queue_id)
        if len(tries) < 3:
            raise TemporaryFailure("the database is away")
        async for chunk in body(queue_id):
            yield chunk

    monkeypatch.setattr(store, "body", away_twice)
    await house.quiet()
    await house.clock.advance(301)
    await house.look_again()
    await house.woken(lambda: len(tries) == 3)
    await house.quiet()
    assert len(house.arrived(KIM)) == 1
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert "delivery.interrupted" not in [event.kind for event in await store.events(queue_id)]


async def test_an_error_nobody_expects_does_not_stop_the_scheduler(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=DELAY)
    store, next_due, errors = house.service.store, house.service.store.next_due, [RuntimeError("what is this?")]

    async def broken_once(*args: Any) -> Any:
        if args and errors:  # the scheduler's own question
            raise errors.pop()
        return await next_due(*args)

    monkeypatch.setattr(store, "next_due", lambda after=None: broken_once(*filter(None, [after])))
    await house.send()
    await house.wait(minutes=6)
    assert not errors
    assert len(house.arrived(KIM)) == 1
    assert house.log_lines("service.failure")
