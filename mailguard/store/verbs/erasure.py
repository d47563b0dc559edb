"""Taking mails and events out of the store, so that the chain over them still holds: at their time, or for a person."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from mailguard.mail.address import key
from mailguard.records import Actor
from mailguard.store.database import Database
from mailguard.store.verbs import chain, habits, legal, mails
from mailguard.store.verbs import person as person_of
from mailguard.store.verbs.codec import dump

BATCH = 100  # mails in one transaction
_WHEREVER_NAMED = (
    "erase_kept", "erase_audience", "erase_authors", "erase_writer", "erase_unsent", "erase_codes", "erase_tokens",
)  # fmt: skip


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
    for row in (*db.each("hold_texts"), *db.each("inside_texts")):
        if person_of.named(who, *row[1:]):
            named.add(row["mail"])
    events = []
    for row in db.each("event_texts"):
        if person_of.named(who, row["actor"], row["data"]):
            if row["mail"] is not None:
                named.add(row["mail"])
            elif not row["kind"].startswith("audit.") and not any(
                person_of.named(one, row["actor"], row["data"]) for one in holders
            ):
                events.append(row["id"])
    ended = tuple(row["id"] for row in db.run("ended_of", (dump(sorted(named)),)))
    records = len(events) + len(db.run("events_of_mails", (dump(ended),)).fetchall())
    held = len(db.run("held_of", (dump(sorted(named)),)).fetchall())
    return Traces(ended, len(named) - len(ended) - held, held, tuple(events), records)


def forget(
    db: Database, mails: Collection[int], events: Collection[int], why: str, by: Actor, now: datetime, person: str = ""
) -> None:
    """These mails with all that hangs on them, if they have ended, and these events. All that goes is sealed first.

    `person`: for whose sake; UnderLegalHold when one began since these were looked for.
    """
    if person:
        legal.refuse(db, person)
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


def forget_facts(db: Database, person: str, by: Actor, now: datetime) -> None:
    """What was learnt of them, what they were told and chose, what lets them in. Told is that, and not of whom."""
    legal.refuse(db, person)
    who = (key(person),)
    habits.erase(db, key(person))
    for statement in _WHEREVER_NAMED:
        db.run(statement, person_of.asked(person))
    db.run("forget_member", who)
    db.run("forget_notices_person", who)
    told = db.run("told_of_none").fetchall()
    db.run_many("forget_notice", [(row["id"],) for row in told if person_of.named(key(person), row["data"])])
    db.run("forget_logins_person", who)
    db.run("drop_factor", who)
    db.run("drop_app_passwords", who)
    db.run("forget_said_by", who)
    mails.event(db, None, now, "person.erased", by, {})
