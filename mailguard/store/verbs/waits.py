"""What a wait is made of: where a mail stands, and how holds are resolved and copies freed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mailguard.records import Decision, Ending, Hold, State
from mailguard.store.database import Database
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import dump_set, maybe_instant, micros

_WAITING = (State.HELD, State.QUEUED)
_LEFT = (State.SENDING, State.SENT, State.FAILED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the asked copies of one mail stand: `left_at` is when the last attempt began or ended."""

    waiting: bool
    left: bool
    left_at: datetime | None
    cancelled: bool
    cancelled_at: datetime | None

    def too_late(self) -> Decision:
        """For those who wanted to keep it: it left; or it was taken back already."""
        if self.left:
            return Decision(Ending.TOO_LATE, at=self.left_at)
        return Decision(Ending.ALREADY if self.cancelled else Ending.UNKNOWN, at=self.cancelled_at)

    def gone(self) -> Decision:
        """For those who wanted it to leave: it left already; or it was taken back."""
        if self.left:
            return Decision(Ending.ALREADY, at=self.left_at)
        return Decision(Ending.TOO_LATE if self.cancelled else Ending.UNKNOWN, at=self.cancelled_at)


def standing(db: Database, number: int, scope: Iterable[str] = ()) -> Standing:
    rows = db.run("standing", {"mail": number, "scope": dump_set(scope)}).fetchall()
    at = {row["state"]: row["at"] for row in rows}
    return Standing(
        waiting=any(state in at for state in _WAITING),
        left=any(state in at for state in _LEFT),
        left_at=maybe_instant(max((at[s] for s in _LEFT if at.get(s)), default=None)),
        cancelled=State.CANCELLED in at,
        cancelled_at=maybe_instant(at.get(State.CANCELLED)),
    )


def lock(db: Database, queue_id: str, scope: Iterable[str] = ()) -> int | Decision:
    """`mails.lock`, where one of the asked copies waits; else what somebody is told who wanted to keep it."""
    number = mails.lock(db, queue_id)
    if number is None:
        return Decision(Ending.UNKNOWN)
    at = standing(db, number, scope)
    return number if at.waiting else at.too_late()


def open_holds(db: Database, number: int) -> list[Hold]:
    return [hold for hold in mails.load_holds(db, number) if hold.open]


def resolve(db: Database, number: int, holds: Iterable[Hold], by: object, now: datetime) -> None:
    for hold in holds:
        if db.run("resolve", (str(by), micros(now), hold.id)).rowcount:
            mails.event(db, number, now, "hold.released", by, {"rule": hold.rule, "kind": hold.kind})


def client_due(db: Database, number: int, now: datetime) -> int:
    """Now, or when the client asked for, whichever is later."""
    return max(micros(now), db.run("client_time", (number,)).fetchone()[0] or 0)


def release(db: Database, number: int, now: datetime) -> list[int]:
    """Free what no open hold covers. The rules' delays are dropped with the hold, the client's time is kept."""
    due = client_due(db, number, now)
    rows = db.run("release", {"mail": number, "now": micros(now), "due": due}).fetchall()
    return [row["id"] for row in rows]


def call_off(
    db: Database, number: int, now: datetime, reason: str, by: object, scope: Iterable[str] = ()
) -> list[tuple[int, str]]:
    """End what waits (id, address of each), and what is on its way should it come back; close idle holds."""
    asked = {"mail": number, "now": micros(now), "reason": reason, "scope": dump_set(scope)}
    ended = [(row["id"], row["address"]) for row in db.run("call_off", asked).fetchall()]
    db.run("call_off_running", asked)
    db.run("thread_dropped", {"mail": number, "now": micros(now)})
    close_idle(db, number, now, by)
    return ended


def close_idle(db: Database, number: int, now: datetime, by: object) -> None:
    """A hold is over with the last copy it holds: its time must not run out on a mail that has ended."""
    db.run("resolve_idle", {"mail": number, "now": micros(now), "by": str(by)})
