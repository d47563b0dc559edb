"""One mail's life against any store, whatever people, time and the network do to it in whatever order.

At every step: accepted = sent + failed + cancelled + waiting, what has ended stays as it ended, a copy is held if and
only if an open hold covers it, and no copy is carried before its time, while it is held, or by two at once.
"""

import asyncio
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
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
from mailguard.mail.address import key
from mailguard.records import Claim, Delivery, Ending, HoldKind, Mail, OnExpiry, Outcome, State
from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.store.conftest import IMPLEMENTATIONS
from tests.store.making import ADMIN, ANN, NO, NOW, OK, claim, deferred, hold, later, mail, stopped

TO = ("a@x.example", "b@x.example", "c@y.example", "Ceo@corp.example")
KEYS = tuple(map(key, TO))
LEX = "lex@corp.example"
some = st.lists(st.sampled_from(KEYS), unique=True, max_size=3)
at_least_one = st.lists(st.sampled_from(KEYS), unique=True, min_size=1, max_size=4)


class Life(RuleBasedStateMachine):
    """The model knows what must hold; the store is asked after every step."""

    @staticmethod
    def make(folder: Path) -> Store:
        return SqliteStore(folder / "mail.db", clock=FakeClock())

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.store: Store = self.make(self.folder)
        self.run(self.store.open())
        self.now = NOW
        self.claims: list[Claim] = []
        self.ended: dict[int, Delivery] = {}

    def run(self, job: Any) -> Any:
        return self.runner.run(job)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def found(self) -> Mail:
        found = self.run(self.store.get("Q1"))
        assert found is not None
        return found  # type: ignore[no-any-return]

    @initialize(
        delay=st.sampled_from([0, 5]),
        client=st.sampled_from([None, 20]),
        holds=st.lists(
            st.tuples(st.booleans(), st.sampled_from(OnExpiry), st.sampled_from([None, 30, 60])), max_size=2
        ),
    )
    def put(self, delay: int, client: int | None, holds: list[tuple[bool, OnExpiry, int | None]]) -> None:
        made = [
            hold(f"r{i}", approvers=(LEX,) if approver else (), on_expiry=what, expires_at=later(at) if at else None)
            for i, (approver, what, at) in enumerate(holds)
        ]
        hold_until = later(client) if client else None
        special = {"c@y.example": {"destination": "y:25"}}
        due = max(delay, client or 0)
        self.run(self.store.put(mail(to=TO, delay=due, hold_until=hold_until, holds=made, per=special), NOW))

    # --- time and the network ---

    @rule(minutes=st.sampled_from([1, 3, 10, 40]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def carry(self) -> None:
        before = {d.id: d for d in self.found().deliveries}
        claims = self.run(claim(self.store, self.now))
        for one in claims:
            for d in one.deliveries:
                was = before.pop(d.id)
                assert was.state is State.QUEUED
                assert was.due_at is not None
                assert was.due_at <= self.now
        left = [d for d in before.values() if d.state is State.QUEUED and d.due_at and d.due_at <= self.now]
        assert left == []
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        one = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        again = deferred(self.now + timedelta(minutes=4))
        outcomes: dict[int, Outcome] = {d.id: data.draw(st.sampled_from([OK, NO, again])) for d in one.deliveries}
        before = {d.id: d for d in self.found().deliveries}
        try:
            self.run(self.store.settle(one, outcomes, self.now))
        except ClaimLost:
            assert {d.id: d for d in self.found().deliveries} == before
            return
        for d in self.found().deliveries:
            if d.id in outcomes and outcomes[d.id] is not again:
                assert str(d.state) == str(outcomes[d.id].result)
            elif d.id in outcomes:
                assert d.state in (State.QUEUED, State.HELD, State.CANCELLED)

    @rule(everything=st.booleans())
    def reclaim(self, everything: bool) -> None:
        self.run(self.store.reclaim(self.now, everything=everything))

    @precondition(lambda self: self.claims)
    @rule()
    def damage(self) -> None:
        try:
            self.run(self.store.quarantine(self.claims.pop(), hold("", kind=HoldKind.DAMAGED), self.now))
        except ClaimLost:
            return

    @rule()
    def expire(self) -> None:
        before = self.found()
        for one in self.run(self.store.expire(self.now)):
            assert one.queue_id == "Q1"
            assert before.open_holds

    # --- people ---

    def check(self, decision: Any, before: Mail) -> None:
        after = {d.id: d for d in self.found().deliveries}
        if decision.ending is not Ending.DONE:
            assert after == {d.id: d for d in before.deliveries}
            assert decision.changed == ()
        for d in before.deliveries:
            if d.state is State.SENDING:
                assert after[d.id].state is State.SENDING  # nobody takes it out of the courier's hands

    @rule(scope=some)
    def send_now(self, scope: list[str]) -> None:
        before = self.found()
        self.check(self.run(self.store.send_now("Q1", by=ANN, now=self.now, scope=scope)), before)

    @rule(scope=some)
    def stop(self, scope: list[str]) -> None:
        before = self.found()
        asked = stopped(scope=frozenset(scope))
        self.check(self.run(self.store.stop("Q1", by=ANN, hold=asked, now=self.now)), before)

    @rule()
    def approve(self) -> None:
        before = self.found()
        self.check(self.run(self.store.approve("Q1", by=ANN, person=LEX, now=self.now)), before)

    @rule(addresses=at_least_one)
    def drop(self, addresses: list[str]) -> None:
        before = self.found()
        job = self.store.drop("Q1", addresses, by=ANN, now=self.now, edit_headers=True)
        self.check(self.run(job), before)
        assert not [d for d in self.found().deliveries if key(d.address) in addresses and d.state.waiting]

    @precondition(lambda self: self.now > later(5))
    @rule()
    def cancel(self) -> None:
        before = self.found()
        self.check(self.run(self.store.cancel("Q1", by=ANN, now=self.now)), before)
        assert not [d for d in self.found().deliveries if d.state.waiting]

    @rule()
    def requeue(self) -> None:
        before = self.found()
        self.check(self.run(self.store.requeue("Q1", by=ADMIN, now=self.now)), before)

    @rule()
    def extend(self) -> None:
        before = self.found()
        until = self.now + timedelta(minutes=90)
        self.check(self.run(self.store.extend("Q1", by=ANN, until=until, now=self.now)), before)

    # --- what always holds ---

    @invariant()
    def nothing_is_lost_and_nothing_ended_changes(self) -> None:
        found = self.run(self.store.get("Q1"))
        if found is None:  # before `put`
            return
        assert [d.address for d in found.deliveries] == list(TO)
        counts = self.run(self.store.counts(self.now)).deliveries
        for state in State:
            assert counts[state] == sum(d.state is state for d in found.deliveries)
        for d in found.deliveries:
            if d.id in self.ended:
                assert d == self.ended[d.id]
            if d.state.final:
                assert d.ended_at is not None
                self.ended[d.id] = d

    @invariant()
    def held_means_a_hold_covers_it(self) -> None:
        found = self.run(self.store.get("Q1"))
        for d in found.deliveries if found else ():
            covered = any(h.covers(key(d.address)) for h in found.open_holds)
            if d.state.waiting:
                assert (d.state is State.HELD) == covered
            assert (d.due_at is not None) == (d.state is State.QUEUED)
            if d.state is State.HELD:
                assert d.released_at is None

    @invariant()
    def somebody_wakes_for_what_waits(self) -> None:
        found = self.run(self.store.get("Q1"))
        due = [d.due_at for d in found.deliveries if d.due_at] if found else []
        if due:
            wakes: datetime | None = self.run(self.store.next_due())
            assert wakes is not None
            assert wakes <= min(due)

    @invariant()
    def an_ended_mail_has_no_open_hold_and_can_be_purged(self) -> None:
        found = self.run(self.store.get("Q1"))
        if found and all(d.state.final for d in found.deliveries):
            assert found.open_holds == ()


@pytest.mark.parametrize("implementation", sorted(IMPLEMENTATIONS))
def test_one_mails_life(implementation: str, request: pytest.FixtureRequest) -> None:
    def make(folder: Path) -> Store:
        return IMPLEMENTATIONS[implementation](request, folder, FakeClock())()

    machine = type("LifeOf" + implementation, (Life,), {"make": staticmethod(make)})
    checks = settings(
        max_examples=60 if implementation == "sqlite" else 20,  # a schema takes longer to make than a file
        database=None,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(machine, settings=checks)


def test_the_model_can_fail() -> None:
    """A store that forgets to check for holds is found out."""

    class Careless(Life):
        @rule()
        def careless(self) -> None:
            writer = getattr(self.store, "_writer")  # noqa: B009
            careless = "UPDATE delivery SET state = 'queued', due_at = 1 WHERE state = 'held'"
            self.run(writer.run(lambda db: db.execute(careless).rowcount))

    quick = settings(max_examples=30, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Careless, settings=quick)
