"""Pages that follow their mail: server-sent events, for browsers that run our script (HTML Living Standard §9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from mailguard.clock import Clock

EVERY = 2  # seconds between two looks
LOOKS = 300  # then the browser comes again, and its right to look is checked again
MOST = 500  # streams at once; more get none, and their pages go on without
_AGAIN = b"retry: 5000\n\n"
_ALIVE = b":\n\n"

Pulse = Callable[[], Awaitable[str]]
Tell = Callable[[], Awaitable[dict[str, str]]]


class Streams:
    """All that are open, so that stopping the service need not wait for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._open, self._closing = clock, 0, asyncio.Event()

    @property
    def full(self) -> bool:
        return self._open >= MOST

    def close(self) -> None:
        self._closing.set()

    async def follow(self, pulse: Pulse, tell: Tell) -> AsyncIterator[bytes]:
        """An event at once and for every change; `tell` says what is so, `pulse` whether that is anything new."""
        self._open += 1
        try:
            yield _AGAIN
            last = None
            for _ in range(LOOKS):
                now = await pulse()
                if not now or self._closing.is_set():
                    return
                yield f"data: {json.dumps(await tell())}\n\n".encode() if now != last else _ALIVE
                last = now
                await self._pause()
        finally:
            self._open -= 1

    async def _pause(self) -> None:
        waits = [asyncio.ensure_future(self._clock.sleep(EVERY)), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
