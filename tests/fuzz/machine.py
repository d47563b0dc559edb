"""One store and one model of it, in step: what every test of the two has, what time and the house do, and what holds.

After every step: the states, instants and holds of every mail, whom each copy waits behind, the tallies, what is due
next; no final state was left, no mail is missing.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mailguard.records import Claim, Decision, Ending, NoticeKind, State
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from mailguard.testing import FakeClock
from tests.fuzz.model import Model
from tests.store.making import ADMIN, NOW, OK, body, later

T = TypeVar("T")
LEGAL = {
    State.HELD: set(State) - {State.SENDING, State.SENT},
    State.QUEUED: set(State) - {State.SENT},
    State.SENDING: set(State),
    **{state: {state} for state in State if state.final},
}

minutes = st.sampled_from([1, 4, 5, 30, 60, 120])


Place = Callable[[Path, FakeClock], Callable[[], Store]]  # makes a store, not open, on the same place each time


class Machine(RuleBasedStateMachine):
    """Rules for what comes in, what goes out and what people do are added by `test_model_queue`."""

    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.another = self.place(Path(self.folder.name), self.clock)
        self.now = 0.0
        self.mails: dict[str, Model] = {}
        self.conversations: dict[str, list[Model]] = {}
        self.seen: dict[tuple[str, str], State] = {}
        self.claims: list[Claim] = []
        self.fence = self.made = 0
        self.told = True  # whether every notice has gone out
        self.paused = False
        self.store: Store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    @property
    def at(self) -> datetime:
        return later(self.now)

    def picked(self, pick: int) -> tuple[str, Model | None]:
        """One of the mails, or now and then one that nobody knows."""
        if pick == 0 or not self.mails:
            return "UNKNOWN", None
        queue_id = list(self.mails)[pick % len(self.mails)]
        return queue_id, self.mails[queue_id]

    def agree(self, said: Decision, expected: Ending | Model | None) -> None:
        assert said.ending is (expected or Ending.UNKNOWN)

    def open(self) -> None:
        self.store = self.another()
        self.run(self.store.open())
        assert bool(self.store.paused) is self.paused

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    # --- time and house ---
    @rule(wait=minutes)
    def wait(self, wait: int) -> None:
        self.now += wait

    @rule()
    def expire(self) -> None:
        ended = self.run(self.store.expire(self.at))
        if self.paused:
            assert ended == []
            return
        for model in self.mails.values():
            model.expire(self.now)
        self.told = False

    def _tell(self) -> None:
        hour = timedelta(hours=1)
        claims = self.run(self.store.claim_notices(self.at, lease=hour, limit=999, digest_over=999, digest_within=hour))
        if self.paused:
            assert claims == []
            return
        for one in claims:
            assert one.fence > self.fence
            self.run(self.store.settle_notice(one, OK, self.at))
            for notice in one.notices:
                assert self._true(notice.notice.kind, notice.notice.queue_id), f"cries wolf: {notice}"
        self.fence = max([self.fence, *(one.fence for one in claims)])
        self.told = True

    def _true(self, kind: NoticeKind, queue_id: str) -> bool:
        return kind in (NoticeKind.HELD, NoticeKind.REMINDER, NoticeKind.EXPIRED) and queue_id in self.mails

    @precondition(lambda self: not self.paused)  # a mail is kept until its notices went out
    @rule()
    def purge(self) -> None:
        self._tell()
        keep = Retention(timedelta(minutes=60), timedelta(minutes=120), timedelta(days=365))
        self.run(self.store.purge(self.at, keep))
        for queue_id, model in list(self.mails.items()):
            if model.ended is not None and model.ended <= self.now - 60:
                assert self.run(body(self.store, queue_id)) == b""
            if model.ended is not None and model.ended <= self.now - 120:
                assert self.run(self.store.get(queue_id)) is None
                del self.mails[queue_id]

    @rule(doubtful=st.sampled_from([False, False, True]))
    def reopen(self, doubtful: bool) -> None:
        """Now and then without what says that it is no copy."""
        self.run(self.store.close())
        for beside in Path(self.folder.name).glob("*.epoch") if doubtful else ():
            beside.unlink()
        self.paused = self.paused or doubtful
        self.open()

    @rule()
    def resume(self) -> None:
        assert self.run(self.store.resume(by=ADMIN, now=self.at)) is self.paused
        self.paused = False

    # --- what holds after every step ---
    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        for queue_id, model in self.mails.items():
            found = self.run(self.store.get(queue_id))
            assert found is not None, f"{queue_id} is lost"
            there = sorted((d.address, d.state, in_minutes(d.due_at), d.attempts) for d in found.deliveries)
            assert there == sorted((c.to, c.state, c.due, c.attempts) for c in model.copies)
            behind = {d.address: d.behind for d in found.deliveries if d.state.waiting}
            assert behind == {c.to: self._name(c.behind) for c in model.waiting()}
            holds = [(h.kind, in_minutes(h.expires_at), h.approved_by) for h in found.open_holds]
            assert holds == [(h.kind, h.expires, h.approved) for h in model.open]
            for d in found.deliveries:
                before = self.seen.get((queue_id, d.address), d.state)
                assert d.state in LEGAL[before], f"{before} → {d.state}"
                self.seen[queue_id, d.address] = d.state
        self.tallies()
        self.next_due()

    def _name(self, model: Model | None) -> str:
        return next((queue_id for queue_id, one in self.mails.items() if one is model), "")

    def tallies(self) -> None:
        counted = self.run(self.store.counts(self.at)).deliveries
        states = [c.state for model in self.mails.values() for c in model.copies]
        assert {state: states.count(state) for state in State} == dict(counted)

    def next_due(self) -> None:
        """Never later than what the model waits for; earlier only for a notice."""
        due = in_minutes(self.run(self.store.next_due()))
        expected = min((at for m in self.mails.values() if (at := m.next) is not None), default=None)
        if self.paused:
            assert due is None
            return
        assert due == expected or (not self.told and due is not None and (expected is None or due < expected))


def in_minutes(instant: datetime | None) -> float | None:
    return None if instant is None else (instant - NOW) / timedelta(minutes=1)
