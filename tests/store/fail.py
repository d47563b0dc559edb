"""A store whose disk refuses to write in the middle of things: prints what the caller and the service are told."""

import asyncio
import resource
import sys
from pathlib import Path

from mailguard.store.sqlite import SqliteStore
from tests.store.making import NOW, mail


async def main(path: Path) -> None:
    told: list[BaseException] = []
    store = SqliteStore(path, on_broken=told.append)
    await store.open()
    await store.put(mail(), NOW)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
    for queue_id in ("Q2", "Q3"):
        try:
            await store.put(mail(queue_id, raw=bytes(1 << 20)), NOW)
        except Exception as error:
            print(queue_id, type(error).__name__, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        await store.put(mail("Q4"), NOW)
    except Exception as error:
        print("Q4", type(error).__name__, flush=True)
    await asyncio.sleep(0)
    print("told", len(told), flush=True)
    await store.close()


asyncio.run(main(Path(sys.argv[1])))
