"""What a sender's mail says about addresses: learnt when a copy was sent, asked when the next mail comes."""

from collections.abc import Collection, Iterable
from sqlite3 import Connection

from mailguard.mail.address import key
from mailguard.records import Delivery, NewMail, Past
from mailguard.records.past import COUNTED
from mailguard.store.sqlite.codec import clean, dump, instant
from mailguard.store.sqlite.connection import SQL

_REFERENCES = 100  # the latest; a longer chain adds nothing
_TOGETHER = 500  # of each address the latest mails: looking further back costs every mail and changes nothing


def record(db: Connection, mail: NewMail, now: int) -> int | None:
    """The conversation this mail belongs to, with everyone on it. None when nothing names it."""
    references = [clean(name) for name in mail.references[-_REFERENCES:]]
    own = clean(mail.message_id)
    if not (own or references):
        return None
    known = db.execute(SQL["thread_known"], (dump([own, *references]),)).fetchone()
    if known is None:
        thread = int(db.execute(SQL["thread_start"], (now,)).fetchone()[0])
    else:
        thread = int(known[0])
        db.execute(SQL["thread_touch"], (now, thread))
    if own:
        db.execute(SQL["thread_see"], (own, thread))
    if references:
        db.execute(SQL["thread_refer"], {"thread": thread, "ids": dump(references)})
    db.executemany(SQL["thread_join"], _members(mail, thread, now))
    return thread


def _members(mail: NewMail, thread: int, now: int) -> Iterable[tuple[int, str, int | None]]:
    if mail.identity.address:
        yield thread, key(mail.identity.address), now
    for d in mail.deliveries:
        if d.visible or not d.added:  # a silent copy that a rule added is no member
            address = key(d.address)
            held = any(hold.covers(address) for hold in mail.verdict.holds)
            yield thread, address, None if held else now


def sent(db: Connection, thread: int | None, sent_to: Iterable[Delivery], now: int) -> None:
    """These copies went out: their recipients are on the conversation."""
    if thread is not None:
        rows = [{"thread": thread, "address": key(d.address), "now": now} for d in sent_to]
        db.executemany(SQL["thread_sent"], rows)


def learn(db: Connection, number: int, sender: str, sent_to: Iterable[Delivery], now: int) -> None:
    """Remember that `sender` (a key) wrote to these. What a rule added says nothing about the sender."""
    rows = [(sender, key(d.address), number, now) for d in sent_to if not d.added]
    if not rows:
        return
    db.executemany(SQL["learn"], rows)
    if db.execute(SQL["learnt"], (number,)).rowcount:
        db.execute(SQL["learn_habit"], (sender, now))


def facts(db: Connection, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
    """As `Store.facts_for`."""
    asked = sorted(set(addresses))
    about = {"sender": sender, "addresses": dump(asked), "limit": COUNTED}
    counted = db.execute(SQL["written_to"], about).fetchall()
    known = [row["address_key"] for row in counted if row["mails"]]
    habit = db.execute(SQL["habit"], (sender,)).fetchone()
    return Past(
        mails=habit["mails"] if habit else 0,
        since=instant(habit["since"]) if habit else None,
        written={row["address_key"]: row["mails"] for row in counted if row["mails"]},
        together=_together(db, sender, known),
        thread=_thread(db, message_ids),
    )


def _together(db: Connection, sender: str, known: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    about = {"sender": sender, "addresses": dump(known), "limit": _TOGETHER}
    for (group,) in db.execute(SQL["written_together"], about) if len(known) > 1 else ():
        members = {known[int(place)] for place in group.split(",")}
        for member in members:
            found.setdefault(member, set()).update(members)
    return {member: frozenset(others - {member}) for member, others in found.items()}


def _thread(db: Connection, message_ids: Collection[str]) -> frozenset[str] | None:
    ids = dump([clean(name) for name in message_ids])
    rows = db.execute(SQL["thread_members"], {"ids": ids}).fetchall() if message_ids else []
    return frozenset(row[0] for row in rows if row[0] is not None) if rows else None
