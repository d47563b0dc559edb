"""The audit of a store's file, read by another process: the service may run or not, and nothing is written."""

from collections.abc import Iterator
from pathlib import Path

from mailguard.records import Span
from mailguard.store.sqlite import failures
from mailguard.store.sqlite.connection import refusal
from mailguard.store.sqlite.onlooker import opened
from mailguard.store.verbs import chain


class AuditFile:
    """One state of it. `given` is the last number that was ever given to an event."""

    def __init__(self, database: Path) -> None:
        self.path = database
        self.given = 0

    def spans(self) -> Iterator[Span]:
        """All of the audit, in order. Raises ConfigError when the file can't be read."""
        try:
            with opened(self.path) as db:
                db.execute("BEGIN")
                self.given = int(db.run("events_given").fetchone()[0])
                yield from chain.spans(db)
        except failures.ERRORS as error:
            raise refusal(self.path, error) from error
