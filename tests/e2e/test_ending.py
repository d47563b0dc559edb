"""SIGTERM while everybody hangs: it ends within what the system that started it allows, and nothing is lost."""

import asyncio
import contextlib
import smtplib
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailguard.service import DRAIN
from mailguard.testing import eventually
from tests.installed import Installed, install

BRIEF = 5.0  # seconds, in the place of DRAIN
CLOSING = 4.0  # seconds that closing may take after it; what starts us gives 30


class Hanging:
    """A next hop that never answers the final dot."""

    def __init__(self) -> None:
        self.dots = 0
        self.lines: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines.add(writer)
        writer.write(b"220 hanging\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if line == b".\r\n":
                    self.dots += 1
                elif line[:4].upper() in (b"EHLO", b"MAIL", b"RCPT", b"DATA"):
                    writer.write(b"354 go on\r\n" if line[:4].upper() == b"DATA" else b"250 ok\r\n")


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[Hanging, int]]:
    hop = Hanging()
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0)
    try:
        yield hop, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for line in hop.lines:
            line.close()


def brief(site: Installed, folder: Path) -> Installed:
    """The same command, with less patience."""
    site.program = folder / "mailguard"
    site.program.write_text(
        f"#!{sys.executable}\nfrom mailguard import service\nservice.DRAIN = {BRIEF}\n"
        "from mailguard.cli import main\nmain()\n"
    )
    site.program.chmod(0o755)
    return site


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(
            "ann@corp.example", ["bob@corp.example"], b"From: ann@corp.example\r\nMessage-ID: <1@x>\r\n\r\nx\r\n"
        )


@pytest.mark.timeout(120)
async def test_all_that_is_under_way_shares_one_patience(tmp_path: Path) -> None:
    async with hanging() as (hop, port):
        site = brief(install(tmp_path, port), tmp_path)
        await asyncio.to_thread(site.start)
        await asyncio.to_thread(send, site.ports["plain"])
        await eventually(lambda: hop.dots == 1)
        _, client = await asyncio.open_connection("127.0.0.1", site.ports["plain"])
        client.write(b"EHLO c\r\nMAIL FROM:<ann@corp.example>\r\nRCPT TO:<bob@corp.example>\r\nDATA\r\n")
        _, browser = await asyncio.open_connection("127.0.0.1", site.ports["web"])
        browser.write(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf")
        await asyncio.sleep(0.5)
        began = time.monotonic()
        assert await asyncio.to_thread(site.end) == 0
        assert time.monotonic() - began < BRIEF + CLOSING
        with contextlib.closing(sqlite3.connect(tmp_path / "mail.db")) as db:
            found = db.execute("SELECT state FROM delivery").fetchall()
        assert found in ([("sending",)], [("queued",)]), "nobody knows whether it was taken: it is tried again"
        for line in (client, browser):
            line.close()


def test_what_starts_it_gives_it_that_long() -> None:
    unit = Path("deploy/mailguard.service").read_text("utf-8")
    compose = Path("deploy/compose.yaml").read_text("utf-8")
    assert DRAIN + CLOSING < 30
    assert "TimeoutStopSec=30s" in unit
    assert "stop_grace_period: 30s" in compose
