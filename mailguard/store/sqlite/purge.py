"""Forgetting what is past its time: bytes first, then decisions; facts by their own clock."""

from datetime import datetime
from sqlite3 import Connection

from mailguard.store.base import Retention
from mailguard.store.sqlite import mails
from mailguard.store.sqlite.codec import micros
from mailguard.store.sqlite.connection import SQL

BATCH = 100  # mails in one transaction, so that mail coming in does not wait long


def bodies(db: Connection, now: datetime, keep: Retention) -> int:
    """Delete the bytes of up to BATCH mails, the words found in them and the links to them."""
    rows = db.execute(SQL["bodies_to_purge"], (micros(now - keep.bodies), BATCH)).fetchall()
    for row in rows:
        number = row["id"]
        db.execute(SQL["purge_chunks"], (number, number))
        db.execute(SQL["purge_evidence"], (number,))
        db.execute(SQL["purge_links"], (number,))
        # failpoint: store.purging
        db.execute(SQL["purged"], (micros(now), number))
        mails.event(db, number, now, "message.purged", "timer", {})
    return len(rows)


def decisions(db: Connection, now: datetime, keep: Retention) -> int:
    """Forget up to BATCH mails altogether."""
    before = micros(now - keep.decisions)
    db.execute(SQL["forget_notices"], (before,))
    db.execute(SQL["forget_events"], (before,))
    return db.execute(SQL["forget_mails"], (before, BATCH)).rowcount


def facts(db: Connection, now: datetime, keep: Retention) -> None:
    """Forget who wrote to whom, old conversations, and codes and sessions that are over."""
    before = micros(now - keep.facts)
    senders = [(row[0],) for row in db.execute(SQL["writers_to_forget"], (before,)).fetchall()]
    db.execute(SQL["forget_written"], (before,))
    db.executemany(SQL["recount_habit"], senders)
    db.executemany(SQL["forget_habit"], senders)
    db.execute(SQL["forget_threads"], (before,))
    db.execute(SQL["forget_codes"], (micros(now),))
    db.execute(SQL["forget_logins"], (micros(now),))
