"""A table in pieces small enough to hold, each with a checksum that both databases reckon alike.

A row is compared as one text, which the databases make themselves: numbers as they are, texts with their length before
them, bytes as their SHA-256, nothing as `-`.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailguard.store.moving.tables import Columns

_ROWS = 1000
_BYTES = 8 << 20

SQLITE: Mapping[str, str] = {
    "INTEGER": "{0}",
    "TEXT": "length({0}) || ':' || {0}",
    "BLOB": "sha256({0})",
    "REAL": "bits({0})",
}
# Of texts that PostgreSQL can't keep as they are; slower.
CAREFUL = {**SQLITE, "TEXT": "length(storable({0})) || ':' || storable({0})"}
POSTGRES: Mapping[str, str] = {
    "INTEGER": "CAST({0} AS text)",
    "TEXT": "length({0}) || ':' || {0}",
    "BLOB": "encode(sha256({0}), 'hex')",
    "REAL": "encode(float8send({0}), 'hex')",
}


def shown(columns: Columns, how: Mapping[str, str]) -> str:
    """The expression that makes a row's text."""
    kinds = zip(columns.names, columns.kinds, strict=True)
    return " || ',' || ".join(f"coalesce({how[kind].format(name)}, '-')" for name, kind in kinds)


def bits(number: float | None) -> str | None:
    """For SQLite, of a REAL: as PostgreSQL's `float8send` in hex."""
    return None if number is None else struct.pack(">d", number).hex()


def sha256(data: bytes | None) -> str | None:
    """For SQLite, of a BLOB."""
    return None if data is None else hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Piece:
    """What rows with `after` < cut <= `until` say; None: from the beginning, to the end."""

    columns: Columns
    after: Any
    until: Any
    texts: Sequence[str]

    @property
    def checksum(self) -> str:
        """Whatever the order of the rows."""
        return hashlib.sha256(";".join(sorted(self.texts)).encode()).hexdigest()

    @property
    def part(self) -> tuple[str, dict[str, Any]]:
        """The condition for these rows, and what it asks for."""
        cut, ends = self.columns.table.cut, {"after": self.after, "until": self.until}
        asked = {name: value for name, value in ends.items() if value is not None}
        signs = {"after": ">", "until": "<="}
        condition = " AND ".join(f"{cut} {signs[name]} :{name}" for name in asked)
        return (f"WHERE {condition}" if condition else ""), asked


class Sum:
    """Rows of a table, and a checksum over those of its pieces."""

    def __init__(self) -> None:
        self.rows = 0
        self._seen = hashlib.sha256()

    def add(self, piece: Piece) -> None:
        self.rows += len(piece.texts)
        self._seen.update(piece.checksum.encode())

    @property
    def checksum(self) -> str:
        return self._seen.hexdigest()


def pieces(columns: Columns, rows: Iterable[tuple[Any, str, int]]) -> Iterator[Piece]:
    """Of (cut, text, bytes) in the order of the cut; one piece at least. No piece ends between two of the same cut."""
    texts: list[str] = []
    after = last = None
    size = 0
    for cut, text, more in rows:
        if cut != last and (len(texts) >= _ROWS or size >= _BYTES):
            yield Piece(columns, after, last, texts)
            texts, size, after = [], 0, last
        texts.append(text)
        size += more + len(text)
        last = cut
    yield Piece(columns, after, None, texts)
