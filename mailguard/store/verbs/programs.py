"""Programs' tokens: only digests are kept."""

from datetime import datetime

from mailguard.records import Actor, Role, Token
from mailguard.store.database import Database, Row
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import instant, micros, sound


def add(db: Database, token: Token, digest: bytes, by: Actor, now: datetime) -> bool:
    times = (micros(token.made_at), micros(token.expires_at))
    row = (token.name, digest, token.role, token.person, token.made_by, *times)
    if not db.run("add_token", row).rowcount:
        return False
    data = {"name": token.name, "role": token.role, "person": token.person, "until": token.expires_at.isoformat()}
    mails.event(db, None, now, "token.added", by, data)
    return True


def revoke(db: Database, name: str, by: Actor, now: datetime) -> bool:
    if not db.run("revoke_token", (name,)).rowcount:
        return False
    mails.event(db, None, now, "token.revoked", by, {"name": name})
    return True


def known(db: Database) -> list[Token]:
    return [_token(row) for row in db.run("tokens")]


def token(db: Database, digest: bytes, now: datetime) -> Token | None:
    row = db.run("token", (digest, micros(now))).fetchone()
    return None if row is None else _token(row)


@sound
def _token(row: Row) -> Token:
    return Token(
        row["name"],
        Role(row["role"]),
        row["person"],
        row["made_by"],
        instant(row["made_at"]),
        instant(row["expires_at"]),
    )
