"""Whether a store says what it said: every stored body, that no recipient is missing, and that its sums are right."""

import hashlib
import json
from collections.abc import Callable, Iterator

from mailguard.mail.address import key
from mailguard.store.database import Database, Row
from mailguard.store.verbs import bodies

Progress = Callable[[int, int], None]  # (done, of) mails

_BATCH = 200
_FINAL = ("sent", "failed", "cancelled")


def findings(db: Database, progress: Progress) -> Iterator[str]:
    """One line each, none when all is well. ConfigError: what is encrypted can't be read."""
    bodies.refuse_unknown(db)
    yield from _sums(db)
    yield from _mails(db, progress)


def _sums(db: Database) -> Iterator[str]:
    for row in db.run("wrong_tallies"):
        yield f"the tally says that {row['told']} deliveries are {row['state']}, there are {row['found']}"
    (given, highest) = db.run("fences").fetchone()
    if highest > given:
        yield f"fence {highest} is used, but only {given} were given out: two attempts could have the same"


def _mails(db: Database, progress: Progress) -> Iterator[str]:
    total, done, after = db.run("how_many").fetchone()[0], 0, 0
    while rows := db.run("next_mails", (after, _BATCH)).fetchall():
        for row in rows:
            yield from (f"{row['queue_id']}: {found}" for found in _mail(db, row))
        after, done = rows[-1]["id"], done + len(rows)
        progress(done, total)


def _mail(db: Database, mail: Row) -> Iterator[str]:
    deliveries = db.run("copies_of", (mail["id"],)).fetchall()
    recipients = db.run("accepted_of", (mail["id"],)).fetchall()
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


def _digest(db: Database, mail: Row) -> bytes:
    seen = hashlib.sha256()
    for piece in range(-(-mail["size"] // bodies.CHUNK)):
        seen.update(bodies.piece(db, mail["id"], piece) or b"")
    return seen.digest()
