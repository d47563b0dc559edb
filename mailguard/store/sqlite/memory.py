"""What the service must still know after a restart: a bypass, what is frozen, a pause. Small JSON values by name."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Any

from mailguard.records import Actor, NewNotice
from mailguard.store.sqlite import mails
from mailguard.store.sqlite.codec import dump, micros
from mailguard.store.sqlite.connection import SQL


def remember(
    db: Connection, name: str, value: Mapping[str, Any] | None, event: str, by: Actor, now: datetime,
    notices: Sequence[NewNotice],
) -> None:  # fmt: skip
    """As `Store.remember`."""
    if value is None:
        db.execute(SQL["forget"], (name,))
    else:
        db.execute(SQL["remember"], {"name": name, "value": dump(value), "now": micros(now)})
    mails.event(db, None, now, event, by, {"name": name} | dict(value or {}))
    mails.add_notices(db, notices, now)


def recall(db: Connection, names: str) -> dict[str, dict[str, Any]]:
    """As `Store.recall`."""
    return {row["name"]: json.loads(row["value"]) for row in db.execute(SQL["recall"], (names,))}
