"""Forgetting what is past its time: bytes first, then decisions; facts by their own clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailguard.records import Actor
from mailguard.store.database import Database
from mailguard.store.retention import Retention
from mailguard.store.verbs import bodies as bodies_of
from mailguard.store.verbs import chain, erasure, forks, legal, mails
from mailguard.store.verbs.codec import dump, micros

BATCH = 100  # mails in one transaction, so that mail coming in does not wait long
EVENTS = 1000  # and events of no mail
SLICE = 200  # rows of each kind of fact
_TIMER = Actor("timer", "policy")
_CORRECTED = timedelta(days=2)  # after its end; a mail's Sent folder is tried for one


def old_bodies(db: Database, now: datetime, keep: Retention) -> list[int]:
    """Up to BATCH mails whose bytes are past their time. Those under a legal hold are walked, so ask a reader."""
    return [row["id"] for row in db.run("bodies_to_purge", (micros(now - keep.bodies), BATCH))]


def bodies(db: Database, old: Sequence[int], now: datetime) -> int:
    """Delete the bytes of these mails, the words found in them and the links to them, if nothing needs them now."""
    rows = db.run("bodies_to_purge_of", (dump(list(old)),)).fetchall()
    numbers = [row["id"] for row in rows if bodies_of.readable(db, row["id"])]
    for number in numbers:
        db.run("purge_chunks", {"mail": number})
        db.run("purge_evidence", (number,))
        db.run("purge_splices", (number,))
        bodies_of.purge_edits(db, number)
        db.run("purge_links", (number,))
        db.run("purge_sketch", (number,))
        db.run("forget_unsent", (number,))
        db.run("put_down", (number,))
        # failpoint: store.purging
        db.run("purged", (micros(now), number))
        mails.event(db, number, now, "message.purged", "timer", {})
    return len(numbers)


def decisions(db: Database, now: datetime, keep: Retention) -> int:
    """Forget up to BATCH mails altogether, and old events of none; the audit goes on proving that they were."""
    before = micros(now - keep.decisions)
    db.run("forget_notices", (before,))
    mails = [row["id"] for row in db.run("mails_to_forget", (before, BATCH))]
    held = bool(legal.holds(db))  # whom an event of no mail speaks of is not looked for: they all stay meanwhile
    events = [] if held else [row["id"] for row in db.run("old_events", (before, EVENTS))]
    erasure.forget(db, mails, events, "retention", _TIMER, now)
    if not held:
        chain.forget_ranges(db, now - keep.decisions)
    return len(mails) if len(mails) == BATCH else BATCH if len(events) == EVENTS else 0


def facts(db: Database, now: datetime, keep: Retention) -> bool:
    """Forget who wrote to whom, what rules can be tried on and where files went.

    A slice of each, in the order of their time; whether there may be more.
    """
    before = micros(now - keep.facts)
    written = db.run("slice_of_written", (before, SLICE)).fetchone()
    senders = [{"key": row[0]} for row in db.run("writers_to_forget", (written["until"],)).fetchall()]
    db.run("forget_written", (written["until"],))
    db.run_many("recount_habit", senders)
    db.run_many("forget_habit", senders)
    remembered = db.run("slice_of_remembered", (micros(now - keep.habits), SLICE)).fetchone()
    db.run("forget_remembered", (remembered["until"],))
    files = db.run("slice_of_files", (before, SLICE)).fetchone()
    db.run("forget_files", (files["until"],))
    kept = db.run("slice_of_kept", (before, SLICE)).fetchone()
    db.run("forget_kept", (kept["until"],))
    return any(row["found"] == SLICE for row in (written, remembered, files, kept))


def old_threads(db: Database, now: datetime, keep: Retention) -> list[int]:
    """Up to SLICE conversations that ended long ago. Those of mail that still waits are walked, so ask a reader."""
    return [row["id"] for row in db.run("threads_to_forget", (micros(now - keep.facts), SLICE))]


def threads(db: Database, old: Sequence[int], now: datetime, keep: Retention) -> None:
    """Forget these conversations, where nothing was added to them meanwhile."""
    before = micros(now - keep.facts)
    db.run_many("forget_thread", [(number, before) for number in old])


def passing(db: Database, now: datetime) -> None:
    """Forget codes and web sessions that are over, forks that come no more, and Sent folders nobody put right."""
    db.run("forget_sent_copies", (micros(now - _CORRECTED),))
    db.run("forget_forks", (micros(now - forks.WINDOW),))
    db.run("forget_codes", {"now": micros(now)})
    db.run("forget_logins", (micros(now),))
