"""What the doctor says: one line for each thing looked at, and what to do about it."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Status(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"  # works, but not as well or as safely as it should
    FAIL = "fail"  # mail is lost to spam folders, refused, or open to others
    UNKNOWN = "unknown"  # could not be found out


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at and of what, like `spf corp.example`; `fix` is '' where all is well."""

    check: str
    status: Status
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, Status.OK, found)


def warn(check: str, found: str, fix: str) -> Finding:
    return Finding(check, Status.WARN, found, fix)


def fail(check: str, found: str, fix: str) -> Finding:
    return Finding(check, Status.FAIL, found, fix)


def unknown(check: str, found: str, fix: str) -> Finding:
    return Finding(check, Status.UNKNOWN, found, fix)


async def aside(function: Callable[[], T]) -> T:
    """The function's result, from a thread that nobody waits for: a dead disk must not keep the doctor."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(setter: Callable[[Any], None], what: object) -> None:
        if not future.done():
            setter(what)

    def run() -> None:
        try:
            setter: Callable[[Any], None] = future.set_result
            what: object = function()
        except Exception as error:
            setter, what = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(tell, setter, what)

    threading.Thread(target=run, daemon=True).start()
    return await future
