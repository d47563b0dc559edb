"""`python -m benchmarks.sealed`: CPU that a store needs for a mail in and out, with bodies encrypted and without."""

import asyncio
import base64
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.sqlite import SqliteStore
from tests.store.making import NOW, OK, claim, mail, settle

_TURNS = 7
_SIZES = {8 << 10: 400, 1 << 20: 30}  # bytes of a mail: how many of them


async def _run(folder: Path, keys: Keyring, size: int, mails: int) -> float:
    """Milliseconds of CPU a mail: put, claimed, read and settled."""
    raw = os.urandom(size // 2).hex().encode()
    store = SqliteStore(folder / "mail.db", keys=keys)
    await store.open()
    began = time.process_time()
    for number in range(mails):
        await store.put(mail(f"Q{number}", raw=raw), NOW)
        for one in await claim(store, NOW + timedelta(seconds=1)):
            read = one.raw or b"".join([piece async for piece in store.body(one.mail.queue_id)])
            assert len(read) == size
            await settle(store, one, OK)
    spent = time.process_time() - began
    await store.close()
    return spent / mails * 1000


def main() -> None:
    key = Keyring(base64.b64encode(os.urandom(32)).decode())
    for size, mails in _SIZES.items():
        spent: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(_TURNS):
            for on in (False, True):
                with tempfile.TemporaryDirectory(prefix="mailguard-") as folder:
                    spent[on].append(asyncio.run(_run(Path(folder), key if on else PLAIN, size, mails)))
        off, on_ = median(spent[False]), median(spent[True])
        more = f"{on_ / off - 1:+.0%}"
        print(f"{size >> 10:>5} KB: {off:.2f} ms plain, {on_:.2f} ms encrypted ({more}), median of {_TURNS}")


if __name__ == "__main__":
    main()
