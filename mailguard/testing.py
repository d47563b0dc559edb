"""Helpers for tests of mailguard and of what is built on it; imported by nothing in the service."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until `advance` moves it; sleepers wake in order of time."""

    def __init__(self, start: datetime = MONDAY) -> None:
        self._now = start
        self._elapsed = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, waking every sleeper at its own instant."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, waiter = heapq.heappop(self._sleepers)
            self._move_to(max(at, self._elapsed))
            if not waiter.done():
                waiter.set_result(None)
            await asyncio.sleep(0)
        self._move_to(end)
        await asyncio.sleep(0)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back without time having passed, as an administrator does."""
        self._now += timedelta(seconds=seconds)

    def _move_to(self, elapsed: float) -> None:
        self._now += timedelta(seconds=elapsed - self._elapsed)
        self._elapsed = elapsed


async def eventually(check: Callable[[], Any], *, within: float = 10.0) -> Any:
    """Poll real work (sockets, threads) until `check` is true; AssertionError after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        found = check()
        value = await found if isinstance(found, Awaitable) else found
        if value:
            return value
        if loop.time() > deadline:
            raise AssertionError(f"still not true after {within:g} s: {check}")
        await asyncio.sleep(0.005)


def make_message(
    sender: str = "ann@corp.example",
    to: str = "bob@client.example",
    *,
    cc: str = "",
    subject: str = "Quote for ACME",
    body: str = "Hello,\r\n\r\nhere is the quote.\r\n",
    **headers: str,
) -> bytes:
    """A small complete message with CRLF line ends; extra headers by keyword (`_` for `-`)."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    if cc:
        message["Cc"] = cc
    message["Date"] = "Mon, 23 Nov 2026 09:00:00 +0000"
    message["Message-ID"] = f"<{abs(hash((sender, to, subject, body))):x}@corp.example>"
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
