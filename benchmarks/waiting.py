"""A store in which many mails wait: some put with the store's own words, the rest copied row by row in SQL."""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Action, Delivery, Hit, Hold, Mode, NewMail, State, Verdict
from mailguard.store.sqlite import connection
from mailguard.store.sqlite.connection import Connection
from mailguard.store.verbs import mails

SEED = 1000  # mails that are put, and the smallest size
STEP = timedelta(milliseconds=100)  # between one mail and the next
WAITS = timedelta(days=30)
DESTINATIONS, SENDERS = 200, 500
APPROVER = "boss@corp.example"
# what a copy's numbers are moved by: by mails, or by 65536 of them
SHIFTED = {
    "thread": ("id",),
    "thread_member": ("thread",),
    "thread_message": ("thread", "mail"),
    "mail": ("id", "thread"),
    "envelope": ("id", "mail"),
    "version": ("mail",),
    "event": ("id", "mail"),
    "kept": ("mail",),
}
_TRIGGERS = ("delivery_made", "event_told")


def fill(folder: Path, sizes: Sequence[int], begin: datetime) -> dict[int, Path]:
    """A file for each size (powers of ten from SEED on), one grown out of the other."""
    made: dict[int, Path] = {}
    path = folder / "growing.db"
    size = SEED
    db = connection.connect_writer(path)
    with connection.transaction(db):
        for number in range(1, SEED + 1):
            at = begin + number * STEP
            mails.put(db, mail(number, at), at)
    while True:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        made[size] = folder / f"waiting-{size}.db"
        db.close()
        shutil.copyfile(path, made[size])
        if size >= max(sizes):
            break
        db = connection.connect_writer(path)
        db.execute("PRAGMA cache_size = -200000")
        db.execute("PRAGMA synchronous = OFF")  # it is a copy's copy until it is whole
        grow(db, size)
        size *= 10
    path.unlink()
    return {size: made[size] for size in sizes}


def mail(number: int, at: datetime) -> NewMail:
    """One that waits; every hundredth of the first SEED for a person."""
    sender = f"person{number % SENDERS}@corp.example"
    to = Recipient(f"contact{number}@client{number % DESTINATIONS}.example")
    raw = b"Subject: x\r\n\r\nHello\r\n"
    held = number % 100 == 0 and number <= SEED
    action, rule = (Action.HOLD, "confidential-outside") if held else (Action.DELAY, "external-delay")
    hit = Hit(rule, Mode.ENFORCE, action, "outside")
    hold = Hold(rule, "1 recipient outside", approvers=(APPROVER,), expires_at=at + WAITS)
    state, due = (State.HELD, None) if held else (State.QUEUED, at + WAITS)
    return NewMail(
        f"{number:08X}", Envelope(sender, (to,)), Identity(sender, Proof.NETWORK), raw,
        hashlib.sha256(raw).digest(), at, (),
        (Delivery(to, f"mx:client{number % DESTINATIONS}.example", state, due_at=due, external=True),),
        Verdict(action, holds=(hold,) if held else (), hits=(hit,), rules_hash="h1"),
        message_id=f"<{number}@corp.example>", subject=f"quote {number}", answers=sender,
    )  # fmt: skip


def grow(db: Connection, size: int) -> None:
    """Ten times as many. Copies only wait for their time: what waits for people stays as few as it is."""
    triggers = [db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0] for name in _TRIGGERS]
    with connection.transaction(db):
        for name in _TRIGGERS:
            db.execute(f"DROP TRIGGER {name}")
        for times in range(1, 10):
            _copy(db, size, times * size)
        for sql in triggers:
            db.execute(sql)
        db.execute("UPDATE tally SET deliveries = (SELECT count(*) FROM delivery d WHERE d.state = tally.state)")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _copy(db: Connection, size: int, by: int) -> None:
    later = by * (STEP // timedelta(microseconds=1))
    for table, shifted in SHIFTED.items():
        changed = {name: f"{name} + {by}" for name in shifted}
        if table == "event":
            most = db.execute("SELECT max(id) FROM event").fetchone()[0]
            changed["id"] = f"id + {most}"
        which = "id" if table in {"mail", "thread"} else "mail" if "mail" in shifted else "thread"
        _rows(db, table, changed, later, f"{which} <= {size}", by)
    moved = {"id": f"id + {by}", "mail": f"mail + {by}"}
    queued = {"state": "'queued'", "due_at": f"coalesce(due_at, (SELECT max(due_at) FROM delivery)) + {later}"}
    _rows(db, "delivery", moved | queued, later, f"mail <= {size}", by)
    _rows(db, "chunk", {"id": f"id + ({by} << 16)"}, later, f"id < ({size + 1} << 16)", by)
    db.execute(
        "INSERT INTO word (rowid, sender, recipients, domains, subject, files, rules, message_id)"
        " SELECT * FROM findable WHERE id > ? AND id <= ?",
        (by, by + size),
    )


def _rows(db: Connection, table: str, changed: dict[str, str], later: int, which: str, by: int) -> None:
    columns = [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]
    given = {"received_at": f"received_at + {later}", "at": f"at + {later}", "last_at": f"last_at + {later}"}
    given |= {"queue_id": f"printf('%08X', id + {by})", "message_id": f"printf('<%d.', {by}) || substr(message_id, 2)"}
    values = ", ".join(changed.get(name) or given.get(name) or name for name in columns)
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {which}")
