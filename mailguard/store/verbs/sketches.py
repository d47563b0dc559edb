"""What mails are known again by: kept of each while it waits, and of what was sent as passages of its audience."""

import json
import struct
from collections.abc import Collection, Iterable, Mapping

from mailguard.mail.address import key
from mailguard.records import Delivery, Heard, NewMail, Waiting
from mailguard.store.database import Database
from mailguard.store.verbs.codec import dump, names, sound

KNOWN = 20  # texts with one passage: what is in more of them is everybody's, and says nothing
_WAITING = 50  # of one sender's mails, the latest


def add(db: Database, number: int, mail: NewMail) -> None:
    if mail.sketch is not None and mail.identity.address:
        parts = (mail.sketch.own, mail.sketch.new, mail.sketch.quoted)
        db.run("add_sketch", (number, key(mail.identity.address), *map(_pack, parts), dump(mail.sketch.authors)))


def sent(db: Database, thread: int | None, number: int, sent_to: Iterable[Delivery]) -> None:
    """These people know now what this mail says."""
    row = db.run("sketch", (number,)).fetchone()
    if row is None:
        return
    if thread is not None:
        outside = {key(d.address): d.visible for d in sent_to if d.external}
        _tell(db, thread, outside, _unpack(row["new"]))
        # Whoever wrote what is quoted has it. Where nobody outside is known to, it may be anybody's.
        if everyone := dict.fromkeys(names(row["authors"]), True) | outside:
            _tell(db, thread, everyone, _unpack(row["quoted"]))
    db.run("end_sketch", {"mail": number})


def _tell(db: Database, thread: int, people: Mapping[str, bool], passages: tuple[int, ...]) -> None:
    """These have a text now; in a conversation that quotes and quotes again, it is kept once."""
    if not passages:
        return
    (audience,) = db.run("audience", {"thread": thread, "addresses": dump(sorted(people.items()))}).fetchone()
    asked = {"audience": audience, "passages": dump(passages)}
    if db.run("had_passages", asked).fetchone()[0] == len(passages):
        return
    (text,) = db.run("add_text", (audience,)).fetchone()
    kept = db.run("add_passages", {"text": text, "passages": asked["passages"], "known": KNOWN}).rowcount
    db.run("count_passages", (kept, text))


def heard(db: Database, passages: Collection[int]) -> tuple[Heard, ...]:
    """As `Store.heard`."""
    found: dict[int, tuple[int, str, int, set[int]]] = {}
    for row in db.run("heard", (dump(sorted(passages)),)):
        found.setdefault(row["id"], (row["thread"], row["addresses"], row["kept"], set()))[3].add(row["print"])
    return tuple(_heard(*each) for each in found.values())


def waiting(db: Database, sender: str, addresses: Collection[str]) -> tuple[Waiting, ...]:
    """As `Store.waiting`."""
    asked = {"sender": sender, "addresses": dump(sorted(set(addresses))), "limit": _WAITING}
    found = [
        Waiting(row["queue_id"], row["subject"], names(row["recipients"]), _unpack(row["own"]))
        for row in db.run("waiting", asked)
    ]
    return tuple(one for one in found if one.recipients)


@sound
def _heard(thread: int, addresses: str, kept: int, passages: set[int]) -> Heard:
    people = json.loads(addresses)
    everyone, named = frozenset(one for one, _ in people), frozenset(one for one, visible in people if visible)
    return Heard(thread, everyone, named, frozenset(passages), kept)


def _pack(prints: tuple[int, ...]) -> bytes:
    return struct.pack(f"<{len(prints)}q", *prints)


@sound
def _unpack(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}q", data)
