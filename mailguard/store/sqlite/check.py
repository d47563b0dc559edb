"""Whether a database says what it said: its pages, every stored body, and that no recipient is missing."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from sqlite3 import Connection, Row

from mailguard.errors import ConfigError
from mailguard.mail.address import key
from mailguard.store.sqlite.connection import SQL, connect_onlooker, refusal, schema
from mailguard.store.sqlite.mails import CHUNK
from mailguard.store.statements import migrations

Progress = Callable[[int, int], None]  # (done, of) mails

_BATCH = 200
_FINAL = ("sent", "failed", "cancelled")


def check(database: Path, progress: Progress) -> Iterator[str]:
    """One line a finding, none when all is well. Reads one state of it, also of a service that runs; writes nothing."""
    db = connect_onlooker(database)
    try:
        db.execute("BEGIN")
        if (there := schema(db)) != (known := migrations("sqlite")[-1][0]):
            raise ConfigError(f"{database} has schema {there}, this mailguard checks {known}: `mailguard db migrate`")
        yield from _pages(db)
        yield from _sums(db)
        yield from _mails(db, progress)
    except sqlite3.Error as error:
        yield str(refusal(database, error))
    finally:
        db.close()


def _pages(db: Connection) -> Iterator[str]:
    for (said,) in db.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield f"damaged: {said}"
    for row in db.execute("PRAGMA foreign_key_check"):
        yield f"damaged: row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"


def _sums(db: Connection) -> Iterator[str]:
    for row in db.execute(SQL["wrong_tallies"]):
        yield f"the tally says that {row['told']} deliveries are {row['state']}, there are {row['found']}"
    (given, highest) = db.execute(SQL["fences"]).fetchone()
    if highest > given:
        yield f"fence {highest} is used, but only {given} were given out: two attempts could have the same"


def _mails(db: Connection, progress: Progress) -> Iterator[str]:
    total, done, after = db.execute(SQL["how_many"]).fetchone()[0], 0, 0
    while rows := db.execute(SQL["next_mails"], (after, _BATCH)).fetchall():
        for row in rows:
            yield from (f"{row['queue_id']}: {found}" for found in _mail(db, row))
        after, done = rows[-1]["id"], done + len(rows)
        progress(done, total)


def _mail(db: Connection, mail: Row) -> Iterator[str]:
    deliveries = db.execute(SQL["copies_of"], (mail["id"],)).fetchall()
    recipients = db.execute(SQL["accepted_of"], (mail["id"],)).fetchall()
    accepted = {key(one[0]) for row in recipients for one in json.loads(row["recipients"])}
    own = sorted(row["address_key"] for row in deliveries if not row["added"])
    for address in sorted(accepted - set(own)):
        yield f"{address} was accepted, but has no delivery"
    for address in sorted({a for a in own if a not in accepted or own.count(a) > 1}):
        yield f"{address} has a delivery too many"
    unfinished = sum(row["ended_at"] is None for row in deliveries)
    if unfinished != mail["unfinished"]:
        yield f"{mail['unfinished']} deliveries are said to be unfinished, there are {unfinished}"
    for row in deliveries:
        if (row["state"] in _FINAL) != (row["ended_at"] is not None):
            yield f"the delivery to {row['address_key']} is {row['state']}, which its end contradicts"
        if row["state"] == "held" and not mail["on_hold"]:
            yield f"the delivery to {row['address_key']} is held, but nobody is asked and no time lets it go"
    if mail["versions"] != 1:
        yield f"version {mail['version']} is the one that leaves, and it is not there"
    if mail["purged_at"] is None and _digest(db, mail) != mail["digest"]:
        yield "the stored message does not match its checksum (it will be set aside, not sent)"


def _digest(db: Connection, mail: Row) -> bytes:
    seen = hashlib.sha256()
    for piece in range(-(-mail["size"] // CHUNK)):
        row = db.execute(SQL["chunk"], (mail["id"] << 16 | piece,)).fetchone()
        seen.update(row[0] if row is not None and isinstance(row[0], bytes) else b"")
    return seen.digest()
