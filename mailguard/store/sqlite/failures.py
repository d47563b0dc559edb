"""What SQLite's errors mean: no room, try again, or never trust this file again."""

import sqlite3
from pathlib import Path

from mailguard.errors import StoreBroken, StoreFull, TemporaryFailure
from mailguard.store.sqlite.files import room

# Of text that is no UTF-8, in a value or in what SQLite says, Python itself complains: SQLite looks into no text.
ERRORS = (sqlite3.Error, UnicodeDecodeError)
# CANTOPEN is none of them: it is also what too many open files look like.
_BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM})
_MAYBE_QUOTA = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CANTOPEN})
_ONE_WRITE = 64 << 10  # bytes: more than any of SQLite's


def code(error: BaseException) -> int:
    """The primary result code; 0 for an error that is none of SQLite's."""
    extended = int(getattr(error, "sqlite_errorcode", 0) or 0)
    if isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8"):
        return sqlite3.SQLITE_CORRUPT
    # The log's index could not grow: that file is no part of what is kept, and a full disk is the reason.
    return sqlite3.SQLITE_FULL if extended == sqlite3.SQLITE_IOERR_SHMSIZE else extended & 0xFF


def look_closer(error: BaseException, database: Path) -> None:
    """Call an error SQLITE_FULL when the reason is a quota that is used up.

    SQLite knows ENOSPC only, takes EDQUOT for a failing disk, and does not say which it met: so it is met once more.
    """
    if getattr(error, "sqlite_errorcode", None) in _MAYBE_QUOTA and not room(database.parent, _ONE_WRITE):
        error.sqlite_errorcode = sqlite3.SQLITE_FULL  # type: ignore[attr-defined]


def breaks(error: BaseException) -> bool:
    """Whether nothing this file says can be relied on after it. A failed fsync is one: it is never tried again."""
    return isinstance(error, StoreBroken) or (isinstance(error, ERRORS) and code(error) in _BROKEN)


def one_by_one(error: BaseException) -> bool:
    """Whether what failed together may work alone: a full disk takes the whole transaction back."""
    return not breaks(error) and code(error) not in _BUSY


def full() -> StoreFull:
    """What a client is told."""
    return StoreFull("no room to keep this mail, try again later")


def translate(error: Exception) -> Exception:
    """What the caller is told; what is none of SQLite's stays as it is."""
    if not isinstance(error, ERRORS):
        return error
    told: Exception
    if breaks(error):
        told = StoreBroken(f"the store stopped working: {error}")
    elif code(error) == sqlite3.SQLITE_FULL:
        told = full()
    elif code(error) in _BUSY:
        told = TemporaryFailure("the store is busy, try again later")
    else:
        told = TemporaryFailure("the store could not do this, try again later")
    told.__cause__ = error
    return told
