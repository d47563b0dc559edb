"""Conversations: who is on them, who wrote last, whom a person took off, and whether they are confidential."""

import hashlib
from collections.abc import Collection, Iterable

from mailguard.mail.address import key
from mailguard.records import Delivery, NewMail, Thread
from mailguard.store.database import Database
from mailguard.store.verbs.codec import clean, dump

CONFIDENTIAL = "confidential"  # a rule's tag of this name marks the conversation, as the mail's own label does
_LONGEST = 998  # octets of a Message-ID
_REFERENCES = 100  # the latest; a longer chain adds nothing


def record(db: Database, mail: NewMail, now: int) -> tuple[int | None, bool]:
    """The conversation this mail belongs to, with everyone on it, None when nothing names it; and does it begin one?"""
    references = [_name(name) for name in mail.references[-_REFERENCES:]]
    own = _name(mail.message_id)
    if not (own or references):
        return None, False
    ids = dump([name for name in (own, *references) if name])
    known = db.run("thread_known", (ids,)).fetchone()
    if known is None:
        thread = int(db.run("thread_start", (now,)).fetchone()[0])
    else:
        thread = int(known[0])
        db.run("thread_touch", (now, thread))
    if own:
        sender = key(mail.identity.address) if mail.identity.address else ""
        answers = bool(mail.parent) and _writer(db, mail.parent) != sender
        db.run("thread_see", {"id": own, "thread": thread, "sender": sender, "answers": answers})
    if references:
        db.run("thread_refer", {"thread": thread, "ids": dump(references)})
    begun = thread if known is None else None
    if begun and not db.alone:
        thread = _only(db, begun, ids)
    db.run_many("thread_join", _members(mail, thread, now))
    return thread, thread == begun


def _only(db: Database, thread: int, ids: str) -> int:
    """A conversation that another node began at the same moment, and committed first, is the one."""
    other = db.run("thread_other", {"ids": ids, "thread": thread}).fetchone()
    if other is None:
        return thread
    there = int(other[0])
    db.run("thread_move", {"here": thread, "there": there})
    db.run("thread_end", (thread,))
    return there


def mark(db: Database, thread: int | None, mail: NewMail) -> None:
    """Remember that a mail of the conversation was confidential; the verdict must be there."""
    if thread is not None and (mail.confidential or CONFIDENTIAL in mail.verdict.tags):
        db.run("thread_confidential", (thread,))


def sent(db: Database, thread: int | None, number: int, sent_to: Iterable[Delivery], now: int) -> None:
    """These copies went out: their recipients are on the conversation, and the mail counts as written."""
    if thread is None:
        return
    rows = [{"thread": thread, "address": key(d.address), "now": now} for d in sent_to]
    db.run_many("thread_sent", rows)
    db.run("thread_wrote", {"mail": number, "now": now})


def join(db: Database, number: int, deliveries: Iterable[Delivery]) -> None:
    """These are on the mail's conversation once they get it."""
    (thread,) = db.run("thread_of", (number,)).fetchone()
    if thread is not None:
        seen = [d for d in deliveries if d.visible or not d.added]
        db.run_many("thread_join", [(thread, key(d.address), None, not d.visible) for d in seen])


def members(db: Database, message_ids: Collection[str]) -> frozenset[str] | None:
    """Everyone on it; None when none of these mails was seen."""
    found = _members_of(db, message_ids)
    return None if found is None else frozenset(found)


def thread(
    db: Database, sender: str, addresses: Collection[str], message_ids: Collection[str], parent: str
) -> Thread | None:
    """As `Store.thread`."""
    found = _members_of(db, message_ids)
    if found is None:
        return None
    asked = {"ids": _ids(message_ids), "addresses": dump(sorted(set(addresses)))}
    return Thread(
        members=frozenset(found),
        named=frozenset(address for address, hidden in found.items() if not hidden),
        confidential=bool(db.run("thread_is_confidential", (asked["ids"],)).fetchone()[0]),
        taken_off=frozenset(row[0] for row in db.run("thread_taken_off", asked)),
        unanswered=_unanswered(db, sender, asked["addresses"], parent),
    )


def _unanswered(db: Database, sender: str, addresses: str, parent: str) -> dict[str, int]:
    """Nothing unless the mail goes on with one of the sender's own: what answers another mail is no follow-up."""
    if not sender or not parent or _writer(db, parent) != sender:
        return {}
    asked = {"parent": _name(parent), "sender": sender, "addresses": addresses}
    return {row["address_key"]: row["mails"] for row in db.run("thread_unanswered", asked)}


def seen(db: Database, message_id: str) -> bool:
    """Whether this mail itself came through here."""
    return _writer(db, message_id) is not None


def _writer(db: Database, message_id: str) -> str | None:
    """The sender (a key) of a mail that was seen; None for one that came from outside."""
    row = db.run("thread_writer", (_name(message_id),)).fetchone()
    return None if row is None else str(row[0])


def _members(mail: NewMail, thread: int, now: int) -> Iterable[tuple[int, str, int | None, bool]]:
    if mail.identity.address:
        yield thread, key(mail.identity.address), now, False
    for d in mail.deliveries:
        if d.visible or not d.added:  # a silent copy that a rule added is no member
            address = key(d.address)
            held = any(hold.covers(address) for hold in mail.verdict.holds)
            yield thread, address, None if held else now, not d.visible


def _members_of(db: Database, message_ids: Collection[str]) -> dict[str, bool] | None:
    """Each with: is it hidden? None when none of these mails was seen."""
    rows = db.run("thread_members", {"ids": _ids(message_ids)}).fetchall() if message_ids else []
    return {row["address_key"]: bool(row["hidden"]) for row in rows if row["address_key"]} if rows else None


def _ids(message_ids: Collection[str]) -> str:
    return dump([_name(name) for name in message_ids])


def _name(message_id: str) -> str:
    """As it is known here: what is longer than a line of mail may be (RFC 5322 §2.1.1), and than an index takes."""
    name = clean(message_id)
    raw = name.encode()
    return name if len(raw) <= _LONGEST else hashlib.sha256(raw).hexdigest()
