"""People racing the clock: random interleavings of presses and the timer, through the desk, on the real store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailguard import tokens
from mailguard.desk import Desk
from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.people import Organization, People
from mailguard.records import Capability, Claim, Decision, Delivery, Ending, OnExpiry, Power, State
from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.store.making import LEASE, OK, hold, mail
from tests.torture.fault import Trial, fault

BOB, EVE, ZOE = "bob@client.example", "eve@client.example", "zoe@client.example"
ANN, BOSS = "ann@corp.example", "boss@corp.example"
MAILS = 250  # interleavings a run
TICK = 0.001  # seconds of the fake clock that a press takes
VERBS = ("send", "cancel", "drop", "stop", "approve")

_Press = Callable[[], Awaitable[Decision]]


@dataclass
class Race:
    """One mail, everybody who presses something, and what each was told."""

    store: Store
    desk: Desk
    clock: FakeClock
    trial: Trial
    queue_id: str
    told: list[tuple[str, Decision]] = field(default_factory=list)
    turned_away: int = 0  # the page was out of date, and said so
    dots: Counter[int] = field(default_factory=Counter)  # by delivery
    moments: set[datetime] = field(default_factory=set)

    async def begin(self) -> None:
        """A mail that waits for a time, its sender, an approver or both; what ends it is milliseconds away."""
        dice, now = self.trial.dice, self.clock.now()
        soon = now + timedelta(seconds=TICK * dice.randint(0, 8))
        outcome = dice.choice([OnExpiry.RETURN, OnExpiry.SEND])
        own = hold("own", expires_at=soon, on_expiry=outcome)
        asked = hold("asked", approvers=(BOSS,), expires_at=soon, on_expiry=OnExpiry.RETURN)
        holds = dice.choice([[], [], [own], [asked], [own, asked]])
        per = {who: {"due_at": soon, "external": True} for who in (BOB, EVE, ZOE)}
        await self.store.put(mail(self.queue_id, (BOB, EVE, ZOE), holds=holds, per=per, received_at=now), now)
        self.trial.accepted += 1
        await self.store.grant(
            [
                Capability(tokens.digest(f"{self.queue_id}{who}"), self.queue_id, who, power)
                for who, power in ((ANN, Power.SENDER), (BOSS, Power.APPROVER))
            ],
            now,
        )

    async def run(self) -> None:
        dice = self.trial.dice
        presses = [self._press(dice.choice(VERBS)) for _ in range(dice.randint(2, 7))]
        everybody = [*presses, *(self._timer() for _ in range(2))]
        dice.shuffle(everybody)
        await asyncio.gather(*everybody)
        self.clock.jump(2 * 86400)
        while any(not d.state.final for d in await self.deliveries()):
            await self._timer()
        self.moments |= {event.at for event in await self.store.events(self.queue_id)}

    async def deliveries(self) -> tuple[Delivery, ...]:
        found = await self.store.get(self.queue_id)
        assert found is not None
        return found.deliveries

    async def _press(self, verb: str) -> None:
        """Open the page, think for a moment, press once or twice."""
        view = await self.desk.view(f"{self.queue_id}{BOSS if verb == 'approve' else ANN}")
        assert view is not None
        verbs: dict[str, _Press] = {
            "send": lambda: self.desk.send(view, view.confirm, view.seen),
            "approve": lambda: self.desk.send(view, view.confirm, view.seen),
            "cancel": lambda: self.desk.cancel(view, [self.queue_id], view.seen),
            "drop": lambda: self.desk.drop(view, [EVE], view.seen),
            "stop": lambda: self.desk.stop(view),
        }
        for _ in range(self.trial.dice.choice([1, 1, 2])):
            await self._think()
            try:
                self.told.append((verb, await verbs[verb]()))
            except (NotAllowed, NotConfirmed):
                self.turned_away += 1

    async def _timer(self) -> None:
        """What the scheduler does: holds that are over, copies that are due, the dot, the outcome."""
        await self._think()
        await self.store.expire(self.clock.now())
        now = self.clock.now()
        self.moments.add(now)
        claims = await self.store.claim("w", now, lease=LEASE, limit=9, per_destination=9, skip={})
        await asyncio.gather(*map(self._carry, claims))

    async def _carry(self, claim: Claim) -> None:
        await self._think()
        for delivery in claim.deliveries:
            self.dots[delivery.id] += 1
        now = self.clock.now()
        self.moments.add(now)
        await self.store.settle(claim, {d.id: OK for d in claim.deliveries}, now)

    async def _think(self) -> None:
        for _ in range(self.trial.dice.randint(0, 6)):
            await asyncio.sleep(0)
        self.clock.jump(TICK)

    # what must hold
    async def judge(self) -> None:
        ended = {d.id: d for d in await self.deliveries()}
        for number, delivery in ended.items():
            self.trial.lost += not delivery.state.final
            self.trial.duplicated += max(0, self.dots[number] - 1)
            assert (delivery.state is State.SENT) == (self.dots[number] > 0), "a copy ended as what it is not"
        for verb, decision in self.told:
            _truth(verb, decision, ended, self.moments)
        await self._audit()

    async def _audit(self) -> None:
        """Whoever was told that it is done stands in the audit, and nobody else does."""
        kinds = Counter(event.kind for event in await self.store.events(self.queue_id) if event.actor != "timer")
        done = Counter(verb for verb, decision in self.told if decision.ending is Ending.DONE)
        assert kinds["message.sent_now"] == done["send"]
        assert kinds["message.cancelled"] == done["cancel"] + sum(
            verb == "drop" and len(decision.changed) > 1 for verb, decision in self.told
        )
        assert kinds["message.stopped"] == done["stop"]
        assert kinds["hold.approved"] == done["approve"]


def _truth(verb: str, decision: Decision, ended: dict[int, Delivery], moments: set[datetime]) -> None:
    """What somebody was told against what became of the mail."""
    asked = [d for d in ended.values() if verb != "drop" or d.address == EVE]
    states = {d.state for d in asked}
    assert decision.at is None or decision.at in moments, f"{verb}: nothing happened at {decision.at}"
    match verb, decision.ending:
        case (("cancel" | "drop"), Ending.DONE):
            assert decision.changed
            assert {ended[number].state for number in decision.changed} == {State.CANCELLED}
        case (("cancel" | "drop" | "stop"), Ending.TOO_LATE):
            assert State.SENT in states, f"{verb}: it never left"
        case (("cancel" | "drop"), Ending.ALREADY):
            assert states == {State.CANCELLED}, f"{verb}: it was not taken back"
        case (("send" | "approve"), Ending.TOO_LATE):
            assert State.SENT not in states, f"{verb}: it left"
        case _:
            assert decision.ending in (Ending.DONE, Ending.ALREADY)


class _Nobody:
    def wake(self) -> None:
        """Here the timer comes by itself."""


@fault(
    "send now, cancel, drop, stop, approve, the timer and second clicks at once",
    "one ending, at most one dot, losers are told the truth",
    full=20,
    seconds=120,
)
async def race(trial: Trial) -> None:
    clock = FakeClock()
    store = SqliteStore(trial.folder / "mail.db", clock=clock)
    await store.open()
    try:
        with (trial.folder / "log").open("w") as out:
            people = People(Organization(name="Corp Example", domains=("corp.example",), zone="UTC"))
            desk = Desk(store, lambda: people, clock, Log(stream=out), Metrics(), _Nobody())
            told: Counter[str] = Counter()
            for number in range(MAILS):
                one = Race(store, desk, clock, trial, f"Q{number}")
                await one.begin()
                await one.run()
                await one.judge()
                told.update(decision.ending for _, decision in one.told)
                told["page out of date"] += one.turned_away
    finally:
        await store.close()
    assert {Ending.DONE, Ending.ALREADY, Ending.TOO_LATE} <= told.keys(), f"nobody raced: {told}"
    losers = told.total() - told[Ending.DONE]
    trial.note = f"{MAILS} interleavings, {told.total()} presses, {losers} of them lost and were told so"
