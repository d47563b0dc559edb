"""Failed logins in the audit: all are counted, and a guesser can't fill the disk."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from mailguard.records import Actor
from mailguard.smtpd.guesses import MOST, SPAN, Guesses
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import MONDAY, FakeClock


class Kept:
    """What the audit got."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []

    async def record(self, event: str, *, by: Actor, now: datetime, data: dict[str, str]) -> None:
        assert event == "auth.failed"
        self.records.append((str(by), data["times"]))


def fail(where: str, error: BaseException) -> None:
    raise AssertionError(where) from error


def guesses(store: Any, clock: FakeClock) -> Guesses:
    return Guesses(store, clock, fail)


async def pass_by(clock: FakeClock) -> None:
    await asyncio.sleep(0)
    await clock.advance(SPAN.total_seconds())
    for _ in range(2 * MOST):
        await asyncio.sleep(0)


async def test_a_span_is_one_record_a_name_and_address() -> None:
    kept, clock = Kept(), FakeClock()
    seen = guesses(kept, clock)
    for name, peer in (("ann", "192.0.2.1"), ("ann", "192.0.2.1"), ("ann", "192.0.2.2"), ("x\r\ny", "192.0.2.1")):
        seen.note(name, peer)
    await pass_by(clock)
    assert kept.records == [("ann (192.0.2.1)", "2"), ("ann (192.0.2.2)", "1"), ("x y (192.0.2.1)", "1")]
    seen.note("ann", "192.0.2.1")
    await pass_by(clock)
    assert kept.records[3:] == [("ann (192.0.2.1)", "1")]
    await seen.stop()


async def test_a_million_names_are_a_few_records_and_none_is_uncounted() -> None:
    kept, clock = Kept(), FakeClock()
    seen = guesses(kept, clock)
    for number in range(5000):
        seen.note(f"user{number}" + "x" * 10_000, "192.0.2.1")
    await pass_by(clock)
    assert len(kept.records) == MOST + 1
    assert kept.records[-1] == ("others (smtp)", str(5000 - MOST))
    assert sum(int(times) for _, times in kept.records) == 5000
    assert max(len(who) for who, _ in kept.records) < 150
    await seen.stop()


async def test_what_was_seen_before_the_end_is_written_at_the_end(tmp_path: Path) -> None:
    store, clock = SqliteStore(tmp_path / "mail.db"), FakeClock(MONDAY)
    await store.open()
    seen = guesses(store, clock)
    seen.note("ann", "192.0.2.1")
    await seen.stop()
    records = [record async for span in store.audit() for record in span.records]
    assert [(r.event.kind, r.event.actor) for r in records if r.event] == [("auth.failed", "ann (192.0.2.1)")]
    await store.close()
