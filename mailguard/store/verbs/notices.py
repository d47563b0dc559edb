"""Notices on their way: one by one, and gathered when there are many for one person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailguard.errors import ClaimLost
from mailguard.records import NoticeClaim, NoticeKind, Outcome, Result
from mailguard.store.database import Database, Row
from mailguard.store.verbs import bodies, codec, mails
from mailguard.store.verbs.codec import clean, micros

# A code is waited for, an alert is read at once; the others carry a mail back, which has its own place in the mailbox.
_ALONE = frozenset({NoticeKind.CODE, NoticeKind.DELEGATE, NoticeKind.ALERT, NoticeKind.RETURNED, NoticeKind.EXPIRED})


def claim(
    db: Database, now: datetime, lease: timedelta, limit: int, digest_over: int, digest_within: timedelta
) -> list[NoticeClaim]:
    """As `Store.claim_notices`: nobody gets more than `digest_over` mails of us in `digest_within`."""
    groups: list[list[Row]] = []
    at, over = micros(now), micros(db.lease_time(now))
    asked = {"now": at, "lease": over, "latest": max(at, over), "limit": limit}
    for person in db.run("due_people", asked).fetchall():
        found = db.run("due_notices", asked | {"person": person["person_key"]}).fetchall()
        due = [row for row in found if row["mail"] is None or bodies.readable(db, row["mail"])]
        groups += [[row] for row in due if row["kind"] in _ALONE]
        usual = [row for row in due if row["kind"] not in _ALONE]
        again = [row for row in usual if row["attempts"]]  # was put off, or could not be sent: that comes together
        groups += _by_power(again)
        groups += _gather(db, [row for row in usual if not row["attempts"]], now, digest_over, digest_within)
    return _take(db, groups[:limit], now, lease)


def _gather(db: Database, rows: Sequence[Row], now: datetime, over: int, within: timedelta) -> list[list[Row]]:
    """One by one while they are few; together when they come together; later when they trickle."""
    if not rows:
        return []
    since = micros(now - within)
    lately = db.run("told_lately", {"person": rows[0]["person_key"], "since": since}).fetchone()
    if lately["many"] >= over > 0:
        later = lately["last"] + micros(now) - since
        db.run_many("postpone_notice", [(later, row["id"]) for row in rows])
        return []
    return _by_power(rows) if lately["many"] + len(rows) > over else [[row] for row in rows]


def _by_power(rows: Sequence[Row]) -> list[list[Row]]:
    """In one mail to a person there is one link to each mail: who has two powers over it gets two of ours."""
    groups: list[list[Row]] = []
    powers: list[dict[int, str]] = []
    for row in rows:
        place = next(
            (n for n, known in enumerate(powers) if known.get(row["mail"], row["power"]) == row["power"]), None
        )
        if place is None:
            place = len(groups)
            groups.append([])
            powers.append({})
        groups[place].append(row)
        powers[place][row["mail"]] = row["power"]
    return groups


def _take(db: Database, groups: Sequence[Sequence[Row]], now: datetime, lease: timedelta) -> list[NoticeClaim]:
    if not groups:
        return []
    last = int(db.run("next_fences", (len(groups),)).fetchone()[0])
    found = mails.load(db, {row["mail"] for group in groups for row in group if row["mail"] is not None})
    claims, until = [], micros(db.lease_time(now) + lease)
    for fence, group in enumerate(groups, last - len(groups) + 1):
        taken = [(fence, micros(now), until, row["id"]) for row in group]
        db.run_many("claim_notice", taken)
        about = {row["queue_id"]: found[row["mail"]] for row in group if row["mail"] is not None}
        notices = tuple(codec.notice(row) for row in group)
        claims.append(NoticeClaim(group[0]["person"], notices, about, fence))
    return claims


def settle(db: Database, claim: NoticeClaim, outcome: Outcome, now: datetime) -> None:
    """As `Store.settle_notice`."""
    asked = {
        "now": micros(now),
        "due": micros(outcome.due_at or now),
        "reply": clean(str(outcome.reply)),
        "state": outcome.result,
        "fence": claim.fence,
    }
    statement = "defer_notice" if outcome.result is Result.DEFERRED else "end_notice"
    for notice in claim.notices:
        if not db.run(statement, asked | {"id": notice.id}).rowcount:
            raise ClaimLost(f"notice {notice.id}: another attempt has it")
        about = notice.notice
        number = mails.mail_id(db, about.queue_id) if about.queue_id else None
        data = {"kind": about.kind, "person": about.person, "reply": outcome.reply}
        mails.event(db, number, now, f"notice.{outcome.result}", "mailguard", data)
