"""Web sessions and second factors."""

from collections.abc import Collection
from datetime import datetime

from mailguard.records import Actor, Factor, Login, Way
from mailguard.store.database import Database
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import dump_set, instant, micros, names, sound


def open_login(db: Database, digest: bytes, login: Login) -> None:
    how = (login.way, login.second, dump_set(login.claims), login.name)
    db.run("open_login", (digest, login.person, micros(login.until), *how))


@sound
def login(db: Database, digest: bytes, now: datetime) -> Login | None:
    row = db.run("login", (digest, micros(now))).fetchone()
    if row is None:
        return None
    return Login(
        row["person"],
        instant(row["expires_at"]),
        Way(row["way"]),
        bool(row["second"]),
        names(row["claims"]),
        row["name"],
    )


def close_login(db: Database, digest: bytes) -> None:
    db.run("close_login", (digest,))


def close_logins(db: Database, name: str) -> None:
    db.run("close_logins", (name,))


def password_logins(db: Database) -> list[str]:
    return [row["name"] for row in db.run("password_logins")]


def set_factor(db: Database, name: str, secret: str, recovery: Collection[bytes], by: Actor, now: datetime) -> None:
    db.run("set_factor", (name, secret, _dump(recovery)))
    close_logins(db, name)
    mails.event(db, None, now, "factor.enrolled", by, {"name": name})


def confirm_factor(db: Database, new: Factor, before: str, by: Actor, now: datetime) -> bool:
    row = {"name": new.name, "secret": new.secret, "recovery": _dump(new.recovery), "step": new.step}
    done = db.run("next_factor", row | {"before": before}) if before else db.run("first_factor", row)
    if not done.rowcount:
        return False
    close_logins(db, new.name)
    mails.event(db, None, now, "factor.enrolled", by, {"name": new.name})
    return True


def drop_factor(db: Database, name: str, by: Actor, now: datetime) -> bool:
    if not db.run("drop_factor", (name,)).rowcount:
        return False
    close_logins(db, name)
    mails.event(db, None, now, "factor.removed", by, {"name": name})
    return True


@sound
def factor(db: Database, name: str) -> Factor | None:
    row = db.run("factor", (name,)).fetchone()
    if row is None:
        return None
    left = frozenset(bytes.fromhex(digest) for digest in names(row["recovery"]))
    return Factor(row["name"], row["secret"], row["step"], row["wrong"], left)


def factors(db: Database) -> list[str]:
    return [row["name"] for row in db.run("factors")]


def use_step(db: Database, name: str, step: int, most: int) -> bool:
    return bool(db.run("use_step", {"name": name, "step": step, "most": most}).rowcount)


def use_recovery(db: Database, name: str, digest: bytes) -> bool:
    db.run("lock_factor", (name,))
    found = factor(db, name)
    if found is None or digest not in found.recovery:
        return False
    db.run("set_recovery", (_dump(found.recovery - {digest}), name))
    return True


def wrong_factor(db: Database, name: str) -> int:
    rows = db.run("wrong_factor", (name,)).fetchall()
    return int(rows[0]["wrong"]) if rows else 0


def _dump(recovery: Collection[bytes]) -> str:
    return dump_set(digest.hex() for digest in recovery)
