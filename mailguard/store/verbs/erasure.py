"""Taking mails and events out of the store, so that the chain over them still holds: at their time, or for a person."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from mailguard.mail.address import key
from mailguard.records import Actor
from mailguard.store.database import Database
from mailguard.store.verbs import chain, habits, legal, mails
from mailguard.store.verbs.codec import dump

BATCH = 100  # mails in one transaction
_ADDRESS = re.compile(r"""[^\s"'<>(),;:\[\]{}]+@[^\s"'<>(),;:\[\]{}]+""")


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person is named: mails that have ended, how many still wait, and events of no mail."""

    mails: tuple[int, ...]
    waiting: int
    held: int  # mails under somebody's legal hold
    events: tuple[int, ...]
    records: int  # all events that would go


def habits_of(db: Database, person: str, by: Actor, now: datetime) -> None:
    """As `Store.forget_habits`; that it was done is told, and of whom not."""
    legal.refuse(db, person)
    habits.erase(db, person)
    mails.event(db, None, now, "history.erased", by, {})


def traces(db: Database, person: str) -> Traces:
    """Reads all of the audit: it is asked of a reader, never of the writer. UnderLegalHold where nothing may go."""
    legal.refuse(db, person)
    who, holders = key(person), [one.person for one in legal.holds(db)]
    named = {row["id"] for row in db.run("mails_of_person", {"key": who})}
    named |= {row["mail"] for row in db.each("hold_texts") if _any_names(who, *row[1:])}
    events = []
    for row in db.each("event_texts"):
        if _any_names(who, row["actor"], row["data"]):
            if row["mail"] is not None:
                named.add(row["mail"])
            elif not row["kind"].startswith("audit.") and not any(
                _any_names(one, row["actor"], row["data"]) for one in holders
            ):
                events.append(row["id"])
    ended = tuple(row["id"] for row in db.run("ended_of", (dump(sorted(named)),)))
    records = len(events) + len(db.run("events_of_mails", (dump(ended),)).fetchall())
    held = len(db.run("held_of", (dump(sorted(named)),)).fetchall())
    return Traces(ended, len(named) - len(ended) - held, held, tuple(events), records)


def forget(db: Database, mails: Collection[int], events: Collection[int], why: str, by: Actor, now: datetime) -> None:
    """These mails with all that hangs on them, if they have ended, and these events. All that goes is sealed first."""
    mails = [row["id"] for row in db.run("ended_of_locked", (dump(list(mails)),))]
    if not mails and not events:
        return
    while chain.seal(db, now):
        pass
    gone = [row["id"] for row in db.run("events_of_mails", (dump(mails),))]
    chain.cut(db, [*gone, *events], why, by, now)
    db.run_many("purge_chunks", [{"mail": number} for number in mails])
    db.run("forget_mails_by_number", (dump(mails),))
    db.run_many("forget_event", [(number,) for number in events])


def forget_facts(db: Database, person: str) -> None:
    """What was learnt of them, what they were told, their sessions and second factor."""
    legal.refuse(db, person)
    who = (key(person),)
    habits.erase(db, key(person))
    db.run("forget_member", who)
    db.run("forget_notices_person", who)
    told = db.run("told_of_none").fetchall()
    db.run_many("forget_notice", [(row["id"],) for row in told if _names(row["data"], key(person))])
    db.run("forget_logins_person", who)
    db.run("drop_factor", who)
    db.run("forget_said_by", who)


def _any_names(person: str, *texts: str) -> bool:
    return any(_names(text, person) for text in texts)


def _names(text: str, person: str) -> bool:
    """Whether an address in this text (JSON or not) is theirs, in whatever spelling."""
    if "@" not in text:
        return False
    try:
        said = json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        said = text
    return any(key(found) == person for found in _ADDRESS.findall(said))
