"""What SQLite's errors mean: no room, try again, or never trust this file again."""

import sqlite3

from mailguard.errors import StoreBroken, StoreFull, TemporaryFailure

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


def code(error: BaseException) -> int:
    """The primary result code; 0 for an error that is none of SQLite's."""
    extended = int(getattr(error, "sqlite_errorcode", 0) or 0)
    # The log's index could not grow: that file is no part of what is kept, and a full disk is the reason.
    return sqlite3.SQLITE_FULL if extended == sqlite3.SQLITE_IOERR_SHMSIZE else extended & 0xFF


def breaks(error: BaseException) -> bool:
    """Whether nothing this file says can be relied on after it. A failed fsync is one: it is never tried again."""
    return isinstance(error, sqlite3.Error) and code(error) in _BROKEN


def one_by_one(error: BaseException) -> bool:
    """Whether what failed together may work alone: a full disk takes the whole transaction back."""
    return not breaks(error) and code(error) not in _BUSY


def full() -> StoreFull:
    """What a client is told."""
    return StoreFull("no room to keep this mail, try again later")


def translate(error: Exception) -> Exception:
    """What the caller is told; what is none of SQLite's stays as it is."""
    if not isinstance(error, sqlite3.Error):
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
