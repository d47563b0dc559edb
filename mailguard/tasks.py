"""Work in the background that somebody owns: it can be counted, and ended in good order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

READERS = 2
_AGAIN = 0.5  # seconds: a cancellation can be lost in what a task waits for, like asyncio.wait_for before 3.12
_readers = ThreadPoolExecutor(READERS, thread_name_prefix="mailguard-read")


class Tasks:
    """The running tasks of one room; each leaves by itself when it ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin now; what it raises is its own to handle."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self, seconds: float) -> None:
        """Give what runs this long to end by itself; the rest is cancelled."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        left = list(self._running)
        while any(not task.done() for task in left):
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_AGAIN)
        await asyncio.gather(*left, return_exceptions=True)


def countdown(seconds: float) -> Callable[[], float]:
    """So many seconds from now for several waits together; called, it says how many are left."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    return lambda: max(0.0, end - loop.time())


async def in_thread(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Python that takes long, like reading a large mail, in one of READERS threads of this whole process.

    More would be no faster, because one of them runs at a time, and others would pay for it: a mail of somebody else
    gives the interpreter away at each of some forty statements of the store and writes to sockets and log, and has it
    back only after every thread that computes has had its turn. Six of them made each such mail 160 ms slower.
    """
    return await asyncio.get_running_loop().run_in_executor(_readers, lambda: work(*args, **kwargs))


# seconds between tries to write an outcome that the store must have: well within whatever lease it was claimed with,
# and soon after the store is back, because a crash before it is written sends the mail again
PATIENCE = (1, 2, 5, *(10,) * 120)


async def patiently(
    work: Callable[[], Awaitable[T]],
    passing: type[Exception],
    pauses: Iterable[float],
    sleep: Callable[[float], Awaitable[None]],
    told: Callable[[Exception], None] = lambda _: None,
) -> T:
    """Do it again after each of these pauses (seconds) while it raises `passing`; what the last try raises counts."""
    for pause in pauses:
        try:
            return await work()
        except passing as error:
            told(error)
            await sleep(pause)
    return await work()
