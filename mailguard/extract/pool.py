"""The worker processes of a service. Reading a mail takes one of them; nothing of it happens on the event loop."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from mailguard.extract.limits import Limits
from mailguard.extract.process import Worker, all_unread
from mailguard.locale import saying
from mailguard.mail.message import Message
from mailguard.metrics import Metrics
from mailguard.records.content import Content

WAITING = 100  # mails that wait for a worker: beyond that a mail is told at once that nobody has time
BUSY = saying("mailguard had no time to read it")


class Pool:
    """Workers start with the first mail that is to be read; a service whose rules never ask has none."""

    def __init__(
        self, limits: Limits | None = None, workers: int = 0, decide: float = 10, metrics: Metrics | None = None
    ) -> None:
        """`workers` 0: one less than the machine has processors, at least one and at most four.

        `decide`: seconds for which a client waits for our answer; so long its mail is in memory anyway.
        """
        self._limits = limits or Limits()
        self._decide = min(decide, self._limits.waiting_seconds)
        count = workers or max(1, min(4, (os.cpu_count() or 2) - 1))
        self._workers = [Worker(self._limits) for _ in range(count)]
        self._idle = list(self._workers)
        self._free = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="extract")
        self._metrics = metrics or Metrics()
        self.waiting = 0  # mails that wait for a worker
        self._bytes = 0  # of those mails
        self._closed = False

    async def read(self, message: Message) -> tuple[Content | None, ...]:
        """As `Worker.read`. A mail that finds no worker in time has files that are unreadable: never none at all."""
        with self._metrics.reading.time():
            found = await self._read(message)
        for content in found:
            if content is not None:
                self._metrics.files.labels(_outcome(content)).inc()
        return found

    async def _read(self, message: Message) -> tuple[Content | None, ...]:
        if self.waiting >= WAITING or self._closed or not await self._turn(len(message.raw)):
            return await asyncio.to_thread(all_unread, message, BUSY)
        worker = self._idle.pop()
        reading = asyncio.get_running_loop().run_in_executor(self._threads, worker.read, message)
        reading.add_done_callback(lambda _: self._give_back(worker))  # also when nobody waits for it any more
        return await asyncio.shield(reading)

    async def close(self) -> None:
        """Kill the workers; who waits for one is told that there is none."""
        self._closed = True
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True)

    async def _turn(self, size: int) -> bool:
        """Whether a worker became free in time; where too much waits already, only a client's own wait is time."""
        self.waiting += 1
        self._bytes += size
        try:
            crowded = self._bytes > self._limits.waiting_bytes
            async with asyncio.timeout(self._decide if crowded else self._limits.waiting_seconds):
                await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
            self._bytes -= size
        return True

    def _give_back(self, worker: Worker) -> None:
        self._idle.append(worker)
        self._free.release()


def _outcome(content: Content) -> str:
    if content.unreadable:
        return "unreadable"
    return "encrypted" if any(file.encrypted for file in content.files) else "read"
