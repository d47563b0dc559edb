"""Sent folders that are to be put right: wanted in the commit of what changed the mail."""

from datetime import datetime, timedelta

from mailguard.errors import ClaimLost
from mailguard.records import Actor, SentCopyClaim
from mailguard.store.database import Database
from mailguard.store.verbs import bodies, mails
from mailguard.store.verbs.codec import micros


def claim(db: Database, now: datetime, lease: timedelta) -> SentCopyClaim | None:
    over = db.lease_time(now)
    row = db.run("due_sent_copy", (micros(over),)).fetchone()
    if row is None or not bodies.readable(db, row["mail"]):
        return None
    if not db.run("claim_sent_copy", (micros(over + lease), row["mail"], row["attempts"])).rowcount:
        return None
    return SentCopyClaim(row["mail"], mails.load(db, [row["mail"]])[row["mail"]], row["attempts"] + 1)


def settle(db: Database, claim: SentCopyClaim, outcome: str, by: Actor, now: datetime) -> None:
    if not db.run("end_sent_copy", (claim.id, claim.attempts)).rowcount:
        raise ClaimLost(f"Sent copy of {claim.mail.queue_id}: another attempt has it")
    mails.event(db, claim.id, now, "sent_copy.settled", by, {"outcome": outcome})


def put_off(db: Database, claim: SentCopyClaim, until: datetime) -> None:
    if not db.run("put_off_sent_copy", (micros(until), claim.id, claim.attempts)).rowcount:
        raise ClaimLost(f"Sent copy of {claim.mail.queue_id}: another attempt has it")
