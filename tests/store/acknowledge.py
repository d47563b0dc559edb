"""Puts mail into a store for ever and prints each queue id once it was put: to be killed."""

import asyncio
import sys
from pathlib import Path

from mailguard.store.sqlite import SqliteStore
from tests.store.making import NOW, mail


async def main(path: Path, size: int) -> None:
    store = SqliteStore(path)
    await store.open()

    async def client(number: int) -> None:
        for i in range(1_000_000):
            queue_id = f"C{number}-{i}"
            await store.put(mail(queue_id, raw=queue_id.encode() + b"x" * size), NOW)
            print(queue_id, flush=True)

    await asyncio.gather(*(client(number) for number in range(8)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
