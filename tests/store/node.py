"""A node in a process of its own: claims, writes down what it brought to the final dot, settles. To be killed.

python -m tests.store.node URL FOLDER LEASE_SECONDS
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailguard.errors import ClaimLost, TemporaryFailure
from mailguard.store.postgres import PostgresStore
from tests.store.making import OK


async def main(url: str, folder: Path, lease: timedelta) -> None:
    store = PostgresStore(url)
    await store.open()
    (folder / f"{os.getpid()}.ready").touch()
    with (folder / f"{os.getpid()}.dots").open("a") as dots:
        while True:
            now = datetime.now(UTC)
            try:
                await store.reclaim(now)
                claims = await store.claim("node", now, lease=lease, limit=3, per_destination=3, skip={})
                for one in claims:
                    await asyncio.sleep(float(os.environ.get("WIRE_SECONDS", "0.05")))
                    if datetime.now(UTC) >= one.lease_until:
                        continue  # as the courier does: who may not have it any more does not say the dot
                    print(one.mail.queue_id, file=dots, flush=True)
                    await store.settle(one, {d.id: OK for d in one.deliveries}, datetime.now(UTC))
            except (ClaimLost, TemporaryFailure):
                continue
            if not claims:
                await asyncio.sleep(0.05)


asyncio.run(main(sys.argv[1], Path(sys.argv[2]), timedelta(seconds=float(sys.argv[3]))))
