"""Order within a conversation: what a person wrote later does not arrive before what they wrote earlier."""

from collections.abc import Iterable
from datetime import datetime
from sqlite3 import Connection

from mailguard.store.sqlite.codec import dump_set, micros
from mailguard.store.sqlite.connection import SQL


def line_up(db: Connection, number: int, thread: int | None, sender: str) -> set[int]:
    """Put the waiting copies of this mail behind earlier ones of the same sender (a key); behind which mails."""
    if thread is None or not sender or not db.execute(SQL["earlier"], (thread, sender, number)).fetchone()[0]:
        return set()
    return {row[0] for row in db.execute(SQL["line_up"], (number,)).fetchall() if row[0] is not None}


def let_follow(db: Connection, number: int, now: datetime) -> None:
    """A copy of this mail was tried for the first time, or decided anew. (That one ended, a trigger sees.)"""
    db.execute(SQL["let_follow"], {"mail": number, "now": micros(now)})


def overtake(db: Connection, number: int, now: datetime, scope: Iterable[str] = ()) -> list[int]:
    """A person wants these copies to leave now, whatever waits before them; which ones did wait."""
    asked = {"mail": number, "now": micros(now), "scope": dump_set(scope)}
    return [row["id"] for row in db.execute(SQL["overtake"], asked).fetchall()]
