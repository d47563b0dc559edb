"""`make fidelity`: the table of what survives what; --write puts it into docs/fidelity.md."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.fidelity.matrix import ACTIONS, outside, play, table
from tests.fidelity.page import put


async def _played() -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with outside() as world:
            columns = [await play(action, world, Path(folder) / str(at)) for at, action in enumerate(ACTIONS)]
            return table(world.kinds, columns)


def main() -> None:
    found = asyncio.run(_played())
    print(found)
    if "--write" in sys.argv:
        put(found)


if __name__ == "__main__":
    main()
