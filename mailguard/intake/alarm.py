"""An alert for each kind of trouble with mail that comes in: once an hour, however much of it there is."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from mailguard.clock import Clock
from mailguard.log import Log
from mailguard.tasks import Tasks

AGAIN = timedelta(hours=1)


class Alarm:
    """Whoever rings it waits for nothing; a store that is away loses the alert, and the next trouble rings again."""

    def __init__(self, send: Callable[[Mapping[str, str]], Awaitable[None]], clock: Clock, log: Log) -> None:
        self._send, self._clock, self._log = send, clock, log
        self._rung: dict[str, datetime] = {}
        self._tasks = Tasks()

    def ring(self, about: str, name: str) -> None:
        """`about` as of the template `alert.j2`; `name`: the listener."""
        now, last = self._clock.now(), self._rung.get(about)
        if last is None or now - last >= AGAIN:
            self._rung[about] = now
            self._tasks.spawn(self._tell({"about": about, "name": name}))

    async def stop(self, seconds: float) -> None:
        await self._tasks.end(seconds)

    async def _tell(self, data: Mapping[str, str]) -> None:
        try:
            await self._send(data)
        except Exception as error:
            self._rung.pop(data["about"], None)
            self._log.failure("alarm", error)
