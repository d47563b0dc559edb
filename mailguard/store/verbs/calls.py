"""What webhooks are told: rows that a trigger makes in the commit of the event they are about."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from mailguard.errors import ClaimLost
from mailguard.records import CallClaim
from mailguard.store.database import Database
from mailguard.store.verbs import codec, mails
from mailguard.store.verbs.codec import instant, micros


def set_hooks(db: Database, hooks: Mapping[str, Collection[str]]) -> None:
    db.run("forget_hooks")
    db.run_many("add_hook", [(url, kind) for url, kinds in hooks.items() for kind in kinds])
    db.run("forget_calls")
    db.run("calls_back")


def claim(db: Database, now: datetime, lease: timedelta, busy: Collection[str], most: int) -> list[CallClaim]:
    claims, over = [], db.lease_time(now)
    for (url,) in db.run("called").fetchall():
        if url in busy:
            continue
        db.run("forget_oldest_calls", {"url": url, "most": most})
        row = db.run("next_call", (url,)).fetchone()
        if row is None or row["due_at"] > micros(over if row["fence"] else now):
            continue
        fence = int(db.run("next_fences", (1,)).fetchone()[0])
        db.run("claim_call", (fence, micros(over + lease), row["id"]))
        mail = None if row["mail"] is None else mails.load(db, [row["mail"]])[row["mail"]]
        event = codec.event(row, row["queue_id"])
        claims.append(CallClaim(row["id"], url, event, mail, instant(row["created_at"]), row["attempts"] + 1, fence))
    return claims


def settle(db: Database, claim: CallClaim, again: datetime | None) -> None:
    if again is None:
        changed = db.run("end_call", (claim.id, claim.fence)).rowcount
    else:
        changed = db.run("put_off_call", (micros(again), claim.id, claim.fence)).rowcount
    if not changed:
        raise ClaimLost(f"call {claim.id}: another attempt has it")
