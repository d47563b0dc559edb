"""The queue against its model: whatever people, time and the network do in whatever order, both end in the same place.

After every step: the states, instants and holds of every mail, the tallies, what is due next; no final state was
left, no mail is missing. A hundred steps of a failing run are cut down to the few that matter by hypothesis.
"""

import asyncio
import contextlib
import math
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailguard.errors import ClaimLost
from mailguard.records import Claim, Decision, Ending, Hold, HoldKind, NoticeKind, OnExpiry, State
from mailguard.store.base import Retention, Store
from mailguard.testing import FakeClock
from tests.fuzz.model import LEASE, Copy, Guard, Model
from tests.store.conftest import IMPLEMENTATIONS
from tests.store.making import ANN, NO, NOW, OK, body, deferred, later, mail

T = TypeVar("T")
HOPS = {"bob@client.example": "one:25", "eve@client.example": "one:25", "pat@other.example": "two:25"}
BOSSES = ("boss@corp.example", "lex@corp.example")
LEGAL = {
    State.HELD: set(State) - {State.SENDING, State.SENT},
    State.QUEUED: set(State) - {State.SENT},
    State.SENDING: set(State),
    **{state: {state} for state in State if state.final},
}

minutes = st.sampled_from([1, 4, 5, 30, 60, 120])
scopes = st.sampled_from([(), ("bob@client.example",), ("pat@other.example",), tuple(HOPS)])
guards = st.builds(
    Guard,
    kind=st.sampled_from([HoldKind.RULE, HoldKind.RULE, HoldKind.ERROR]),
    approvers=st.sampled_from([(), (), BOSSES[:1], BOSSES]),
    needed=st.just(1),
    scope=scopes.map(frozenset),
    expires=st.one_of(st.none(), minutes),
    on_expiry=st.sampled_from(OnExpiry),
)
picks = st.integers(0, 30)


def hold(guard: Guard) -> Hold:
    """The model's hold as the store is given it."""
    return Hold(
        "rule", "why", guard.kind, guard.approvers, guard.needed,
        expires_at=None if guard.expires is None else later(guard.expires), on_expiry=guard.on_expiry,
        scope=guard.scope,
    )  # fmt: skip


def after(now: float, given: list[Guard]) -> list[Guard]:
    """Fresh holds whose time counts from now."""
    return [
        Guard(g.kind, g.approvers, len(g.approvers) or 1, g.scope, None if g.expires is None else now + g.expires,
              g.on_expiry)
        for g in given
    ]  # fmt: skip


