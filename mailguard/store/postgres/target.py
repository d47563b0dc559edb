"""A database that a file is moved into. Until that has ended no service starts on it."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg

from mailguard.errors import ConfigError
from mailguard.store.moving.pieces import POSTGRES, Piece, shown
from mailguard.store.moving.tables import TABLES, Columns
from mailguard.store.postgres import failures, server
from mailguard.store.postgres.bridge import plainly, wait
from mailguard.store.postgres.connection import Connection, entries
from mailguard.store.postgres.lanes import drop
from mailguard.store.statements import migrations
from mailguard.store.verbs.codec import storable

_NODE = "mailguard (db copy)"
_WORDS = 500  # mails at once


Row = tuple[Any, ...]
Rows = Callable[[Piece], list[tuple[Row, str]]]


class Target:
    """One connection. What differs from a piece is made to be like it, each piece in a transaction of its own."""

    def __init__(self, db: Connection, url: str) -> None:
        self._db, self._url = db, url
        self._mark = ""

    @property
    def name(self) -> str:
        return server.shown(self._url)

    async def begin(self, source: str) -> None:
        """Make the schema if there is none, and be the one that writes: an earlier try stops. ConfigError: not here."""
        there, known = await server.schema(self._db), migrations("postgres")[-1][0]
        if not there:
            await server.migrate(self._db, self._url)
        elif there != known:
            newer = "it was made by a newer mailguard" if there > known else "run `mailguard db migrate` on it first"
            raise ConfigError(f"{self.name} has schema {there}, this mailguard copies into {known}: {newer}")
        mark = f"{server.MOVING}{source} "
        await self._alone(mark)
        self._mark = f"{mark}{secrets.token_hex(8)}"
        await plainly(lambda: (self._db.run("moving", (self._mark,)), self._db.run("forget_hooks")))

    async def _alone(self, mark: str) -> None:
        at_work = await self.run("nodes", (server.SILENT,))
        if at_work:
            raise ConfigError(f"a service runs on {self.name} ({at_work[0]['id']}): stop it, or name another database")
        (here,) = (await self.run("epoch"))[0][:1]
        if here.startswith(server.MOVING):
            if not here.startswith(mark):
                raise ConfigError(f"{self.name} has half a copy of another store: name an empty database")
        elif (await self.run("anything"))[0][0]:
            raise ConfigError(
                f"{self.name} has mail in it already, and a copy overwrites nothing: name an empty database"
            )

    async def has_half(self) -> bool:
        """Whether the move into it has not ended."""
        return bool(await server.schema(self._db)) and str((await self.run("epoch"))[0][0]).startswith(server.MOVING)

    async def settle(self, piece: Piece, rows: Rows) -> int:
        """Make what is here say what the piece says, no more and no less; how many rows differed. `rows` reads them."""
        async with self._transaction():
            return await plainly(partial(self._settle, piece, rows))

    def _settle(self, piece: Piece, rows: Rows) -> int:
        if self._same(piece):
            return 0
        (part, asked), columns = piece.part, piece.columns
        gaps = {"{table}": columns.table.name, "{part}": part}
        more = {"{text}": shown(columns, POSTGRES), "{keys}": ", ".join(columns.table.keys)}
        there = {tuple(row)[:-1]: row["said"] for row in self._db.run("texts_of", asked, gaps | more).fetchall()}
        here = {columns.key(row): (row, text) for row, text in rows(piece)}
        stale = [key for key, said in there.items() if key not in here or here[key][1] != said]
        is_key = " AND ".join(f"{name} = ?" for name in columns.table.keys)
        self._db.run_many("forget_row", stale, gaps | {"{key}": is_key})
        fresh = [row for key, (row, text) in here.items() if there.get(key) != text]
        try:
            wait(self._put(columns, fresh))
        except asyncpg.UniqueViolationError:  # with a row of a later piece, which the source has no more
            part, asked = replace(piece, until=None).part
            self._db.run("forget_part", asked, gaps | {"{part}": part})
            wait(self._put(columns, [row for row, _ in here.values()]))
        if not self._same(piece):
            raise ConfigError(f"{columns.table.name} in {self.name} does not keep what it is given: nothing was moved")
        return len(stale) + len(fresh)

    def _same(self, piece: Piece) -> bool:
        part, asked = piece.part
        gaps = {"{table}": piece.columns.table.name, "{part}": part, "{text}": shown(piece.columns, POSTGRES)}
        rows, checksum = self._db.run("piece", asked, gaps).fetchall()[0]
        return bool(rows == len(piece.texts) and checksum == piece.checksum)

    async def _put(self, columns: Columns, rows: list[Row]) -> None:
        async with self._db.raw.transaction():
            records = [columns.complete(row) for row in rows]
            await self._db.raw.copy_records_to_table(columns.table.name, records=records, columns=columns.stored)

    async def index(self) -> None:
        """Every mail is found by its words."""
        after = 0
        while found := await self.run("not_findable", (after, _WORDS)):
            words = [(storable(word), row["id"]) for row in found for word in entries(row)]
            async with self._transaction():
                await self._db.raw.copy_records_to_table("word", records=words, columns=("word", "mail"))
            after = found[-1]["id"]

    async def go_on(self, numbers: Mapping[str, int], fence: int) -> None:
        """What is numbered or summed up here goes on from where the source was."""
        async with self._transaction():
            await plainly(partial(self._go_on, numbers, fence))

    def _go_on(self, numbers: Mapping[str, int], fence: int) -> None:
        for table in TABLES:
            if table.numbers:
                asked = {"table": table.name, "column": table.numbers, "last": numbers.get(table.name, 0)}
                self._db.run("go_on_from", asked, {"{table}": table.name, "{column}": table.numbers})
        self._db.run("go_on_from_event", (numbers["event"],))
        self._db.run("go_on_from_fence", (fence,))
        self._db.run("forget_tallies")
        self._db.run("reckon_tallies")

    async def count(self, table: str) -> int:
        found = await plainly(lambda: self._db.run("count_of", gaps={"{table}": table}).fetchall())
        return int(found[0][0])

    async def finish(self, doubt: str) -> None:
        """From here on services start on it."""
        identity = await server.identity(self._db)
        async with self._transaction():
            await plainly(lambda: self._db.run("moved_here", (identity, doubt)))

    async def close_again(self, source: str, numbers: Mapping[str, int], fence: int) -> bool:
        """Let no service start on it, or none send: whether nothing was done here since the move."""
        at_work = await self.run("nodes", (server.SILENT,))
        if at_work:
            raise ConfigError(f"a service runs on {self.name} ({at_work[0]['id']}): stop it first")
        event, last = (await self.run("far_as"))[0]
        untouched = bool(event == numbers["event"] and last == max(fence, 1))
        if untouched:
            await plainly(lambda: self._db.run("moving", (f"{server.MOVING}{source} ",)))
        else:
            await plainly(lambda: self._db.run("pause_epoch", ("the store was taken back from here",)))
        return untouched

    async def run(self, name: str, asked: tuple[Any, ...] = ()) -> list[Any]:
        """What a statement finds."""
        return await plainly(lambda: self._db.run(name, asked).fetchall())

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._db.raw.transaction():
            if not await self.run("still_moving", (self._mark,)):
                raise ConfigError(f"another `mailguard db copy` into {self.name} was begun: this one ends")
            yield


@contextlib.asynccontextmanager
async def target(url: str) -> AsyncIterator[Target]:
    """ConfigError says why it can't be written."""
    db = await server.first(url, _NODE)
    try:
        yield Target(db, url)
    except failures.ERRORS as error:
        raise server.refusal(url, error) from error
    finally:
        await drop(db)
