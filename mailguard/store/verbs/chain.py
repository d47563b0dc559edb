"""The chain over the events: ranges are sealed one after the other, by nobody but the one that writes.

Events are inserted without any hash, so that a commit costs what it did. Where only one connection writes, numbers are
given in its order and what is committed is a closed range; where several do, events get their numbers here.
"""

import json
import secrets
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime

from mailguard.audit import GENESIS, Numbers, chain
from mailguard.audit.verify import ERASED
from mailguard.records import Actor, Event, Record, Seal, Span
from mailguard.store.database import Database, Row
from mailguard.store.verbs import codec, mails
from mailguard.store.verbs.codec import dump, instant, micros, sound

BATCH = 500  # records a range: some milliseconds of the writer's time
_LEAF = struct.Struct(">Q16s32s")
_NO_SALT = bytes(16)
_LAST_INSTANT = 253402300799999999  # year 9999


def seal(db: Database, now: datetime) -> Seal | None:
    """Chain the next closed range; None when there is none."""
    db.number_events()
    before = db.run("last_seal").fetchone()
    number, last, previous = (before["number"], before["last"], before["head"]) if before else (0, 0, GENESIS)
    rows = db.run("unsealed", (last, BATCH)).fetchall()
    if not rows:
        return None
    leaves = [_leaf(row) for row in rows]
    first, last, number, at = last + 1, rows[-1]["id"], number + 1, instant(micros(now))
    root = chain.root((id_, digest) for id_, _, digest in leaves)
    head = chain.head(previous, number, first, last, at, root)
    # failpoint: store.sealing
    packed = b"".join(_LEAF.pack(*leaf) for leaf in leaves)
    db.run("add_seal", (number, first, last, micros(at), root, head, packed))
    return Seal(number, first, last, at, previous, root, head)


def _leaf(row: Row) -> tuple[int, bytes, bytes]:
    salt = secrets.token_bytes(16)
    return row["id"], salt, chain.digest(salt, row["id"], codec.event(row, row["queue_id"]))


def sealed(db: Database) -> int:
    """The last event in the chain."""
    row = db.run("last_seal").fetchone()
    return int(row["last"]) if row else 0


@sound
def span(db: Database, after: int, tail: int = 0) -> Span:
    """The seal after this one with its records; after the last, some of what is not sealed yet; empty is the end.

    `tail`: the last unsealed record that was read already, whatever was sealed meanwhile.
    """
    row = None if tail else db.run("seal_after", (after,)).fetchone()
    if row is None:
        rows = db.run("unsealed_records", (tail or sealed(db), BATCH))
        return Span(None, tuple(Record(e["id"], _event(e)) for e in rows))
    first, last = row["first"], row["last"]
    there = {e["id"]: _event(e) for e in db.run("records", (first, last))}
    previous = bytes(row["previous"] or GENESIS)
    forgotten = row["leaves"] is None
    found = Seal(row["number"], first, last, instant(row["at"]), previous, row["root"], row["head"], forgotten)
    leaves = {number: (salt, digest) for number, salt, digest in _unpack(row["leaves"] or b"")}
    records = [
        Record(number, there.get(number), digest, b"" if salt == _NO_SALT else salt)
        for number, (salt, digest) in leaves.items()
    ]
    records += [Record(number, event) for number, event in there.items() if number not in leaves]
    return Span(found, tuple(sorted(records, key=lambda record: record.id)))


def after(one: Span) -> tuple[int, int]:
    """What to ask `span` for next."""
    return (one.seal.number, 0) if one.seal else (0, one.records[-1].id)


def spans(db: Database) -> Iterator[Span]:
    """All of the audit, range by range."""
    one = span(db, 0)
    while one.seal or one.records:
        yield one
        one = span(db, *after(one))


def _unpack(leaves: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    yield from _LEAF.iter_unpack(leaves[: len(leaves) // _LEAF.size * _LEAF.size])


def _event(row: Row) -> Event:
    """Also of a damaged row: what can't be read is shown as it is, and no digest fits it."""
    kind, actor, data, queue_id = (
        bytes(row[name]).decode("utf-8", "backslashreplace") for name in ("kind", "actor", "data", "queue_id")
    )
    at = row["at"] if isinstance(row["at"], int) and 0 <= row["at"] <= _LAST_INSTANT else 0
    return Event(instant(at), kind, queue_id, actor, _said(data))


def _said(text: str) -> dict[str, str]:
    try:
        said = json.loads(text)
        if isinstance(said, dict) and dump(said) == text:
            return said
    except (ValueError, RecursionError):
        pass
    return {"unreadable": text}


def cut(db: Database, numbers: Iterable[int], why: str, by: Actor, now: datetime) -> None:
    """Take the salts of these sealed events, whose rows go with what calls this, and say so in the audit."""
    gone = Numbers(numbers)
    if not len(gone):
        return
    wanted = {number for first, last in gone for number in range(first, last + 1)}
    ordered = sorted(wanted)
    for row in db.run("seals_over", (ordered[0], ordered[-1])).fetchall():
        at = bisect_left(ordered, row["first"])
        if at == len(ordered) or ordered[at] > row["last"]:
            continue
        kept = db.run("leaves_of", (row["number"],)).fetchone()["leaves"]
        leaves = [
            _LEAF.pack(number, _NO_SALT if number in wanted else salt, digest) for number, salt, digest in _unpack(kept)
        ]
        db.run("replace_leaves", (b"".join(leaves), row["number"]))
    mails.event(db, None, now, ERASED, by, {"why": why, "records": len(gone), "numbers": str(gone)})


def forget_ranges(db: Database, before: datetime) -> None:
    """The oldest ranges of which nothing is left go; only from the beginning, so that a hole is never explained so."""
    while row := db.run("oldest_kept").fetchone():
        ends = (row["first"], row["last"])
        if db.run("left_of", (*ends, micros(before))).fetchone()[0]:
            return
        db.run("forget_range", ends)
        db.run("forget_leaves", (row["number"],))
