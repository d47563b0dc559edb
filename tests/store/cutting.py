"""A proxy in front of a PostgreSQL socket that cuts a connection just before or just after its COMMIT arrives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class Cutter:
    """`cut`: the next COMMIT loses its connection "before" the server sees it, or "after". `away`: nobody gets in."""

    def __init__(self, server: Path) -> None:
        self._server = server / SOCKET
        self.cut = ""
        self.away = False
        self.cuts = 0
        self._open: set[asyncio.StreamWriter] = set()

    def sever(self) -> None:
        """Every connection is gone, and no new one gets in while `away`."""
        self.away = True
        for one in list(self._open):
            one.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.close()
            return
        inside, outside = await asyncio.open_unix_connection(self._server)
        answers = asyncio.create_task(_pour(inside, writer))
        self._open |= {writer, outside}
        try:
            while said := await reader.read(65536):
                if self.cut and b"COMMIT\0" in said:
                    how, self.cut = self.cut, ""
                    self.cuts += 1
                    if how == "after":
                        answers.cancel()
                        outside.write(said)
                        await inside.read(1)  # the server has answered, so it has committed
                    return
                outside.write(said)
        except OSError:
            pass
        finally:
            answers.cancel()
            self._open -= {writer, outside}
            outside.close()
            writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while said := await reader.read(65536):
            writer.write(said)
        writer.close()


@asynccontextmanager
async def cutting(server: Path, place: Path) -> AsyncIterator[Cutter]:
    """Listens in `place` for connections to the server whose socket is in `server`."""
    cutter = Cutter(server)
    listening = await asyncio.start_unix_server(cutter.serve, place / SOCKET)
    try:
        yield cutter
    finally:
        listening.close()
