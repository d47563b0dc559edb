"""Time that can run faster, so that five minutes pass while somebody watches."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class HurriedClock:
    """`speed` seconds go by in one; begins `ago` before now, and can be brought back to the real time."""

    def __init__(self, speed: float, ago: timedelta = timedelta()) -> None:
        self._speed, self._start = speed, datetime.now(UTC) - ago
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    async def pass_by(self, minutes: float) -> None:
        """Wait until these minutes of its time are over."""
        await self.sleep(minutes * 60)

    def be_real(self) -> None:
        """From now on it shows the real time."""
        self._speed, self._began = 1.0, time.monotonic()
        self._start = datetime.now(UTC)
