"""Who writes to whom, mail by mail: kept of a mail while it waits, and remembered of the copies that were sent."""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b

from mailguard.mail.address import key
from mailguard.records import Delivery, NewMail
from mailguard.records.habits import Background, Habits, PastMail, Reached, Remembered
from mailguard.store.database import Database, Row
from mailguard.store.verbs import threads
from mailguard.store.verbs.codec import dump, micros, sound

KEPT = 1000  # mails of one sender, the latest
SENT, GOT = 600, 300  # that are read for one mail
KNOWN = 200  # latest mails to an address, by which everybody here is asked about it
_TRIM = 50  # mails: trimming each time would cost more than it saves
_SECOND = 1_000_000


def add(db: Database, number: int, mail: NewMail) -> None:
    """Of a mail that waits."""
    one = mail.remembered
    if one is not None:
        copies = {to: [to in one.cc, one.scores.get(to)] for to in one.recipients}
        about = {
            "mail": number,
            "sender": one.sender,
            "at": int(one.at * _SECOND),
            "thread": one.thread,
            "words": _pack(one.words),
            "copies": dump(copies),
            "origin": _origin(one.sender, mail.message_id) if mail.message_id else None,
        }
        db.run("remember_mail", about)


def sent(db: Database, number: int, sent_to: Iterable[Delivery], now: int) -> None:
    """These got it. What a rule added says nothing about the sender."""
    row = db.run("remembered_mail", (number,)).fetchone()
    if row is None:
        return
    copies = json.loads(row["copies"])
    gone = [to for d in sent_to if not d.added and (to := key(d.address)) in copies]
    if not gone:
        return
    db.run("remembered_sent", {"id": row["id"], "now": now})
    _copies(db, row["id"], row["sender_key"], now, [(to, *copies[to]) for to in gone])
    if row["id"] % _TRIM == 0:
        db.run("trim_remembered", {"sender": row["sender_key"], "keep": KEPT})


def _copies(db: Database, number: int, sender: str, at: int, copies: Iterable[tuple[str, bool, float | None]]) -> None:
    db.run_many("remember_copy", [(number, to, sender, at, cc, score) for to, cc, score in copies])


def learn(db: Database, mails: Sequence[PastMail], reached: Reached | None) -> int:
    """As `Store.learn_past`."""
    new = [past.mail for past in mails if _learn(db, past)]
    for sender in {one.sender for one in new}:
        db.run("trim_remembered", {"sender": sender, "keep": KEPT})
        db.run("import_habit", (sender,))
    if reached is not None:
        db.run("remember", {"name": reached.name, "value": dump(reached.value), "now": micros(reached.at)})
    return len(new)


def _learn(db: Database, past: PastMail) -> bool:
    """Not what is remembered. What came through here is learnt when it leaves, and not at all if it was cancelled."""
    one, at = past.mail, int(past.mail.at * _SECOND)
    origin = _origin(one.sender, past.message_id or past.digest)
    about = (origin, one.sender, at, one.thread, _pack(one.words))
    if past.number:
        row = db.run("remember_past", (past.number, *about)).fetchone()
    elif past.message_id and threads.seen(db, past.message_id):
        return False
    else:
        row = db.run("remember_import", about).fetchone()
    if row is None:
        return False
    _copies(db, row[0], one.sender, at, [(to, to in one.cc, one.scores.get(to)) for to in one.recipients])
    if not past.number:  # of a mail that was sent from here it is known already
        db.run_many("remember_written", [(one.sender, to, -int(row[0]), at) for to in one.recipients])
    return True


def habits(db: Database, person: str, addresses: Collection[str], after: int) -> Habits:
    """As `Store.habits`."""
    own = db.run("remembered_of", {"person": person, "limit": SENT, "after": after}).fetchall()
    got = db.run("remembered_for", {"person": person, "limit": GOT, "after": after}).fetchall()
    erasures = db.run("erasures").fetchone()
    known = defaultdict[str, list[Row]](list)
    for row in db.run("remembered_to_them", {"addresses": dump(sorted(addresses)), "limit": KNOWN}):
        known[row["address_key"]].append(row)
    background = {
        to: Background(Counter(row["sender_key"] for row in rows), max(row["at"] for row in rows) / _SECOND)
        for to, rows in known.items()
    }
    return Habits(
        tuple(map(_remembered, own)), tuple(map(_remembered, got)), background,
        seen=max((row["latest"] for row in (*own, *got)), default=after), erasures=int(erasures[0]) if erasures else 0,
    )  # fmt: skip


def erase(db: Database, person: str) -> None:
    """Of one person, everything."""
    db.run("count_erasure")
    db.run("erase_habits", (person,))
    db.run("erase_copies", (person,))
    db.run("erase_empty")
    db.run("erase_written", {"person": person})
    db.run("forget_habit", {"key": person})


def _origin(sender: str, name: str | bytes) -> bytes:
    """What a mail is known again by."""
    name = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
    return blake2b(sender.encode("utf-8", "surrogatepass") + b"\0" + name, digest_size=16).digest()


@sound
def _remembered(row: Row) -> Remembered:
    copies = json.loads(row["copies"])
    return Remembered(
        sender=row["sender_key"], at=row["at"] / _SECOND, recipients=tuple(to for to, _, _ in copies),
        cc=frozenset(to for to, cc, _ in copies if cc), thread=row["thread"], words=_unpack(row["words"]),
        scores={to: score for to, _, score in copies if score is not None}, number=row["id"],
    )  # fmt: skip


def _pack(words: tuple[int, ...]) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _unpack(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data)
