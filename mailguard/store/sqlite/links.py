"""Links, one-time codes and web sessions. Whoever reads the database learns no token."""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from sqlite3 import Connection

from mailguard.records import Capability, Power
from mailguard.store.sqlite.codec import dump_set, micros, names
from mailguard.store.sqlite.connection import SQL

_ASKED = 5  # codes for one subject in
_LATELY = timedelta(minutes=15)
_WRONG = 5  # tries a code


def grant(db: Connection, capabilities: Iterable[Capability], now: datetime) -> None:
    at = micros(now)
    rows = [(c.digest, c.person, c.power, dump_set(c.scope), at, c.queue_id) for c in capabilities]
    db.executemany(SQL["grant"], rows)


def capability(db: Connection, digest: bytes) -> Capability | None:
    row = db.execute(SQL["capability"], (digest,)).fetchone()
    if row is None:
        return None
    return Capability(row["digest"], row["queue_id"], row["person"], Power(row["power"]), names(row["scope"]))


def set_code(db: Connection, subject: str, digest: bytes, expires_at: datetime, now: datetime) -> bool:
    window = micros(now - _LATELY)
    row = db.execute(SQL["code"], (subject,)).fetchone()
    if row is not None and row["asked_since"] > window and row["asked"] >= _ASKED:
        return False
    asked = {"subject": subject, "digest": digest, "expires": micros(expires_at), "now": micros(now), "window": window}
    db.execute(SQL["set_code"], asked)
    return True


def use_code(db: Connection, subject: str, digest: bytes, now: datetime) -> bool:
    row = db.execute(SQL["code"], (subject,)).fetchone()
    if row is None or not row["digest"] or row["expires_at"] <= micros(now):
        return False
    if hmac.compare_digest(row["digest"], digest):
        db.execute(SQL["spend_code"], (subject,))
        return True
    if db.execute(SQL["wrong_code"], (subject,)).fetchall()[0][0] >= _WRONG:
        db.execute(SQL["spend_code"], (subject,))
    return False


def open_login(db: Connection, digest: bytes, person: str, expires_at: datetime) -> None:
    db.execute(SQL["open_login"], (digest, person, micros(expires_at)))


def login(db: Connection, digest: bytes, now: datetime) -> str | None:
    row = db.execute(SQL["login"], (digest, micros(now))).fetchone()
    return None if row is None else str(row[0])


def close_login(db: Connection, digest: bytes) -> None:
    db.execute(SQL["close_login"], (digest,))
