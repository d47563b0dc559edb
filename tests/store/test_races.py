"""Many at once: exactly one ending, and everybody is told which."""

import asyncio
import random
from collections.abc import Awaitable
from typing import Any

import pytest

from mailguard.errors import ClaimLost
from mailguard.records import Ending, State
from mailguard.store.base import Store
from tests.store.making import ADMIN, ANN, NOW, claim, later, mail, settle, state, stopped


@pytest.mark.parametrize("seed", range(8))
async def test_send_now_cancel_and_the_timer_have_one_winner(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    await store.put(mail(delay=5), NOW)
    jobs = [store.send_now("Q1", by=ANN, now=later(5)) for _ in range(5)]
    jobs += [store.cancel("Q1", by=ANN, now=later(5)) for _ in range(5)]
    claims = [claim(store, later(5)) for _ in range(5)]
    mixed: list[Awaitable[Any]] = [*jobs, *claims]
    dice.shuffle(mixed)
    results = await asyncio.gather(*mixed)
    claimed = [one for got in results if isinstance(got, list) for one in got]
    cancels = [r for r in results if not isinstance(r, list) and r.ending is Ending.DONE and r.changed]
    ended = await state(store)
    assert (ended, len(claimed)) in [(State.CANCELLED, 0), (State.SENDING, 1)]
    assert len(cancels) <= 2
    late = {r.ending for r in results if not isinstance(r, list)}
    assert late <= {Ending.DONE, Ending.ALREADY, Ending.TOO_LATE}
    assert (await store.cancel("Q1", by=ANN, now=later(6))).ending is (
        Ending.ALREADY if ended is State.CANCELLED else Ending.TOO_LATE
    )


async def test_no_copy_is_claimed_twice_however_many_ask(store: Store) -> None:
    await asyncio.gather(*(store.put(mail(f"Q{i}"), NOW) for i in range(200)))
    got = await asyncio.gather(*(claim(store, limit=7) for _ in range(60)))
    claimed = [one.mail.queue_id for claims in got for one in claims]
    assert len(claimed) == len(set(claimed)) == 200
    await asyncio.gather(*(settle(store, one) for claims in got for one in claims))
    assert (await store.counts(NOW)).deliveries[State.SENT] == 200


async def test_settle_and_reclaim_have_one_winner(store: Store) -> None:
    for i in range(50):
        await store.put(mail(f"Q{i}"), NOW)
    first = await claim(store, per_destination=99)
    jobs = [settle(store, one, now=later(6)) for one in first]
    results = await asyncio.gather(*jobs[:25], store.reclaim(later(6)), *jobs[25:], return_exceptions=True)
    lost = [r for r in results if isinstance(r, ClaimLost)]
    assert len(lost) == 25
    assert results[25] == 25
    second = await claim(store, later(6), per_destination=99)
    assert len(second) == 25
    await asyncio.gather(*(settle(store, one, now=later(7)) for one in second))
    assert (await store.counts(NOW)).deliveries[State.SENT] == 50


async def test_people_and_timers_never_lose_a_copy(store: Store) -> None:
    dice = random.Random(7)
    names = [f"Q{i}" for i in range(40)]
    await asyncio.gather(*(store.put(mail(n, to=["a@x.example", "b@y.example"], delay=5), NOW) for n in names))

    async def person(name: str) -> None:
        verbs = [
            lambda: store.send_now(name, by=ANN, now=later(5)),
            lambda: store.stop(name, by=ANN, hold=stopped(), now=later(5)),
            lambda: store.cancel(name, by=ANN, now=later(5)),
            lambda: store.drop(name, ["a@x.example"], by=ANN, now=later(5), edit_headers=True),
            lambda: store.requeue(name, by=ADMIN, now=later(5)),
        ]
        for _ in range(4):
            await dice.choice(verbs)()

    async def timer() -> None:
        for _ in range(10):
            for one in await claim(store, later(5), limit=9):
                await settle(store, one, now=later(5))

    await asyncio.gather(*(person(n) for n in names), timer(), timer())
    counts = (await store.counts(NOW)).deliveries
    assert sum(counts.values()) == 80
    assert counts[State.SENDING] == 0
