"""A store under load that writes down what it has acknowledged: run with the shim, for power cuts.

    python -m tests.torture.shim.load FOLDER SEED FULL|NORMAL

Each line of the file `acknowledged`: put ID DIGEST · claimed ID ATTEMPT · sent ID · cancelled ID
"""

import asyncio
import hashlib
import os
import random
import sys
from pathlib import Path

from mailguard.store.retention import Retention
from mailguard.store.sqlite import SqliteStore, connection
from mailguard.testing import FakeClock
from tests.store.making import ANN, claim, later, mail, settle
from tests.torture.shim.journal import MARKS

LIVES = 2  # times the store is opened: closing empties the log and deletes it
CLIENTS = 4
MAILS = 12  # of a client, in one life
SIZES = (300, 300, 5000, 5000, 60_000, 700_000)


class Load:
    """Clients that put, one courier, one person who cancels, and now and then an emptied log."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.store = SqliteStore(folder / "mail.db", clock=FakeClock())
        self.dice = dice
        self.marks = os.open(folder / MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def mark(self, *words: object) -> None:
        os.write(self.marks, (" ".join(map(str, words)) + "\n").encode())

    async def run(self, life: int) -> None:
        await self.store.open()
        await self.store.reclaim(later(life), everything=True)
        clients = [asyncio.create_task(self.client(f"L{life}C{number}")) for number in range(CLIENTS)]
        while not all(client.done() for client in clients):
            await self.carry()
            if self.dice.random() < 0.2:
                await self.empty()
        await asyncio.gather(*clients)
        await self.store.close()

    async def client(self, name: str) -> None:
        for number in range(MAILS):
            queue_id = f"{name}N{number}"
            raw = self.dice.randbytes(self.dice.choice(SIZES))
            waits = self.dice.random() < 0.4
            await self.store.put(mail(queue_id, raw=raw, delay=60 if waits else 0), later())
            self.mark("put", queue_id, hashlib.sha256(raw).hexdigest())
            if waits and self.dice.random() < 0.5:
                await self.store.cancel(queue_id, by=ANN, now=later())
                self.mark("cancelled", queue_id)

    async def carry(self) -> None:
        for one in await claim(self.store, later(), limit=3):
            self.mark("claimed", one.mail.queue_id, one.deliveries[0].attempts)
            await settle(self.store, one, now=later())
            self.mark("sent", one.mail.queue_id)

    async def empty(self) -> None:
        """As housekeeping does after a purge; what a checkpoint of its own accord takes 16 MB for."""
        assert isinstance(self.store._clock, FakeClock)
        await self.store._clock.advance(61)
        keep = Retention(*(later(days=1) - later(),) * 3)
        await self.store.purge(later(), keep)


async def main(folder: Path, seed: str, synchronous: str) -> None:
    connection._PRAGMAS["synchronous"] = {"FULL": 2, "NORMAL": 1}[synchronous]
    for life in range(LIVES):
        await Load(folder, random.Random(f"{seed}/{life}")).run(life)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
