"""What the service must still know after a restart: a bypass, what is frozen, a pause. Small JSON values by name."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mailguard.records import Actor, NewNotice
from mailguard.store.database import Database
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import dump, micros, sound


def remember(
    db: Database, name: str, value: Mapping[str, Any] | None, event: str, by: Actor, now: datetime,
    notices: Sequence[NewNotice],
) -> None:  # fmt: skip
    """As `Store.remember`."""
    if value is None:
        if not db.run("forget", (name,)).fetchall():
            return  # another process was first, and said so
    else:
        db.run("remember", {"name": name, "value": dump(value), "now": micros(now)})
    mails.event(db, None, now, event, by, {"name": name} | dict(value or {}))
    mails.add_notices(db, notices, now)


@sound
def recall(db: Database, names: str) -> dict[str, dict[str, Any]]:
    """As `Store.recall`."""
    return {row["name"]: json.loads(row["value"]) for row in db.run("recall", (names,))}
