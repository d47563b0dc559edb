"""Looking: nothing here changes anything, and nothing here waits for a writer."""

from datetime import datetime, timedelta
from itertools import takewhile

from mailguard.mail.address import key
from mailguard.records import Event, Mail, Receipt, State
from mailguard.store.base import Counts, Filter, Load
from mailguard.store.database import Database, Term
from mailguard.store.search import Search
from mailguard.store.verbs import codec, mails, search
from mailguard.store.verbs.codec import instant, maybe_instant, micros, recipients

_LATE = timedelta(minutes=5)


def get(db: Database, queue_id: str) -> Mail | None:
    number = mails.mail_id(db, queue_id)
    return None if number is None else mails.load(db, [number])[number]


def size_of(db: Database, queue_id: str) -> tuple[int, int]:
    """(number, bytes), (0, 0) when there is nothing to read."""
    row = db.run("size_of", (queue_id,)).fetchone()
    return (row["id"], row["size"]) if row else (0, 0)


def find(db: Database, what: Filter) -> list[Mail]:
    """Each part is one that an index answers: a word of `search`, or a few mails."""
    terms = [Term((column,), search.as_word(text)) for column, text in _words(what) if text]
    asked = {
        "approver": key(what.approver),
        "answers": key(what.answers),
        "recipient": key(what.recipient),
        "sender": key(what.sender),
    }
    narrowed = (
        db.sql["find_approval"] if what.approval else "",
        db.sql["find_approver"] if what.approver else "",
        db.sql["find_answers"] if what.answers else "",
        db.sql["find_recipient"] if what.recipient else "",
        db.sql["find_sender"] if what.sender else "",
    )
    order = Search(state=what.state, waiting=what.waiting, before=what.before, after=what.after, limit=what.limit)
    return search.newest(db, order, terms, " ".join(narrowed), asked)


def _words(what: Filter) -> tuple[tuple[str, str], ...]:
    return ("sender", key(what.sender)), ("recipients", key(what.recipient)), ("rules", what.rule)


@codec.sound
def assisted(db: Database, person: str, limit: int) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in db.run("assisted", (key(person), limit)):
        found[row["queue_id"]] = found.get(row["queue_id"], frozenset()) | codec.names(row["scope"])
    return found


def receipts(db: Database, since: datetime, most: int) -> list[Receipt]:
    """Read from the last mail backwards, only as far as is asked for."""
    rows = takewhile(lambda row: row["received_at"] >= micros(since), db.each("receipts", (most,)))
    found = [
        Receipt(
            row["queue_id"], row["sender_key"], row["sender"], row["digest"],
            tuple(r.address for r in recipients(row["recipients"])), instant(row["received_at"]),
        )
        for row in rows
    ]  # fmt: skip
    return found[::-1]


def events(db: Database, queue_id: str) -> list[Event]:
    rows = db.run("events", (queue_id,))
    return [codec.event(row, queue_id) for row in rows]


@codec.sound
def counts(db: Database, now: datetime) -> Counts:
    oldest = {
        State.HELD: db.run("oldest_held").fetchone(),
        State.QUEUED: db.run("oldest_queued").fetchone(),
        State.SENDING: db.run("oldest_sending").fetchone(),
    }
    late = db.run("notices_undelivered", (micros(now - _LATE),)).fetchone()[0]
    return Counts(
        deliveries={State(row["state"]): row["deliveries"] for row in db.run("tally")},
        oldest={state: instant(row[0]) for state, row in oldest.items() if row is not None},
        notices_undelivered=late,
        journals_undelivered=db.run("journals_undelivered", (micros(now - _LATE),)).fetchone()[0],
    )


def load(db: Database, login: str) -> Load:
    row = db.run("load", (login,)).fetchone()
    return Load(row["mails"], row["bytes"])


def logins(db: Database) -> list[str]:
    return [row["login"] for row in db.run("logins")]


@codec.sound
def next_due(db: Database, after: datetime | None) -> datetime | None:
    return maybe_instant(db.run("next_due", {"after": micros(after) if after else -1}).fetchone()[0])
