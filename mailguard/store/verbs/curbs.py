"""Policy that became stricter: what still waits is held for a person. Nothing here lets anything go."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from mailguard.records import Actor, Curb, Hold, NewNotice
from mailguard.store.database import Database, Row
from mailguard.store.verbs import mails, waits
from mailguard.store.verbs.codec import dump_set, micros, names


def curb(db: Database, curb: Curb, by: Actor, now: datetime, alerts: Sequence[NewNotice]) -> list[str]:
    """As `Store.curb`."""
    mails.add_notices(db, alerts, now)
    asked = {"since": micros(curb.since), "login": curb.login}
    rows = db.run("unfinished_copies", asked).fetchall()
    changed = []
    for number, group in groupby(rows, lambda row: int(row["mail"])):
        copies = list(group)
        hold = _missing(db, number, curb, copies)
        if hold is not None:
            _hold(db, number, copies[0], curb, hold, by, now)
            changed.append(str(copies[0]["queue_id"]))
    return changed


def _missing(db: Database, number: int, curb: Curb, copies: Sequence[Row]) -> Hold | None:
    """The hold that this mail still lacks."""
    scope = curb.scope(copies[0]["sender_key"], frozenset(row["address_key"] for row in copies))
    if scope is None:
        return None
    mails.lock(db, copies[0]["queue_id"])
    asked = {"mail": number, "rule": curb.rule, "since": micros(curb.since)}
    had = [names(row["scope"]) for row in db.run("curbed", asked)]
    left = scope - frozenset[str]().union(*had)
    if not all(had) or (had and not left):
        return None
    return curb.hold(left)


def _hold(db: Database, number: int, mail: Row, curb: Curb, hold: Hold, by: Actor, now: datetime) -> None:
    timeless = any(one.kind in mails.TIMELESS for one in waits.open_holds(db, number))
    mails.hold(db, number, hold, now, frozen=timeless)
    db.run("hold_back", {"mail": number, "scope": dump_set(hold.scope)}).fetchall()
    db.run("revise", (number,))
    mails.event(db, number, now, "message.held", by, {"rule": hold.rule, "reason": hold.reason, "kind": hold.kind})
    mails.add_notices(db, curb.notices(mail["queue_id"], mail["answers"]), now, {mail["queue_id"]: number})
