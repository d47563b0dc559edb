"""Facts of past mail: a compact row beside each, put with it and forgotten by the facts' own clock."""

import json
from datetime import datetime

from pydantic import TypeAdapter

from mailguard.records import Kept, Mail, NewMail
from mailguard.store.database import Database
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import clean, micros, sound

_KEPT = TypeAdapter(Kept)
_JSON = json.JSONEncoder(ensure_ascii=False).encode


def add(db: Database, number: int, mail: NewMail) -> None:
    if mail.kept is not None:
        db.run("keep", (number, micros(mail.received_at), written(mail.kept)))


def written(facts: Kept) -> str:
    """As JSON, without what stands at its default."""
    return clean(_JSON(_KEPT.dump_python(facts, mode="json", exclude_defaults=True)))


Cursor = tuple[int, int]  # when the last mail read came, and its number
START: Cursor = (-1, -1)


def kept(
    db: Database, since: datetime, until: datetime, after: Cursor, limit: int
) -> tuple[list[tuple[Mail, Kept]], Cursor]:
    """Some of `Store.kept`, and where to go on."""
    asked = {"since": micros(since), "until": micros(until), "after_at": after[0], "after": after[1], "limit": limit}
    rows = db.run("kept", asked).fetchall()
    found = mails.load(db, [row["mail"] for row in rows])
    end = (rows[-1]["at"], rows[-1]["mail"]) if rows else after
    return [(found[row["mail"]], read(row["facts"])) for row in rows], end


@sound
def read(said: str) -> Kept:
    return _KEPT.validate_json(said)
