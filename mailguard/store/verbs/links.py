"""Links and one-time codes. Whoever reads the database learns no token."""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from mailguard.records import Capability, Power
from mailguard.store.database import Database
from mailguard.store.verbs.codec import dump_set, micros, names

_ASKED = 5  # codes for one subject in
_LATELY = timedelta(minutes=15)
_WRONG = 5  # tries a code


def grant(db: Database, capabilities: Iterable[Capability], now: datetime) -> None:
    at = micros(now)
    rows = [(c.digest, c.person, c.power, dump_set(c.scope), at, c.queue_id) for c in capabilities]
    db.run_many("grant", rows)


def capability(db: Database, digest: bytes) -> Capability | None:
    row = db.run("capability", (digest,)).fetchone()
    if row is None:
        return None
    return Capability(row["digest"], row["queue_id"], row["person"], Power(row["power"]), names(row["scope"]))


def set_code(db: Database, subject: str, digest: bytes, expires_at: datetime, now: datetime) -> bool:
    window = micros(now - _LATELY)
    row = db.run("code", (subject,)).fetchone()
    if row is not None and row["asked_since"] > window and row["asked"] >= _ASKED:
        return False
    asked = {"subject": subject, "digest": digest, "expires": micros(expires_at), "now": micros(now), "window": window}
    db.run("set_code", asked)
    return True


def use_code(db: Database, subject: str, digest: bytes, now: datetime) -> bool:
    row = db.run("code", (subject,)).fetchone()
    if row is None or not row["digest"] or row["expires_at"] <= micros(now):
        return False
    if hmac.compare_digest(row["digest"], digest):
        db.run("spend_code", (b"", subject))
        return True
    if db.run("wrong_code", (subject,)).fetchall()[0][0] >= _WRONG:
        db.run("spend_code", (b"", subject))
    return False
