"""What a verb of the store sees of its database: named statements in one transaction. Each database has its own.

Statements are named as in `sql/`. A row is read by the name of its column, or by its place.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mailguard.store.sealing import Keyring

Asked = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """A word that a mail must have in one of these columns of `word`, or how one begins."""

    columns: tuple[str, ...]
    word: str
    prefix: bool = False


class Row(Protocol):
    """One of what a statement found."""

    def __getitem__(self, column: Any, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Found(Protocol):
    """What a statement found, or how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """One connection in a transaction that whoever has it began and will end."""

    @property
    def sql(self) -> Mapping[str, str]:
        """The text of every statement, of which a longer one may be put together."""
        ...

    @property
    def keys(self) -> Keyring:
        """What bodies are encrypted with."""
        ...

    @property
    def alone(self) -> bool:
        """Whether nobody else writes while this transaction is open: then no row need be locked, or looked at again."""
        ...

    def run(self, name: str, asked: Asked = (), gaps: Mapping[str, str] | None = None) -> Found:
        """The statement of this name, with `gaps` in its text filled."""
        ...

    def run_many(self, name: str, rows: Iterable[Asked]) -> None: ...

    def each(self, name: str, asked: Asked = ()) -> Iterator[Any]:
        """The rows one after the other, read only as far as they are asked for."""
        ...

    def make_findable(self, number: int, *, anew: bool = False) -> None:
        """Index the words of a mail as it is now; `anew`: instead of those it had."""
        ...

    def having(self, terms: Sequence[Term]) -> tuple[dict[str, str], dict[str, Any]]:
        """What fills the gaps of `search` for mails with all of these terms, and what it asks for."""
        ...

    def number_events(self) -> None:
        """Give all committed events their numbers, which are closed then; nobody else does before the commit."""
        ...

    def lease_time(self, now: datetime) -> datetime:
        """What leases are reckoned from: `now`, or the database's own clock where several hosts share it."""
        ...
