"""Time that hurries when told to, so that five minutes pass while somebody watches."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta


class HurriedClock:
    """Goes as time does; while minutes pass by, `speed` of its seconds go by in one. Begins `ago` before now.

    Between them it does not hurry: a slow machine must not be late for what a story does in time.
    """

    def __init__(self, speed: float, ago: timedelta = timedelta()) -> None:
        self._hurried, self._speed = speed, 1.0
        self._elapsed, self._since = 0.0, time.monotonic()  # how it stood when its speed last changed
        self._start = datetime.now(UTC) - ago
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._elapsed + (time.monotonic() - self._since) * self._speed

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout((end - self.monotonic()) / self._speed):
                    await self._changed.wait()
            if self.monotonic() >= end:
                return

    async def pass_by(self, minutes: float) -> None:
        """Wait until these minutes of its time are over."""
        self._go(self._hurried)
        try:
            await self.sleep(minutes * 60)
        finally:
            self._go(1.0)

    def be_real(self) -> None:
        """From now on it shows the real time."""
        self._start = datetime.now(UTC) - timedelta(seconds=self.monotonic())

    def _go(self, speed: float) -> None:
        """Whoever sleeps sleeps on at the new speed."""
        self._elapsed, self._since, self._speed = self.monotonic(), time.monotonic(), speed
        self._changed.set()
        self._changed = asyncio.Event()
