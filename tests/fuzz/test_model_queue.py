"""The queue against its model: whatever people, time and the network do in whatever order, both end in the same place.

What is compared is in `machine`. Many steps of a failing run are cut down to the few that matter by hypothesis.
"""

import contextlib
import math
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailguard.errors import ClaimLost
from mailguard.records import Claim, Hold, HoldKind, OnExpiry, State
from tests.fuzz.machine import Machine, Place, minutes
from tests.fuzz.model import LEASE, Copy, Guard, Model
from tests.store.conftest import IMPLEMENTATIONS
from tests.store.making import ANN, NO, NOW, OK, deferred, later, mail

HOPS = {"bob@client.example": "one:25", "eve@client.example": "one:25", "pat@other.example": "two:25"}
BOSSES = ("boss@corp.example", "lex@corp.example")
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
people = st.lists(st.sampled_from(sorted(HOPS)), min_size=1, unique=True)
TALK = "<start@corp.example>"
talks = st.sampled_from(["", TALK])
waits = st.sampled_from([0, 0, 0, 45])
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


class Queue(Machine):
    """Mail in, mail out, and people."""

    @initialize(mails=st.lists(st.tuples(people, st.sampled_from([0, 0, 10]), talks), max_size=4))
    def begin(self, mails: list[tuple[list[str], int, str]]) -> None:
        self.open()
        for to, delay, talk in mails:
            self.put(to, [], delay, 0, False, talk)

    # --- mail in ---
    @rule(
        to=people,
        held=st.lists(guards, max_size=2),
        delay=st.sampled_from([0, 0, 0, 10, 60]),
        client=waits,
        copied=st.booleans(),
        talk=talks,
    )
    def put(self, to: list[str], held: list[Guard], delay: int, client: int, copied: bool, talk: str) -> None:
        holds = [g for g in after(self.now, held) if not g.scope or g.scope & set(to)]
        self._put(to, holds, self.now + max(delay, client), self.now + client if client else 0, talk, copied=copied)

    @rule(to=people, held=st.booleans(), client=waits)
    def put_one_after_the_other(self, to: list[str], held: bool, client: int) -> None:
        """In one conversation, of which the first has to wait."""
        self.put(to, [Guard()] if held else [], 10, client, False, TALK)
        self.put(to, [], 0, 0, False, TALK)

    @rule(to=people, talk=talks)
    def put_undecided(self, to: list[str], talk: str) -> None:
        self._put(to, [Guard(HoldKind.UNDECIDED)], self.now, 0, talk)

    def _put(
        self, to: list[str], holds: list[Guard], due: float, client: float, talk: str, *, copied: bool = False
    ) -> None:
        self.made += 1
        queue_id = f"Q{self.made}"
        per = {one: {"destination": HOPS[one], "due_at": later(due)} for one in to}
        if copied:
            per[to[-1]] |= {"added": True, "due_at": self.at}
        made = mail(
            queue_id, to, per=per, holds=list(map(hold, holds)), received_at=self.at,
            hold_until=later(client) if client else None, references=(talk,) if talk else (),
        )  # fmt: skip
        self.run(self.store.put(made, self.at))
        copies = [Copy(one, HOPS[one], due=self.now if copied and one == to[-1] else due) for one in to]
        conversation = self.conversations.setdefault(talk or queue_id, [])
        self.mails[queue_id] = Model.put(copies, holds, client, self.now, conversation)

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
        due = {} if self.paused else {(q, hop): min(c.due or 0 for c in copies) for q, m in self.mails.items()
               for hop, copies in m.due(self.now).items()}  # fmt: skip
        lease = timedelta(minutes=LEASE)
        claims = self.run(self.store.claim("w", self.at, lease=lease, limit=limit, per_destination=99, skip={}))
        taken = [(one.mail.queue_id, one.destination) for one in claims]
        assert len(set(taken)) == len(taken) == min(limit, len(due)), "every due copy, once"
        assert max((due[one] for one in taken), default=0) <= min((due[o] for o in due if o not in taken), default=1e9)
        for one in claims:
            self._taken(one)

    @rule()
    def claim_interrupted(self) -> None:
        """What an end of the process cut off, one at a time, whatever waited longest since its last try."""
        claims = self.run(self.store.claim_interrupted("w", self.at, lease=timedelta(minutes=LEASE)))
        cut = {} if self.paused else {(q, hop): since for q, m in self.mails.items()
               for hop, since in m.interrupted(self.now).items()}  # fmt: skip
        assert len(claims) == min(1, len(cut))
        for one in claims:
            assert cut[one.mail.queue_id, one.destination] == min(cut.values())
            self._taken(one)

    def _taken(self, one: Claim) -> None:
        assert one.fence > self.fence
        self.fence = one.fence
        model = self.mails[one.mail.queue_id]
        assert {d.address for d in one.deliveries} == {c.to for c in model.due(self.now)[one.destination]}
        model.claim(one.destination, one.fence, self.now)
        self.claims.append(one)

    def _mine(self, one: Claim) -> list[Copy]:
        model = self.mails.get(one.mail.queue_id)
        return model.mine(one.fence) if model else []

    @precondition(lambda self: self.claims)
    @rule(pick=picks, outcomes=st.lists(st.sampled_from([OK, NO, None]), min_size=3, max_size=3), wait=minutes)
    def settle(self, pick: int, outcomes: list[Any], wait: int) -> None:
        self._settle(self.claims[pick % len(self.claims)], outcomes, wait)

    def _settle(self, one: Claim, outcomes: list[Any], wait: int) -> None:
        said = dict(zip((d.id for d in one.deliveries), outcomes, strict=False))
        due = self.now + wait
        with _lost(when=len(self._mine(one)) < len(said)) as lost:
            self.run(self.store.settle(one, {n: o or deferred(later(due)) for n, o in said.items()}, self.at))
        if lost:
            return
        ended = {d.address: said[d.id] for d in one.deliveries}
        ends = [(c, {OK: State.SENT, NO: State.FAILED}.get(ended[c.to], State.QUEUED)) for c in self._mine(one)]
        if ends:
            self.mails[one.mail.queue_id].settle(ends, self.now, due)

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

    @rule(outcomes=st.lists(st.sampled_from([OK, NO, None]), min_size=3, max_size=3), wait=minutes)
    def do_what_is_due(self, outcomes: list[Any], wait: int) -> None:
        """As the scheduler does, at the instant the store names: then there is nothing left to do but to carry."""
        due = self.run(self.store.next_due())
        if due is not None and due > self.at:
            self.now = math.ceil((due - NOW) / timedelta(minutes=1))
        self.expire()
        self.the_same()
        before = len(self.claims)
        self.claim(100)
        self._tell()
        due = self.run(self.store.next_due())
        assert due is None or due > self.at, "woken for nothing, again and again"
        self.the_same()
        for one in self.claims[before:]:
            self._settle(one, outcomes, wait)

    @rule(times=st.sampled_from([1, 2, 3]), pause=st.sampled_from([0, 1]), alone=st.sampled_from([0, 0, 2]))
    def die(self, times: int, pause: int, alone: int) -> None:
        """So many starts in a row end with all that was due on the wire, then some with what is tried alone."""
        for number in range(times + alone):
            if number < times:
                self.claim(100)
            else:
                self.claim_interrupted()
            self.now += pause
            self.reclaim(everything=True)

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


@contextlib.contextmanager
def _lost(*, when: bool) -> Any:
    """ClaimLost exactly when it must be; what it yields is true afterwards when it was."""
    lost: list[bool] = []
    try:
        yield lost
    except ClaimLost:
        lost.append(True)
    assert bool(lost) is when


def live(place: Place, *, lives: int, steps: int = 40, number: int = 0) -> None:
    """Random lives of a queue, always the same for the same number; a failing one is cut down and printed."""
    machine = seed(number)(type("Queue", (Queue,), {"place": staticmethod(place)}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives, stateful_step_count=steps, deadline=None, database=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.timeout(600)  # cutting a failure down takes its time
@pytest.mark.parametrize("implementation", sorted(IMPLEMENTATIONS))
def test_every_store_is_like_the_model(implementation: str, request: pytest.FixtureRequest) -> None:
    live(partial(IMPLEMENTATIONS[implementation], request), lives=30 if implementation == "sqlite" else 6)
