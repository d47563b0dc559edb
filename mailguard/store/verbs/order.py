"""Order within a conversation: what a person wrote later does not arrive before what they wrote earlier."""

from collections.abc import Iterable
from datetime import datetime

from mailguard.store.database import Database
from mailguard.store.verbs.codec import dump_set, micros


def line_up(db: Database, number: int, thread: int | None, sender: str) -> set[int]:
    """Put the waiting copies of this mail behind earlier ones of the same sender (a key); behind which mails."""
    if thread is None or not sender or not db.run("earlier", (thread, sender, number)).fetchone()[0]:
        return set()
    return {row[0] for row in db.run("line_up", (number,)).fetchall() if row[0] is not None}


def let_follow(db: Database, number: int, now: datetime) -> None:
    """A copy of this mail was tried for the first time, or decided anew. (That one ended, a trigger sees.)"""
    db.run("let_follow", {"mail": number, "now": micros(now)})


def overtake(db: Database, number: int, now: datetime, scope: Iterable[str] = ()) -> list[int]:
    """A person wants these copies to leave now, whatever waits before them; which ones did wait."""
    asked = {"mail": number, "now": micros(now), "scope": dump_set(scope)}
    return [row["id"] for row in db.run("overtake", asked).fetchall()]
