"""Looking: nothing here changes anything, and nothing here waits for a writer."""

import json
from datetime import datetime, timedelta
from itertools import takewhile
from sqlite3 import Connection

from mailguard.mail.address import key
from mailguard.records import Event, Mail, Receipt, State
from mailguard.store.base import Counts, Filter, Load
from mailguard.store.sqlite import mails
from mailguard.store.sqlite.codec import instant, maybe_instant, maybe_micros, micros, recipients
from mailguard.store.sqlite.connection import SQL

_LATE = timedelta(minutes=5)
_UNFINISHED = (State.HELD, State.QUEUED, State.SENDING)


def get(db: Connection, queue_id: str) -> Mail | None:
    number = mails.mail_id(db, queue_id)
    return None if number is None else mails.load(db, [number])[number]


def size_of(db: Connection, queue_id: str) -> tuple[int, int]:
    """(number, bytes), (0, 0) when there is nothing to read."""
    row = db.execute(SQL["size_of"], (queue_id,)).fetchone()
    return (row["id"], row["size"]) if row else (0, 0)


def chunk(db: Connection, number: int, piece: int) -> bytes | None:
    row = db.execute(SQL["chunk"], (number << 16 | piece,)).fetchone()
    return None if row is None else bytes(row[0])


def find(db: Connection, what: Filter) -> list[Mail]:
    narrow = []
    if what.waiting or what.state in _UNFINISHED:
        narrow.append(SQL["find_unfinished"])
    if what.sender:
        narrow.append(SQL["find_sender"])
    if what.answers:
        narrow.append(SQL["find_answers"])
    asked = {
        "answers": key(what.answers),
        "after": what.after or None,
        "before": maybe_micros(what.before),
        "recipient": key(what.recipient) or None,
        "waiting": what.waiting,
        "state": what.state,
        "rule": what.rule or None,
        "sender": key(what.sender),
        "limit": what.limit,
    }
    rows = db.execute(SQL["find"].replace("{narrow}", " ".join(narrow)), asked).fetchall()
    found = mails.load(db, [row["id"] for row in rows])
    return [found[row["id"]] for row in rows]


def receipts(db: Connection, since: datetime, most: int) -> list[Receipt]:
    """Read from the last mail backwards, only as far as is asked for."""
    rows = takewhile(lambda row: row["received_at"] >= micros(since), db.execute(SQL["receipts"], (most,)))
    found = [
        Receipt(
            row["queue_id"], row["sender_key"], row["sender"], row["digest"],
            tuple(r.address for r in recipients(row["recipients"])), instant(row["received_at"]),
        )
        for row in rows
    ]  # fmt: skip
    return found[::-1]


def events(db: Connection, queue_id: str) -> list[Event]:
    rows = db.execute(SQL["events"], (queue_id,))
    return [Event(instant(r["at"]), r["kind"], queue_id, r["actor"], json.loads(r["data"])) for r in rows]


def counts(db: Connection, now: datetime) -> Counts:
    oldest = {state: db.execute(SQL["oldest"], (state,)).fetchone() for state in _UNFINISHED}
    late = db.execute(SQL["notices_undelivered"], (micros(now - _LATE),)).fetchone()[0]
    return Counts(
        deliveries={State(row["state"]): row["deliveries"] for row in db.execute(SQL["tally"])},
        oldest={state: instant(row[0]) for state, row in oldest.items() if row is not None},
        notices_undelivered=late,
    )


def load(db: Connection, login: str) -> Load:
    row = db.execute(SQL["load"], (login,)).fetchone()
    return Load(row["mails"], row["bytes"])


def logins(db: Connection) -> list[str]:
    return [row["login"] for row in db.execute(SQL["logins"])]


def next_due(db: Connection) -> datetime | None:
    return maybe_instant(db.execute(SQL["next_due"]).fetchone()[0])
