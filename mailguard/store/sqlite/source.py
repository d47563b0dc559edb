"""A file that is moved into another database: read while a service writes to it, then held, then marked as moved."""

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from mailguard.errors import ConfigError
from mailguard.store.database import Asked
from mailguard.store.moving.pieces import CAREFUL, SQLITE, Piece, bits, pieces, sha256, shown
from mailguard.store.moving.tables import TABLES, Columns, Table
from mailguard.store.sqlite import epoch, failures
from mailguard.store.sqlite.connection import (
    APPLICATION,
    MOVED,
    Connection,
    connect_onlooker,
    connect_writer,
    lock,
    refusal,
    schema,
    transaction,
)
from mailguard.store.statements import migrations
from mailguard.store.verbs import mails
from mailguard.store.verbs.codec import storable

_SELF = "mailguard (db copy)"
_STRANGE = re.compile(r"\0|\\u0000")
_SEQUENCES = frozenset({"thread", "mail", "event", "call", "remembered", "remembered_to"})  # AUTOINCREMENT


def _storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


class State:
    """One state of the file, on a connection that reads it; `lock` is for those who let another thread read."""

    def __init__(self, db: Connection) -> None:
        # Ours, since SQLite's is waited for with the interpreter's lock, which the functions below need: a deadlock.
        self.lock = threading.Lock()
        self._db = db
        for function in (bits, sha256, _storable):
            db.create_function(function.__name__.lstrip("_"), 1, function, deterministic=True)
        db.execute("BEGIN")
        self.columns = [self._columns(table) for table in TABLES]

    def _columns(self, table: Table) -> Columns:
        found = [(row[0], row[1]) for row in self._db.run("columns_of", (table.name,)) if row[0] not in table.kept]
        return Columns(table, tuple(name for name, _ in found), tuple(kind for _, kind in found))

    def count(self) -> int:
        """Rows, of all tables."""
        counts = (self._db.run("count_of", gaps={"{table}": table.name}) for table in TABLES)
        return sum(int(found.fetchone()[0]) for found in counts)

    def pieces(self, columns: Columns) -> Iterator[Piece]:
        """Of all of a table."""
        for piece in pieces(columns, self._texts(columns, SQLITE)):
            yield self._carefully(piece) if any(_STRANGE.search(text) for text in piece.texts) else piece

    def _carefully(self, piece: Piece) -> Piece:
        texts = self._texts(piece.columns, CAREFUL, *piece.part)
        return replace(piece, texts=[text for _, text, _ in texts])

    def _texts(
        self, columns: Columns, how: Mapping[str, str], part: str = "", asked: Asked = ()
    ) -> Iterator[tuple[Any, str, int]]:
        blobs = [name for name, kind in zip(columns.names, columns.kinds, strict=True) if kind == "BLOB"]
        gaps = {"{bytes}": " + ".join(f"coalesce(length({name}), 0)" for name in blobs) or "0", "{part}": part}
        found = self._db.run("texts_of", asked, self._gaps(columns, how) | gaps)
        found.row_factory = None
        return cast(Iterator[tuple[Any, str, int]], found)

    def rows(self, piece: Piece) -> list[tuple[tuple[Any, ...], str]]:
        """The rows of a piece as PostgreSQL can keep them, each with its text."""
        part, asked = piece.part
        with self.lock:
            found = self._db.run("rows_of", asked, self._gaps(piece.columns, CAREFUL) | {"{part}": part})
            return [(tuple(map(_storable, row[:-1])), row[-1]) for row in found]

    def _gaps(self, columns: Columns, how: Mapping[str, str]) -> dict[str, str]:
        table = columns.table
        return {
            "{text}": shown(columns, how),
            "{columns}": ", ".join(columns.names),
            "{table}": table.name,
            "{cut}": table.cut or table.keys[0],
        }

    @property
    def numbers(self) -> Mapping[str, int]:
        """The last number given, by table: a row that is gone keeps its number."""
        return {name: int(self._db.run("given", (name,)).fetchone()[0]) for name in sorted(_SEQUENCES)}

    @property
    def fence(self) -> int:
        return int(self._db.run("last_fence").fetchone()[0])


@dataclass(frozen=True, slots=True)
class Moved:
    """Where its mail is kept by now, and why that was not to send it at once."""

    to: str
    doubt: str


class Source:
    """The file. `taken` is for the one who stops it; all else may be done beside a running service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as db:
            self.name = str(db.run("epoch").fetchone()[0]) or "new"

    @contextlib.contextmanager
    def state(self) -> Iterator[State]:
        with self._opened() as db:
            yield State(db)

    @property
    def moved(self) -> "Moved | None":
        """None when no service is kept from starting on it."""
        with self._opened() as db:
            if db.execute("PRAGMA application_id").fetchone()[0] != MOVED:
                return None
            said = json.loads(db.run("moved").fetchone()[0])
            return Moved(said["to"], said.get("doubt", ""))

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """No service has it, and none starts on it. ConfigError when one runs."""
        descriptor = lock(self.path)
        try:
            yield
        finally:
            os.close(descriptor)

    def begin_moving(self, to: str, now: datetime) -> str:
        """While taken: say in the audit that it goes; why nothing may leave from where it arrives, '' when it may."""
        with self._refusing(), contextlib.closing(connect_writer(self.path)) as db:
            name, paused = db.run("epoch").fetchone()
            why = str(paused) or epoch.doubt(db, epoch.Epoch(self.path), name)
            with transaction(db):
                mails.event(db, None, now, "store.moving", _SELF, {"to": to, "doubt": why})
        return why

    def mark_moved(self) -> None:
        """While taken; durable when it returns: from here on no service starts on it."""
        with self._refusing(), contextlib.closing(connect_writer(self.path, moved=True)) as db:
            db.execute(f"PRAGMA application_id = {MOVED}")

    def take_back(self, reason: str, now: datetime) -> None:
        """While taken: a service may start on it again. With a `reason` nothing leaves before a person's word."""
        with self._refusing(), contextlib.closing(connect_writer(self.path, moved=True)) as db:
            if reason:
                epoch.doubted(db, reason, now)
            else:
                db.execute(f"PRAGMA application_id = {APPLICATION}")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Connection]:
        with self._refusing(), contextlib.closing(connect_onlooker(self.path)) as db:
            if (there := schema(db)) != (known := migrations("sqlite")[-1][0]):
                newer = "it was written by a newer mailguard" if there > known else "run `mailguard db migrate` first"
                raise ConfigError(f"{self.path} has schema {there}, this mailguard copies {known}: {newer}")
            yield db

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except failures.ERRORS as error:
            raise refusal(self.path, error) from error
