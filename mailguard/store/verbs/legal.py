"""Legal holds: of whom nothing is forgotten, by whose word and why."""

from collections.abc import Collection
from datetime import datetime

from mailguard.errors import UnderLegalHold
from mailguard.mail.address import key
from mailguard.records import EVERYBODY, Actor, LegalHold
from mailguard.store.database import Database, Row
from mailguard.store.retention import Retention
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import clean, instant, micros

CONFIGURATION, COMMAND_LINE = "configuration", "command line"


def holds(db: Database) -> list[LegalHold]:
    return [_hold(row) for row in db.run("legal_holds")]


def refuse(db: Database, person: str) -> None:
    """Raises UnderLegalHold when a hold covers this person."""
    for row in db.run("legal_hold_on", (key(person),)):
        one = _hold(row)
        whose = "everybody is" if one.person == EVERYBODY else f"{one.person} is"
        raise UnderLegalHold(
            f"{whose} under a legal hold since {one.made_at:%Y-%m-%d} (by {one.made_by}: {one.reason});"
            " nothing of them may be erased until it is lifted"
        )


def add(db: Database, person: str, source: str, reason: str, by: Actor, now: datetime) -> bool:
    """As `Store.add_legal_hold`."""
    row = (_key(person), source, clean(reason), str(by), micros(now))
    if not db.run("add_legal_hold", row).rowcount:
        return False
    mails.event(db, None, now, "legal_hold.set", by, {"person": _key(person), "reason": reason, "source": source})
    return True


def lift(db: Database, person: str, source: str, by: Actor, now: datetime) -> bool:
    """As `Store.lift_legal_hold`."""
    if not db.run("lift_legal_hold", (_key(person), source)).rowcount:
        return False
    mails.event(db, None, now, "legal_hold.lifted", by, {"person": _key(person), "source": source})
    return True


def configure(db: Database, persons: Collection[str], by: Actor, now: datetime) -> None:
    """As `Store.configure_legal_holds`."""
    said = {_key(person) for person in persons}
    before = {one.person for one in holds(db) if one.source == CONFIGURATION}
    for person in sorted(said - before):
        add(db, person, CONFIGURATION, "by the configuration", by, now)
    for person in sorted(before - said):
        lift(db, person, CONFIGURATION, by, now)


def held_back(db: Database, now: datetime, keep: Retention) -> int:
    """As `Store.held_back`."""
    return int(db.run("held_back", (micros(now - keep.bodies),)).fetchone()[0]) if holds(db) else 0


def _key(person: str) -> str:
    return EVERYBODY if person == EVERYBODY else key(person)


def _hold(row: Row) -> LegalHold:
    return LegalHold(row["person"], row["source"], row["reason"], row["made_by"], instant(row["made_at"]))
