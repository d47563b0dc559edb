"""What the archive is told: rows that a trigger makes in the commit of the fact they are about."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from mailguard.errors import ClaimLost
from mailguard.mail.address import key
from mailguard.mail.edits import load as load_edits
from mailguard.records import Actor, Fact, JournalClaim
from mailguard.store.database import Database, Row
from mailguard.store.verbs import bodies, mails
from mailguard.store.verbs.codec import clean, instant, micros

_WHO = "mailguard"
_NOBODY = "archive.ended"  # what it was not told is not told any more


def set_archive(db: Database, to: str, of: Collection[Fact], by: Actor, now: datetime) -> None:
    """As `Store.set_archive`."""
    before = [(row["fact"], row["address_key"]) for row in db.run("archive_of")]
    said = sorted((str(fact), key(to)) for fact in of)
    if said != before:
        db.run("forget_archive")
        db.run_many("add_archive", said)
        left = 0 if said else db.run("forget_journals").rowcount
        data = {"to": to, "of": ",".join(fact for fact, _ in said), "untold": left}
        mails.event(db, None, now, "archive.set" if said else _NOBODY, by, data)


def claim(db: Database, now: datetime, lease: timedelta, limit: int) -> list[JournalClaim]:
    """As `Store.claim_journals`."""
    at, over = micros(now), micros(db.lease_time(now))
    asked = {"now": at, "lease": over, "latest": max(at, over), "limit": limit}
    claims, until = [], micros(db.lease_time(now) + lease)
    for place in db.run("due_mails", asked).fetchall():
        if not bodies.readable(db, place["mail"]):
            continue
        of_one = {"mail": place["mail"], "version": place["version"], "now": at, "lease": over}
        rows = db.run("due_journals", of_one).fetchall()
        if rows:  # else another node has them by now
            fence = int(db.run("next_fences", (1,)).fetchone()[0])
            db.run_many("claim_journal", [(fence, until, row["id"]) for row in rows])
            claims.append(_claimed(db, place["mail"], place["version"], rows, fence))
    return claims


def _claimed(db: Database, number: int, version: int, rows: list[Row], fence: int) -> JournalClaim:
    edits = load_edits(bodies.read(db, db.run("edits_of", (number, version)).fetchone(), "edits"))
    return JournalClaim(
        mail=replace(mails.load(db, [number])[number], edits=edits),
        facts={row["delivery"]: Fact(row["fact"]) for row in rows},
        ids=tuple(row["id"] for row in rows),
        created_at=instant(min(row["created_at"] for row in rows)),
        attempts=max(row["attempts"] for row in rows) + 1,
        fence=fence,
    )


def settle(db: Database, claim: JournalClaim, reply: str, again: datetime | None, now: datetime) -> None:
    """As `Store.settle_journal`."""
    for number in claim.ids:
        if again is None:
            changed = db.run("end_journal", (number, claim.fence)).rowcount
        else:
            changed = db.run("put_off_journal", (micros(again), number, claim.fence)).rowcount
        if not changed:
            raise ClaimLost(f"journal {number}: another attempt has it")
    # failpoint: store.journalling
    if again is None:
        data = {"of": ",".join(sorted(set(claim.facts.values()))), "reply": clean(reply)}
        mails.event(db, mails.mail_id(db, claim.mail.queue_id), now, "journal.sent", _WHO, data)
