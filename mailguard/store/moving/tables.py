"""What a move copies, parents first: what hangs on a row that is replaced comes again after it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """One of them; its columns are those of the source."""

    name: str
    keys: tuple[str, ...]
    cut: str = ""  # read in pieces by this column, which both have an index on; '': as one piece
    numbers: str = ""  # the column that the target gives numbers for
    kept: tuple[str, ...] = ()  # columns that the target's triggers keep
    made: tuple[str, str] | None = None  # (column that only the target has, the one it is made of)


def _numbered(name: str) -> Table:
    return Table(name, ("id",), "id", numbers="id")


def _of_mail(name: str, *keys: str) -> Table:
    return Table(name, ("mail", *keys), "mail")


TABLES = (
    _numbered("thread"),
    Table("mail", ("id",), "id", numbers="id", kept=("unfinished",)),
    Table("fork", ("sign",)),
    _numbered("envelope"),
    Table("chunk", ("id",), "id"),
    _of_mail("version", "number"),
    _numbered("delivery"),
    _numbered("hold"),
    _numbered("notice"),
    _numbered("journal"),
    Table("event", ("id",), "id", numbers="place", made=("place", "id")),
    Table("seal", ("number",), "number"),
    Table("capability", ("digest",), "digest"),
    _numbered("call"),
    Table("thread_message", ("message_id",), "thread"),
    Table("thread_member", ("thread", "address_key"), "thread"),
    _of_mail("sketch"),
    Table("audience", ("id",), "id", numbers="id", made=("digest", "addresses")),
    _numbered("text"),
    Table("passage", ("print", "text"), "print"),
    _of_mail("carried", "digest"),
    Table("sent_file", ("digest", "domain"), "digest"),
    Table("written", ("sender_key", "address_key", "mail"), "at"),
    Table("habit", ("sender_key",)),
    _of_mail("kept"),
    _of_mail("sent_copy"),
    _numbered("remembered"),
    _numbered("remembered_to"),
    Table("code", ("subject",)),
    Table("login", ("digest",)),
    Table("factor", ("name",)),
    Table("token", ("name",)),
    Table("app_password", ("digest",)),
    Table("memory", ("name",)),
    Table("legal_hold", ("person", "source")),
)
# Not copied: which store this is, what a start of the service writes anew, and sums and indexes that the target makes.
LEFT = frozenset({"epoch", "hook", "archive", "fence", "tally", "word"})

_MADE: Mapping[str, Callable[[Any], Any]] = {
    "place": lambda number: number,
    "digest": lambda addresses: hashlib.md5(addresses.encode(), usedforsecurity=False).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that are copied, and what SQLite calls their types."""

    table: Table
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def key(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """What a row is known by."""
        return tuple(row[self.names.index(key)] for key in self.table.keys)

    @property
    def stored(self) -> tuple[str, ...]:
        return (*self.names, self.table.made[0]) if self.table.made else self.names

    def complete(self, row: Sequence[Any]) -> Sequence[Any]:
        """The row as it is stored, with what only the target has."""
        if self.table.made is None:
            return row
        column, of = self.table.made
        return (*row, _MADE[column](row[self.names.index(of)]))
