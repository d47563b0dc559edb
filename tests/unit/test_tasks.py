"""Work beside the loop."""

import asyncio
import threading

from mailguard.tasks import READERS, in_thread


async def test_however_many_mails_are_large_no_more_than_two_are_read_at_a_time() -> None:
    running, most, everybody = 0, 0, threading.Barrier(READERS, timeout=5)
    lock = threading.Lock()

    def read(name: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        everybody.wait()
        with lock:
            running -= 1
        return name

    names = [f"mail {n}" for n in range(4 * READERS)]
    assert await asyncio.gather(*(in_thread(read, name) for name in names)) == names
    assert most == READERS == 2