class Queue(RuleBasedStateMachine):
    """One store and one model of it, in step."""

    implementation = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.now = 0.0
        self.mails: dict[str, Model] = {}
        self.seen: dict[tuple[str, str], State] = {}
        self.claims: list[Claim] = []
        self.fence = self.made = 0
        self.told = True  # whether every notice has gone out
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

    @initialize()
    def open(self) -> None:
        self.store = IMPLEMENTATIONS[self.implementation](Path(self.folder.name), self.clock)
        self.run(self.store.open())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    # --- mail in ---
    @rule(
        to=st.lists(st.sampled_from(sorted(HOPS)), min_size=1, unique=True),
        held=st.lists(guards, max_size=2),
        delay=st.sampled_from([0, 0, 0, 10, 60]),
        client=st.sampled_from([0, 0, 0, 45]),
        copied=st.booleans(),
    )
    def put(self, to: list[str], held: list[Guard], delay: int, client: int, copied: bool) -> None:
        holds = [g for g in after(self.now, held) if not g.scope or g.scope & set(to)]
        self._put(to, holds, self.now + max(delay, client), self.now + client if client else 0, copied=copied)

    @rule(to=st.lists(st.sampled_from(sorted(HOPS)), min_size=1, unique=True))
    def put_undecided(self, to: list[str]) -> None:
        self._put(to, [Guard(HoldKind.UNDECIDED)], self.now, 0)

    def _put(self, to: list[str], holds: list[Guard], due: float, client: float, *, copied: bool = False) -> None:
        self.made += 1
        queue_id = f"Q{self.made}"
        per = {one: {"destination": HOPS[one], "due_at": later(due)} for one in to}
        if copied:
            per[to[-1]] |= {"added": True, "due_at": self.at}
        made = mail(
            queue_id, to, per=per, holds=list(map(hold, holds)), received_at=self.at,
            hold_until=later(client) if client else None,
        )  # fmt: skip
        self.run(self.store.put(made, self.at))
        copies = [Copy(one, HOPS[one], due=self.now if copied and one == to[-1] else due) for one in to]
        self.mails[queue_id] = Model.put(copies, holds, client, self.now)

    @rule(pick=picks, held=st.lists(guards, max_size=2), delay=st.sampled_from([0, 10]))
    def decide(self, pick: int, held: list[Guard], delay: int) -> None:
        queue_id, model = self.picked(pick)
        to = [c.to for c in model.copies] if model else list(HOPS)
        holds, due = after(self.now, held), self.now + delay
        per = {one: {"destination": HOPS[one], "due_at": later(due)} for one in to}
        said = self.run(self.store.decide(mail(queue_id, to, per=per, holds=list(map(hold, holds))), self.at))
        self.agree(said, model and model.decide(holds, due, self.now))

    # --- mail out ---
    @rule(limit=st.sampled_from([1, 2, 100]))
    def claim(self, limit: int) -> None:
        due = {(q, hop): min(c.due or 0 for c in copies) for q, m in self.mails.items()
               for hop, copies in m.due(self.now).items()}  # fmt: skip
        lease = timedelta(minutes=LEASE)
        claims = self.run(self.store.claim("w", self.at, lease=lease, limit=limit, per_destination=99, skip={}))
        taken = [(one.mail.queue_id, one.destination) for one in claims]
        assert len(set(taken)) == len(taken) == min(limit, len(due)), "every due copy, once"
        assert max((due[one] for one in taken), default=0) <= min((due[o] for o in due if o not in taken), default=1e9)
        for one in claims:
            assert one.fence > self.fence
            self.fence = one.fence
            model = self.mails[one.mail.queue_id]
            assert {d.address for d in one.deliveries} == {c.to for c in model.due(self.now)[one.destination]}
            model.claim(one.destination, one.fence, self.now)
        self.claims += claims

    def _mine(self, one: Claim) -> list[Copy]:
        model = self.mails.get(one.mail.queue_id)
        return model.mine(one.fence) if model else []

    @precondition(lambda self: self.claims)
    @rule(pick=picks, outcomes=st.lists(st.sampled_from([OK, NO, None]), min_size=3, max_size=3), wait=minutes)
    def settle(self, pick: int, outcomes: list[Any], wait: int) -> None:
        one = self.claims[pick % len(self.claims)]
        said = dict(zip((d.id for d in one.deliveries), outcomes, strict=False))
        due = self.now + wait
        with _lost(when=len(self._mine(one)) < len(said)) as lost:
            self.run(self.store.settle(one, {n: o or deferred(later(due)) for n, o in said.items()}, self.at))
        if lost:
            return
        ended = {d.address: said[d.id] for d in one.deliveries}
        for c in self._mine(one):
            end = {OK: State.SENT, NO: State.FAILED}.get(ended[c.to], State.QUEUED)
            self.mails[one.mail.queue_id].end(c, end, self.now, due if end is State.QUEUED else None)

    @precondition(lambda self: self.claims)
    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        one = self.claims[pick % len(self.claims)]
        with _lost(when=not self._mine(one)):
            self.run(self.store.renew(one, self.at, timedelta(minutes=LEASE)))
        for c in self._mine(one):
            c.lease = self.now + LEASE

    @precondition(lambda self: self.claims)
    @rule(pick=picks, kind=st.sampled_from([HoldKind.DAMAGED, HoldKind.POISON]))
    def quarantine(self, pick: int, kind: HoldKind) -> None:
        one = self.claims[pick % len(self.claims)]
        with _lost(when=not self._mine(one)) as lost:
            self.run(self.store.quarantine(one, Hold("", "set aside", kind), self.at))
        if not lost:
            self.mails[one.mail.queue_id].set_aside(one.fence, kind, self.now)
            self.told = False

    @rule(everything=st.booleans())
    def reclaim(self, everything: bool) -> None:
        running = [c for m in self.mails.values() for c in m.copies if c.state is State.SENDING]
        back = sum(everything or c.lease <= self.now for c in running)
        assert self.run(self.store.reclaim(self.at, everything=everything)) == back
        alone = sum(any(c.state is State.SENDING for c in m.copies) for m in self.mails.values()) == 1
        for model in self.mails.values():
            model.reclaim(self.now, everything=everything, alone=alone)
        self.told = self.told and not back

    # --- people ---
    @rule(pick=picks, scope=scopes)
    def send_now(self, pick: int, scope: tuple[str, ...]) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.send_now(queue_id, by=ANN, now=self.at, scope=scope))
        self.agree(said, model and model.send_now(scope, self.now))

    @rule(pick=picks, person=st.sampled_from(BOSSES))
    def approve(self, pick: int, person: str) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.approve(queue_id, by=ANN, person=person, now=self.at))
        self.agree(said, model and model.approve(person, self.now))

    @rule(pick=picks, scope=scopes, wait=minutes)
    def stop(self, pick: int, scope: tuple[str, ...], wait: int) -> None:
        queue_id, model = self.picked(pick)
        guard = Guard(HoldKind.STOPPED, scope=frozenset(scope), expires=self.now + wait)
        said = self.run(self.store.stop(queue_id, by=ANN, hold=hold(guard), now=self.at))
        self.agree(said, model and model.stop(guard, self.now))

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.cancel(queue_id, by=ANN, now=self.at))
        self.agree(said, model and model.take_back((), self.now))

    @rule(pick=picks, whom=scopes.filter(bool), edit=st.booleans())
    def drop(self, pick: int, whom: tuple[str, ...], edit: bool) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.drop(queue_id, whom, by=ANN, now=self.at, edit_headers=edit))
        self.agree(said, model and model.take_back(whom, self.now))

    @rule(pick=picks, wait=minutes)
    def extend(self, pick: int, wait: int) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.extend(queue_id, by=ANN, until=later(self.now + wait), now=self.at))
        self.agree(said, model and model.extend(self.now + wait, self.now))

    @rule(pick=picks)
    def requeue(self, pick: int) -> None:
        queue_id, model = self.picked(pick)
        said = self.run(self.store.requeue(queue_id, by=ANN, now=self.at))
        self.agree(said, model and model.requeue(self.now))

    @rule(pick=picks, fewer=st.booleans())
    def bounce(self, pick: int, fewer: bool) -> None:
        queue_id, model = self.picked(pick)
        found = self.run(self.store.get(queue_id))
        about = [d for d in found.deliveries if d.state.waiting][fewer:] if found else []
        said = self.run(self.store.bounce(queue_id, [d.id for d in about], reply="550 no", by=ANN, now=self.at))
        self.agree(said, model and model.bounce({d.address for d in about}, self.now))

    # --- time and house ---
    @rule(wait=minutes)
    def wait(self, wait: int) -> None:
        self.now += wait

    @rule()
    def expire(self) -> None:
        self.run(self.store.expire(self.at))
        for model in self.mails.values():
            model.expire(self.now)
        self.told = False

    @rule()
    def do_what_is_due(self) -> None:
        """As the scheduler does, at the instant the store names: afterwards there is nothing left to do."""
        due = self.run(self.store.next_due(self.at))
        if due is not None and due > self.at:
            self.now = math.ceil((due - NOW) / timedelta(minutes=1))
        self.expire()
        self.the_same()
        self.claim(100)
        self._tell()
        due = self.run(self.store.next_due(self.at))
        assert due is None or due > self.at, "woken for nothing, again and again"

    def _tell(self) -> None:
        hour = timedelta(hours=1)
        claims = self.run(self.store.claim_notices(self.at, lease=hour, limit=999, digest_over=999, digest_within=hour))
        for one in claims:
            assert one.fence > self.fence
            self.run(self.store.settle_notice(one, OK, self.at))
            for notice in one.notices:
                assert self._true(notice.notice.kind, notice.notice.queue_id), f"cries wolf: {notice}"
        self.fence = max([self.fence, *(one.fence for one in claims)])
        self.told = True

    def _true(self, kind: NoticeKind, queue_id: str) -> bool:
        return kind in (NoticeKind.HELD, NoticeKind.REMINDER, NoticeKind.EXPIRED) and queue_id in self.mails

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

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.open()

    # --- what holds after every step ---
    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        for queue_id, model in self.mails.items():
            found = self.run(self.store.get(queue_id))
            assert found is not None, f"{queue_id} is lost"
            there = sorted((d.address, d.state, _minutes(d.due_at), d.attempts) for d in found.deliveries)
            assert there == sorted((c.to, c.state, c.due, c.attempts) for c in model.copies)
            holds = [(h.kind, _minutes(h.expires_at), h.approved_by) for h in found.open_holds]
            assert holds == [(h.kind, h.expires, h.approved) for h in model.open]
            for d in found.deliveries:
                before = self.seen.get((queue_id, d.address), d.state)
                assert d.state in LEGAL[before], f"{before} → {d.state}"
                self.seen[queue_id, d.address] = d.state
        self.tallies()
        self.next_due()

    def tallies(self) -> None:
        counted = self.run(self.store.counts(self.at)).deliveries
        states = [c.state for model in self.mails.values() for c in model.copies]
        assert {state: states.count(state) for state in State} == dict(counted)

    def next_due(self) -> None:
        """Never later than what the model waits for; earlier only for a notice."""
        due = _minutes(self.run(self.store.next_due(self.at)))
        expected = min((at for m in self.mails.values() if (at := m.next) is not None), default=None)
        assert due == expected or (not self.told and due is not None and (expected is None or due < expected))


@contextlib.contextmanager
def _lost(*, when: bool) -> Any:
    """ClaimLost exactly when it must be; what it yields is true afterwards when it was."""
    lost: list[bool] = []
    try:
        yield lost
    except ClaimLost:
        lost.append(True)
    assert bool(lost) is when


def _minutes(instant: datetime | None) -> float | None:
    return None if instant is None else (instant - NOW) / timedelta(minutes=1)


def live(implementation: str, *, lives: int, steps: int = 40, number: int = 0) -> None:
    """Random lives of a queue, always the same for the same number; a failing one is cut down and printed."""
    machine = seed(number)(type("Queue", (Queue,), {"implementation": implementation}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives, stateful_step_count=steps, deadline=None, database=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.timeout(600)  # cutting a failure down takes its time
@pytest.mark.parametrize("implementation", sorted(IMPLEMENTATIONS))
def test_every_store_is_like_the_model(implementation: str) -> None:
    live(implementation, lives=30)
