"""A person lets nothing leave. There is no doubt about the store then, so people go on being told."""

from datetime import datetime

from mailguard.records import Actor
from mailguard.store.database import Database
from mailguard.store.verbs import mails, memory

_NAME = "sending paused"


def pause(db: Database, reason: str, by: Actor, now: datetime) -> str:
    """Until `end`; returns why, as it is shown."""
    why = f"{by.name}: {reason}"
    memory.remember(db, _NAME, {"reason": why}, "queue.paused", by, now, ())
    return why


def reason(db: Database) -> str:
    """Why a person let nothing leave; '' when nobody did."""
    found = memory.recall(db, _NAME).get(_NAME)
    return str(found["reason"]) if found else ""


def end(db: Database, by: Actor, now: datetime) -> None:
    """Also of a pause that is none of `pause`'s, as of a store that may be a copy."""
    db.run("forget", (_NAME,))
    mails.event(db, None, now, "queue.resumed", by, {"name": _NAME})
