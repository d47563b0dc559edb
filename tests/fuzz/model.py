"""What a queue promises, as plain Python: mails, their copies and the holds on them. Time is minutes from the start.

Written from the words of `store.base.Store`, not from any store's statements: `test_model_queue` compares the two.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mailguard.records import Ending, HoldKind, OnExpiry, State

LEASE = 5.0
CRASHES = 3
_TIMELESS = (HoldKind.UNDECIDED, HoldKind.DAMAGED)
_SAFEST = (OnExpiry.RETURN, OnExpiry.DISCARD, OnExpiry.SEND)


@dataclass
class Copy:
    """One recipient's. `taken_back`: cancelled while on its way, so it ends unless this attempt brings it there.

    `behind`: the mail whose copy to the same person has to leave first. `tried`: an attempt of it had an outcome.
    """

    to: str
    hop: str
    state: State = State.QUEUED
    due: float | None = None
    attempts: int = 0
    crashes: int = 0
    fence: int = 0
    lease: float = 0.0
    claimed: float = 0.0
    taken_back: bool = False
    tried: bool = False
    behind: "Model | None" = None

    @property
    def unfinished(self) -> bool:
        return not self.state.final


@dataclass
class Guard:
    """One hold. `asleep`: time does nothing to it; `remind` is when it reminds, None = it did."""

    kind: HoldKind = HoldKind.RULE
    approvers: tuple[str, ...] = ()
    needed: int = 1
    scope: frozenset[str] = frozenset()
    expires: float | None = None
    on_expiry: OnExpiry = OnExpiry.RETURN
    open: bool = True
    asleep: bool = False
    remind: float | None = None
    approved: tuple[str, ...] = ()

    def covers(self, to: str) -> bool:
        return not self.scope or to in self.scope

    def arm(self, now: float, *, asleep: bool) -> "Guard":
        """As it begins to hold a mail."""
        self.expires = None if self.kind in _TIMELESS else self.expires
        self.remind = None if self.expires is None else now + (self.expires - now) / 2
        self.asleep = asleep or self.kind in _TIMELESS
        return self


@dataclass(eq=False)
class Model:
    """One mail, and the earlier and later ones of its conversation, itself among them."""

    copies: list[Copy]
    holds: list[Guard]
    client: float = 0.0  # until when its client asked to wait
    conversation: list["Model"] = field(default_factory=list)
    ended: float | None = None

    @classmethod
    def put(
        cls, copies: list[Copy], holds: list[Guard], client: float, now: float, conversation: list["Model"]
    ) -> "Model":
        made = cls(copies, [hold.arm(now, asleep=False) for hold in holds], client, conversation)
        conversation.append(made)
        made._place(now)
        made._line_up()
        return made

    # --- looking ---
    @property
    def open(self) -> list[Guard]:
        return [hold for hold in self.holds if hold.open]

    @property
    def next(self) -> float | None:
        """When time has something to do with it."""
        times = [c.due for c in self.copies if c.state is State.QUEUED and c.behind is None]
        times += [at for h in self.open if not h.asleep for at in (h.expires, h.remind)]
        return min((at for at in times if at is not None), default=None)

    def waiting(self, scope: Collection[str] = ()) -> list[Copy]:
        return [c for c in self.copies if c.state.waiting and (not scope or c.to in scope)]

    def due(self, now: float) -> dict[str, list[Copy]]:
        """By next hop, what may leave now."""
        found: dict[str, list[Copy]] = {}
        for c in self.copies:
            if c.state is State.QUEUED and c.behind is None and c.due is not None and c.due <= now:
                found.setdefault(c.hop, []).append(c)
        return found

    def interrupted(self, now: float) -> dict[str, float]:
        """By next hop, what an end of the process cut off and may leave now; since when it was not tried."""
        found = {}
        for hop, copies in self.due(now).items():
            if cut := [c.claimed for c in copies if c.crashes]:
                found[hop] = min(cut)
        return found

    def mine(self, fence: int) -> list[Copy]:
        return [c for c in self.copies if c.state is State.SENDING and c.fence == fence]

    # --- mail out ---
    def claim(self, hop: str, fence: int, now: float) -> None:
        for c in self.due(now)[hop]:
            c.state, c.due, c.fence, c.lease, c.attempts = State.SENDING, None, fence, now + LEASE, c.attempts + 1
            c.claimed = now

    def settle(self, ends: list[tuple[Copy, State]], now: float, due: float) -> None:
        """The outcomes of one attempt; QUEUED: deferred until `due`, and now nobody waits behind it any more."""
        for c, state in ends:
            c.tried = True
            self._come_back(c, state, now, due if state is State.QUEUED else None)
        if any(state is not State.SENT for _, state in ends):
            self._let_follow(now)

    def set_aside(self, fence: int, kind: HoldKind, now: float) -> None:
        for c in self.mine(fence):
            self._come_back(c, State.QUEUED, now, now)
        self._hold_all(kind, now)
        self._let_follow(now)

    def reclaim(self, now: float, *, everything: bool, alone: bool) -> None:
        """`alone`: on the wire, when the process ended; then, or when its lease ran out, it has to answer for it."""
        poison = False
        for c in self.copies:
            if c.state is State.SENDING and (everything or c.lease <= now):
                crashes = c.crashes + 1 if alone or not everything else max(c.crashes, 1)
                self._come_back(c, State.QUEUED, now, now)
                c.crashes = crashes
                poison = poison or crashes >= CRASHES
        if poison:
            for c in self.copies:
                c.crashes = 0
            self._hold_all(HoldKind.POISON, now)

    def _come_back(self, c: Copy, state: State, now: float, due: float | None) -> None:
        taken_back = state is State.QUEUED and c.taken_back
        c.state, c.due = (State.CANCELLED, None) if taken_back else (state, due)
        c.crashes, c.taken_back = 0, False
        self._place(now)
        self._ended([c], now)

    def _hold_all(self, kind: HoldKind, now: float) -> None:
        self.holds.append(Guard(kind).arm(now, asleep=False))
        if kind in _TIMELESS:
            for hold in self.open:
                hold.asleep = True
        self._place(now)

    # --- people ---
    def send_now(self, scope: Collection[str], now: float) -> Ending:
        if not self.waiting(scope):
            return self._gone(scope)
        held = self.open
        mine = [h for h in held if not h.approvers and h.kind not in _TIMELESS]
        mine = [h for h in mine if not scope or (h.scope and h.scope <= set(scope))]
        changed = self._resolve(mine, now)
        due = max(now, self.client) if held else now
        for c in self.waiting(scope):
            if c.due is not None and c.due > due:
                c.due, changed = due, True
        changed = self._overtake(self.waiting(scope)) or changed
        return Ending.DONE if changed or mine else Ending.ALREADY

    def approve(self, person: str, now: float) -> Ending:
        asked = [h for h in self.holds if person in h.approvers]
        fresh = [h for h in asked if h.open and person not in h.approved]
        if not asked:
            return Ending.UNKNOWN
        if not self.waiting():
            return self._gone()
        for hold in fresh:
            hold.approved += (person,)
        if self._resolve([h for h in fresh if len(h.approved) >= h.needed], now):
            self._overtake(self.copies)
        return Ending.DONE if fresh else Ending.ALREADY

    def stop(self, hold: Guard, now: float) -> Ending:
        if not self.waiting(hold.scope):
            return self._too_late(hold.scope)
        stops = [h for h in self.open if h.kind is HoldKind.STOPPED]
        if any(not h.scope or (hold.scope and hold.scope <= h.scope) for h in stops):
            return Ending.ALREADY
        self.holds.append(hold.arm(now, asleep=any(h.kind in _TIMELESS for h in self.open)))
        self._place(now)
        return Ending.DONE

    def take_back(self, scope: Collection[str], now: float) -> Ending:
        """Cancel (no scope) or drop."""
        if not self.waiting(scope):
            return self._too_late(scope)
        self._call_off(scope, now)
        return Ending.DONE

    def extend(self, until: float, now: float) -> Ending:
        if not self.waiting():
            return self._too_late()
        later = [h for h in self.open if h.expires is not None and h.expires < until]
        for hold in later:
            hold.expires, hold.remind = until, None if hold.remind is None else now + (until - now) / 2
        return Ending.DONE if later else Ending.ALREADY

    def requeue(self, now: float) -> Ending:
        if not self.waiting():
            return self._gone()
        poison = [h for h in self.open if h.kind is HoldKind.POISON]
        self._resolve(poison, now)
        again = [c for c in self.copies if c.state is State.QUEUED and c.attempts]
        for c in again:
            c.due, c.attempts, c.crashes = now, 0, 0
        return Ending.DONE if again or poison else Ending.ALREADY

    def bounce(self, failed: set[str], now: float) -> Ending:
        """`failed`: whose copies the reports speak of; others are waiting by now when they differ."""
        waiting = self.waiting()
        if not waiting:
            return self._too_late()
        if {c.to for c in waiting} != failed:
            return Ending.TOO_LATE
        for c in waiting:
            c.state, c.due = State.FAILED, None
        self._place(now)
        self._ended(waiting, now)
        return Ending.DONE

    def decide(self, holds: list[Guard], due: float, now: float) -> Ending:
        undecided = [h for h in self.open if h.kind is HoldKind.UNDECIDED]
        if not undecided:
            return Ending.ALREADY
        for hold in undecided:
            hold.open = False
        for hold in self.open:
            hold.asleep = hold.kind in _TIMELESS
        self.holds += [hold.arm(now, asleep=False) for hold in holds]
        for c in self.waiting():
            c.state, c.due, c.attempts, c.crashes, c.tried = State.QUEUED, due, 0, 0, False
        self._place(now)
        self._line_up()
        self._let_follow(now)
        return Ending.DONE

    # --- time ---
    def expire(self, now: float) -> None:
        timed = [h for h in self.open if h.expires is not None]
        over = [h for h in timed if not h.asleep and h.expires is not None and h.expires <= now]
        if over:
            outcome = min((h.on_expiry for h in timed), key=_SAFEST.index)
            if outcome is OnExpiry.SEND:
                self._resolve(over, now)
            else:
                for hold in over:
                    hold.open = False
                self._call_off({to for h in over for to in h.scope} if all(h.scope for h in over) else (), now)
        for hold in self.open:
            if not hold.asleep and hold.remind is not None and hold.remind <= now:
                hold.remind = None

    # --- the one rule that all of it comes to ---
    def _place(self, now: float) -> None:
        """What an open hold covers is held, and a hold that covers nothing unfinished is over."""
        for c in self.copies:
            if c.state is State.QUEUED and any(h.covers(c.to) for h in self.open):
                c.state, c.due = State.HELD, None
        for hold in self.open:
            hold.open = any(c.unfinished and hold.covers(c.to) for c in self.copies)
        over = not any(c.unfinished for c in self.copies)
        self.ended = (now if self.ended is None else self.ended) if over else None

    def _resolve(self, holds: Iterable[Guard], now: float) -> bool:
        """Whether anything got free: at once, or when the client said."""
        freed = False
        for hold in (resolved := list(holds)):
            hold.open = False
        for c in self.copies if resolved else ():
            if c.state is State.HELD and not any(h.covers(c.to) for h in self.open):
                c.state, c.due, freed = State.QUEUED, max(now, self.client), True
        return freed

    def _call_off(self, scope: Collection[str], now: float) -> None:
        meant = [c for c in self.copies if not scope or c.to in scope]
        waiting = [c for c in meant if c.state.waiting]
        for c in waiting:
            c.state, c.due = State.CANCELLED, None
        for c in meant:
            c.taken_back = c.taken_back or c.state is State.SENDING
        self._place(now)
        self._ended(waiting, now)

    def _too_late(self, scope: Collection[str] = ()) -> Ending:
        """For those who wanted to keep it."""
        return self._ending(scope, Ending.TOO_LATE, Ending.ALREADY)

    def _gone(self, scope: Collection[str] = ()) -> Ending:
        """For those who wanted it to leave."""
        return self._ending(scope, Ending.ALREADY, Ending.TOO_LATE)

    def _ending(self, scope: Collection[str], left: Ending, cancelled: Ending) -> Ending:
        states = {c.state for c in self.copies if not scope or c.to in scope}
        if states & {State.SENDING, State.SENT, State.FAILED}:
            return left
        return cancelled if states else Ending.UNKNOWN

    # --- order in a conversation ---
    def comes_first(self, to: str) -> bool:
        """Whether a later mail to the same person has to wait for this one."""
        if any(h.kind is HoldKind.DAMAGED for h in self.open):
            return False  # it will never leave
        return any(c.to == to and c.unfinished and (c.state is State.HELD or not c.tried) for c in self.copies)

    def _first(self, to: str) -> "Model | None":
        """The latest of the earlier ones that this one has to wait for."""
        earlier = self.conversation[: self.conversation.index(self)] if self.conversation else []
        return next((one for one in reversed(earlier) if one.comes_first(to)), None)

    def _line_up(self) -> None:
        for c in self.waiting():
            c.behind = self._first(c.to)

    def _ended(self, copies: Iterable[Copy], now: float) -> None:
        for to in [c.to for c in copies if not c.unfinished]:
            self._let_follow(now, to)

    def _let_follow(self, now: float, to: str = "") -> None:
        """Who waits behind it looks again; the time of whoever need not begins now."""
        for later in self.conversation:
            for c in later.copies:
                if c.behind is self and to in ("", c.to) and (first := later._first(c.to)) is not self:
                    c.behind = first
                    c.due = None if c.due is None else max(c.due, now)

    def _overtake(self, copies: Iterable[Copy]) -> bool:
        """A person wants these to leave, whoever came first."""
        freed = [c for c in copies if c.state is State.QUEUED and c.behind is not None]
        for c in freed:
            c.behind = None
        return bool(freed)
