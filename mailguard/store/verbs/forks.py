"""Which mail a fork belongs to: of several transactions that a connector makes of one mail, the first one's."""

from datetime import datetime, timedelta

from mailguard.store.database import Database
from mailguard.store.verbs.codec import micros

WINDOW = timedelta(minutes=2)  # after the first


def first(db: Database, sign: bytes, now: datetime) -> str:
    """The queue id of the mail that this is a fork of; '' when it is the first, and then the only one that is."""
    asked = {"sign": sign, "now": micros(now), "since": micros(now - WINDOW), "until": micros(now + WINDOW)}
    if db.run("first_fork", asked).fetchone() is not None:
        return ""
    return str(db.run("fork_of", (sign,)).fetchone()[0])
