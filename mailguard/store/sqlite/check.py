"""Whether a database says what it said: its pages, and what `verbs.check` asks of every store."""

from collections.abc import Iterator
from pathlib import Path

from mailguard.errors import ConfigError
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.sqlite import failures
from mailguard.store.sqlite.connection import Connection, connect_onlooker, refusal, schema
from mailguard.store.statements import migrations
from mailguard.store.verbs.check import Progress, findings


def check(database: Path, progress: Progress, keys: Keyring = PLAIN) -> Iterator[str]:
    """One line a finding, none when all is well. Reads one state of it, also of a service that runs; writes nothing."""
    db = connect_onlooker(database)
    db.keys = keys
    try:
        db.execute("BEGIN")
        if (there := schema(db)) != (known := migrations("sqlite")[-1][0]):
            raise ConfigError(f"{database} has schema {there}, this mailguard checks {known}: `mailguard db migrate`")
        yield from _pages(db)
        yield from findings(db, progress)
    except failures.ERRORS as error:
        yield str(refusal(database, error))
    finally:
        db.close()


def _pages(db: Connection) -> Iterator[str]:
    for (said,) in db.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield f"damaged: {said}"
    for row in db.execute("PRAGMA foreign_key_check"):
        yield f"damaged: row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"
