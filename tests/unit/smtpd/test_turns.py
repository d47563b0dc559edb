"""Whose password is checked next."""

import asyncio
from collections.abc import Iterable

import pytest

from mailguard.errors import TemporaryFailure
from mailguard.smtpd.turns import AT_ONCE, MOST_OF_CLIENT, MOST_OF_NAME, Turns

OWNER, HERE, THERE = "198.51.100.7", "192.0.2.1", "192.0.2.2"


class Counter:
    """Where passwords are checked: `begun` says whose check began, in order; each lasts until it is `finish`ed."""

    def __init__(self, failed: Iterable[str] = ()) -> None:
        self.begun: list[str] = []
        self.turns = Turns(set(failed).__contains__)
        self._tasks: list[asyncio.Task[None]] = []
        self._running: list[asyncio.Event] = []

    async def come(self, who: str, peer: str, name: str = "") -> asyncio.Task[None]:
        """One attempt, which has its turn or waits when this returns."""
        self._tasks.append(asyncio.create_task(self._check(who, peer, name or who)))
        await asyncio.sleep(0)
        return self._tasks[-1]

    async def _check(self, who: str, peer: str, name: str) -> None:
        async with self.turns.turn(name, peer):
            self.begun.append(who)
            end = asyncio.Event()
            self._running.append(end)
            await end.wait()

    async def finish(self, checks: int = 1) -> None:
        """The check that began first ends, and so on."""
        for _ in range(checks):
            self._running.pop(0).set()
            for _turn in range(3):
                await asyncio.sleep(0)

    async def close(self) -> None:
        while self._running:
            await self.finish()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert (self.turns._free, self.turns._lines, self.turns._names) == (AT_ONCE, {}, {})


def guessers(count: int) -> list[str]:
    return [f"203.0.113.{n}" for n in range(count)]


async def test_the_owner_has_the_very_next_turn_however_many_guess() -> None:
    counter = Counter(failed=guessers(60))
    for n, peer in enumerate(guessers(60)):
        await counter.come(f"guesser {n}", peer)
    await counter.come("owner", OWNER)
    assert counter.begun == ["guesser 0", "guesser 1"]
    await counter.finish()
    assert counter.begun[2:] == ["owner"]
    await counter.close()


async def test_every_client_has_a_turn_before_one_has_a_second() -> None:
    counter = Counter()
    for n in range(5):
        await counter.come(f"here {n}", HERE)
    await counter.come("there", THERE)
    await counter.come("owner", OWNER)
    await counter.finish(5)
    assert set(counter.begun[AT_ONCE : AT_ONCE + 3]) == {"here 2", "there", "owner"}
    assert counter.begun[AT_ONCE + 3 :] == ["here 3", "here 4"]
    await counter.close()


async def test_who_came_last_and_who_waits_for_longest_have_their_turns_alternately() -> None:
    counter = Counter()
    for n in range(AT_ONCE + 60):
        await counter.come(str(n), f"203.0.113.{n}")
    await counter.come("owner", OWNER)
    await counter.finish(4)
    assert counter.begun[AT_ONCE:] == ["owner", "2", "61", "3"]
    await counter.close()


async def test_all_of_an_ipv6_subscriber_is_one_client() -> None:
    counter = Counter()
    for n in range(4):
        await counter.come(f"v6 {n}", f"2001:db8:1:2::{n}")
    await counter.come("owner", OWNER)
    await counter.finish(2)
    assert set(counter.begun) == {"v6 0", "v6 1", "v6 2", "owner"}
    await counter.close()


async def test_who_failed_lately_finds_a_short_line_and_who_did_not_a_long_one() -> None:
    counter = Counter(failed=[HERE, *guessers(30)])
    for n in range(AT_ONCE + MOST_OF_CLIENT):
        await counter.come(f"name {n}", HERE)
    for n in range(MOST_OF_NAME):
        await counter.come(f"guesser {n}", guessers(30)[n], "Ann")
    for name, peer in (("new", HERE), ("ann", guessers(30)[-1])):
        with pytest.raises(TemporaryFailure, match="too many failed logins") as caught:
            await (await counter.come("late", peer, name))
        assert caught.value.line.startswith("454 4.7.0 ")
    for n in range(MOST_OF_CLIENT + 5):
        await counter.come(f"owner {n}", OWNER, "ann")
    await counter.finish(2)
    assert counter.begun[2:] == ["owner 0", "owner 1"]
    await counter.close()


async def test_who_leaves_while_waiting_has_no_turn() -> None:
    counter = Counter()
    for n in range(AT_ONCE):
        await counter.come(f"first {n}", HERE)
    gone, _ = await counter.come("gone", THERE), await counter.come("owner", OWNER)
    gone.cancel()
    await counter.finish()
    assert counter.begun[2:] == ["owner"]
    await counter.close()


async def test_a_turn_that_comes_while_its_owner_leaves_is_the_next_ones() -> None:
    counter = Counter()
    for n in range(AT_ONCE):
        await counter.come(f"first {n}", HERE)
    gone, _ = await counter.come("gone", THERE), await counter.come("owner", OWNER)
    counter._running.pop(0).set()
    await asyncio.sleep(0)  # the first one has passed its turn on, and nobody has taken it yet
    gone.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert counter.begun[2:] == ["owner"]
    await counter.close()
