"""Passwords of mail clients: only digests are kept."""

from datetime import date, datetime

from mailguard.records import Actor, AppPassword
from mailguard.store.database import Database, Row
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import instant, micros, sound


def add(db: Database, made: AppPassword, digest: bytes, by: Actor, now: datetime) -> bool:
    if not db.run("add_app_password", (digest, made.person, made.name, micros(made.made_at))).rowcount:
        return False
    mails.event(db, None, now, "app_password.made", by, {"person": made.person, "name": made.name})
    return True


def drop(db: Database, person: str, name: str, by: Actor, now: datetime) -> bool:
    if not db.run("drop_app_password", (person, name)).rowcount:
        return False
    mails.event(db, None, now, "app_password.revoked", by, {"person": person, "name": name})
    return True


def known(db: Database, person: str) -> list[AppPassword]:
    rows = db.run("app_passwords_of", (person,)) if person else db.run("app_passwords")
    return [_made(row) for row in rows]


def found(db: Database, digest: bytes) -> AppPassword | None:
    row = db.run("app_password", (digest,)).fetchone()
    return None if row is None else _made(row)


def used(db: Database, digest: bytes, day: date) -> None:
    db.run("use_app_password", {"digest": digest, "day": day.isoformat()})


@sound
def _made(row: Row) -> AppPassword:
    day = date.fromisoformat(row["used_on"]) if row["used_on"] else None
    return AppPassword(row["person"], row["name"], instant(row["made_at"]), day)
