"""One connection, as the verbs see it: named statements, prepared once, with SQLite's ways of naming what is asked."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from mailguard.store.database import Asked, Row, Term
from mailguard.store.postgres.bridge import wait
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.statements import load
from mailguard.store.verbs.codec import dump, instant, storable
from mailguard.store.verbs.search import words_for

SQL = load("postgres")

_PLACE = re.compile(r"'(?:[^']|'')*'|:(\w+)|\?")
_AT_ONCE = 50  # rows of what is read only as far as it is asked for
_COLUMNS = {"sender": "s", "recipients": "r", "domains": "d", "subject": "u", "files": "f", "rules": "l"}
_LONGEST = 600  # letters of a word: an index entry has some 2700 bytes


class Found:
    """What a statement found, or how many rows it changed."""

    def __init__(self, rows: list[asyncpg.Record], status: str) -> None:
        self._rows = rows
        self._status = status
        self._read = 0

    @property
    def rowcount(self) -> int:
        return int(self._status.rpartition(" ")[2] or 0)

    def fetchone(self) -> asyncpg.Record | None:
        self._read += 1
        return self._rows[self._read - 1] if self._read <= len(self._rows) else None

    def fetchall(self) -> list[asyncpg.Record]:
        return self._rows

    def __iter__(self) -> Iterator[asyncpg.Record]:
        return iter(self._rows)


class Connection:
    """As `store.database.Database`. `callers_clock`: leases are reckoned from the time passed in, as tests need it."""

    sql = SQL
    alone = False

    def __init__(
        self, raw: "asyncpg.Connection[asyncpg.Record]", *, callers_clock: bool = False, keys: Keyring = PLAIN
    ) -> None:
        self.raw, self.keys = raw, keys
        self._callers_clock = callers_clock
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}

    def run(self, name: str, asked: Asked = (), gaps: Mapping[str, str] | None = None) -> Found:
        return wait(self._run(_filled(name, gaps), asked))

    def run_many(self, name: str, rows: Iterable[Asked], gaps: Mapping[str, str] | None = None) -> None:
        wait(self._run_many(_filled(name, gaps), list(rows)))

    def each(self, name: str, asked: Asked = ()) -> Iterator[asyncpg.Record]:
        statement, names = compiled(SQL[name])
        cursor = wait(self._open(statement, _arguments(names, asked)))
        while rows := wait(cursor.fetch(_AT_ONCE)):
            yield from rows

    def make_findable(self, number: int, *, anew: bool = False) -> None:
        if anew:
            self.run("make_unfindable", (number,))
        words = entries(self.run("findable", (number,)).fetchall()[0])
        self.run("make_findable", {"mail": number, "words": dump(words)})

    def having(self, terms: Sequence[Term]) -> tuple[dict[str, str], dict[str, Any]]:
        """For each term the mails with a word in a range of the index."""
        asked: dict[str, Any] = {}
        parts = []
        for number, term in enumerate(terms):
            ranges = []
            for column in term.columns:
                name = f"{column}{number}"
                asked[name] = _entry(column, term.word)
                asked[f"{name}_end"] = asked[name] + "\U0010ffff" if term.prefix else asked[name]
                ranges.append(f"(w.word >= :{name} AND w.word <= :{name}_end)")
            parts.append(SQL["search_word"].replace("{ranges}", " OR ".join(ranges)))
        return {"{from}": "mail m", "{words}": " ".join(parts), "{order}": "m.id", "{number}": "m.id"}, asked

    def number_events(self) -> None:
        self.run("lock_numbers")
        while self.run("number_events").fetchall()[0][0]:
            pass

    def lease_time(self, now: datetime) -> datetime:
        if self._callers_clock:
            return now
        return instant(self.run("clock").fetchall()[0][0])

    async def _run(self, text: str, asked: Asked) -> Found:
        sql, names = compiled(text)
        statement = await self._prepare(sql)
        rows = await statement.fetch(*_arguments(names, asked))
        return Found(rows, statement.get_statusmsg())

    async def _run_many(self, text: str, rows: Sequence[Asked]) -> None:
        sql, names = compiled(text)
        if rows:
            await (await self._prepare(sql)).executemany([_arguments(names, row) for row in rows])

    async def _open(self, sql: str, arguments: Sequence[Any]) -> Any:
        return await (await self._prepare(sql)).cursor(*arguments)

    async def _prepare(self, sql: str) -> "PreparedStatement[asyncpg.Record]":
        if (there := self._prepared.get(sql)) is None:
            there = self._prepared[sql] = await self.raw.prepare(sql)
        return there


def _filled(name: str, gaps: Mapping[str, str] | None) -> str:
    text = SQL[name]
    for gap, part in (gaps or {}).items():
        text = text.replace(gap, part)
    return text


@cache
def compiled(text: str) -> tuple[str, tuple[str, ...]]:
    """With `$1` for each `?`, or for each different `:name`; and the names, of which `?` has none."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        if found[0] == "?":
            names.append("")
        elif (name := found[1]) is None:
            return found[0]  # a literal
        elif name in names:
            return f"${names.index(name) + 1}"
        else:
            names.append(name)
        return f"${len(names)}"

    return _PLACE.sub(place, text), tuple(names)


def _arguments(names: Sequence[str], asked: Asked) -> list[Any]:
    values = [asked[name] for name in names] if isinstance(asked, Mapping) else list(asked)
    return [storable(value) if isinstance(value, str) else value for value in values]


def entries(row: Row) -> list[str]:
    """What stands in the index for a row of `findable`."""
    return sorted({_entry(column, word) for column, word in words_for(row)})


def _entry(column: str, word: str) -> str:
    """As a word stands in the index: its column, and its letters without case and accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return (_COLUMNS.get(column, "m") + plain.casefold())[:_LONGEST]
