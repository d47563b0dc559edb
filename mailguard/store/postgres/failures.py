"""What PostgreSQL's errors mean: no room, try again, do it anew, or a database that can't be trusted."""

import asyncio
import ssl

import asyncpg

from mailguard.errors import StoreBroken, StoreFull, TemporaryFailure

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_FULL = ("53100", "53200")  # disk full; out of memory keeps no mail either
_ANEW = ("40001", "40P01")  # could not serialise, deadlock: nothing happened, and it may work the next time
_DAMAGED = ("XX001", "XX002")  # data, index
# The server ends the connection, or takes no writes: another one may (08, 57P; 25006: a standby).
_GONE = ("08", "57P", "25006", "25P03", "53300")


def state(error: BaseException) -> str:
    """The SQLSTATE; "" of what is none of the server's errors."""
    return str(getattr(error, "sqlstate", None) or "")


def anew(error: BaseException) -> bool:
    """Whether the same transaction may simply be run again."""
    return state(error) in _ANEW


def gone(error: BaseException) -> bool:
    """Whether the connection is of no use after it. Nothing was committed, unless a COMMIT was on its way."""
    if isinstance(error, asyncpg.PostgresError):
        return state(error).startswith(_GONE)
    lost = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, asyncio.CancelledError)
    return isinstance(error, lost)


def translate(error: BaseException) -> BaseException:
    """What the caller is told; what is none of the database's stays as it is."""
    if not isinstance(error, ERRORS):
        return error
    told: Exception
    if state(error) in _FULL:
        told = StoreFull("no room to keep this mail, try again later")
    elif state(error) in _DAMAGED:
        told = StoreBroken(f"the database is damaged: {error}")
    elif gone(error) or isinstance(error, ssl.SSLError):
        told = TemporaryFailure("the database can't be reached, try again later")
    else:
        told = TemporaryFailure("the store could not do this, try again later")
    told.__cause__ = error
    return told
