"""Prints by how many bytes the process grew at most while one mail of so many bytes was put and read back."""

import asyncio
import sys
from pathlib import Path

from mailguard.store.sqlite import SqliteStore
from tests.store.making import NOW, mail


def peak() -> int:
    """The largest resident size so far, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


async def main(path: Path, size: int) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.put(mail("WARM", raw=bytes(8 << 20)), NOW)  # the caches of both connections, full once for all
    async for _ in store.body("WARM"):
        pass
    big = mail(raw=bytearray(b"0123456789abcdef") * (size // 16))
    before = peak()
    await store.put(big, NOW)
    async for _ in store.body("Q1"):
        pass
    print(peak() - before)
    await store.close()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
